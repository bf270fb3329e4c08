"""Tiny files in the exact encoding of the public data sets."""

from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image

from hrs.data.layouts import Dataset
from hrs.labels import IGNORE


def photo(path: Path, height: int = 4, width: int = 6, seed: int = 0) -> np.ndarray:
    """Writes a random picture and returns it, RGB."""
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1])
    return rgb


def grey(path: Path, ids, dtype=np.uint8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.asarray(ids, dtype))


def row(*ids: int) -> list[list[int]]:
    """A label of 4x6: the ids in the first row, the first id elsewhere."""
    label = np.full((4, 6), ids[0])
    label[0, : len(ids)] = ids
    return label.tolist()


def first_row(dataset: Dataset, count: int, i: int = 0) -> list[str | None]:
    label = dataset.read_label(i)
    assert label.dtype == np.uint8 and label.shape == (4, 6)
    return [None if c == IGNORE else dataset.space.classes[c] for c in label[0, :count]]


def palette_png(path: Path, ids) -> None:
    indices = np.asarray(ids, np.uint8)
    image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def mode_of(path: Path) -> str:
    with Image.open(path) as image:
        return image.mode


def own_classes(root: Path, **more) -> None:
    root.mkdir(exist_ok=True)
    (root / "classes.yaml").write_text(yaml.safe_dump({"classes": {5: "road", 300: "sky", 7: "cat"}, **more}))


def street(seed: int = 0, h: int = 48, w: int = 64) -> np.ndarray:
    """Ids of a frame: 0 sky above, 1 road below, 2 a box on the left, 4 % of it."""
    ids = np.zeros((h, w), np.uint8)
    ids[h // 2 :] = 1
    ids[h // 4 : h // 4 + h // 5, 5 + seed : 5 + seed + w // 5] = 2
    return ids


def pictured(ids: np.ndarray) -> np.ndarray:
    """A picture of a street, RGB."""
    return np.array([[120, 170, 230], [90, 90, 95], [210, 60, 50]], np.uint8)[np.minimum(ids, 2)]


def save(path: Path, array: np.ndarray, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def write_streets(root: Path, count: int = 3, *, labels="labels", images="images", name="f{}", label="{}.png", of=None):
    """Frames in two folders; ``of`` turns ids 0..2 into what is saved as a label."""
    for i in range(count):
        ids, stem = street(i), name.format(i)
        save(root / images / f"{stem}.png", pictured(ids))
        save(root / labels / label.format(stem), of(ids) if of else ids)
    return root


def write_classes(root: Path, text: str = "classes: {0: sky, 1: road, 2: box}\n", name: str = "classes.yaml") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")
    return root
