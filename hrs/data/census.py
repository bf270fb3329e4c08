"""What the labels of a data set hold, counted in one pass: ids, where in the frame they lie, palettes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hrs.data.encoding import Encoding, palette_of
from hrs.data.layouts import Dataset
from hrs.errors import HRSError
from hrs.labels import IGNORE, Colour
from hrs.system.processes import cores
from hrs.system.tree import Skipped

T = TypeVar("T")
_ROWS = 4  # one of so many is looked at for ids between others
_MOST_IDS = 4096  # ids that are kept; labels of quite another kind can hold millions


@dataclass(frozen=True, kw_only=True)
class LabelFacts:
    """Of one label. ids: raw id -> pixels. upper: the same in its upper half. palette: index in use -> colour. shape:
    (h, w) as it is read. borders: pixels between two neighbours that differ; ramps: those of them whose id is strictly
    between theirs, by their id."""

    ids: dict[int, int]
    upper: dict[int, int]
    palette: dict[int, Colour]
    shape: tuple[int, int]
    borders: int = 0
    ramps: dict[int, int] = field(default_factory=dict)


@dataclass
class Census:
    """Of many labels.

    labels: how many were counted.
    ids, upper: raw id -> pixels, in all and in the upper halves.
    frames: raw id -> labels that hold it.
    palettes: palette index -> its colours in the files, in the order they were met.
    doubtful: images of which it is not known which way round they were labelled.
    named: ids that are kept however rare they are, since formats name them.
    dropped: pixels of ids that were not kept.
    borders, ramps: see `LabelFacts`.
    """

    labels: int = 0
    ids: Counter[int] = field(default_factory=Counter)
    upper: Counter[int] = field(default_factory=Counter)
    frames: Counter[int] = field(default_factory=Counter)
    palettes: dict[int, set[Colour]] = field(default_factory=dict)
    doubtful: int = 0
    named: Set[int] = frozenset()
    dropped: int = 0
    borders: int = 0
    ramps: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, dataset: Dataset) -> Census:
        """Of none of a data set's labels yet."""
        encodings = [*([dataset.encoding] if dataset.encoding else []), *(other for _, other in dataset.others)]
        return cls(named=frozenset().union(*(each.ids.keys() | each.void for each in encodings)))

    @property
    def pixels(self) -> int:
        return self.ids.total() + self.dropped

    def unknown(self, encoding: Encoding) -> int:
        """Pixels of ids that a format does not name."""
        return self.dropped + sum(pixels for raw, pixels in self.ids.items() if not known(encoding, raw))

    def add(self, facts: LabelFacts, *, doubtful: bool = False) -> None:
        self.labels += 1
        self.doubtful += doubtful
        self.borders += facts.borders
        self.ramps.update(facts.ramps)
        self.ids.update(facts.ids)
        self.upper.update(facts.upper)
        self.frames.update(facts.ids.keys())
        for index, colour in facts.palette.items():
            self.palettes.setdefault(index, set()).add(colour)
        if len(self.ids) > _MOST_IDS:
            self._keep_the_commonest()

    def _keep_the_commonest(self) -> None:
        for raw, pixels in self.ids.most_common()[_MOST_IDS // 2 :]:
            if raw not in self.named:
                self.dropped += pixels
                for counter in (self.ids, self.upper, self.frames):
                    counter.pop(raw, None)


def classes_of(dataset: Dataset, ids: Counter[int]) -> NDArray[np.int64]:
    """Raw ids and their pixels as pixels by class of the data set's space, (classes,); the others are left out."""
    counts = np.zeros(IGNORE + 1, np.int64)
    raw = np.fromiter(ids.keys(), np.uint32, len(ids))
    np.add.at(counts, dataset.classes_of(raw), np.fromiter(ids.values(), np.int64, len(ids)))
    return counts[: len(dataset.space) if dataset.space else 0]


def look_at(dataset: Dataset, i: int) -> LabelFacts:
    """One label. Raises HRSError where it cannot be decoded."""
    raw = dataset.read_raw(i)
    ids = count(raw)
    palette = {index: colour for index, colour in _palette(dataset, i).items() if index in ids}
    height, width = raw.shape
    borders, ramps = _ramps(raw[::_ROWS]) if _has_order(dataset) else (0, {})
    return LabelFacts(
        ids=ids,
        upper=count(raw[: height // 2]),
        palette=palette,
        shape=(height, width),
        borders=borders,
        ramps=ramps,
    )


def _has_order(dataset: Dataset) -> bool:
    """Whether labels are images of ids, between which others lie."""
    return dataset.encoding is not None and dataset.encoding.draw is None and dataset.encoding.channel != "colour"


def _ramps(raw: NDArray[np.uint32]) -> tuple[int, dict[int, int]]:
    """Pixels between two neighbours in their row that differ, and those whose id is strictly between theirs, by it."""
    left, middle, right = raw[:, :-2], raw[:, 1:-1], raw[:, 2:]
    between = ((left < middle) & (middle < right)) | ((left > middle) & (middle > right))
    return int(np.count_nonzero(left != right)), count(middle[between])


def _palette(dataset: Dataset, i: int) -> dict[int, Colour]:
    path, encoding = dataset.frames[i].label, dataset.encoding
    of_indices = path is not None and encoding is not None and encoding.draw is None and encoding.channel == "index"
    return palette_of(path) if of_indices and path is not None else {}


def count(raw: NDArray[np.uint32]) -> dict[int, int]:
    """Pixels of each raw id."""
    if raw.max(initial=0) >= 1 << 16:  # colours: a table of all would be too long
        values, counts = np.unique(raw, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))
    table = np.bincount(raw.ravel())
    return {int(value): int(table[value]) for value in np.flatnonzero(table)}


def take_census(
    dataset: Dataset, indices: Iterable[int] | None = None, *, images: bool = False
) -> tuple[Census, NDArray[np.bool_], dict[int, Skipped]]:
    """Read labels once, those of ``indices`` or all, and with ``images`` their images too.

    Returns:
        what they hold; which classes each has, (labels, classes), all False where it cannot be read; and the frames
        that cannot be read.
    """
    chosen: Sequence[int] = range(len(dataset)) if indices is None else list(indices)
    census, unreadable = Census.of(dataset), dict[int, Skipped]()
    seen = np.zeros((len(chosen), IGNORE + 1), bool)
    for row, (i, facts) in enumerate(zip(chosen, in_order(partial(_try, dataset, images), chosen), strict=True)):
        if isinstance(facts, Skipped):
            unreadable[i] = facts
        else:
            census.add(facts, doubtful=dataset.frames[i].doubtful)
            seen[row, dataset.classes_of(np.fromiter(facts.ids, np.uint32, len(facts.ids)))] = True
    return census, seen[:, : len(dataset.space) if dataset.space else 0], unreadable


def in_order(look: Callable[[int], T], indices: Sequence[int]) -> Iterator[T]:
    """What a function finds in frames, in their order; in threads, since decoding leaves Python's lock, and so few at a
    time that memory stays flat."""
    workers = min(8, cores())
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(indices), 16 * workers):
            yield from pool.map(look, indices[start : start + 16 * workers])


def _try(dataset: Dataset, images: bool, i: int) -> LabelFacts | Skipped:
    frame = dataset.frames[i]
    path = frame.label or frame.image
    try:
        facts = look_at(dataset, i)
        if images:
            path = frame.image
            dataset.read_image(i)
    except HRSError as error:
        return Skipped(path=path, reason=str(error), kind="cannot be read")
    return facts


def known(encoding: Encoding, raw: int) -> bool:
    """Whether a format names a raw id, as a class or as one that is ignored."""
    return raw in encoding.ids or raw in encoding.void
