"""Segmenting photos on a CPU: latency, ratio to the transformers pipeline with the same weights, peak memory.

python -m benchmarks.photos [--network segformer-b0] [--size 480x360] [--threads 2] [--repeats 9]

The network has random weights, which do not change the speed, and 19 classes. Both sides get the same decoded photo and
give class ids at its size; ours also gives confidence. Both see it at --size, except that ours keeps the shape of a
photo whose shape is another, at the same area. The last column is ours with the file's decoding. The sides take turns,
photo by photo, in one process for time, and each has a process of its own for memory. Networks that transformers does
not know (compact) have no ratio.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow

from benchmarks.common import in_turns, print_table, told
from hrs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hrs.config import load_config
from hrs.inference import Predictor, read_photograph
from hrs.labels import CITYSCAPES
from hrs.methods.build import build_method
from hrs.street import shipped_frames

PHOTOS = {"480x360": (360, 480), "1280x720": (720, 1280), "4000x3000": (3000, 4000)}
Run = Callable[[], object]


def make_checkpoint(folder: Path, network: str, size: str) -> None:
    """An untrained network of 19 classes as a checkpoint."""
    width, height = (int(side) for side in size.split("x"))
    frames = f"folder:{shipped_frames('synthetic')}"
    data = {"sources": [frames], "target": frames, "height": height, "width": width}
    config = load_config({"method": "target_only", "data": data, "network": {"name": network}})
    torch.manual_seed(0)
    method = build_method(config, len(CITYSCAPES))
    save_checkpoint(folder, method=method, config=config, space=CITYSCAPES, step=0, metrics={})


def pipeline_of(loaded: Checkpoint) -> Any:
    """transformers' image-segmentation pipeline around the same weights; None for a network it does not know."""
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessorPil,
        pipeline,
    )

    from hrs.networks.huggingface import SegFormer

    segmenter, data = loaded.method.segmenter, loaded.config.data
    if not isinstance(segmenter, SegFormer):
        return None
    model = SegformerForSemanticSegmentation(SegformerConfig.from_dict(segmenter.config))
    model.segformer.load_state_dict(segmenter.encoder.state_dict())
    model.decode_head.load_state_dict(
        segmenter.head.state_dict() | {f"classifier.{k}": v for k, v in segmenter.classifier.state_dict().items()}
    )
    processor = SegformerImageProcessorPil(size={"height": data.height, "width": data.width})
    return pipeline("image-segmentation", model=model.eval(), image_processor=processor, device="cpu")


def street_photo(height: int, width: int) -> NDArray[np.uint8]:
    """A rendered street of any size."""
    frame = cv2.imread(str(next((shipped_frames("camera") / "images").iterdir())), cv2.IMREAD_COLOR_RGB)
    assert frame is not None
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)


def sides_of(folder: Path, photo: NDArray[np.uint8], names: tuple[str, ...]) -> dict[str, Run]:
    """What is compared, by name: onnx, torch, pipeline."""
    made: dict[str, Run] = {}
    for name in ("onnx", "torch"):
        if name in names:
            predictor = Predictor.load(folder, backend=name)
            made[name] = partial(predictor.segment, photo)
    if "pipeline" in names:
        other = pipeline_of(load_checkpoint(folder))
        if other is not None:
            made["pipeline"] = partial(other, Pillow.fromarray(photo))
    return made


def decode_time(photo: NDArray[np.uint8], repeats: int) -> float:
    """Milliseconds to read the photo as a JPEG file."""
    file = BytesIO()
    Pillow.fromarray(photo).save(file, "JPEG", quality=90)
    return 1000 * in_turns({"read": lambda: read_photograph(file.getvalue())}, repeats)["read"]


def peak(folder: Path, side: str, size: str, threads: int) -> int:
    """MiB that a process needs at most to segment one photo, libraries included (Linux)."""
    command = [sys.executable, "-m", "benchmarks.photos", "--measure", str(folder), side, size]
    command += ["--threads", str(threads)]
    process = psutil.Popen(command, stdout=subprocess.PIPE, text=True)
    said, _ = process.communicate()
    return int(said.split()[-1]) if process.returncode == 0 else -1


def measure(folder: Path, side: str, size: str) -> None:
    """The child of `peak`."""
    for run in sides_of(folder, street_photo(*PHOTOS[size]), (side,)).values():
        run()
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # a child's ru_maxrss counts its parent's memory
    print(next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")))


def report(folder: Path, repeats: int, threads: int) -> None:
    rows = []
    for size, shape in PHOTOS.items():
        photo = street_photo(*shape)
        sides = sides_of(folder, photo, ("onnx", "torch", "pipeline"))
        times = {name: 1000 * seconds for name, seconds in in_turns(sides, repeats).items()}
        other = times.get("pipeline")
        speed = [f"{other / times[name]:.1f}" if other else "–" for name in ("onnx", "torch")]
        memory = [str(peak(folder, name, size, threads)) for name in ("onnx", "pipeline") if name in sides]
        row = [size, f"{times['onnx']:.0f}", f"{times['torch']:.0f}", f"{other:.0f}" if other else "–", *speed]
        rows.append([*row, " / ".join(memory), f"{times['onnx'] + decode_time(photo, repeats):.0f}"])
    head = ["photo", "onnx, ms", "torch, ms", "pipeline, ms", "onnx, times", "torch, times"]
    print_table([*head, "peak of onnx / pipeline, MiB", "onnx with decoding, ms"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="segformer-b0")
    parser.add_argument("--size", default="480x360", help="training size, WIDTHxHEIGHT")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--device", default="cpu", help="only cpu: this benchmark is about laptops")
    parser.add_argument("--measure", nargs=3, metavar=("FOLDER", "SIDE", "PHOTO"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.measure:
        folder, side, size = options.measure
        measure(Path(folder), side, size)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "checkpoint"
        make_checkpoint(folder, options.network, options.size)
        print(f"{options.network} at {options.size}, {options.threads} threads, {options.repeats} repeats\n")
        report(folder, options.repeats, options.threads)


if __name__ == "__main__":
    told(main)
