"""YOLO segmentation (Ultralytics): images/SPLIT/NAME.jpg, labels/SPLIT/NAME.txt, data.yaml; also SPLIT/images and
SPLIT/labels, as Roboflow exports it; lists of names, SPLIT.txt; and classes.txt, as Label Studio does.

A line of a label is a class and a polygon in shares of width and height. Pixels outside of all polygons are background.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from hrs.data.classfile import find_class_list
from hrs.data.encoding import Raw
from hrs.data.formats import folder
from hrs.data.frames import Found, Frame, pair
from hrs.data.outlines import NOTES, Shape, encoding_of, image_size, painted, points, raw_ids
from hrs.data.spec import DatasetSpec, holds
from hrs.errors import HRSError
from hrs.labels import IGNORE

_FARTHEST = 2.0  # shares of the image; outlines may reach over its border


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    split = spec.split_of(names) if names or "split" in spec.options else None
    images, labels = folder.places(spec, split)
    classes = find_class_list(spec.root)
    if classes is None:
        raise HRSError(f"data set {spec}: no data.yaml or classes.txt names the classes; {holds(spec.root)}")
    ids = raw_ids(classes.names) | dict.fromkeys(classes.ignored, IGNORE)
    encoding = encoding_of(classes.names.values(), partial(_draw, ids), spec)
    found = pair(images, labels, encoding=encoding, label_kinds={".txt"}, only=folder.listed(spec.root, split))
    return replace(found, notes=(*found.notes, *NOTES, *classes.notes))


def splits(spec: DatasetSpec) -> list[str]:
    return folder.splits(spec)


def _draw(ids: dict[int, int], frame: Frame) -> Raw:
    path = frame.label or Path()
    size = image_size(frame)
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    shapes = [_shape(ids, line.split(), size, path, i) for i, line in enumerate(lines, 1) if line.strip()]
    return painted(shapes, size)


def _shape(ids: dict[int, int], words: list[str], size: tuple[int, int], path: Path, line: int) -> Shape:
    try:
        raw, corners = int(float(words[0])), np.array(words[1:], np.float64)
    except ValueError as error:
        raise HRSError(f"{path} line {line} is no class and polygon; export it anew") from error
    if len(corners) < 6 or len(corners) % 2:
        box = "is a box" if len(corners) == 4 else f"has {len(corners)} numbers"
        raise HRSError(f"{path} line {line} {box}; expected a class and the corners of a polygon: export segmentation")
    if raw not in ids:
        raise HRSError(
            f"{path} line {line} has the class {raw}, which no list names; known: {', '.join(map(str, ids))}"
        )
    shares = points(corners, path)
    if np.abs(shares).max() > _FARTHEST:
        raise HRSError(f"{path} line {line} has corners in pixels; expected shares of width and height, 0 to 1")
    return Shape(raw=ids[raw], parts=[shares * size])
