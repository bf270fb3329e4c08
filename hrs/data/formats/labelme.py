"""LabelMe (Wada): NAME.jpg and NAME.json beside each other, in folders as one likes.

Shapes later in a file lie over earlier ones. Pixels outside of all shapes are background; __ignore__ is ignored.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hrs.data.encoding import Raw
from hrs.data.frames import Found, Frame, pair
from hrs.data.outlines import BACKGROUND, NOTES, Points, Shape, encoding_of, image_size, json_of, painted, points
from hrs.data.spec import DatasetSpec
from hrs.data.splits import splits_among
from hrs.labels import IGNORE
from hrs.system.tree import files_below, folders_in

_IGNORED, _BACKGROUND = "__ignore__", "_background_"
_AREAS = frozenset({"polygon", "rectangle", "circle"})


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    root = spec.root / spec.split_of(names) if names or "split" in spec.options else spec.root
    found = {_name(shape) for path in files_below(root, {".json"}).files for shape in _shapes(path)}
    classes = [BACKGROUND, *sorted(found - {BACKGROUND, _IGNORED})]
    ids = {name: i for i, name in enumerate(classes)} | {_IGNORED: IGNORE}
    encoding = encoding_of(classes, partial(_draw, ids), spec.root.name)
    return replace(pair(root, root, encoding=encoding, label_kinds={".json"}), notes=NOTES)


def splits(spec: DatasetSpec) -> list[str]:
    return splits_among(folders_in(spec.root))


def _shapes(path: Path) -> list[dict[str, Any]]:
    return [shape for shape in json_of(path, "shapes")["shapes"] if shape.get("shape_type", "polygon") in _AREAS]


def _name(shape: dict[str, Any]) -> str:
    name = str(shape.get("label", BACKGROUND)).strip()
    return BACKGROUND if name == _BACKGROUND else name


def _draw(ids: dict[str, int], frame: Frame) -> Raw:
    path = frame.label or Path()
    shapes = [Shape(raw=ids[_name(shape)], parts=[_corners(shape, path)]) for shape in _shapes(path)]
    return painted(shapes, image_size(frame))


def _corners(shape: dict[str, Any], path: Path) -> Points:
    corners = points(shape.get("points", []), path)
    if shape.get("shape_type") == "rectangle" and len(corners) == 2:
        (left, top), (right, bottom) = corners
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    if shape.get("shape_type") == "circle" and len(corners) == 2:
        turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return corners[0] + np.linalg.norm(corners[1] - corners[0]) * ring
    return corners
