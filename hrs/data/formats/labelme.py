"""LabelMe (Wada): NAME.jpg and NAME.json beside each other, in folders as one likes; or where imagePath says.

Shapes later in a file lie over earlier ones. Pixels outside of all shapes are background; __ignore__, void and the like
are ignored, and so are shapes without a label.
"""

from __future__ import annotations

import base64
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.data.classfile import load_json
from hrs.data.classlist import listed
from hrs.data.encoding import Raw
from hrs.data.extents import Extents, Outlined
from hrs.data.frames import Found, Frame, in_no_split, pair
from hrs.data.outlines import (
    NOTES,
    Points,
    Shape,
    drawn,
    empty_notes,
    encoding_of,
    name_notes,
    points,
    raw_ids,
    size_in,
)
from hrs.data.spec import DatasetSpec
from hrs.data.splits import splits_among
from hrs.errors import HRSError
from hrs.progress import counted
from hrs.system.documents import shortened
from hrs.system.images import decode_grey
from hrs.system.photographs import SUFFIXES, Size
from hrs.system.tree import files_below, folders_in

_AREAS = frozenset({"polygon", "rectangle", "rotation", "circle", "mask"})
_LINES = frozenset({"line", "linestrip", "point", "points"})


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What a file says but for the photo that may be in it.

    image: path from the file, with slashes; empty where it says none. areas: names of what encloses something. lines:
    types of what does not. outlined: its areas, but for those that cannot be read.
    """

    image: str
    areas: frozenset[str]
    lines: Counter[str]
    outlined: tuple[Outlined, ...]


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    split = spec.split_of(names) if names or "split" in spec.options else None
    root = spec.root / (split or "")
    paired = pair(root, root, encoding=None, label_kinds={".json"})
    said = {frame.label: _said(_stored(frame.label), frame.label) for frame in paired.frames if frame.label}
    lonely = [item.path for item in paired.missing if item.path.suffix.lower() == ".json"]
    said |= {path: _said(stored, path) for path in lonely if _is_outlines(stored := load_json(path))}
    if lonely and not said:
        raise _foreign(lonely[0])
    found = _with_named_images(paired, {path: said[path].image for path in lonely if path in said}, root)
    if said and not found.frames:
        raise _no_photo(spec, said)
    used = {frame: said[frame.label] for frame in found.frames if frame.label}
    classes = sorted({name for each in used.values() for name in each.areas})
    ids = raw_ids({name: name for name in classes})
    encoding = encoding_of(classes, partial(_draw, ids), spec)
    extents = Extents(objects=[each for its in used.values() for each in its.outlined], between=False)
    extents.refuse_shares(spec)
    return replace(
        found,
        missing=(*found.missing, *in_no_split(spec.root, split)),
        encoding=encoding,
        notes=(*NOTES, *name_notes(classes), *found.notes, *_notes(used), *extents.notes()),
        doubts=tuple(extents.doubts()),
    )


def _no_photo(spec: DatasetSpec, said: Mapping[Path, _Said]) -> HRSError:
    """Where no file has its photo."""
    path, first = min(said.items())
    wanted = f"{listed([first.image])}, which {path.name} names" if first.image else f"the photo of {path.name}"
    return HRSError(
        f"data set {spec} has outlines in {counted(len(said), 'file')} and no photo beside them; copy the photos "
        f"there, such as {wanted}"
    )


def _notes(used: Mapping[Frame, _Said]) -> Iterator[str]:
    """What is said of the files of these frames."""
    yield from empty_notes(sum(not each.areas for each in used.values()), len(used))
    if lines := sum((each.lines for each in used.values()), Counter[str]()):
        left_out = ", ".join(f"{count} of type {kind}" for kind, count in lines.items())
        yield f"shapes that enclose nothing are left out: {left_out}"
    if unnamed := [frame.label for frame, each in used.items() if frame.label and "" in each.areas]:
        yield f"{len(unnamed)} files have shapes without a label, the first is {unnamed[0].name}; give them one"
    if others := [(frame, each.image) for frame, each in used.items() if _names_another(frame, each.image)]:
        (frame, image), count = others[0], len(others)
        name = frame.label.name if frame.label else ""
        yield (
            f"{count} files name another photo than that beside them, which is taken; the first is {name}, which names "
            f"{listed([image])}"
        )


def _names_another(frame: Frame, name: str) -> bool:
    """Whether a frame's file names a photo that is there and not the frame's."""
    there = _named(frame.label, name) if frame.label else None
    return there is not None and there != frame.image.resolve()


def _named(path: Path, name: str) -> Path | None:
    """The photo that a file's imagePath names, resolved; None where it is not there, or no name."""
    there = os.path.join(path.parent, name)
    return Path(there).resolve() if name and os.path.isfile(there) else None


def splits(spec: DatasetSpec) -> list[str]:
    return splits_among(folders_in(spec.root))


def _with_named_images(found: Found, named: Mapping[Path, str], root: Path) -> Found:
    """With the frames of further files, whose image lies elsewhere."""
    images = _elsewhere(named, {frame.image.resolve() for frame in found.frames}, root)
    more = [
        Frame(id=path.relative_to(root).with_suffix("").as_posix(), image=image, label=path)
        for path, image in images.items()
    ]
    frames = sorted((*found.frames, *more), key=lambda frame: frame.id)
    used = {each for frame in frames for each in (frame.image, frame.label)}
    return replace(found, frames=tuple(frames), missing=tuple(item for item in found.missing if item.path not in used))


def _elsewhere(named: Mapping[Path, str], used: Iterable[Path], root: Path) -> dict[Path, Path]:
    """File -> its image: that where imagePath says, else the only one of that name, which no other file may mean.

    Args:
        used: images of others, resolved.
    """
    images = {path: there for path, name in named.items() if (there := _named(path, name))}
    used = {*used, *images.values()}
    sought: dict[str, list[Path]] = {}
    for path in named.keys() - images.keys():
        sought.setdefault(named[path].rpartition("/")[2], []).append(path)
    free: dict[str, list[Path]] = {}
    for file in files_below(root, SUFFIXES).files if sought else ():
        if file.name in sought and file.resolve() not in used:
            free.setdefault(file.name, []).append(file)
    return images | {sought[name][0]: same[0] for name, same in free.items() if len(same) == len(sought[name]) == 1}


def _is_outlines(stored: Any) -> bool:
    return isinstance(stored, dict) and "shapes" in stored


def _stored(path: Path) -> dict[str, Any]:
    stored = load_json(path)
    if not _is_outlines(stored):
        raise _foreign(path)
    return dict(stored)


def _foreign(path: Path) -> HRSError:
    return HRSError(
        f"{path} is no JSON of LabelMe, whose outlines are under shapes; let the tool that wrote it export COCO, and "
        "name that coco:FOLDER"
    )


def _said(stored: Mapping[str, Any], path: Path) -> _Said:
    shapes = _shapes_in(stored, path)
    return _Said(
        image=str(stored.get("imagePath") or "").replace("\\", "/"),
        areas=frozenset(_name(each) for each in shapes if _kind(each, path) in _AREAS),
        lines=Counter(kind for each in shapes if (kind := _kind(each, path)) in _LINES),
        outlined=tuple(_outlined(shapes, size_in(stored), path)),
    )


def _outlined(shapes: Iterable[dict[str, Any]], size: Size | None, path: Path) -> Iterator[Outlined]:
    for each in shapes:
        if (kind := _kind(each, path)) in _AREAS:
            name = _name(each)
            with suppress(HRSError):
                parts = None if kind == "mask" else [_outline(kind, points(each.get("points", []), path))]
                yield Outlined(name=name, called=f"one of {path.name} of the class {name}", parts=parts, size=size)


def _shapes_in(stored: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    found = stored["shapes"]
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise HRSError(f"{path}: shapes is no list of shapes; save it anew with LabelMe")
    return found


def _kind(shape: dict[str, Any], path: Path) -> str:
    """What a shape is. Raises HRSError for what may be an area and is not known."""
    kind = str(shape.get("shape_type") or "polygon").lower()
    if kind not in _AREAS | _LINES:
        raise HRSError(
            f"{path} has a shape of the type {shortened(kind)}, which is not known; expected polygon, rectangle, "
            "rotation, circle or mask: draw it as one of these, or remove it"
        )
    return kind


def _name(shape: dict[str, Any]) -> str:
    """The class of a shape; empty where it has none."""
    label = shape.get("label")
    return "" if label is None else str(label).strip()


def _draw(ids: dict[str, int], frame: Frame) -> Raw:
    path = frame.label or Path()
    stored = _stored(path)
    shapes = [each for each in _shapes_in(stored, path) if _kind(each, path) in _AREAS]
    return drawn(frame, size_in(stored), lambda on: [_shape(ids[_name(each)], each, on, path) for each in shapes])


def _shape(raw: int, shape: dict[str, Any], size: Size, path: Path) -> Shape:
    corners = points(shape.get("points", []), path)
    kind = _kind(shape, path)
    if kind == "mask":
        return Shape(raw=raw, mask=_mask(shape, corners, size, path))
    return Shape(raw=raw, parts=[_outline(kind, corners)])


def _mask(shape: dict[str, Any], corners: Points, size: Size, path: Path) -> NDArray[np.uint8]:
    """A mask that is stored as a picture of its box, as (h w) of the whole image."""
    part = decode_grey(base64.b64decode(str(shape.get("mask") or "")))
    if part is None or len(corners) != 2:
        raise HRSError(f"{path} has a mask that cannot be read; save it anew with LabelMe")
    canvas = np.zeros(size[::-1], np.uint8)
    left, top = np.rint(corners[0]).astype(int).tolist()
    inside = canvas[max(top, 0) : top + part.shape[0], max(left, 0) : left + part.shape[1]]
    inside[:] = part[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]]
    return canvas


def _outline(kind: str, corners: Points) -> Points:
    if kind == "rectangle" and len(corners) == 2:
        (left, top), (right, bottom) = corners
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    if kind == "circle" and len(corners) == 2:
        turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return corners[0] + np.linalg.norm(corners[1] - corners[0]) * ring
    return corners
