"""The data doctor: every file of a data set decoded once, and what is wrong with it in plain words."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.data.encoding import Encoding
from hrs.data.frames import Skipped
from hrs.data.layouts import Dataset, open_dataset
from hrs.errors import HRSError
from hrs.labels import colourise
from hrs.pictures import sheet, write_picture
from hrs.progress import Progress

EXAMPLES = 6
_SHOWN = 5  # problems of a kind that are named in the text
_BAR = 40  # characters of the longest bar
_MOST_UNKNOWN = 1000  # ids kept; labels of quite another kind can hold millions


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is in a data set and what is wrong with it.

    spec: its name, split included.
    pairs: images that can be used, each with its label (of unlabelled data: images).
    skipped: files without partner, with unreadable header, cut short, or of different size than their label.
    unreadable: images or labels whose pixels cannot be decoded.
    unknown: raw id -> pixels, commonest first, of ids that the format does not know; they are ignored.
    classes: class -> percent of the labelled pixels, in the order of the label space; empty for unlabelled data.
    ignored: percent of all pixels that have no class; None for unlabelled data.
    sizes: "WIDTHxHEIGHT" -> images.
    dataset: the usable frames.
    """

    spec: str
    pairs: int
    skipped: tuple[Skipped, ...]
    unreadable: tuple[Skipped, ...]
    unknown: dict[int, int]
    classes: dict[str, float]
    ignored: float | None
    sizes: dict[str, int]
    dataset: Dataset = field(repr=False)

    @property
    def labelled(self) -> bool:
        return self.dataset.space is not None

    def to_dict(self) -> dict[str, Any]:
        """All but the frames, for JSON; percent to four decimals."""
        return {
            "spec": self.spec,
            "pairs": self.pairs,
            "skipped": [{"path": str(item.path), "reason": item.reason} for item in self.skipped],
            "unreadable": [{"path": str(item.path), "reason": item.reason} for item in self.unreadable],
            "unknown": {str(raw): pixels for raw, pixels in self.unknown.items()},
            "classes": {name: round(share, 4) for name, share in self.classes.items()},
            "ignored": None if self.ignored is None else round(self.ignored, 4),
            "sizes": self.sizes,
        }

    def to_text(self) -> str:
        """Plain text: counts, the first problems of each kind by name, and a bar for each class."""
        what = "usable pairs of image and label" if self.labelled else "usable images without labels"
        sizes = ", ".join(f"{size} ({count})" for size, count in list(self.sizes.items())[:_SHOWN])
        more = f", and {len(self.sizes) - _SHOWN} more" if len(self.sizes) > _SHOWN else ""
        lines = [f"data set    {self.spec}", f"frames      {self.pairs} {what}", f"sizes       {sizes}{more}"]
        lines += self._problems()
        if self.ignored is not None:
            lines += ["", f"labels, in percent of the labelled pixels ({self.ignored:.1f} % of all pixels are ignored)"]
            lines += _bars(self.classes)
        return "\n".join(lines)

    def _problems(self) -> list[str]:
        lines = [f"left out    {len(self.skipped)}"]
        lines += _first([f"{item.path.name} {item.reason}" for item in self.skipped])
        lines.append(f"unreadable  {len(self.unreadable)}")
        lines += _first([item.reason for item in self.unreadable])
        if self.labelled:
            count = f"{len(self.unknown)}{' or more' if len(self.unknown) == _MOST_UNKNOWN else ''}"
            lines.append(f"unknown ids {count}{'; their pixels are ignored' if self.unknown else ''}")
            lines += _first([f"{self._id(raw)}: {pixels} pixels" for raw, pixels in self.unknown.items()])
        return lines

    def _id(self, raw: int) -> str:
        coloured = self.dataset.encoding is not None and self.dataset.encoding.channel == "colour"
        return f"colour {raw >> 16 & 255} {raw >> 8 & 255} {raw & 255}" if coloured else f"id {raw}"


def inspect(spec: str, *, split: str | None = None, progress: Progress | None = None) -> Report:
    """Decode every image and label of a data set.

    Args:
        spec: format:path[?key=value&...].
        split: for formats that have splits.
        progress: called with (frames done, frames in all).

    Raises:
        HRSError: the data set cannot be opened, or no frame of it can be used.
    """
    dataset = open_dataset(spec, split=split, progress=progress)
    usable: list[int] = []
    unreadable: list[Skipped] = []
    sizes: Counter[str] = Counter()
    ids: Counter[int] = Counter()
    for i, found in enumerate(_examine_all(dataset)):
        if isinstance(found, Skipped):
            unreadable.append(found)
        else:
            usable.append(i)
            sizes[found.size] += 1
            ids.update(found.ids)
        if progress:
            progress(i + 1, len(dataset))
    if not usable:
        raise HRSError(f"data set {dataset.spec}: none of {len(dataset)} frames can be decoded; {unreadable[0].reason}")
    classes, ignored, unknown = _histogram(dataset, ids)
    return Report(
        spec=str(dataset.spec),
        pairs=len(usable),
        skipped=dataset.skipped,
        unreadable=tuple(unreadable),
        unknown=unknown,
        classes=classes,
        ignored=ignored,
        sizes=dict(sizes.most_common()),
        dataset=dataset.take(usable),
    )


def write_examples(report: Report, out: Path) -> Path:
    """A picture of up to 6 frames spread over the data set, each beside its label; returns its path.

    Raises HRSError where it cannot be written.
    """
    dataset, space = report.dataset, report.dataset.space
    count = min(EXAMPLES, len(dataset))
    chosen = [i * len(dataset) // count for i in range(count)]
    if space is None:
        write_picture(out, sheet([[dataset.read_image(i)] for i in chosen], ["image"], width=320))
        return out
    rows = [[dataset.read_image(i), colourise(dataset.read_label(i), space)] for i in chosen]
    write_picture(out, sheet(rows, ["image", "label"], width=320))
    return out


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """One frame: its size and the pixels of each raw id."""

    size: str
    ids: dict[int, int]


def _examine_all(dataset: Dataset) -> Iterator[_Facts | Skipped]:
    """In order; threads, since decoding leaves Python's lock."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda i: _examine(dataset, i), range(len(dataset)))


def _examine(dataset: Dataset, i: int) -> _Facts | Skipped:
    frame = dataset.frames[i]
    path = frame.image
    try:
        height, width = dataset.read_image(i).shape[:2]
        ids: dict[int, int] = {}
        if frame.label is not None:
            path = frame.label
            ids = _count(dataset.read_raw(i))
        if frame.planted is not None:
            path = frame.planted
            dataset.read_planted(i)
    except HRSError as error:
        return Skipped(path=path, reason=str(error))
    return _Facts(size=f"{width}x{height}", ids=ids)


def _count(raw: NDArray[np.uint32]) -> dict[int, int]:
    if raw.max(initial=0) >= 1 << 16:  # colours: a table of all would be too long
        values, counts = np.unique(raw, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))
    table = np.bincount(raw.ravel())
    return {int(value): int(table[value]) for value in np.flatnonzero(table)}


def _histogram(dataset: Dataset, ids: Counter[int]) -> tuple[dict[str, float], float | None, dict[int, int]]:
    """Percent of the labelled pixels per class, percent of all pixels ignored, and unknown ids with their pixels."""
    encoding, space = dataset.encoding, dataset.space
    if encoding is None or space is None:
        return {}, None, {}
    pixels = np.zeros(len(space), np.int64)
    for raw, count in ids.items():
        if raw in encoding.ids:
            pixels[encoding.ids[raw]] += count
    labelled, total = int(pixels.sum()), ids.total()
    shares = 100 * pixels / max(labelled, 1)
    unknown = Counter({raw: count for raw, count in ids.items() if not _known(encoding, raw)})
    return (
        dict(zip(space.classes, shares.tolist(), strict=True)),
        100 * (total - labelled) / max(total, 1),
        dict(unknown.most_common(_MOST_UNKNOWN)),
    )


def _known(encoding: Encoding, raw: int) -> bool:
    return raw in encoding.ids or raw in encoding.void


def _first(items: list[str]) -> list[str]:
    shown = [f"    {item}" for item in items[:_SHOWN]]
    return [*shown, f"    and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else shown


def _bars(classes: dict[str, float]) -> list[str]:
    wide, most = max(map(len, classes)), max(classes.values()) or 1.0
    return [
        f"    {name:<{wide}}  {share:5.1f}  {'#' * round(share / most * _BAR)}".rstrip()
        for name, share in classes.items()
    ]
