"""Reading photographs that anybody may have sent: every common kind, and one clear line for whatever is none."""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from hrs.errors import HRSError
from hrs.progress import counted
from hrs.system.documents import reason
from hrs.system.images import MOST_PIXELS, decode_rgb, decode_stored
from hrs.system.integrity import JPEG_2000, PNG, is_whole

Image = NDArray[np.uint8]
Size = tuple[int, int]

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "JPEG2000", "AVIF", "HEIF")
KINDS = "JPEG, PNG, BMP, WebP, TIFF, GIF, HEIC, AVIF or JPEG 2000"
"""What can be read, in words."""
_OF_JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"})
SUFFIXES = _OF_JPEG | {".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".hif", ".avif"}
SUFFIXES |= {".jp2", ".j2k", ".jpf", ".jpx"}
"""How the names of images end, in small letters. What is in a file is told from its first bytes."""

_ORIENTATION = 0x0112  # the EXIF tag
_BITS, _COMPRESSION, _PHOTOMETRIC, _PLANES = 0x0102, 0x0103, 0x0106, 0x011C  # TIFF's
_BANDS, _NUMBERS, _ROLE, _EXTRA = 0x0115, 0x0153, 0x00FE, 0x0152
_OF_NUMBERS = {1: "unsigned integers", 2: "signed integers", 3: "floating-point numbers"}
_MOST_BANDS, _MOST_BITS = 4, 16
_OPAQUE = 250  # of 255: nearly so is what a program left that rounds
_SMALLER_OR_MASK = 1 | 4  # bits of a page's role: an overview of another, what of another counts
_WHITE_IS_ZERO, _UNCOMPRESSED, _APART = 0, 1, 2  # what they may say
_OF_FAX = (2, 3, 4)  # compressions
_DEPTH_BEHIND = 42  # bytes from where JPEG 2000's code begins to where it says its bits
_STRIP = 1 << 22  # pixels that are converted at a time
_DEEP = 65535  # white of a 16-bit image
_PROFILED = {"RGB": "RGB", "RGBA": "RGB", "P": "RGB", "CMYK": "CMYK", "L": "L", "LA": "L"}
# What colours a profile is of, by the mode of an image whose colours it may change.
_ALIKE = 2  # levels of 255: colours that differ by no more look the same
_one_at_a_time = threading.Lock()

if find_spec("pi_heif"):  # decodes alone: LGPL libraries, no GPL encoder as in pillow-heif
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False)


def read_photograph(source: Path | bytes, *, name: str | None = None, max_pixels: int = MOST_PIXELS) -> Image:
    """RGB uint8 (h w 3) of an image file, or of one in memory, whatever its kind; the one decoder of photographs.

    It is turned as its EXIF orientation says. Transparency is laid on white, unless nothing is
    opaque, 16-bit values are scaled to 8, CMYK, grey
    and palette become RGB, colours of a profile become sRGB, and of an animation the first frame is taken.

    Args:
        name: what errors call an image in memory.

    Raises:
        HRSError: no such file, not a whole image of these formats, or more than ``max_pixels`` (its header says so;
            nothing is decoded then).
    """
    name = name or ("the image" if isinstance(source, bytes) else str(source))
    _check_not_empty(source, name)
    try:
        with open_image(source) as opened:
            width, height = opened.size
            if width * height > max_pixels:
                raise HRSError(f"{name} {too_large(width, height, max_pixels)}")
            image, turn = _decoded(opened, source, name), orientation(opened)
            opened.close()  # what Pillow holds is larger than the image; turning makes another
        return turned(image, turn)
    except HRSError:
        raise
    except Pillow.DecompressionBombError as error:
        raise HRSError(f"{name} has far too many pixels; {_at_most(max_pixels)}") from error
    except Exception as error:  # the decoders raise nearly anything on damaged files
        unknown = isinstance(error, Pillow.UnidentifiedImageError)
        why = "its contents are of another kind" if unknown else reason(error)
        raise HRSError(f"{name} cannot be read as an image ({why}); expected a whole {KINDS} file") from error


def _check_not_empty(source: Path | bytes, name: str) -> None:
    if isinstance(source, Path) and not source.is_file():
        raise HRSError(f"{name} does not exist; name an image file")
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if not size:
        raise HRSError(f"{name} cannot be read as an image: it is empty; send or copy it again")


def open_image(source: Path | bytes) -> Pillow.Image:
    """The file with its header read. Pillow warns at 89 Mpx and refuses at 178; the bound here is the caller's."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Pillow.open(BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)


def too_large(width: int, height: int, max_pixels: int = MOST_PIXELS) -> str | None:
    """What is wrong with an image of this size; None where nothing is."""
    return f"has {width}x{height} pixels; {_at_most(max_pixels)}" if width * height > max_pixels else None


def _at_most(max_pixels: int) -> str:
    return f"at most {max_pixels // 1_000_000} megapixels are read: make it smaller, or cut it into tiles"


def _decoded(opened: Pillow.Image, source: Path | bytes, name: str) -> Image:
    """By OpenCV what it decodes to the same pixels in two thirds of the time; by Pillow all the rest."""
    quick = opened.format in ("JPEG", "MPO", "PNG") and opened.mode in ("RGB", "L") and not _is_special(opened)
    if quick or is_grey_bmp(opened):
        data = source if isinstance(source, bytes) else source.read_bytes()
        image = decode_rgb(data, upright=False) if is_whole(data) else None
        if image is not None:
            return image
    _check_planes(opened, name)
    deep = _deep_jpeg2000(opened, source, name) if opened.format == "JPEG2000" and opened.mode != "I;16" else None
    image = _by_strips(deep or opened, name)
    return np.invert(image, out=image) if _is_negative(opened) else image


def is_grey_bmp(opened: Pillow.Image) -> bool:
    """Whether it is a BMP whose palette is grey. Pillow drops that, and with it how many bits a pixel has: of the kind
    "1" those of 4 and 8 come wrong."""
    return opened.format == "BMP" and opened.mode in ("1", "L")


def _tags(opened: Pillow.Image) -> Mapping[int, Any]:
    """What a TIFF says of itself; nothing for other kinds."""
    return getattr(opened, "tag_v2", {})


def _check_planes(opened: Pillow.Image, name: str) -> None:
    """Raises HRSError for what neither Pillow nor OpenCV reads right."""
    tags = _tags(opened)
    if tags.get(_PLANES) == _APART and tags.get(_COMPRESSION) == _UNCOMPRESSED and max(tags.get(_BITS, (8,))) > 8:
        raise HRSError(f"{name} has 16 bits and its channels apart, which is not read: save it with 8 bits, or as PNG")


def _is_negative(opened: Pillow.Image) -> bool:
    """Whether it is a TIFF of 16 bits whose white is 0; those of fewer bits Pillow inverts."""
    return opened.mode == "I;16" and _tags(opened).get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def stored_ids(opened: Pillow.Image) -> NDArray[np.generic] | None:
    """The values of a TIFF that says that white is 0, as tools write arrays of truth values, with True as 1; None for
    all else. What is compressed as faxes are is meant as it looks."""
    tags = _tags(opened)
    if tags.get(_PHOTOMETRIC) != _WHITE_IS_ZERO or tags.get(_COMPRESSION) in _OF_FAX:
        return None
    values = np.asarray(opened)
    return values if _is_negative(opened) else np.invert(values)


def _deep_jpeg2000(opened: Pillow.Image, source: Path | bytes, name: str) -> Pillow.Image | None:
    """A JPEG 2000 of more than 8 bits a channel, whose white Pillow turns to black, in 8 bits; None for others."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    at = data.find(JPEG_2000) + _DEPTH_BEHIND
    depth = (data[at] & 0x7F) + 1 if _DEPTH_BEHIND <= at < len(data) else 8
    if depth <= 8:
        return None
    values = decode_stored(data) if opened.mode == "RGB" else None
    if values is None or values.ndim != 3:
        raise HRSError(f"{name} has {depth} bits a channel, which is read of RGB and grey alone: save it with 8 bits")
    image = Pillow.fromarray(_scaled(values, (1 << depth) - 1))
    image.info.update(opened.info)
    return image


def _is_special(opened: Pillow.Image) -> bool:
    return opened.has_transparency_data or _profile(opened) is not None


def _profile(opened: Pillow.Image) -> bytes | None:
    """The colour profile of an image whose colours are not sRGB."""
    data = opened.info.get("icc_profile")
    mode = _PROFILED.get(opened.mode)
    if not data or mode is None:
        return None
    return data if mode == "CMYK" or _changes_colours(data, mode) else None


@lru_cache(maxsize=16)
def _changes_colours(profile: bytes, mode: str) -> bool:
    """Whether colours of a profile look otherwise than those of sRGB, whatever it is called; greys for the mode L."""
    transform = _transform(profile, mode)
    if transform is None:
        return False
    steps, greys = np.linspace(0, 255, 9).astype(np.uint8), np.arange(256, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    colours = np.concatenate([cube, np.repeat(greys[:, None], 3, axis=1)])[None]
    if mode == "L":
        colours = np.repeat(greys[None, :, None], 3, axis=2)
    shown = Pillow.fromarray(colours if mode == "RGB" else greys[None])
    seen = np.asarray(ImageCms.applyTransform(shown, transform))
    return bool(cv2.absdiff(seen, colours).max() > _ALIKE)


def _transform(profile: bytes, mode: str) -> Any:
    """From a profile's colours to sRGB; None where it is damaged or of no use: a photo with it is still a photo."""
    try:
        own, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(own, srgb, mode, "RGB")
    except (OSError, ImageCms.PyCMSError):
        return None


def _by_strips(opened: Pillow.Image, name: str) -> Image:
    """A strip at a time: whole copies in Pillow's own formats would double the memory."""
    _scale_clear_grey(opened)
    width, height = opened.size
    image = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP // width)
    convert, hidden = _to_srgb(opened), hides_all(opened)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = opened.crop((0, top, width, bottom))
        image[top:bottom] = np.asarray(_rgb(strip.convert(strip.mode[:-1]) if hidden else strip, convert, name))
    return image


def hides_all(opened: Pillow.Image) -> bool:
    """Whether an image's transparency is none: opaque nowhere, as engines leave it, or a TIFF's fourth band, such as
    near infrared, that the file does not call so."""
    if opened.mode not in ("RGBA", "LA"):
        return False
    if opened.format == "TIFF" and not _tags(opened).get(_EXTRA):
        return True
    return bool(np.asarray(opened.getextrema())[-1, 1] < _OPAQUE)


def _scale_clear_grey(opened: Pillow.Image) -> None:
    """The transparent grey of a PNG of 1, 2 or 4 bits as large as its pixels, which Pillow scales to 8 and it not."""
    clear, tiles = opened.info.get("transparency"), getattr(opened, "tile", [])
    if opened.format == "PNG" and opened.mode in ("1", "L") and isinstance(clear, int) and tiles:
        white = {"1": 1, "L;2": 3, "L;4": 15}.get(str(tiles[0][3]), 255)
        opened.info["transparency"] = clear * 255 // white


def _to_srgb(opened: Pillow.Image) -> Any:
    """The transform from an image's colour profile; None where it has none, or one that is of no use."""
    profile = _profile(opened)
    return None if profile is None else _transform(profile, _PROFILED[opened.mode])


def orientation(opened: Pillow.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none. Decodes nothing."""
    if opened.format == "PNG" and "exif" not in opened.info:
        file = getattr(opened, "fp", None)  # none where it is decoded; what there was has been read then
        late = _late_exif(file) if file else None
        if late is None:
            return 1
        opened.info["exif"] = b"Exif\0\0" + late
    if opened.format == "HEIF":
        return 1  # libheif has turned it
    try:
        found = int(opened.getexif().get(_ORIENTATION, 1))
    except Exception:  # a photo with damaged EXIF is still a photo
        return 1
    return found if 1 <= found <= 8 else 1


def sizes_of(opened: Pillow.Image) -> tuple[Size, Size, int]:
    """(width, height) as stored and upright, and EXIF's orientation, of an image of which no pixel is decoded yet."""
    turn, size = orientation(opened), opened.size
    if turn <= 4:
        return size, size, turn
    return (size[::-1], size, turn) if opened.format == "TIFF" else (size, size[::-1], turn)  # Pillow turns TIFFs


def _late_exif(file: IO[bytes]) -> bytes | None:
    """What a PNG's eXIf chunk behind its pixels holds, where Pillow finds it by decoding them."""
    before = file.tell()
    try:
        return next((file.read(length) for kind, length in _chunks(file) if kind == b"eXIf"), None)
    finally:
        file.seek(before)


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Type and length of a PNG's chunks up to its end, with the file at what each holds. Those of pixels are mostly
    alike in length: from the first one goes straight to the last."""
    size, at, behind = file.seek(0, 2), len(PNG), 0
    while file.seek(at) < size:
        length, kind = int.from_bytes(file.read(4), "big"), file.read(4)
        if kind == b"IEND":
            return
        yield kind, length
        whole = length + 12  # with length, type and checksum
        if kind == b"IDAT" and not behind:
            behind = at + (size - at - 12) // whole * whole
            file.seek(behind + 4)
            at = behind - whole if file.read(4) == b"IDAT" else at
        at += whole


def pages_of(opened: Pillow.Image) -> int:
    """How many images as large as the first a TIFF holds, without masks and overviews; 1 for other kinds. Another page
    may be open then."""
    if opened.format != "TIFF":
        return 1
    size, count = opened.size, 0
    with suppress(Exception):  # at the end, and nearly anything at a page that is damaged or of a kind that is not read
        for page in itertools.count():
            opened.seek(page)
            count += opened.size == size and not _tags(opened).get(_ROLE, 0) & _SMALLER_OR_MASK
    return max(count, 1)


def tiff_in_words(path: Path) -> str | None:
    """What numbers the pixels of a TIFF are where these are not read, as "5 bands of 8-bit unsigned integers"; None for
    a TIFF of those that are, and for other kinds."""
    with open(path, "rb") as file:
        head = file.read(8)
        try:
            tags = ImageFileDirectory_v2(head + file.read(8) if head[2:3] == b"\x2b" else head)
            file.seek(tags.next)
            tags.load(file)
            bands, bits = tags.get(_BANDS, 1), tags[_BITS][0]
            numbers = _OF_NUMBERS[tags.get(_NUMBERS, (1,))[0]]
        except Exception:  # the reader raises nearly anything on what is none
            return None
    known = bands <= _MOST_BANDS and bits <= _MOST_BITS and numbers == _OF_NUMBERS[1]
    return None if known else f"{counted(bands, 'band')} of {bits}-bit {numbers}"


def turned(image: Image, orientation: int) -> Image:
    """Upright, from one of EXIF's orientations 1 to 8: those above 4 lie on their side, and every other pair is
    mirrored."""
    if orientation in (5, 6, 7, 8):
        image = cv2.transpose(image)  # type: ignore[assignment]
    axis = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return image if axis is None else cv2.flip(image, axis, dst=image)  # type: ignore[return-value]


def _rgb(image: Pillow.Image, convert: Any, name: str) -> Pillow.Image | Image:
    if image.mode.startswith(("I", "F")):
        return _from_deep(np.asarray(image), name, clear=image.info.get("transparency"))
    if image.has_transparency_data:
        grey = convert is not None and image.mode in ("L", "LA")  # as its profile has it
        image = _on_white(image if image.mode == "RGBA" else image.convert("RGBA"))
        image = image.convert("L") if grey else image
    elif image.mode != "RGB" and (convert is None or image.mode not in ("CMYK", "L")):
        image = image.convert("RGB")
    return image if convert is None else ImageCms.applyTransform(image, convert) or image


def _on_white(image: Pillow.Image) -> Pillow.Image:
    paper = Pillow.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _from_deep(values: NDArray[np.generic], name: str, *, clear: Any) -> Image:
    """Grey of 16 bits, or of 32 that hold 16, as RGB. clear: the one grey that is transparent, where there is one."""
    if values.dtype.kind == "f" or int(values.min()) < 0 or int(values.max()) > _DEEP:
        raise HRSError(f"{name} holds {values.dtype} values; expected 8 or 16 bits a channel: save it as such")
    grey = _scaled(values, _DEEP)
    if isinstance(clear, int):
        grey[values == clear] = 255
    return np.repeat(grey[..., None], 3, axis=2)


def _scaled(values: NDArray[np.generic], white: int) -> Image:
    return ((values.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)
