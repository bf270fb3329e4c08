"""Labels on disk, decoded to raw ids, and raw ids to classes. OpenCV reads 16-bit colour right; Pillow gives zeros."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from hrs.errors import HRSError
from hrs.labels import CITYSCAPES, CITYSCAPES_VOID_COLOURS, IGNORE, Colour, LabelSpace
from hrs.system.images import decode_grey, decode_stored, size_of
from hrs.system.integrity import grey_bits, has_alpha, has_palette, is_whole
from hrs.system.photographs import is_grey_bmp, open_image, stored_ids, too_large, turned

if TYPE_CHECKING:
    from hrs.data.frames import Frame

Channel = Literal["index", "red", "blue", "colour"]
Raw = NDArray[np.uint32]
T = TypeVar("T", bound=NDArray[np.generic])
_PNG, _GIF = b"\x89PNG", b"GIF8"
_PNG_HEADER = 33  # bytes
_LOOKED_AT = 8
_LOOKED_AT_MOST = 512  # labels, where a few do not tell
_OF_PHOTO = 300  # colours
_SEEN_APART = 12.0  # in CIELAB
_DEEP_STEP = 257  # of 65536 levels, between two of 256
_RAW_IDS = 1 << 32  # a signed id below 0 is so much more as a raw id
UNLISTED_VOID = frozenset({255, 65535, _RAW_IDS - 1})
"""Ids that tools write for void, the last is -1; ignored in labels of one's own where no list names them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoding:
    """How a format writes labels.

    channel: ``index``: one channel holds the id (a palette image's index included), or all three alike. ``red``,
        ``blue``: that channel does, 8 or 16 bit. ``colour``: the colour is the class, and raw ids are r * 65536 +
        g * 256 + b.
    ids: raw id -> class of ``space``.
    void: raw ids that are known and ignored; any other id is ignored too, and reported as unknown.
    unlisted: those of ``void`` that nobody named: tools write them for void.
    draw: for labels that are no images but outlines: gives the raw ids (h w) of a frame.
    file_ids: of such: id of a class in the files -> raw id; empty where these have names alone.
    """

    space: LabelSpace
    channel: Channel
    ids: Mapping[int, int]
    void: frozenset[int]
    draw: Callable[[Frame], Raw] | None = None
    unlisted: frozenset[int] = frozenset()
    file_ids: Mapping[int, int] = field(default_factory=dict)

    def raw(self, frame: Frame) -> Raw:
        """Raw ids (h w), upright as the frame's image. Raises HRSError where the file cannot be decoded or is in
        colour where ids are expected."""
        if self.draw is not None:
            return self.draw(frame)
        if frame.label is None:
            raise HRSError(f"{frame.image} has no label")
        raw = self.raw_file(frame.label)
        return turned(raw.view(np.int32), frame.label_turn).view(np.uint32) if frame.label_turn != 1 else raw

    def raw_file(self, path: Path) -> Raw:
        """Raw ids (h w) of a label image as it lies. Raises HRSError as `raw` does."""
        if self.channel == "index":
            return _index(path)
        image = _with_colours(path)
        if self.channel == "colour":
            image = _eight_bits(path, image)
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        red, green, blue = (image[..., i].astype(np.uint32) for i in range(3))
        return {"red": red, "blue": blue}.get(self.channel, (red << 16) + (green << 8) + blue)

    def classes(self, raw: Raw) -> NDArray[np.uint8]:
        """Raw ids as classes of ``space``, IGNORE for the others."""
        if self.channel != "colour":
            return self._table[np.minimum(raw, len(self._table) - 1)]
        known = np.array(sorted(self.ids), np.uint32)
        index = np.array([self.ids[int(each)] for each in known], np.uint8)
        place = np.minimum(np.searchsorted(known, raw), len(known) - 1)
        return np.where(known[place] == raw, index[place], np.uint8(IGNORE))

    @property
    def _table(self) -> NDArray[np.uint8]:
        table = np.full(max(self.ids) + 2, IGNORE, np.uint8)  # the last entry stands for all larger ids
        table[list(self.ids)] = list(self.ids.values())
        return table

    def raw_of(self, given: int) -> int | None:
        """The raw id of an id as files have it; None where outlines have no class of that id."""
        return given if self.draw is None else self.file_ids.get(given)

    def in_words(self, raw: int) -> str:
        """A raw id as people know it: "id 7", "colour 128 64 128", or the class of outlines without ids."""
        if self.channel == "colour":
            return f"colour {_colour(raw, ' ')}"
        return next((f"id {given}" for given in self._given(raw)), self.keys(raw)[0])

    def keys(self, raw: int) -> tuple[str, ...]:
        """A raw id as a class map may name it: "7" or "128,64,128"."""
        if self.channel == "colour":
            return (_colour(raw, ","),)
        return tuple(map(str, self._given(raw))) or (self.space.classes[self.ids[raw]],)

    def _given(self, raw: int) -> Sequence[int]:
        """What files have for a raw id; nothing where outlines have a name alone."""
        if self.draw is None or raw not in self.ids:
            return (_signed(raw),)
        return [given for given, found in self.file_ids.items() if found == raw]

    def entry(self, raw: int, name: str) -> str:
        """What to write in classes.yaml for a raw id to be a class."""
        colour = _colour(raw, ", ")
        return f"{name}: [{colour}] under palette" if self.channel == "colour" else f"{_signed(raw)}: {name}"


TRAIN_IDS = Encoding(
    space=CITYSCAPES, channel="index", ids={i: i for i in range(len(CITYSCAPES))}, void=frozenset({255})
)
"""Cityscapes' labelTrainIds."""


def raw_id(given: int) -> int:
    """An id as it is read from a label: -1 is the largest."""
    return given % _RAW_IDS


def _signed(raw: int) -> int:
    return raw - _RAW_IDS if raw >= _RAW_IDS // 2 else raw


def _colour(raw: int, between: str) -> str:
    return between.join(map(str, (raw >> 16 & 255, raw >> 8 & 255, raw & 255)))


def colour_id(colour: Sequence[int]) -> int:
    """The raw id of a colour."""
    return (colour[0] << 16) + (colour[1] << 8) + colour[2]


def fitting(candidates: Sequence[Encoding], labels: Sequence[Path]) -> Encoding:
    """The encoding that gives most pixels of a few labels a class, and where several give as many, of the next label
    that tells them apart; the first of those that none does."""
    best = _best(candidates, spread(labels))
    for path in spread(labels, _LOOKED_AT_MOST):
        if len(best) == 1:
            break
        best = _best(best, [path])
    return best[0]


def _best(candidates: Sequence[Encoding], labels: Sequence[Path]) -> Sequence[Encoding]:
    """Those that give most pixels of labels a class."""
    known = [round(sum(_known(each, path) for path in labels), 6) for each in candidates]
    return [each for each, share in zip(candidates, known, strict=True) if share == max(known)]


def cityscapes_by_colour() -> Encoding:
    """Labels in the colours in which Cityscapes shows its classes, as people convert them, and as `_color.png` has."""
    wanted = {colour_id(colour): name for name, colour in zip(CITYSCAPES.classes, CITYSCAPES.palette, strict=True)}
    return by_name(wanted, channel="colour", void=frozenset(map(colour_id, CITYSCAPES_VOID_COLOURS)), space=CITYSCAPES)


def spread(labels: Sequence[Path], most: int = _LOOKED_AT) -> Sequence[Path]:
    """A few labels, evenly spread over all, that say how a data set is encoded."""
    return [labels[i * len(labels) // most] for i in range(most)] if len(labels) > most else labels


def _known(encoding: Encoding, path: Path) -> float:
    """Share of a label's pixels that have a class; none where it cannot be read in this way."""
    try:
        return float((encoding.classes(encoding.raw_file(path)) != IGNORE).mean())
    except HRSError:
        return 0.0


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


def colours_beside(known: Sequence[Colour], count: int, apart_from: Sequence[Colour] = ()) -> list[Colour]:
    """So many more colours, each as far as can be in CIELAB from those before it, and seen apart from some others."""
    hues, saturations, values = np.meshgrid(np.arange(0, 180, 6), (110, 180, 255), (100, 170, 240), indexing="ij")
    hsv = np.stack([hues.ravel(), saturations.ravel(), values.ravel()], 1).astype(np.uint8)
    choices = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]
    lab = _cielab(choices)
    usable = _distance(lab, apart_from) > _SEEN_APART
    nearest, found = _distance(lab, known), list[Colour]()
    for _ in range(count):
        best = int(np.where(usable, nearest, -1).argmax())
        red, green, blue = (int(level) for level in choices[best])
        found.append((red, green, blue))
        nearest = np.minimum(nearest, _distance(lab, found[-1:]))
    return found


def _distance(lab: NDArray[np.float32], colours: Sequence[Colour]) -> NDArray[np.floating]:
    """Of each CIELAB colour to the nearest of some colours (CIE76); very far where there are none."""
    if not colours:
        return np.full(len(lab), 1e3)
    return np.linalg.norm(lab[:, None] - _cielab(np.array(colours))[None], axis=2).min(axis=1)


def _cielab(rgb: NDArray[np.integer]) -> NDArray[np.float32]:
    return cv2.cvtColor((rgb[None] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[0]


def read_image_file(path: Path, decode: Callable[[bytes], T | None]) -> T:
    """A file as a function of `hrs.system.images` decodes it. Raises HRSError saying what is wrong with it; half files
    are not taken."""
    return _decode(path, read_whole(path), decode)


def read_whole(path: Path) -> bytes:
    """The bytes of an image file. Raises HRSError where it cannot be read, is too large, cut short or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HRSError(f"{path} cannot be read ({error.strerror}); check that it is there and may be read") from error
    height, width = size_of(data) or (0, 0)
    if large := too_large(width, height):
        raise HRSError(f"{path} {large}")
    if not is_whole(data):
        raise _undecodable(path)
    return data


def _undecodable(path: Path) -> HRSError:
    return HRSError(f"{path} cannot be decoded; expected a whole image file, copy it anew or remove it")


def _decode(path: Path, data: bytes, decode: Callable[[bytes], T | None]) -> T:
    image = decode(data)
    if image is None:
        raise _undecodable(path)
    return image


def _index(path: Path) -> Raw:
    """Ids: of one channel, of three alike, or a palette's indices, which OpenCV would turn into colours."""
    data = read_whole(path)
    indices = _indices(path, data)
    if indices is not None:
        return indices
    image = _decode(path, data, decode_stored)
    if image.ndim == 3:
        if not (np.ptp(image, axis=2) == 0).all():
            raise _in_colour(path, image)
        image = image[..., 0]
    if image.dtype.kind == "f":
        if not (np.isfinite(image) & (image == np.floor(image))).all():
            raise HRSError(f"label {path} holds values between whole numbers; expected class ids: save them as such")
        image = image.astype(np.int64)
    if image.min() == image.max() and _is_cut_out(data):
        raise HRSError(f"label {path} has its shapes in its transparency alone; expected class ids: save them as grey")
    return image.astype(np.uint32) // (255 // (2 ** grey_bits(data) - 1))


def _is_cut_out(data: bytes) -> bool:
    """Whether a PNG is opaque in parts."""
    if not has_alpha(data):
        return False
    with open_image(data) as opened:
        return np.ptp(np.asarray(opened.getchannel("A"))) > 0


def _eight_bits(path: Path, image: NDArray[np.generic]) -> NDArray[np.generic]:
    """Colours of 16 bits a channel as they are in 8 bits. Raises HRSError where they are none."""
    if image.dtype == np.uint8 or image.max(initial=0) <= 255:
        return image
    if image.dtype != np.uint16 or (image % _DEEP_STEP).any():
        raise HRSError(
            f"label {path} has {8 * image.itemsize} bits a channel, and its values are no colours of 8 bits; expected "
            "class ids in one channel, or colours with 8 bits a channel: save it so"
        )
    return image // _DEEP_STEP


def _in_colour(path: Path, image: NDArray[np.generic]) -> HRSError:
    try:
        image = _eight_bits(path, image)
    except HRSError as error:
        return error
    colours = np.unique(image.reshape(-1, 3), axis=0)
    some = ", ".join(" ".join(map(str, colour)) for colour in colours[:3].tolist())
    if len(colours) > _OF_PHOTO:
        return HRSError(
            f"label {path} is in {len(colours)} colours ({some}, …), as a photograph is; expected class ids in one "
            "channel: are images and labels exchanged, or were labels saved with losses?"
        )
    return HRSError(
        f"label {path} is in colour ({some}); expected class ids in one channel: name the colours under 'palette:' in "
        "classes.yaml, or save ids"
    )


def _indices(path: Path, data: bytes) -> Raw | None:
    """A palette's indices, the bits of an image of one bit, or what a TIFF stores whose white is 0; None for other
    images. PNGs say in their header."""
    if data.startswith(_PNG) and not has_palette(data):
        return None
    with _by_pillow(path, data) as opened:
        if is_grey_bmp(opened):
            return _greys(path, data, 255 if opened.mode == "1" else 1)
        stored = stored_ids(opened)
        indices = np.asarray(opened) if stored is None and opened.mode in ("P", "1") else stored
        greys = _packed_greys(opened) if indices is not None and opened.format == "GIF" else None
    if indices is None:
        return None
    return indices.astype(np.uint32) if greys is None else greys[indices]


_GREYS_APART, _DARK = 4, 64
"""Greys that were chosen to be told from each other are so many levels apart, and not all of them so dark."""


def _packed_greys(opened: Image) -> Raw | None:
    """The level of each index, (256,), where a palette's colours are greys that nobody would choose to look at: GIF has
    no grey images, so that tools which save one as GIF keep the levels in use as its palette."""
    used = np.array([index for _, index in opened.getcolors() or []])
    palette = np.zeros((256, 3), np.uint32)
    values = opened.getpalette("RGB") or []
    palette.flat[: len(values)] = values
    levels = np.unique(palette[used, 0])
    near = len(levels) > 1 and np.diff(levels).min() < _GREYS_APART
    dark = 0 < levels[levels < IGNORE].max(initial=0) < _DARK
    return palette[:, 0] if (near or dark) and (palette[used] == palette[used, :1]).all() else None


def _greys(path: Path, data: bytes, step: int) -> Raw:
    """A grey image's values, from one to the next of which are so many levels."""
    image = _decode(path, data, decode_grey)
    return image.astype(np.uint32) // step


@contextmanager
def _by_pillow(path: Path, data: bytes) -> Iterator[Image]:
    try:
        with open_image(data) as opened:
            yield opened
    except Exception as error:  # the decoders raise nearly anything on damaged files
        raise _undecodable(path) from error


def _with_colours(path: Path) -> NDArray[np.generic]:
    """One channel (h w), or RGB (h w 3); a palette's colours, not its indices."""
    data = read_whole(path)
    if data.startswith(_GIF):  # the one palette kind that OpenCV does not read
        with _by_pillow(path, data) as opened:
            return np.asarray(opened.convert("RGB"))
    return _decode(path, data, decode_stored)


def palette_of(path: Path) -> dict[int, Colour]:
    """Index -> colour, from the header of a palette image; nothing for other images."""
    with open(path, "rb") as file:
        start = file.read(_PNG_HEADER)
        values = _palette_chunk(file) if has_palette(start) else b""
    if not start.startswith(_PNG):
        return _palette_by_pillow(path)
    return {i: (values[3 * i], values[3 * i + 1], values[3 * i + 2]) for i in range(len(values) // 3)}


def _palette_chunk(file: BinaryIO) -> bytes:
    """A PNG's palette, from behind its header; other chunks may stand before it, such as a colour profile."""
    while len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"PLTE":
            return file.read(min(size, 3 * 256))
        file.seek(size + 4, 1)
    return b""


def _palette_by_pillow(path: Path) -> dict[int, Colour]:
    """As `palette_of`, of GIF, TIFF and BMP; nothing for a file that cannot be read, which its reader says."""
    try:
        with open_image(path) as opened:
            values = (opened.getpalette("RGB") or []) if opened.mode == "P" else []
    except Exception:  # the decoders raise nearly anything on damaged files
        return {}
    return {i: (values[3 * i], values[3 * i + 1], values[3 * i + 2]) for i in range(len(values) // 3)}
