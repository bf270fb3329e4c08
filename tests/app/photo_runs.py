"""A folder of runs with a trained model that knows its classes, and photos good and bad, to test the photo app with."""

import io
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from hrs.data.layouts import open_dataset
from hrs.inference import Predictor, calibrate, write_gauge
from hrs.inference.export import weights_hash
from hrs.training.trainer import create_run, train
from tests.conftest import COLOURS, tiny_config, write_frames

SMALL = ("data.n_real=6", "train.steps=40", "train.validate_every=20", "train.batch_source=4", "train.batch_target=4")


def make_runs(folder: Path) -> Path:
    """Train for some seconds; the run is called "tiny"."""
    frames = {
        "source": f"folder:{write_frames(folder / 'source', 12, seed=1, tint=0.3, planted=True)}",
        "target": f"folder:{write_frames(folder / 'target', 6, seed=2)}",
        "val": f"folder:{write_frames(folder / 'val', 8, seed=3)}",
    }
    config = tiny_config(frames, *SMALL)
    run = create_run(config, folder / "runs", name="tiny")
    train(config, run)
    gauge = calibrate(
        Predictor.load(run.best, backend="torch"), open_dataset(frames["target"]), open_dataset(frames["val"])
    )
    write_gauge(gauge, run.best, weights=weights_hash(run.best))
    return folder / "runs"


def street(width: int = 64, height: int = 48) -> np.ndarray:
    """A photo as the model knows them, RGB: sky over road, with a car and a tree."""
    label = np.zeros((48, 64), np.uint8)
    label[24:], label[26:36, 8:26], label[6:26, 40:50] = 1, 2, 3
    noise = np.random.default_rng(0).normal(0, 12, (48, 64, 3))
    image = np.clip(COLOURS[label] + noise, 0, 255).astype(np.uint8)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def write_street(path: Path, width: int = 640, height: int = 480) -> Path:
    cv2.imwrite(str(path), street(width, height)[..., ::-1])
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    file = io.BytesIO()
    Pillow.new("1", (1, 1)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def hostile() -> dict[str, tuple[bytes, str]]:
    """Contents and what is said of them."""
    whole = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8))[1].tobytes()
    return {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"hello " * 100, "expected a whole JPEG"),
        "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "expected a whole JPEG"),
        "truncated.jpg": (whole[: len(whole) // 2], "expected a whole JPEG"),
        "bomb.png": (png_header(30_000, 30_000), "megapixels"),
        "large.png": (png_header(10_000, 10_000), "10000x10000"),
    }
