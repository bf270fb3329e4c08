"""Labels on disk, decoded to raw ids, and raw ids to classes. OpenCV reads 16-bit colour right; Pillow gives zeros."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.data.integrity import has_palette, is_whole
from hrs.errors import HRSError
from hrs.labels import IGNORE, Colour, LabelSpace
from hrs.system.images import MOST_PIXELS, decode_stored, size_of, too_large

Channel = Literal["index", "red", "colour"]
T = TypeVar("T", bound=NDArray[np.generic])


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoding:
    """How a format writes labels.

    channel: ``index``: one channel holds the id (a palette PNG's index included). ``red``: the red channel does, 8 or
        16 bit. ``colour``: the colour is the class, and raw ids are r * 65536 + g * 256 + b.
    ids: raw id -> class of ``space``.
    void: raw ids that are known and ignored; any other id is ignored too, and reported as unknown.
    """

    space: LabelSpace
    channel: Channel
    ids: Mapping[int, int]
    void: frozenset[int]

    def raw(self, path: Path) -> NDArray[np.uint32]:
        """Raw ids (h w). Raises HRSError where the file cannot be decoded or has the wrong channels."""
        if self.channel == "index":
            return _index(path)
        image = read_image_file(path, decode_stored)
        if image.ndim != 3:
            raise HRSError(f"label {path} has one channel; expected RGB with the class in {self.channel}")
        red = image[..., 0].astype(np.uint32)
        if self.channel == "red":
            return red
        return (red << 16) + (image[..., 1].astype(np.uint32) << 8) + image[..., 2]

    def classes(self, raw: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Raw ids as classes of ``space``, IGNORE for the others."""
        if self.channel != "colour":
            return self._table[np.minimum(raw, len(self._table) - 1)]
        values, inverse = np.unique(raw, return_inverse=True)
        found = np.array([self.ids.get(int(value), IGNORE) for value in values], np.uint8)
        return found[inverse].reshape(raw.shape)

    @property
    def _table(self) -> NDArray[np.uint8]:
        table = np.full(max(self.ids) + 2, IGNORE, np.uint8)  # the last entry stands for all larger ids
        table[list(self.ids)] = list(self.ids.values())
        return table


def by_name(
    names: Mapping[int, str], *, channel: Channel, void: frozenset[int], space: LabelSpace | None = None, name: str = ""
) -> Encoding:
    """An encoding from raw id -> class name. Without a space, the names make one, in the order of their ids."""
    classes = list(dict.fromkeys(names.values()))
    if space is None:
        space = LabelSpace(name=name, classes=tuple(classes), palette=distinct_colours(len(classes)))
    index = {each: i for i, each in enumerate(space.classes)}
    return Encoding(
        space=space, channel=channel, ids={raw: index[each] for raw, each in names.items() if each in index}, void=void
    )


def distinct_colours(count: int) -> tuple[Colour, ...]:
    """Colours for classes that came without: evenly spread hues at two brightnesses."""
    hsv = np.array([[[179 * i // count, 200, 230 if i % 2 else 160] for i in range(count)]], np.uint8)
    rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0]
    return tuple((int(r), int(g), int(b)) for r, g, b in rgb)


def read_image_file(path: Path, decode: Callable[[bytes], T | None]) -> T:
    """A file as a function of `hrs.system.images` decodes it. Raises HRSError saying what is wrong with it; half files
    are not taken."""
    return _decode(path, _read_bytes(path), decode)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HRSError(f"{path} cannot be read ({error.strerror}); check that it is there and may be read") from error


def _decode(path: Path, data: bytes, decode: Callable[[bytes], T | None]) -> T:
    if too_large(data):
        height, width = size_of(data) or (0, 0)
        raise HRSError(
            f"{path} has {width}x{height} pixels; at most {MOST_PIXELS // 1_000_000} megapixels are read; shrink it"
        )
    image = decode(data) if is_whole(data) else None
    if image is None:
        raise HRSError(f"{path} cannot be decoded; expected a whole PNG or JPEG file, copy it anew or remove it")
    return image


def _index(path: Path) -> NDArray[np.uint32]:
    """Single-channel ids; of a palette image the indices, which OpenCV would turn into colours."""
    data = _read_bytes(path)
    if has_palette(data) and is_whole(data) and not too_large(data):
        return _palette_indices(path, data)
    image = _decode(path, data, decode_stored)
    if image.ndim != 2:
        raise HRSError(f"label {path} is in colour; expected one channel of class ids or a palette image")
    return image.astype(np.uint32)


def _palette_indices(path: Path, data: bytes) -> NDArray[np.uint32]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as opened:
            return np.asarray(opened).astype(np.uint32)
    except (OSError, ValueError) as error:
        raise HRSError(f"{path} cannot be decoded; copy it anew or remove it") from error
