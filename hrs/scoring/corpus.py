"""Frames with weights as readers see them: statistics per frame and weight maps. See write.py for the writer.

Nothing here needs torch. Columns are read when they are asked for and frames one at a time, so that a corpus of 25,000
frames opens at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.progress import counted
from hrs.runs.names import CorpusFolder
from hrs.scoring.maps import read_label, read_maps, read_picture
from hrs.scoring.moments import class_statistic
from hrs.scoring.reasons import FrameReasons
from hrs.scoring.write import FILES, About
from hrs.selection.scale import Scale
from hrs.system.documents import as_cell, read_bounded, reason, shortened, usable_path

Rows = NDArray[np.int64]

MAP_NAMES = ("combined", "pixel", "region", "image")
"""Every map a frame may have, the combined one first."""


Number = TypeVar("Number", bound=np.generic)
Absent = Literal["keep", "hide", "only"]


@dataclass(frozen=True, kw_only=True)
class Between:
    """A condition on a statistic, both ends included.

    absent: what becomes of a frame without a value, since it lacks the class: it is hidden, kept, or the only kind
        that is kept.
    """

    statistic: str
    low: float
    high: float
    absent: Absent = "hide"

    def hides(self, values: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which frames are hidden: for their value, and for the lack of one. NaN is none."""
        lacks = np.isnan(values)
        outside = ~lacks if self.absent == "only" else ~lacks & ((values < self.low) | (values > self.high))
        return outside, lacks & (self.absent == "hide")


@dataclass(frozen=True, kw_only=True)
class ScoredFrame:
    """One frame of a corpus: its raw maps, its picture at training size (the label lies beside it), and the scale that
    makes weights of raw ones."""

    id: str
    maps: Path
    picture: Path
    scale: Scale

    def read_maps(self) -> dict[str, NDArray[np.float32]]:
        """Weights by map name, float32 (h w), 0 where there is no label. Raises HRSError for a missing or damaged
        file."""
        raw, label = {name: each.unpack() for name, each in read_maps(self.maps).items()}, self.read_label()
        if set(raw) != set(self.scale.maps) or any(each.shape != label.shape for each in raw.values()):
            raise HRSError(f"weight maps {self.maps} do not fit their label or their scale; score the run again")
        return self.scale.apply(raw, label)

    def read_label(self) -> NDArray[np.uint8]:
        """Classes (h w), aligned with the maps. Raises HRSError as `read_maps` does."""
        return read_label(self.picture)

    def read_jpeg(self) -> bytes:
        """The picture as it is stored. Raises HRSError where it is missing."""
        try:
            return read_bounded(self.picture)
        except FileNotFoundError as error:
            raise HRSError(f"picture {self.picture} is missing; score the run again") from error

    def read_picture(self) -> NDArray[np.uint8]:
        """RGB (h w 3), aligned with the maps. Raises HRSError as `read_maps` does."""
        return read_picture(self.picture)


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredCorpus:
    """Frames with weights and one table over them.

    folder: holds the table and the maps.
    about: the classes, the scale, and what was weighed by what.
    names: columns of the table. ``statistics`` are its numbers, over labelled pixels: weight, effective_share,
        LEVEL/mean, LEVEL/std and `of_classes`, all about 1 on average except the shares.
    version: tells it from what the folder holds after it was scored again.
    """

    folder: Path
    about: About
    table: pa.Buffer
    names: tuple[str, ...]
    statistics: tuple[str, ...]
    version: str = ""
    _columns: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, folder: Path) -> ScoredCorpus:
        """What `write_corpus` wrote, such as `python -m hrs score`. Raises HRSError where there is none or it is
        damaged."""
        files = CorpusFolder(folder)
        if not files.index.is_file():
            raise HRSError(f"{folder} has no {files.index.name}; score the run first: python -m hrs score NAME")
        if not files.about.is_file():
            raise HRSError(f"{folder} was written by an older version; score the run again: python -m hrs score NAME")
        try:
            version = " ".join(str(file.stat().st_mtime_ns) for file in (files.index, files.about))
            table = pa.memory_map(str(files.index)).read_buffer()  # stays as it is when the file is replaced
            schema = pq.read_schema(pa.BufferReader(table))
            about = About.read(files.about)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException, HRSError) as error:
            raise HRSError(f"{folder} cannot be read ({reason(error)}); delete it and score the run again") from error
        numbers = tuple(each.name for each in schema if pa.types.is_floating(each.type))
        names = tuple(schema.names)
        return cls(folder=folder, about=about, table=table, names=names, statistics=numbers, version=version)

    @property
    def space(self) -> LabelSpace:
        return self.about.space

    @property
    def dataset(self) -> str | None:
        """What was scored, format:path; None for the frames that training watches."""
        return self.about.dataset

    def __len__(self) -> int:
        return len(self._column("frame"))

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps that its frames have."""
        levels = (name for name in MAP_NAMES[1:] if any(each.startswith(f"{name}/") for each in self.statistics))
        return (MAP_NAMES[0], *levels)

    def of_classes(self, name: str) -> dict[str, str]:
        """The statistics of a map by class, by the class's name."""
        columns = {each: class_statistic(name, each) for each in self.space.classes}
        return {each: column for each, column in columns.items() if column in self.statistics}

    def values(self, statistic: str) -> NDArray[np.float64]:
        """One statistic of all frames, NaN where it has no value. Raises HRSError for an unknown name."""
        if statistic not in self.statistics:
            raise HRSError(f"no statistic {statistic!r}; known: {', '.join(self.statistics)}")
        values: NDArray[np.float64] = self._column(statistic).to_numpy(zero_copy_only=False)
        return values

    def mean(self, statistic: str) -> float | None:
        """The statistic's mean over the frames that have it; None where none has."""
        values = self.values(statistic)
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else None

    def select(self, *, sort: str | None = None, descending: bool = False, where: Sequence[Between] = ()) -> Rows:
        """Rows that meet every condition, sorted; ties stay in order and frames without a value come last."""
        keep = np.ones(len(self), bool)
        for each in where:
            outside, lacks = each.hides(self.values(each.statistic))
            keep &= ~(outside | lacks)
        rows = np.flatnonzero(keep)
        if sort is None:
            return rows
        values = self.values(sort)[rows]
        order = np.argsort(-values if descending else values, kind="stable")  # NaN last, either way
        return rows[order]

    def frame(self, row: int) -> ScoredFrame:
        """The frame of a row of the table."""
        name, maps, picture = (str(self._column(column)[row]) for column in ("frame", "map", "picture"))
        return ScoredFrame(id=name, maps=self._inside(maps), picture=self._inside(picture), scale=self.about.scale)

    @property
    def says_why(self) -> bool:
        """Whether it keeps why areas weigh what they do: see `hrs.scoring.areatable`."""
        return self.about.judges is not None

    def read_reasons(self, row: int) -> FrameReasons:
        """What is seen in the frame of a row, for a corpus that `says_why`. Raises HRSError where it is missing or
        damaged, or does not fit the frame's label."""
        path = self.reasons_file(row)
        found, label = FrameReasons.read(path), self.frame(row).read_label()
        if found.areas.shape != label.shape:
            raise HRSError(f"{path} does not fit its label; score the run again")
        return found

    def reasons_file(self, row: int) -> Path:
        return CorpusFolder(self.folder).reasons_file(self.frame(row).maps.stem)

    def left_out_in_words(self) -> str:
        """How many frames of the data set could not be read, and why the first of them; nothing where all could."""
        if not (found := self.about.left_out):
            return ""
        frames = counted(len(self) + len(found), "frame")
        return (
            f"{len(found):,} of {frames} cannot be read and are left out, such as {found[0].frame} ({found[0].error}); "
            "mend them and score again."
        )

    def page(self, rows: Rows, number: int, size: int) -> list[ScoredFrame]:
        """Page ``number`` (from 0) of these rows; no other frame is touched."""
        return [self.frame(row) for row in rows[number * size : (number + 1) * size]]

    def find(self, frame: str) -> int | None:
        """The row of a frame's id, None where there is none."""
        row = self._rows_by_id.get(frame)
        return None if row is None else int(row)

    def ids(self, rows: NDArray[np.integer]) -> list[str]:
        """The frames' ids of these rows, which may repeat."""
        names: list[str] = self._column("frame").take(pa.array(rows)).to_pylist()
        return names

    def images(self, rows: Rows) -> list[str]:
        """The data set's own images of these rows, for a corpus with a ``dataset``."""
        paths: list[str] = self._column("image").take(pa.array(rows)).to_pylist()
        return paths

    def export_csv(self, rows: Rows) -> bytes:
        """These rows with all columns, as CSV with a header; an absent value is an empty cell."""
        table = pq.read_table(pa.BufferReader(self.table)).take(pa.array(rows))
        for i, name in enumerate(table.schema.names):
            if name in FILES:
                cells = [text and as_cell(text) for text in table[i].to_pylist()]
                table = table.set_column(i, name, pa.array(cells, pa.string()))
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(table, sink)
        data: bytes = sink.getvalue().to_pybytes()
        return data

    @property
    def _rows_by_id(self) -> dict[str, int]:
        if "" not in self._columns:  # no column is called so
            self._columns[""] = {name: row for row, name in enumerate(self._column("frame").to_pylist())}
        found: dict[str, int] = self._columns[""]
        return found

    def _column(self, name: str) -> Any:
        if name not in self._columns:
            try:
                table = pq.read_table(pa.BufferReader(self.table), columns=[name])
                self._columns[name] = table[name].combine_chunks()
            except (OSError, ValueError, KeyError, pa.ArrowException) as error:
                raise HRSError(
                    f"{self.folder} has no {shortened(name)} that can be read ({reason(error)}); score the run again"
                ) from error
        return self._columns[name]

    def _inside(self, name: str) -> Path:
        """A file that the table names. Raises HRSError for one that does not lie with the corpus: a table may come from
        anywhere, and is not to show other files of this machine."""
        path = self.folder / usable_path(name)
        if not path.resolve().is_relative_to(self.folder.parent.resolve()):
            raise HRSError(f"{self.folder} names the file {shortened(name)} outside of it; score the run again")
        return path


def enlarge(weights: NDArray[Number], height: int, width: int) -> NDArray[Number]:
    """A map at another size: each pixel takes the value of the map's pixel that covers its centre."""
    rows, columns = (
        np.minimum(((np.arange(size) + 0.5) * own / size).astype(np.int64), own - 1)
        for size, own in zip((height, width), weights.shape, strict=True)
    )
    return weights[rows[:, None], columns]
