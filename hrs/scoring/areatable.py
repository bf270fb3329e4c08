"""All areas of a scored corpus: one by one, the extreme ones of a class, and in groups, so that a fault is one row.

Areas are kept with raw weights, a file for some frames in a row. Columns are read when they are asked for, and the
areas of one frame from its file alone. Nothing here needs torch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.runs.names import CorpusFolder
from hrs.scoring.corpus import MAP_NAMES, ScoredCorpus
from hrs.scoring.write import Judges
from hrs.selection.scale import Scale
from hrs.system.documents import reason

Values = NDArray[Any]
FIXED = pa.schema(
    [
        ("row", pa.int32()),
        ("area", pa.uint16()),
        ("label", pa.uint8()),
        ("seen", pa.uint8()),
        ("confidence", pa.float32()),
        ("pixels", pa.int32()),
        ("left", pa.uint16()),
        ("top", pa.uint16()),
        ("right", pa.uint16()),
        ("bottom", pa.uint16()),
        ("harm", pa.float32()),
        ("planted", pa.uint8()),
    ]
)
"""Columns of every table of areas.

row, area: of its frame in the table of frames (on disk its place in the data set), and its number in the frame. label,
seen: classes, as given and as seen. confidence: mean probability of the class seen. left to bottom: the box around it,
right and bottom excluded. harm: share of planted harm in it; planted: the commonest departure, 0 for none; both null
where nothing is known of them.
"""
FIXED_NAMES = tuple(FIXED.names)
_TOGETHER = ("row", "label", "seen", "pixels", "confidence", "harm", MAP_NAMES[0])


@dataclass(frozen=True, kw_only=True)
class Area:
    """One area. label, seen: classes. box: left, top, right, bottom. weights: final ones, by map. scores: by level and
    signal. harm, planted: None where nothing is known of planted departures. Otherwise as FIXED."""

    row: int
    number: int
    label: int
    seen: int
    confidence: float
    pixels: int
    box: tuple[int, int, int, int]
    weights: Mapping[str, float]
    scores: Mapping[str, Mapping[str, float]]
    harm: float | None
    planted: int | None


@dataclass(frozen=True, kw_only=True)
class Group:
    """All areas of one label in which one class is seen.

    areas, frames, pixels: how many. weight, confidence, harm: means over their pixels; harm None where it is not known.
    lost: pixels times how far their weight is below 1, summed; below 0 where they weigh more.
    """

    label: int
    seen: int
    areas: int
    frames: int
    pixels: int
    weight: float
    confidence: float
    lost: float
    harm: float | None

    @property
    def disagrees(self) -> bool:
        return self.label != self.seen


@dataclass(frozen=True, kw_only=True, eq=False)
class AreaTable:
    """Every area of a corpus; ``judges`` says whose opinion it holds. See `AreaTable.of`."""

    corpus: ScoredCorpus
    judges: Judges
    files: Mapping[int, Path]
    _columns: dict[str, Values] = field(default_factory=dict, repr=False)
    _groups: list[Group] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, corpus: ScoredCorpus) -> AreaTable:
        """Raises HRSError for a corpus that keeps no areas: a panel, or one that an older version scored."""
        if corpus.about.judges is None:
            raise HRSError(f"{corpus.folder} does not say why areas weigh what they do: {lacking(corpus)}")
        if not set(corpus.about.judges.acting) <= set(corpus.maps):
            raise HRSError(f"{corpus.folder} lacks maps of levels that act; score the run again")
        places = np.array([each.place for each in corpus.about.left_out], np.int64)
        found = CorpusFolder(corpus.folder).areas_files(len(corpus) + len(places))
        files = {start - int(np.searchsorted(places, start)): path for start, path in found.items()}
        return cls(corpus=corpus, judges=corpus.about.judges, files=files)

    def __len__(self) -> int:
        return len(self.column("row"))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all frames as they were scored, which boxes and pixels are of. Raises HRSError where the
        first frame's label is missing or damaged."""
        height, width = self.corpus.frame(0).read_label().shape
        return width, height

    def column(self, name: str) -> Values:
        """One of FIXED, a map's raw weights or a LEVEL/SIGNAL, of all areas (n,); NaN for null."""
        if name not in self._columns:
            wanted = [name, *(each for each in _TOGETHER if each not in self._columns and each != name)]
            # each file is opened once for all that is asked for at first
            table = self._read(self.files.values(), wanted)
            self._columns.update({each: table[each].to_numpy() for each in wanted})
        return self._columns[name]

    def weights(self, level: str) -> NDArray[np.float32]:
        """Final weights of all areas on one map, (n,)."""
        key = f"weight of {level}"
        if key not in self._columns:
            self._columns[key] = _final(self.corpus.about.scale, level, self.column(level), self.column("label"))
        return self._columns[key]

    def of_frame(self, row: int) -> list[Area]:
        """The areas of a frame, the largest first; no other file than its own is read."""
        starts = list(self.files)
        at = bisect_right(starts, row) - 1
        if at < 0:
            return []
        table = self._read([self.files[starts[at]]])
        return self._areas(table.filter(pa.array(table["row"].to_numpy() == row)))

    def take(self, places: Sequence[int] | Values) -> list[Area]:
        """The areas at these places of the columns; no other files are read than theirs."""
        starts = np.array(list(self.files))
        file = np.searchsorted(starts, self.column("row")[places], side="right") - 1
        first = np.searchsorted(self.column("row"), starts)  # areas lie in the order of their frames
        tables = {int(each): self._read([self.files[int(starts[each])]]) for each in np.unique(file)}
        rows = [tables[int(each)].slice(place - first[each], 1) for place, each in zip(places, file, strict=True)]
        return self._areas(pa.concat_tables(rows)) if rows else []

    def groups(self) -> list[Group]:
        """Every kind of fault: the groups in which another class is seen than the label, the one that loses most
        first."""
        return [group for group in self._all_groups() if group.disagrees and self.judges.knows(group.label)]

    def unjudged(self) -> list[Group]:
        """The groups in which another class is seen since no photo shows that of the label; the one that loses most
        first."""
        return [group for group in self._all_groups() if group.disagrees and not self.judges.knows(group.label)]

    def agreeing(self) -> list[Group]:
        """The groups that look like their label, which are no fault; the one that loses most first."""
        return [group for group in self._all_groups() if not group.disagrees]

    @property
    def sureness(self) -> float:
        """Probability of the class that is seen: half of all areas have less; NaN without any."""
        confidence = self.column("confidence")
        return float(np.median(confidence)) if len(confidence) else float("nan")

    def _all_groups(self) -> list[Group]:
        if not self._groups:
            self._groups.extend(self._grouped())
        return self._groups

    def _grouped(self) -> list[Group]:
        classes = len(self.corpus.space)
        key = self.column("label").astype(np.int64) * classes + self.column("seen")
        pixels, weight = self.column("pixels").astype(np.float64), self.weights(MAP_NAMES[0])

        def total(values: Values) -> NDArray[np.float64]:
            return np.bincount(key, weights=values, minlength=classes**2).astype(np.float64, copy=False)

        areas, size = np.bincount(key, minlength=classes**2), total(pixels)
        frames = _different(key, self.column("row"), classes**2)
        sums = {"weight": total(pixels * weight), "confidence": total(pixels * self.column("confidence"))}
        harm = total(pixels * self.column("harm")) if self.knows_harm else None
        found = [
            Group(
                label=int(at // classes),
                seen=int(at % classes),
                areas=int(areas[at]),
                frames=int(frames[at]),
                pixels=int(size[at]),
                lost=float(size[at] - sums["weight"][at]),
                harm=None if harm is None else float(harm[at] / size[at]),
                **{name: float(each[at] / size[at]) for name, each in sums.items()},
            )
            for at in np.flatnonzero(areas)
        ]
        return sorted(found, key=lambda group: -group.lost)

    def members(self, group: Group, count: int) -> list[Area]:
        """Examples of a group: those that lose most, or gain most where it does not lose; at most one a frame."""
        inside = np.flatnonzero((self.column("label") == group.label) & (self.column("seen") == group.seen))
        return self._foremost(inside, count, gaining=group.lost <= 0)

    def extremes(self, label: int, count: int, *, highest: bool) -> list[Area]:
        """The areas of a class that lose most pixels' worth of weight, or gain most, of those that do; at most one a
        frame."""
        weight = self.weights(MAP_NAMES[0])
        does = weight > 1 if highest else weight < 1
        return self._foremost(np.flatnonzero((self.column("label") == label) & does), count, gaining=highest)

    @property
    def knows_harm(self) -> bool:
        """Whether planted departures of every frame are known."""
        harm = self.column("harm")
        return bool(len(harm)) and not bool(np.isnan(harm).any())

    def _foremost(self, places: Values, count: int, *, gaining: bool) -> list[Area]:
        gain = self.column("pixels")[places] * (self.weights(MAP_NAMES[0])[places] - 1)
        wanted = gain if gaining else -gain
        order = places[np.argsort(-wanted, kind="stable")][: np.count_nonzero(wanted >= 0)]
        _, first = np.unique(self.column("row")[order], return_index=True)
        return self.take(order[np.sort(first)[:count]])

    def _read(self, files: Iterable[Path], columns: Sequence[str] | None = None) -> pa.Table:
        """Columns (None: all that areas have) of some files. Raises HRSError where they do not fit the corpus."""
        wanted = columns or [*FIXED_NAMES, *self.corpus.maps, *("/".join(pair) for pair in self._scores())]
        ends = {"row": len(self.corpus), "label": len(self.corpus.space), "seen": len(self.corpus.space)}
        try:
            read = [*dict.fromkeys([*wanted, "row"])]
            table = pa.concat_tables([pq.read_table(path, columns=read).select(read) for path in files])
            table = self._of_rows(table).select(wanted)
            for name in ends.keys() & set(wanted):
                if len(table) and not 0 <= pc.min(table[name]).as_py() <= pc.max(table[name]).as_py() < ends[name]:
                    raise ValueError(f"{name} is out of range")
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise HRSError(f"tables of areas cannot be read ({reason(error)}); score the run again") from error
        return table

    def _of_rows(self, table: pa.Table) -> pa.Table:
        """Areas by the place of their frame in the data set as areas by its row in the table of frames. Of frames that
        are being scored they are there already, of such as cannot be read any more they may be."""
        left = np.array([each.place for each in self.corpus.about.left_out], np.int64)
        at = table["row"].to_numpy()
        rows = at - np.searchsorted(left, at)
        known = ~np.isin(at, left) & (rows < len(self.corpus))
        moved = table.set_column(table.column_names.index("row"), "row", pa.array(rows, FIXED.field("row").type))
        return moved.filter(pa.array(known))

    def read(self, file: Path) -> pa.Table:
        """One of ``files`` with all columns that areas have. Raises HRSError where it does not fit the corpus."""
        return self._read([file])

    def _scores(self) -> list[tuple[str, str]]:
        return [(level, signal) for level in self.corpus.maps[1:] for signal in self.judges.signals]

    def _areas(self, table: pa.Table) -> list[Area]:
        scale = self.corpus.about.scale
        label = table["label"].to_numpy()
        weights = {name: _final(scale, name, table[name].to_numpy(), label) for name in self.corpus.maps}
        scores = {pair: table["/".join(pair)].to_numpy() for pair in self._scores()}
        return [
            Area(
                row=fixed["row"],
                number=fixed["area"],
                label=fixed["label"],
                seen=fixed["seen"],
                confidence=fixed["confidence"],
                pixels=fixed["pixels"],
                box=(fixed["left"], fixed["top"], fixed["right"], fixed["bottom"]),
                weights={name: float(each[i]) for name, each in weights.items()},
                scores={
                    level: {s: float(scores[own, s][i]) for own, s in scores if own == level}
                    for level in self.corpus.maps[1:]
                },
                harm=fixed["harm"],
                planted=None if fixed["planted"] is None else int(fixed["planted"]),
            )
            for i, fixed in enumerate(table.select(FIXED_NAMES).to_pylist())
        ]


def lacking(corpus: ScoredCorpus) -> str:
    """Why a corpus cannot say why, and what to do."""
    if corpus.dataset is None:
        return "an older version of hrs trained it; score the run: python -m hrs score NAME"
    return "an older version of hrs scored it; score the run again: python -m hrs score NAME"


def _different(key: Values, row: Values, count: int) -> NDArray[np.int64]:
    """How many different rows come with each key, (count,)."""
    pairs = np.sort(key * (int(row.max(initial=0)) + 1) + row)
    first = np.diff(pairs, prepend=-1) != 0
    return np.bincount(pairs[first] // (int(row.max(initial=0)) + 1), minlength=count)


def _final(scale: Scale, level: str, raw: Values, label: Values) -> NDArray[np.float32]:
    return scale.maps[level].apply(raw.astype(np.float32), label)
