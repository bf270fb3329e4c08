"""Data sets: one way to open and read them all, whatever their layout on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hrs.data.encoding import Encoding, read_image_file
from hrs.data.formats.table import FORMATS
from hrs.data.frames import Frame, Skipped, describe_missing
from hrs.data.integrity import is_whole_file
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import IGNORE, LabelSpace, mapping
from hrs.progress import Progress
from hrs.system.images import MOST_PIXELS, decode_grey, decode_rgb


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Frames with labels in one label space; opening reads headers alone, pixels come when asked for.

    space: what the labels mean; None for photographs without labels.
    skipped: files that cannot be used, and why.
    """

    spec: DatasetSpec
    space: LabelSpace | None
    frames: tuple[Frame, ...]
    skipped: tuple[Skipped, ...]
    encoding: Encoding | None
    table: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.frames)

    def read_image(self, i: int) -> NDArray[np.uint8]:
        """RGB, uint8 (h w 3). Raises HRSError naming a file that cannot be decoded.

        A photograph without label is turned as its EXIF orientation says; with one, it lies as its label does.
        """
        frame = self.frames[i]
        return read_image_file(frame.image, partial(decode_rgb, upright=frame.label is None))

    def read_label(self, i: int) -> NDArray[np.uint8]:
        """Classes of ``space``, uint8 (h w); IGNORE for void and for ids that the format does not know."""
        if self.encoding is None:
            raise HRSError(f"data set {self.spec} has no labels")
        labels = self.encoding.classes(self.read_raw(i))
        return labels if self.table is None else self.table[labels]

    def read_raw(self, i: int) -> NDArray[np.uint32]:
        """Ids as they stand on disk (h w)."""
        path = self.frames[i].label
        if self.encoding is None or path is None:
            raise HRSError(f"data set {self.spec} has no labels")
        return self.encoding.raw(path)

    def read_planted(self, i: int) -> NDArray[np.uint8] | None:
        """The renderer's mask of planted departures, uint8 (h w), 0 for none; None where there is no such mask."""
        path = self.frames[i].planted
        return None if path is None else read_image_file(path, decode_grey)

    def take(self, indices: Iterable[int]) -> Dataset:
        """The same data set with only these frames, in this order."""
        return replace(self, frames=tuple(self.frames[i] for i in indices))

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
        if self.space == space:
            return self
        table = mapping(self.space, space)
        before = np.arange(256, dtype=np.uint8) if self.table is None else self.table
        return replace(self, space=space, table=np.where(before == IGNORE, IGNORE, table[before]).astype(np.uint8))


def open_dataset(spec: str | DatasetSpec, *, split: str | None = None, progress: Progress | None = None) -> Dataset:
    """Open a data set by its name.

    Args:
        spec: format:path[?key=value&...]. A ``split`` option in it wins over the argument.
        split: for formats that have splits; they default to train.
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
    found = FORMATS[spec.format].read(spec, progress)
    usable, unfit = _check_headers(found.frames)
    if not usable:
        first = f"; {unfit[0].path.name}: {unfit[0].reason}" if unfit else describe_missing(found.missing)
        raise HRSError(
            f"data set {spec} has no usable frame; expected {found.layout}, found "
            f"{len(found.frames)} pairs, {len(unfit)} of them unusable, and {len(found.missing)} lone files{first}"
        )
    return Dataset(
        spec=spec,
        space=found.encoding.space if found.encoding else None,
        frames=usable,
        skipped=(*found.missing, *unfit),
        encoding=found.encoding,
    )


def open_sources(specs: Sequence[str], space: LabelSpace, *, progress: Progress | None = None) -> list[Dataset]:
    """Several synthetic data sets, perhaps none, all in ``space``."""
    return [open_dataset(spec, progress=progress).map_to(space) for spec in specs]


def _check_headers(frames: tuple[Frame, ...]) -> tuple[tuple[Frame, ...], tuple[Skipped, ...]]:
    """Frames whose files have readable headers and agree in size, and the others with the reason."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        reasons = list(pool.map(_unfit, frames, chunksize=64))
    pairs = list(zip(frames, reasons, strict=True))
    return tuple(f for f, reason in pairs if reason is None), tuple(r for _, r in pairs if r is not None)


def _unfit(frame: Frame) -> Skipped | None:
    sizes: dict[str, tuple[int, int]] = {}
    for what, path in (("image", frame.image), ("label", frame.label), ("mask of departures", frame.planted)):
        if path is None:
            continue
        try:
            sizes[what] = _size(path)
            whole = is_whole_file(path)
        except (OSError, ValueError, Image.DecompressionBombError):
            return Skipped(path=path, reason="is not a readable image")
        if not whole:
            return Skipped(path=path, reason="is cut short or damaged")
    width, height = sizes["image"]
    if width * height > MOST_PIXELS:
        return Skipped(path=frame.image, reason=f"is {width}x{height}, above {MOST_PIXELS // 1_000_000} megapixels")
    others = [f"its {what} {w}x{h}" for what, (w, h) in sizes.items() if (w, h) != (width, height)]
    return Skipped(path=frame.image, reason=f"is {width}x{height}, {', '.join(others)}") if others else None


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size
