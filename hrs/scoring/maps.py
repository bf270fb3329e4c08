"""Weight maps on disk, and the frames they belong to: a small .npz, a JPEG and a label PNG per frame.

Nothing here needs torch, so that whoever shows the maps stays light.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.system.documents import read_bounded, reason
from hrs.system.files import atomic_write, make_folder
from hrs.system.images import decode_grey, decode_rgb, encode

T = TypeVar("T")
_JPEG_QUALITY = 90
_RANGES = "ranges"
_MOST_BYTES = 1 << 28  # of the maps of a frame, unpacked; at 4096x4096 four take a quarter
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
)
_SPAN = 1e6  # of the largest to the least weight that is told from 0: 255 codes for more would be too coarse


class PackedMap(NamedTuple):
    """A map as bytes: codes (h w) uint8, and the weight that each of them stands for, (256,) float32."""

    codes: NDArray[np.uint8]
    weights: NDArray[np.float32]

    def unpack(self) -> NDArray[np.float32]:
        """Weights (h w)."""
        return self.weights[self.codes]


def pack(values: NDArray[np.float32]) -> PackedMap:
    """A map (h w), at least 0, as bytes: 0 stays 0, and the other codes rise by equal ratios.

    What counts is a weight over the mean of its class, and classes differ by orders of magnitude: by equal steps, those
    of low weights would be left with a code or two.
    """
    low, high = _range(values)
    ratio = np.log(high / low) / 254 or 1.0
    codes = 1 + np.rint(np.log(np.maximum(values, low) / low) / ratio)
    return PackedMap(np.where(values > 0, codes, 0).astype(np.uint8), _weights(low, high))


def _range(values: NDArray[np.float32]) -> tuple[np.float32, np.float32]:
    high = values.max()
    if high <= 0:
        return np.float32(1), np.float32(1)
    low = values.min(where=values > 0, initial=high)
    return max(low, np.float32(high / _SPAN)), high


def _weights(low: np.float32, high: np.float32) -> NDArray[np.float32]:
    return np.concatenate([[0], np.geomspace(low, high, 255)]).astype(np.float32)


def file_stem(frame: str) -> str:
    """A frame's id as a file name without suffix, another for every id: a slash becomes "__", and what could be taken
    for that is percent-encoded."""
    return re.sub(r"%|_(?=[_/])|(?<=[_/])_", lambda found: f"%{ord(found[0]):02X}", frame).replace("/", "__")


def write_maps(path: Path, maps: Mapping[str, PackedMap]) -> None:
    """Maps of one frame by name ("combined" and the levels): their codes, and ``ranges`` (maps 2), the weights of codes
    1 and 255 of each."""
    ranges = np.array([each.weights[[1, 255]] for each in maps.values()], np.float32)
    buffer = io.BytesIO()
    codes = {name: each.codes for name, each in maps.items()}
    np.savez_compressed(buffer, allow_pickle=False, **{_RANGES: ranges}, **codes)
    make_folder(path.parent)
    atomic_write(path, buffer.getvalue())


def read_maps(path: Path) -> dict[str, PackedMap]:
    """What `write_maps` wrote. Raises HRSError for a missing or damaged file."""

    def unpack(stored: np.lib.npyio.NpzFile) -> dict[str, PackedMap]:
        names, ranges = [name for name in stored.files if name != _RANGES], stored[_RANGES]
        return {name: _packed(stored[name], *span) for name, span in zip(names, ranges, strict=True)}

    return read_arrays(path, unpack)


def read_arrays(path: Path, unpack: Callable[[np.lib.npyio.NpzFile], T]) -> T:
    """What ``unpack`` makes of an .npz of bounded size. Raises HRSError for a missing file, and for one that ``unpack``
    cannot use."""
    try:
        _check_unpacked(path)
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            return unpack(stored)
    except (*_DAMAGE, zlib.error) as error:
        raise HRSError(f"weight maps {path} cannot be read ({reason(error)}); score the run again") from error


def _packed(codes: NDArray[np.uint8], low: np.float32, high: np.float32) -> PackedMap:
    if codes.dtype != np.uint8 or codes.ndim != 2 or not 0 < low <= high < np.inf:
        raise ValueError("it holds something else")
    return PackedMap(codes, _weights(low, high))


def _check_unpacked(path: Path) -> None:
    """A small file may claim any size: what it would unpack to is looked at first."""
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
            raise ValueError(f"it holds more than {_MOST_BYTES >> 20} MB")


def write_frame(picture: Path, image: NDArray[np.uint8], label: NDArray[np.uint8]) -> None:
    """A frame as the network saw it, aligned with its maps: RGB (h w 3) as the JPEG ``picture``, class ids (h w) as a
    PNG beside it."""
    make_folder(picture.parent)
    atomic_write(picture, encode(picture.suffix, image, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)))
    atomic_write(label_file(picture), encode(".png", label))


def read_picture(picture: Path) -> NDArray[np.uint8]:
    """The RGB (h w 3) that `write_frame` wrote. Raises HRSError for a missing or damaged file."""
    return _read(picture, decode_rgb)


def read_label(picture: Path) -> NDArray[np.uint8]:
    """The class ids (h w) that `write_frame` wrote beside the picture. Raises HRSError as `read_picture` does."""
    return _read(label_file(picture), decode_grey)


def label_file(picture: Path) -> Path:
    """Where the class ids of a frame lie."""
    return picture.with_suffix(".png")


def _read(path: Path, decode: Callable[[bytes], NDArray[np.uint8] | None]) -> NDArray[np.uint8]:
    image = decode(read_bounded(path, _MOST_BYTES)) if path.is_file() else None
    if image is None:
        raise HRSError(f"{path} is missing or damaged; score the run again")
    return image
