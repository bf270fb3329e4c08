"""Whether a PNG or JPEG file is all there, and what the first bytes of an image say about its values.

Decoders are no judge of that: libjpeg fills what is missing with grey and goes on, and libpng writes to stderr itself.
"""

from __future__ import annotations

import zlib
from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
JPEG_2000 = b"\xff\x4f\xff\x51"
"""How its code begins; a header may stand before it."""
_TAIL = 4096  # bytes; the end mark of a whole file is nearly always among the last ones
_PNG_END, _JPEG_END, _JPEG_SCAN = b"IEND", b"\xff\xd9", 0xDA
_GREY_TYPE, _PALETTE_TYPE, _ALPHA_TYPES, _DEPTH_AT, _TYPE_AT = 0, 3, (4, 6), 24, 25  # of a PNG's header chunk

_OTHERS = (
    (b"\x1aE\xdf\xa3", "is a video, whatever its name says"),
    (b"PK\x03\x04", "is a zip, whatever its name says"),
    (b"%PDF", "is a PDF, whatever its name says"),
    (b"\xff\x0a", "is JPEG XL, which is not read"),
    (b"<!DOCTYPE", "is a web page, not an image"),
    (b"<html", "is a web page, not an image"),
    (b"version https://git-lfs", "is a pointer of Git LFS; fetch the file itself: git lfs pull"),
)
_WAVELETS, _WAVELET_AT = b"\xff\x52", 11  # JPEG 2000's marker, and where behind it their kind is; 0 is 9-7
_LOSSY_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"})


def is_whole(data: bytes) -> bool:
    """Whether the bytes of a PNG have all their chunks with right checksums, or those of a JPEG an end.

    Bytes after the end, which some cameras append, do not matter. Other formats pass.
    """
    if data.startswith(PNG):
        return _chunks_are_right(data)
    if data.startswith(JPEG):
        return _scan_ends(data)
    return True


def is_whole_file(path: Path) -> bool:
    """As `is_whole` for a file, from its last bytes where they suffice; checksums further up are then not compared."""
    with open(path, "rb") as file:
        start = file.read(len(PNG))
        size = file.seek(0, 2)
        if size > _TAIL:
            file.seek(-_TAIL, 2)
            tail = file.read()
            if (_PNG_END if start == PNG else _JPEG_END) in tail:
                return True
        file.seek(0)
        return is_whole(file.read())


def has_palette(data: bytes) -> bool:
    """Whether the bytes are a PNG of palette indices."""
    return data.startswith(PNG) and len(data) > _TYPE_AT and data[_TYPE_AT] == _PALETTE_TYPE


def has_alpha(data: bytes) -> bool:
    """Whether the bytes are a PNG with a channel of transparency."""
    return data.startswith(PNG) and len(data) > _TYPE_AT and data[_TYPE_AT] in _ALPHA_TYPES


def grey_bits(data: bytes) -> int:
    """Bits a pixel of a grey PNG of fewer than 8, which decoders spread over 0 to 255; 8 for all else."""
    small = data.startswith(PNG) and len(data) > _TYPE_AT and data[_TYPE_AT] == _GREY_TYPE and data[_DEPTH_AT] < 8
    return data[_DEPTH_AT] if small else 8


def is_lossy(start: bytes) -> bool:
    """Whether the first bytes are those of a kind that changes values to save space: JPEG, lossy WebP, HEIC, AVIF, JPEG
    2000 with wavelets that cannot be undone."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return b"VP8L" not in start[12:64]
    if start.startswith(JPEG_2000) or start[4:8] == b"jP  ":
        style = start.partition(JPEG_2000)[2].partition(_WAVELETS)[2]
        return style[_WAVELET_AT : _WAVELET_AT + 1] == b"\0"
    return start.startswith(JPEG) or (start[4:8] == b"ftyp" and start[8:12] in _LOSSY_BRANDS)


def what_it_is(start: bytes) -> str:
    """What a file that no image reader knows is, from its first bytes, as "is empty"; not known is "is not a readable
    image"."""
    if not start:
        return "is empty"
    if start[4:8] == b"ftyp" and start[8:12] not in _LOSSY_BRANDS:
        return "is a video, whatever its name says"
    return next((what for first, what in _OTHERS if start.startswith(first)), "is not a readable image")


def _chunks_are_right(data: bytes) -> bool:
    view, at = memoryview(data), len(PNG)
    while at + 12 <= len(data):  # length, type and checksum, four bytes each
        end = at + 8 + int.from_bytes(view[at : at + 4], "big")
        if end + 4 > len(data) or zlib.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return False
        if view[at + 4 : at + 8] == _PNG_END:
            return True
        at = end + 4
    return False


def _scan_ends(data: bytes) -> bool:
    """An end mark counts after the start of the first scan alone: the thumbnail in a photo's header has one too."""
    at = len(JPEG)
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == _JPEG_SCAN:
            return data.find(_JPEG_END, at) >= 0
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False
