"""Reading photographs that anybody may have sent: every common kind, and one clear line for whatever is none."""

from __future__ import annotations

import threading
import warnings
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from hrs.errors import HRSError

Image = NDArray[np.uint8]

MAX_PIXELS = 128_000_000
"""Largest photograph that is decoded: while it is read it takes 7 bytes a pixel, afterwards 3."""
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"})

_ORIENTATION = 0x0112  # the EXIF tag
_STRIP = 1 << 22  # pixels that are converted at a time
_DEEP = 65535  # white of a 16-bit image
_one_at_a_time = threading.Lock()


def read_photograph(source: Path | bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """RGB uint8 (h w 3) of a JPEG, PNG, BMP, WebP, TIFF or GIF file, or of one in memory.

    It is turned as its EXIF orientation says. Transparency is laid on white, 16-bit values are scaled to 8, CMYK, grey
    and palette become RGB, and of an animation the first frame is taken.

    Raises:
        HRSError: no such file, not a whole image of these formats, or more than ``max_pixels`` (its header says so;
            nothing is decoded then).
    """
    name = "the image" if isinstance(source, bytes) else str(source)
    _check_not_empty(source, name)
    try:
        with _open(source) as opened:
            width, height = opened.size
            if width * height > max_pixels:
                raise _too_large(name, f"{width}x{height} pixels", max_pixels)
            image, turn = _decoded(opened, name), _orientation(opened)
            opened.close()  # what Pillow holds is larger than the image; turning makes another
        return _turned(image, turn)
    except HRSError:
        raise
    except Pillow.DecompressionBombError as error:
        raise _too_large(name, "far too many pixels", max_pixels) from error
    except Exception as error:  # the decoders raise nearly anything on damaged files
        reason = str(error).partition("\n")[0] or type(error).__name__
        known = "JPEG, PNG, BMP, WebP, TIFF or GIF"
        unknown = isinstance(error, Pillow.UnidentifiedImageError)
        reason = "its contents are of another kind" if unknown else reason
        raise HRSError(f"{name} cannot be read as an image ({reason}); expected a whole {known} file") from error


def _check_not_empty(source: Path | bytes, name: str) -> None:
    if isinstance(source, Path) and not source.is_file():
        raise HRSError(f"{name} does not exist; name an image file")
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if not size:
        raise HRSError(f"{name} cannot be read as an image: it is empty; send or copy it again")


def _open(source: Path | bytes) -> Pillow.Image:
    """The file with its header read. Pillow warns at 89 Mpx; the bound here is the caller's."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Pillow.open(BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)


def _too_large(name: str, size: str, max_pixels: int) -> HRSError:
    return HRSError(f"{name} has {size}; at most {max_pixels // 1_000_000} megapixels are read: make it smaller")


def _decoded(opened: Pillow.Image, name: str) -> Image:
    """A strip at a time: whole copies in Pillow's own formats would double the memory."""
    width, height = opened.size
    image = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        image[top:bottom] = np.asarray(_rgb(opened.crop((0, top, width, bottom)), name))
    return image


def _orientation(opened: Pillow.Image) -> int:
    try:
        return int(opened.getexif().get(_ORIENTATION, 1))
    except Exception:  # a photo with damaged EXIF is still a photo
        return 1


def _turned(image: Image, orientation: int) -> Image:
    """Upright, from one of EXIF's orientations 1 to 8: those above 4 lie on their side, and every other pair is
    mirrored."""
    if orientation in (5, 6, 7, 8):
        image = cv2.transpose(image)  # type: ignore[assignment]
    axis = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return image if axis is None else cv2.flip(image, axis, dst=image)  # type: ignore[return-value]


def _rgb(image: Pillow.Image, name: str) -> Pillow.Image | Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        return _from_deep(np.asarray(image), name)
    if image.has_transparency_data:
        return _on_white(image if image.mode == "RGBA" else image.convert("RGBA"))
    return image.convert("RGB")


def _on_white(image: Pillow.Image) -> Pillow.Image:
    paper = Pillow.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _from_deep(values: NDArray[np.generic], name: str) -> Image:
    """Grey of 16 bits, or of 32 that hold 16, as RGB."""
    if values.dtype.kind == "f" or int(values.min()) < 0 or int(values.max()) > _DEEP:
        raise HRSError(f"{name} holds {values.dtype} values; expected 8 or 16 bits a channel: save it as such")
    grey = ((values.astype(np.uint32) * 255 + _DEEP // 2) // _DEEP).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
