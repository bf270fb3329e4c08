"""Data sets: one way to open and read them all, whatever their layout on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hrs.data.classfile import READERS
from hrs.data.classlist import perhaps_void
from hrs.data.classmap import ClassMap, check_shared, map_for
from hrs.data.encoding import Encoding, read_image_file, read_whole
from hrs.data.formats.table import FORMATS
from hrs.data.frames import Found, Frame
from hrs.data.spec import DatasetSpec
from hrs.data.splits import pick
from hrs.errors import HRSError
from hrs.labels import IGNORE, LabelSpace, Match, mapping, match
from hrs.progress import Progress, counted
from hrs.system.documents import is_utf8, shortened
from hrs.system.images import decode_grey
from hrs.system.integrity import is_lossy, is_whole_file, what_it_is
from hrs.system.photographs import Size, open_image, pages_of, read_photograph, sizes_of, tiff_in_words, too_large
from hrs.system.processes import cores
from hrs.system.tree import Skipped, by_kind, in_words


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Frames with labels in one label space; opening reads headers alone, pixels come when asked for.

    space: what the labels mean; None for photographs without labels.
    skipped: what is not used, and why.
    matches: what each of them is in ``space``; empty where nothing was mapped.
    others, notes, doubts: see `Found`.
    given: the class map that was laid over the classes, if any; before it they were as in ``encoding_on_disk``.
    """

    spec: DatasetSpec
    space: LabelSpace | None
    frames: tuple[Frame, ...]
    skipped: tuple[Skipped, ...]
    encoding: Encoding | None
    table: NDArray[np.uint8] | None = None
    matches: tuple[Match, ...] = ()
    others: tuple[tuple[str, Encoding], ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    given: ClassMap | None = None
    encoding_on_disk: Encoding | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def split(self) -> str | None:
        """Which split of the data set this is, and what others there are, in words; None where it has none."""
        names = FORMATS[self.spec.format].splits(self.spec)
        this = pick(names, self.spec.split)
        others = ", ".join(name for name in names if name != this)
        return this and f"{this}{f'; there are also {others}' if others else ''}"

    @property
    def possible(self) -> frozenset[int]:
        """The classes of ``space`` that its labels can be of; nothing on its disk becomes one of the others."""
        if self.space is None:
            return frozenset()
        return frozenset(range(len(self.space))) if self.table is None else frozenset(map(int, self.table)) - {IGNORE}

    def digest_of_classes(self) -> str:
        """Changes where ids on disk become other classes of ``space``, or are called otherwise on disk."""
        if self.encoding is None or self.encoding_on_disk is None:
            return ""
        on_disk = self.encoding_on_disk
        names = sorted((raw, on_disk.space.classes[i]) for raw, i in on_disk.ids.items())
        raw = np.array(sorted(self.encoding.ids), np.uint32)
        about = [on_disk.channel, names, raw.tolist(), self.classes_of(raw).tolist()]
        return hashlib.blake2b(json.dumps(about).encode(), digest_size=16).hexdigest()

    def read_image(self, i: int) -> NDArray[np.uint8]:
        """RGB, uint8 (h w 3). Raises HRSError naming a file that cannot be decoded.

        It is upright, as its EXIF orientation says.
        """
        path = self.frames[i].image
        return read_photograph(read_whole(path), name=str(path))

    def read_label(self, i: int) -> NDArray[np.uint8]:
        """Classes of ``space``, uint8 (h w); IGNORE for void and for ids that the format does not know."""
        if self.encoding is None:
            raise HRSError(f"data set {self.spec} has no labels")
        return self.classes_of(self.read_raw(i))

    def classes_of(self, raw: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Raw ids of any shape as classes of ``space``, IGNORE for the others."""
        if self.encoding is None:
            raise HRSError(f"data set {self.spec} has no labels")
        labels = self.encoding.classes(raw)
        return labels if self.table is None else self.table[labels]

    def read_raw(self, i: int) -> NDArray[np.uint32]:
        """Ids as they stand on disk (h w), upright as the image."""
        if self.encoding is None:
            raise HRSError(f"data set {self.spec} has no labels")
        return self.encoding.raw(self.frames[i])

    def read_planted(self, i: int) -> NDArray[np.uint8] | None:
        """The renderer's mask of planted departures, uint8 (h w), 0 for none; None where there is no such mask."""
        path = self.frames[i].planted
        return None if path is None else read_image_file(path, decode_grey)

    def take(self, indices: Iterable[int]) -> Dataset:
        """The same data set with only these frames, in this order."""
        return replace(self, frames=tuple(self.frames[i] for i in indices))

    def named(self, ids: Sequence[str]) -> Dataset:
        """The same data set with only the frames of these ids, in this order. Raises HRSError where one is gone."""
        at = {frame.id: i for i, frame in enumerate(self.frames)}
        if gone := [each for each in ids if each not in at]:
            raise HRSError(f"{self.spec} lacks {len(gone)} of {len(ids)} images, {shortened(gone[0])} among them")
        return self.take(at[each] for each in ids)

    def without_labels(self) -> Dataset:
        """The same frames as photographs: nothing can read their labels through it."""
        frames = tuple(replace(frame, label=None, planted=None) for frame in self.frames)
        return replace(self, space=None, frames=frames, encoding=None, table=None)

    def except_for(self, other: Dataset) -> Dataset:
        """The frames that ``other``, a part of this data set, does not hold."""
        held = {frame.id for frame in other.frames}
        return replace(self, frames=tuple(frame for frame in self.frames if frame.id not in held))

    def map_to(self, space: LabelSpace) -> Dataset:
        """The same frames with labels in another space, by class name. Raises HRSError where no class maps."""
        if self.space is None:
            raise HRSError(f"data set {self.spec} has no labels; name a labelled one")
        if self.given:
            self.given.check(space)
        if self.space == space:
            return self
        table = mapping(self.space, space)
        before = np.arange(256, dtype=np.uint8) if self.table is None else self.table
        table = np.where(before == IGNORE, IGNORE, table[before]).astype(np.uint8)
        return replace(self, space=space, table=table, matches=match(self.space, space))


def open_dataset(
    spec: str | DatasetSpec,
    *,
    split: str | None = None,
    classes: ClassMap | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Open a data set by its name.

    Args:
        spec: format:path[?key=value&...]. A ``split`` option in it wins over the argument.
        split: for formats that have splits; they default to train.
        classes: what the data set's classes shall be called; before it, a ``classes`` option in the spec is taken.
        progress: called with (done, total) while frames are rendered.

    Returns:
        The data set, without the files that cannot be used: those without partner, with unreadable header, cut
        short, or whose image and label differ in size.

    Raises:
        HRSError: unknown format, missing folder, a split that is not there, or no usable frame.
    """
    spec = DatasetSpec.parse(spec) if isinstance(spec, str) else spec
    if split is not None and "split" not in spec.options:
        if not FORMATS[spec.format].has_splits:
            raise HRSError(f"data set {spec}: the format {spec.format} has no splits; leave --split {split} out")
        spec = spec.with_options(split=split)
    spec = mapped_spec(spec, classes)
    found = FORMATS[spec.format].read(spec, progress)
    usable, unfit = check_headers(found.frames)
    if not usable:
        raise HRSError(
            f"data set {spec} has no usable frame; expected {found.layout}, found {len(found.frames)} pairs, "
            f"{len(unfit)} of them unusable, and {len(found.missing)} other files{_first_and_all(unfit, found.missing)}"
        )
    notes = (*found.notes, *_page_notes(usable))
    return dataset_of(spec, replace(found, frames=usable, missing=(*found.missing, *unfit), notes=notes))


def _page_notes(frames: Sequence[Frame]) -> Iterator[str]:
    if count := sum(frame.paged for frame in frames):
        yield f"{counted(count, 'image')} of several pages: the first is read"


def _first_and_all(unfit: tuple[Skipped, ...], missing: tuple[Skipped, ...]) -> str:
    """The first file that cannot be used and why, and where there are other reasons, all of them with counts."""
    left_out = [*unfit, *(item for item in missing if item.path.name not in READERS)]
    if not left_out:
        return ""
    groups = f"; left out {in_words(left_out)}" if len(by_kind(left_out)) > 1 else ""
    return f"; {left_out[0].path.name} {left_out[0].reason}{groups}"


def mapped_spec(spec: str | DatasetSpec, classes: ClassMap | None) -> DatasetSpec:
    """A data set's name with its class map: the file that its ``classes`` option names comes before ``classes``."""
    spec = DatasetSpec.parse(spec) if isinstance(spec, str) else spec
    return replace(spec, given=ClassMap.read(Path(spec.options["classes"])) if "classes" in spec.options else classes)


def dataset_of(spec: DatasetSpec, found: Found) -> Dataset:
    """What a layout's reader saw as a data set, its class map applied."""
    encoding = spec.given.rename(found.encoding, str(spec)) if spec.given and found.encoding else found.encoding
    return Dataset(
        spec=spec,
        space=encoding.space if encoding else None,
        frames=found.frames,
        skipped=tuple(item for item in found.missing if item.path.name not in READERS),
        encoding=encoding,
        others=found.others,
        notes=(*found.notes, *_map_notes(spec, found)),
        doubts=found.doubts,
        given=spec.given,
        encoding_on_disk=found.encoding,
    )


def _map_notes(spec: DatasetSpec, found: Found) -> Iterator[str]:
    if spec.given and found.encoding:
        yield f"class map: {'; '.join(f'{key} -> {name}' for key, name in spec.given.entries.items())}"
        yield from (f"class map: a class like the others: {each}" for each in perhaps_void(spec.given.names))
    foreign = spec.given.foreign(found.encoding) if spec.given and found.encoding else []
    if foreign:
        yield f"the class map also names what this data set does not have: {', '.join(foreign)}"


def open_sources(
    specs: Sequence[str],
    space: LabelSpace,
    *,
    classes: Mapping[str, str | Mapping[str, str]] = MappingProxyType({}),
    progress: Progress | None = None,
) -> list[Dataset]:
    """Several synthetic data sets, perhaps none, all in ``space``; ``classes`` as in a run's config."""
    maps = [map_for(classes, spec, source=True) for spec in specs]
    opened = [open_dataset(spec, classes=given, progress=progress) for spec, given in zip(specs, maps, strict=True)]
    check_shared(maps, [dataset.encoding_on_disk for dataset in opened])
    return [dataset.map_to(space) for dataset in opened]


def check_headers(frames: tuple[Frame, ...]) -> tuple[tuple[Frame, ...], tuple[Skipped, ...]]:
    """Frames whose files have readable headers and agree in size, and the others with the reason."""
    with ThreadPoolExecutor(min(8, cores())) as pool:
        checked = list(pool.map(_checked, frames, chunksize=64))
    usable = tuple(each for each in checked if isinstance(each, Frame))
    return usable, tuple(each for each in checked if isinstance(each, Skipped))


@dataclass(frozen=True, kw_only=True)
class _Header:
    """What the header of an image file says.

    stored, upright: (width, height) without and with EXIF's turn. label: what it has where it is read as a label, which
    is turned if it is a TIFF. pages: images of one size.
    """

    stored: Size
    upright: Size
    label: Size
    orientation: int
    pages: int


def _checked(frame: Frame) -> Frame | Skipped:
    """The frame, with what its sizes say of EXIF's turn; or why it cannot be used."""
    for file in filter(None, (frame.image, frame.label, frame.planted)):
        if not is_utf8(file):  # tables and lists of frames are text
            return Skipped(path=file, reason="has a name or a folder whose name is not in UTF-8: rename it")
    image = _header(frame.image)
    if isinstance(image, Skipped):
        return image
    turn = 1
    for what, path in (("label", frame.label), ("mask of departures", frame.planted)):
        if path is None or path.suffix.lower() in _NO_IMAGES:
            continue
        header = _header(path, lossless=what == "label")
        if isinstance(header, Skipped):
            return header
        if header.label != image.upright:
            if header.label != image.stored:
                shown = "{}x{}".format
                reason = f"is {shown(*image.upright)}, its {what} {shown(*header.label)}"
                return Skipped(path=frame.image, reason=reason, kind=f"differs in size from its {what}")
            turn = image.orientation
    doubtful = frame.label is not None and image.orientation != 1 and image.upright == image.stored
    paged = image.pages > 1
    return replace(frame, label_turn=turn, doubtful=doubtful, paged=paged) if turn != 1 or doubtful or paged else frame


_NO_IMAGES = frozenset({".txt", ".json", ".xml"})  # outlines: their reader looks at them


_LOSSY = ("jpeg", "tiff_jpeg")
"""What Pillow calls compressions in TIFF that change values."""
_START = 512  # bytes that say what a file is


def _header(path: Path, *, lossless: bool = False) -> _Header | Skipped:
    try:
        whole = is_whole_file(path)  # reads both ends of the file, so that opening it finds them in memory
        with open_image(path) as image:
            stored, upright, turn = sizes_of(image)
            lossy = lossless and (is_lossy(_start_of(path)) or image.info.get("compression") in _LOSSY)
            label = image.size
            header = _Header(stored=stored, upright=upright, label=label, orientation=turn, pages=pages_of(image))
    except Image.DecompressionBombError:
        return Skipped(path=path, reason="has far more pixels than are read: make it smaller, or cut it into tiles")
    except (OSError, ValueError, SyntaxError):
        return Skipped(path=path, reason=_unreadable(path))
    if not whole:
        return Skipped(path=path, reason="is cut short or damaged")
    if lossy:
        reason = "is a lossy image, whose values are not those that were labelled: save labels as PNG"
        return Skipped(path=path, reason=reason)
    if lossless and header.pages > 1:
        reason = f"has {header.pages} pages of one size, as where each is of a class: save one page of class ids"
        return Skipped(path=path, reason=reason, kind="has several pages")
    large = too_large(*header.stored)
    return Skipped(path=path, reason=large, kind="is too large") if large else header


def _unreadable(path: Path) -> str:
    try:
        if numbers := tiff_in_words(path):
            return (
                f"is a TIFF of {numbers}, which is not read: save labels as one band of 8 or 16 bits, photos as three"
            )
        return what_it_is(_start_of(path))
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _start_of(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_START)
