"""Labels that are outlines of objects in text files, drawn as raw ids where they are read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.data.classfile import load_json
from hrs.data.classlist import is_void, listed, void_notes
from hrs.data.encoding import Encoding, Raw, by_name
from hrs.data.frames import Frame
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import IGNORE, fold
from hrs.system.photographs import Size, open_image, sizes_of, turned

BACKGROUND = "background"
"""What pixels outside of all outlines are."""
NOTES = (f"pixels outside of all outlines are the class {BACKGROUND}",)
FARTHEST_SHARE = 2.0
"""In shares of the image no corner is farther; outlines may reach over its border."""
Points = NDArray[np.float64]
_FAR = 1 << 20  # pixels; whoever draws further out means the border


@dataclass(frozen=True, kw_only=True)
class Shape:
    """raw: id of what it shows, or ``IGNORE``. parts: polygons (n 2) in pixels, x before y. mask: instead of them.

    between: whether whole coordinates lie between pixels, so that a side from 10 to 20 is 10 pixels long; else they are
    pixels, and those of the border belong to the shape.
    """

    raw: int
    parts: Sequence[Points] = ()
    between: bool = False
    mask: NDArray[np.uint8] | None = None

    @property
    def area(self) -> float:
        """Pixels that it encloses; what its parts share counts for each."""
        return sum(map(_enclosed, self.parts)) if self.mask is None else float(np.count_nonzero(self.mask))


def raw_ids(names: Mapping[Any, str]) -> dict[Any, int]:
    """What a file calls its classes by -> raw id, from what it calls them by -> name; ``IGNORE`` for void and the
    like."""
    ids = {folded: raw for raw, folded in enumerate(_classes_of(names.values()))}
    return {key: ids.get(fold(name), IGNORE) for key, name in names.items()}


def encoding_of(
    names: Iterable[str], draw: Any, spec: DatasetSpec, file_ids: Mapping[int, int] = MappingProxyType({})
) -> Encoding:
    """An encoding of outlines that ``draw`` draws in their raw ids, and what files call them by, where that is a number
    and no name. Raises HRSError where they have no class."""
    classes = _classes_of(names).values()
    if len(classes) < 2:
        raise HRSError(f"data set {spec} has no outline of any class; draw some, or name the folder that has them")
    made = by_name(dict(enumerate(classes)), channel="index", void=frozenset({IGNORE}), name=spec.root.name)
    kept = {given: raw for given, raw in file_ids.items() if raw in made.ids}
    return Encoding(space=made.space, channel="index", ids=made.ids, void=made.void, draw=draw, file_ids=kept)


def empty_notes(empty: int, total: int) -> tuple[str, ...]:
    """What is said where some images have no object."""
    which = f"{empty} of {total} images have no object and are {BACKGROUND} all over"
    return (f"{which}; if they are merely unlabelled, take them out",) if empty else ()


def name_notes(names: Collection[str]) -> tuple[str, ...]:
    """What is said of names that are void, and where names that are spelled in several ways are one class."""
    classes = _classes_of(names)
    others = {name: first for name in names if (first := classes.get(fold(name), name)) not in (name, BACKGROUND)}
    which = listed(f"{name} is {first}" for name, first in others.items())
    spelling = (f"names that differ in their spelling alone are one class: {which}",) if others else ()
    return (*void_notes(filter(is_void, names), names), *spelling)


def _classes_of(names: Iterable[str]) -> dict[str, str]:
    """Folded name -> the class of outlines with it, as the first is spelled; background, one's own too, comes first.
    Raw id i is the i-th of them. Void and the like are none."""
    found = {BACKGROUND: BACKGROUND}
    for name in itertools.filterfalse(is_void, names):
        found.setdefault(fold(name), name)
    return found


def _enclosed(corners: Points) -> float:
    (x, y), (right, below) = corners.T, np.roll(corners, -1, axis=0).T
    return abs(float(x @ below - y @ right)) / 2


def small_over_large(shapes: Iterable[Shape]) -> list[Shape]:
    """Shapes in the order in which they are painted where files say nothing of it."""
    return sorted(shapes, key=lambda shape: -shape.area)


def painted(shapes: Iterable[Shape], size: Size) -> Raw:
    """Raw ids (h w), later shapes over earlier ones; ``size`` is (width, height)."""
    width, height = size
    canvas = np.zeros((height, width), np.int32)
    for shape in shapes:
        if shape.mask is not None:
            canvas[shape.mask > 0] = shape.raw
        parts = [part.clip(-_FAR, _FAR) for part in shape.parts if len(part) >= 3]
        if shape.between:
            _fill(canvas, parts, shape.raw)
        elif parts:
            cv2.fillPoly(canvas, [np.rint(part).astype(np.int32) for part in parts], shape.raw)  # holes by even and odd
    return canvas.view(np.uint32)


def _fill(canvas: NDArray[np.int32], parts: Iterable[Points], raw: int) -> None:
    """Sets the pixels whose centres polygons enclose."""
    for corners in parts:
        left, top = np.floor(corners.min(axis=0)).clip(0).astype(int).tolist()
        right, below = np.ceil(corners.max(axis=0)).clip(0).astype(int).tolist()
        box = canvas[top:below, left:right]
        box[_inside(corners - (left, top), box.shape)] = raw


def _inside(corners: Points, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels (h w) whose centres a polygon encloses, by even and odd; scikit-image takes 100 times as long."""
    (x, y), (to_x, to_y) = corners.T, np.roll(corners, -1, axis=0).T
    first, last = (np.ceil(end(y, to_y) - 0.5).clip(0, shape[0]).astype(int) for end in (np.minimum, np.maximum))
    count = last - first  # rows whose middle a side crosses
    side = np.repeat(np.arange(len(x)), count)
    row = np.arange(len(side)) - np.repeat(np.cumsum(count) - count - first, count)
    at = x[side] + (row + 0.5 - y[side]) * (to_x - x)[side] / (to_y - y)[side]
    crossed = np.zeros((shape[0], shape[1] + 1), bool)
    np.logical_xor.at(crossed, (row, np.ceil(at - 0.5).clip(0, shape[1]).astype(int)), True)
    return np.logical_xor.accumulate(crossed, axis=1)[:, :-1]


def image_size(frame: Frame) -> Size:
    """(width, height) of a frame's upright image."""
    return _sizes(frame)[1]


def drawn(frame: Frame, size: Size | None, shapes: Callable[[Size], Iterable[Shape]]) -> Raw:
    """Raw ids (h w), upright as the frame's image, of shapes that were drawn on a picture of ``size``; None: not known.

    A size that is that of the image before EXIF's turn says that it was drawn on the unturned one. Raises HRSError for
    any other.
    """
    stored, upright, turn = _sizes(frame)
    if size in (None, upright):
        return painted(shapes(upright), upright)
    if size == stored:
        return turned(painted(shapes(stored), stored).view(np.int32), turn).view(np.uint32)
    (width, height), (wide, high) = size or stored, upright
    raise HRSError(
        f"{frame.label}: its outlines were drawn on {width}x{height} pixels, {frame.image.name} has {wide}x{high}; use "
        "the image that was labelled"
    )


def _sizes(frame: Frame) -> tuple[Size, Size, int]:
    """(width, height) of an image as stored and upright, and its EXIF orientation."""
    try:
        with open_image(frame.image) as image:
            return sizes_of(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise HRSError(f"{frame.image} cannot be read; check that it is there and a whole image") from error


def json_of(path: Path, *needed: str) -> dict[str, Any]:
    """A JSON file with these keys. Raises HRSError for anything else."""
    stored = load_json(path)
    missing = [key for key in needed if not isinstance(stored, Mapping) or key not in stored]
    if missing:
        holds = listed(list(stored)[:6]) if isinstance(stored, Mapping) and stored else "nothing of it"
        raise HRSError(f"{path} lacks {', '.join(missing)}; it holds {holds}: export it anew")
    return dict(stored)


def size_in(entry: Mapping[str, Any]) -> Size | None:
    """(width, height) that a JSON entry says, as COCO or LabelMe do; None where it says none."""
    wide, high = (entry.get(key) or entry.get(f"image{key.title()}") for key in ("width", "height"))
    return (int(wide), int(high)) if isinstance(wide, (int, float)) and isinstance(high, (int, float)) else None


def points(values: Any, path: Path) -> Points:
    """Corners as (n 2), from [[x, y], …] or [x, y, x, y, …]. Raises HRSError for what is none."""
    try:
        given = np.asarray(values, np.float64)
        corners = given.reshape(-1, 2) if given.ndim == 1 else given
        if corners.ndim != 2 or corners.shape[1] != 2:
            raise ValueError
    except (TypeError, ValueError) as error:
        raise HRSError(
            f"{path} has an outline that is no list of corners; expected [[x, y], …] or [x, y, x, y, …]: export it anew"
        ) from error
    if not np.isfinite(corners).all():
        raise HRSError(f"{path} has an outline with a corner that is no number; export it anew")
    return corners


def are_corners(values: Any) -> bool:
    """Whether a list is [[x, y], …], so that it is one outline and not several."""
    return isinstance(values, list) and all(
        isinstance(each, list) and len(each) == 2 and not any(isinstance(number, list) for number in each)
        for each in values
    )
