"""YOLO segmentation (Ultralytics): images/SPLIT/NAME.jpg, labels/SPLIT/NAME.txt, data.yaml; also SPLIT/images and
SPLIT/labels, as Roboflow exports it; lists of names, SPLIT.txt; and classes.txt, as Label Studio does. Where no name
tells a split, data.yaml's train, val and test do.

A line of a label is a class and a polygon in shares of width and height. Small polygons lie over large ones, in
whatever order, as Ultralytics has them. Pixels outside of all polygons are background.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hrs.data.classfile import OF_YOLO, find_class_list, load_table
from hrs.data.classlist import text_of, without_void
from hrs.data.encoding import Raw, spread
from hrs.data.extents import box_doubts
from hrs.data.formats import folder
from hrs.data.frames import Found, Frame, pair
from hrs.data.lists import read_list
from hrs.data.outlines import (
    FARTHEST_SHARE,
    NOTES,
    Points,
    Shape,
    empty_notes,
    encoding_of,
    image_size,
    painted,
    points,
    raw_ids,
    small_over_large,
)
from hrs.data.spec import DatasetSpec, holds
from hrs.data.splits import TEST, TRAIN, VAL
from hrs.errors import HRSError
from hrs.labels import IGNORE

_SHORTEST = 13  # bytes of a class and three corners


def read(spec: DatasetSpec) -> Found:
    table = _table(spec.root)
    if "kpt_shape" in table:
        raise HRSError(
            f"data set {spec}: data.yaml has kpt_shape, so its labels are points of poses; export segmentation"
        )
    names = splits(spec)
    split = spec.split_of(names) if names or "split" in spec.options else None
    place = None if folder.splits(spec) else _named(spec.root).get(split or "")
    images, labels = _places(spec, split, place)
    classes = find_class_list(spec.root, labels, first=OF_YOLO if "names" in table else ())
    if classes is None:
        raise HRSError(f"data set {spec}: no data.yaml or classes.txt names the classes; {holds(spec.root)}")
    classes = without_void(classes, beside=1)  # the background
    named = raw_ids(classes.names)
    ids = named | dict.fromkeys(classes.ignored, IGNORE)
    encoding = encoding_of(classes.names.values(), partial(_draw, ids), spec, named)
    found = pair(images, labels, encoding=encoding, label_kinds={".txt"}, only=_listed(spec, split, place))
    missing = (*found.missing, *folder.beside_splits(spec.root, split))
    empty = empty_notes(sum(map(_is_empty, found.frames)), len(found.frames))
    doubts = tuple(
        box_doubts(
            [
                part
                for path in spread([frame.label for frame in found.frames if frame.label])
                for part in _outlines(path)
            ]
        )
    )
    return replace(found, missing=missing, notes=(*found.notes, *NOTES, *empty, *classes.notes), doubts=doubts)


def _outlines(path: Path) -> list[Points]:
    """The outlines of a label, in shares; none where it cannot be read, which is said where it is drawn."""
    with suppress(HRSError):
        return [_polygon(words, path, line)[1] for line, words in _lines(path)]
    return []


def _is_empty(frame: Frame) -> bool:
    return frame.label is not None and frame.label.stat().st_size < _SHORTEST


def splits(spec: DatasetSpec) -> list[str]:
    return folder.splits(spec) or list(_named(spec.root))


def _table(root: Path) -> dict[str, Any]:
    """What data.yaml holds; nothing where there is none."""
    file = next((root / name for name in OF_YOLO if (root / name).is_file()), None)
    return load_table(file) if file else {}


def _named(root: Path) -> dict[str, Path]:
    """The folders of images, or lists, that data.yaml calls train, val and test, of those that are there."""
    table = _table(root)
    base = table.get("path", "")
    found: dict[Path, str] = {}  # a place that two splits share is one split
    for split in (TRAIN, VAL, TEST):
        entry = table.get(split)
        entry = entry[0] if isinstance(entry, list) and len(entry) == 1 else entry
        if isinstance(entry, str) and entry and (place := _there(root, str(base), entry)):
            found.setdefault(place, split)
    return {split: place for place, split in found.items()}


def _there(root: Path, base: str, entry: str) -> Path | None:
    """Where an entry of data.yaml leads below the root; tools write it relative to ``path``, to the file, or to a
    folder beside it. What it says of other places is of where the data set once lay."""
    inside = entry.replace("\\", "/")
    while inside.startswith("../"):
        inside = inside.removeprefix("../")
    top = Path(os.path.abspath(root))
    places = [Path(os.path.normpath(top / each)) for each in (f"{base}/{entry}", entry, inside)]
    return next(
        (
            place
            for place in places
            if place.is_relative_to(top) and (place.is_dir() or (place.suffix == ".txt" and place.is_file()))
        ),
        None,
    )


def _places(spec: DatasetSpec, split: str | None, place: Path | None) -> tuple[Path, Path]:
    """The folders of images and labels; those of a place that data.yaml names, as Ultralytics finds them: the last
    images/ of its path is labels/."""
    if place is None or place.is_file():
        return folder.places(spec, None if place else split, {".txt"})
    parts = list(place.parts)
    last = max((i for i, part in enumerate(parts) if part.lower() in folder.IMAGES), default=None)
    labels = Path(*parts[:last], folder.LABELS[0], *parts[last + 1 :]) if last is not None else place
    if not labels.is_dir():
        raise HRSError(f"data set {spec}: data.yaml says {split} is {place}, but its labels are not at {labels}")
    return place, labels


def _listed(spec: DatasetSpec, split: str | None, place: Path | None) -> tuple[str, ...] | None:
    if place is None:
        return folder.listed(spec.root, split)
    return read_list(place) if place.is_file() else None


def _draw(ids: dict[int, int], frame: Frame) -> Raw:
    path = frame.label or Path()
    size = image_size(frame)
    shapes = [_shape(ids, words, size, path, line) for line, words in _lines(path)]
    return painted(small_over_large(shapes), size)


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """The lines of a label that hold something, with their numbers, in words."""
    return [(i, line.split()) for i, line in enumerate(text_of(path).splitlines(), 1) if line.strip()]


def _shape(ids: dict[int, int], words: list[str], size: tuple[int, int], path: Path, line: int) -> Shape:
    raw, shares = _polygon(words, path, line)
    if raw not in ids:
        raise HRSError(
            f"{path} line {line} has the class {raw}, which no list names; known: {', '.join(map(str, ids))}"
        )
    return Shape(raw=ids[raw], parts=[shares * size])


def _polygon(words: list[str], path: Path, line: int) -> tuple[int, Points]:
    """A class and its corners (n 2) in shares. Raises HRSError for what is none."""
    try:
        raw, corners = int(float(words[0])), np.array(words[1:], np.float64)
    except (ValueError, OverflowError) as error:
        raise HRSError(f"{path} line {line} is no class and polygon; export it anew") from error
    if len(corners) < 6 or len(corners) % 2:
        box = "is a box" if len(corners) == 4 else f"has {len(corners)} numbers"
        raise HRSError(f"{path} line {line} {box}; expected a class and the corners of a polygon: export segmentation")
    shares = points(corners, path)
    if np.abs(shares).max() > FARTHEST_SHARE:
        raise HRSError(f"{path} line {line} has corners in pixels; expected shares of width and height, 0 to 1")
    return raw, shares
