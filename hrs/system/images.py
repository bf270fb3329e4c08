"""Images as PNG or JPEG bytes, and back. Arrays are RGB; that OpenCV wants b g r is known here alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from cv2.utils import logging
from numpy.typing import NDArray

from hrs.errors import HRSError

if "OPENCV_LOG_LEVEL" not in os.environ:
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # its lines about damaged files; whoever decodes them says it himself

MOST_PIXELS = 128_000_000
"""Of the largest image that is decoded; its header says how many it has, and a file of some bytes may claim any number.
While a photograph is read it takes 7 bytes a pixel, afterwards 3."""
LUMA = np.array([0.299, 0.587, 0.114])
"""How bright red, green and blue look (ITU-R BT.601)."""
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_NO_FRAME = {0xC4, 0xC8, 0xCC}  # tables among JPEG's start-of-frame marks, 0xC0 to 0xCF


def encode(suffix: str, image: NDArray[Any], options: Sequence[int] = ()) -> bytes:
    """An image as the bytes of a file.

    Args:
        suffix: what kind of file, ".png" or ".jpg".
        image: RGB (h w 3), or one channel (h w); uint8, for PNG also uint16.
        options: for OpenCV, a key and a value in turn, such as ``(cv2.IMWRITE_JPEG_QUALITY, 90)``.

    Raises:
        HRSError: no such kind, or an image that it cannot hold (the sides of a JPEG end at 65535).
    """
    bgr = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
    try:
        done, data = cv2.imencode(suffix, bgr, options)
    except cv2.error:
        done = False
    if not done:
        raise HRSError(f"OpenCV cannot encode a {image.shape[1]}x{image.shape[0]} image as {suffix}")
    return data.tobytes()


def decode_rgb(data: bytes, *, upright: bool = True) -> NDArray[np.uint8] | None:
    """RGB uint8 (h w 3) of a file's bytes, whatever they hold; None where they cannot be decoded.

    upright: turn it as its EXIF orientation says.
    """
    return _decode(data, cv2.IMREAD_COLOR_RGB | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION), np.uint8)


def decode_grey(data: bytes) -> NDArray[np.uint8] | None:
    """One channel, uint8 (h w), of a file's bytes; None where they cannot be decoded."""
    return _decode(data, cv2.IMREAD_GRAYSCALE, np.uint8)


def decode_stored(data: bytes) -> NDArray[np.generic] | None:
    """The values as they are stored, 8 or 16 bit: one channel (h w), or RGB (h w 3) without what transparency there is.

    None where the bytes cannot be decoded. A palette's indices come as its colours.
    """
    image = _decode(data, cv2.IMREAD_UNCHANGED)
    return image if image is None or image.ndim == 2 else image[..., 2::-1]


def size_of(data: bytes) -> tuple[int, int] | None:
    """(height, width) that the header of a PNG or JPEG claims; None for other files."""
    if data.startswith(_PNG) and len(data) >= 24:
        return int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")
    at = len(_JPEG) if data.startswith(_JPEG) else len(data)
    while at + 9 <= len(data) and data[at] == 0xFF:
        mark = data[at + 1]
        if 0xC0 <= mark <= 0xCF and mark not in _NO_FRAME:
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
        at += 1 if mark == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def too_large(data: bytes) -> bool:
    """Whether a file's header claims more than MOST_PIXELS."""
    size = size_of(data)
    return size is not None and size[0] * size[1] > MOST_PIXELS


def _decode(data: bytes, flags: int, dtype: type[np.generic] | None = None) -> NDArray[Any] | None:
    if not data or too_large(data):
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # OpenCV's own bound among them: see hrs/__init__.py
        return None
    return image if image is None or dtype is None else image.astype(dtype, copy=False)
