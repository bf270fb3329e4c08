"""A scored corpus as readers see it: statistics per frame, weight maps, and copies without what weighs little.

Nothing here needs torch. Columns are read when they are asked for and frames one at a time, so that a corpus of 25,000
frames opens at once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from hrs.data.layouts import Dataset, open_dataset
from hrs.errors import HRSError
from hrs.labels import IGNORE, LabelSpace
from hrs.progress import Progress
from hrs.scoring.maps import file_stem, read_frame, read_maps
from hrs.system.files import atomic_folder, atomic_write

Rows = NDArray[np.int64]
Maps = dict[str, NDArray[np.float32]]
Mode = Literal["frames", "labels"]
Side = Literal["above", "below"]

MAP_NAMES = ("combined", "pixel", "region", "image")
"""Every map a frame may have, the combined one first."""


@dataclass(frozen=True, kw_only=True)
class Between:
    """A condition on a statistic, both ends included; a frame without a value (its class is absent) fails it."""

    statistic: str
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ScoredFrame:
    """One frame of a corpus: where its maps, its picture and its label at training size lie."""

    id: str
    maps: Path
    pictures: Path

    @property
    def picture(self) -> Path:
        """The JPEG; older corpora have none."""
        return self.pictures / f"{file_stem(self.id)}.jpg"

    def read_maps(self) -> Maps:
        """Weights by map name, float32 (h w). Raises HRSError for a missing or damaged file."""
        return read_maps(self.maps)

    def read_frame(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (h w 3) and classes (h w), aligned with the maps. Raises HRSError where they were not kept."""
        return read_frame(self.pictures, self.id)


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredCorpus:
    """Frames with weights and one table over them.

    folder: holds the maps and frames/.
    names: columns of the table. ``statistics`` are its numbers: weight, effective_share, LEVEL/mean, LEVEL/std,
        combined/CLASS and LEVEL/CLASS, all about 1 on average except the shares.
    space: the classes; None where an older version did not write them.
    dataset: what was scored, format:path; None for the frames that training watches.
    """

    folder: Path
    space: LabelSpace | None
    dataset: str | None
    table: pa.Buffer | pa.Table
    names: tuple[str, ...]
    statistics: tuple[str, ...]
    _columns: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, folder: Path) -> ScoredCorpus:
        """What `python -m hrs score` wrote. Raises HRSError where there is no index or it is damaged."""
        index = folder / "index.parquet"
        if not index.is_file():
            raise HRSError(f"{folder} has no index.parquet; score the run first: python -m hrs score NAME")
        try:
            buffer = pa.memory_map(str(index)).read_buffer()  # stays as it is when the file is replaced
            schema = pq.read_schema(pa.BufferReader(buffer))
            about = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise HRSError(f"{folder} cannot be read ({error}); delete it and score the run again") from error
        space = LabelSpace.from_dict(about["space"]) if "space" in about else None
        return cls._of(folder, buffer, schema, space, about.get("dataset"))

    @classmethod
    def of_rows(cls, folder: Path, rows: Sequence[Mapping[str, Any]], space: LabelSpace | None) -> ScoredCorpus:
        """A corpus from a list of rows, such as the few frames that a run watches while it trains."""
        table = pa.Table.from_pylist([dict(row) for row in rows])
        return cls._of(folder, table, table.schema, space, None)

    @classmethod
    def _of(
        cls, folder: Path, table: pa.Buffer | pa.Table, schema: pa.Schema, space: LabelSpace | None, dataset: str | None
    ) -> ScoredCorpus:
        numbers = tuple(each.name for each in schema if pa.types.is_floating(each.type))
        return cls(
            folder=folder, space=space, dataset=dataset, table=table, names=tuple(schema.names), statistics=numbers
        )

    def __len__(self) -> int:
        return len(self._column("frame"))

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps that its frames have."""
        levels = (name for name in MAP_NAMES[1:] if any(each.startswith(f"{name}/") for each in self.statistics))
        return (MAP_NAMES[0], *levels)

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
            values = self.values(each.statistic)
            keep &= (values >= each.low) & (values <= each.high)
        rows = np.flatnonzero(keep)
        if sort is None:
            return rows
        values = self.values(sort)[rows]
        order = np.argsort(-values if descending else values, kind="stable")  # NaN last, either way
        return rows[order]

    def frame(self, row: int) -> ScoredFrame:
        """The frame of a row of the table."""
        name, file = (str(self._column(column)[row]) for column in ("frame", "map"))
        return ScoredFrame(id=name, maps=self.folder / file, pictures=self.folder / "frames")

    def page(self, rows: Rows, number: int, size: int) -> list[ScoredFrame]:
        """Page ``number`` (from 0) of these rows; no other frame is touched."""
        return [self.frame(row) for row in rows[number * size : (number + 1) * size]]

    def find(self, frame: str) -> int | None:
        """The row of a frame's id, None where there is none."""
        row = self._rows_by_id.get(frame)
        return None if row is None else int(row)

    def export_csv(self, rows: Rows) -> bytes:
        """These rows with all columns, as CSV with a header; an absent value is an empty cell."""
        whole = self.table if isinstance(self.table, pa.Table) else pq.read_table(pa.BufferReader(self.table))
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(whole.take(pa.array(rows)), sink)
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
            whole = self.table
            table = whole if isinstance(whole, pa.Table) else pq.read_table(pa.BufferReader(whole), columns=[name])
            self._columns[name] = table[name].combine_chunks()
        return self._columns[name]


def export_dataset(
    corpus: ScoredCorpus,
    rows: Rows,
    out: Path,
    *,
    mode: Mode = "frames",
    threshold: float | Sequence[float] = 0.0,
    keep: Side = "above",
    level: str = "combined",
    progress: Progress | None = None,
) -> int:
    """Write frames of a corpus as a data set of the format ``folder``, at their original size.

    Args:
        rows: which frames, as `ScoredCorpus.select` gives them.
        out: must not exist; gets images/ (hard links where the disk can, else copies), labels/ (class ids of the
            corpus' space) and classes.yaml with the palette. Appears whole or not at all.
        mode: "frames" keeps the labels; "labels" sets those of pixels on the wrong side of ``threshold`` to IGNORE.
        threshold: a weight, or one for each class. ``keep`` "above": pixels count that weigh as much or more; "below":
            the others.
        level: which map is compared with the threshold.
        progress: called with (frames done, frames in all).

    Returns:
        How many frames were written.

    Raises:
        HRSError: ``out`` exists, no frame was chosen, the corpus' own files are gone, or the disk is full.
    """
    out = out.expanduser()
    if out.exists():
        raise HRSError(f"{out} exists; name a folder that does not")
    if not len(rows):
        raise HRSError("no frame was chosen; widen the filter")
    data, places = _source(corpus, rows)
    drop = partial(_dropped, threshold=threshold, keep=keep, level=level) if mode == "labels" else None
    copy = partial(_copy_frame, corpus, data, drop)
    with atomic_folder(out) as folder, ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        (folder / "images").mkdir()
        (folder / "labels").mkdir()
        jobs = [pool.submit(copy, folder, int(row), place) for row, place in zip(rows, places, strict=True)]
        try:
            for done, job in enumerate(jobs, 1):
                job.result()
                if progress:
                    progress(done, len(jobs))
        finally:
            pool.shutdown(cancel_futures=True)  # nothing may write below a folder that is being removed
        atomic_write(folder / "classes.yaml", _classes_yaml(data.space))
    return len(rows)


def _source(corpus: ScoredCorpus, rows: Rows) -> tuple[Dataset, list[int]]:
    """The data set that was scored, in the corpus' space, and where the frames of these rows lie in it."""
    if corpus.dataset is None or corpus.space is None:
        raise HRSError("these frames have no data set to copy from; score the run: python -m hrs score NAME")
    images = corpus._column("image").take(pa.array(rows)).to_pylist()
    gone = [path for path in images if not Path(path).is_file()]
    if gone:
        raise HRSError(f"{len(gone)} of {len(rows)} images are gone, such as {gone[0]}; bring {corpus.dataset} back")
    data = open_dataset(corpus.dataset).map_to(corpus.space)
    places = {frame.id: i for i, frame in enumerate(data.frames)}
    names = [corpus.frame(int(row)).id for row in rows]
    missing = [name for name in names if name not in places]
    if missing:
        raise HRSError(f"{corpus.dataset} has no frame {missing[0]} any more; score the run again")
    if len({file_stem(name) for name in names}) != len(names):
        raise HRSError(f"two frames of {corpus.dataset} would get the same file name; rename them")
    return data, [places[name] for name in names]


def _copy_frame(
    corpus: ScoredCorpus,
    data: Dataset,
    drop: Callable[[NDArray[np.uint8], Maps], NDArray[np.bool_]] | None,
    folder: Path,
    row: int,
    place: int,
) -> None:
    about, scored = data.frames[place], corpus.frame(row)
    stem = file_stem(scored.id)
    _link(about.image, folder / "images" / f"{stem}{about.image.suffix}")
    label = data.read_label(place)
    if drop:
        label = np.where(drop(label, scored.read_maps()), np.uint8(IGNORE), label)
    done, png = cv2.imencode(".png", label)
    if not done:
        raise ValueError(f"OpenCV cannot encode a label of {label.shape}")
    (folder / "labels" / f"{stem}.png").write_bytes(png.tobytes())


def _dropped(
    label: NDArray[np.uint8], maps: Maps, *, threshold: float | Sequence[float], keep: Side, level: str
) -> NDArray[np.bool_]:
    """Which pixels of a label (h w) lose it."""
    limits = np.resize(np.asarray(threshold, np.float32), IGNORE + 1)[label]  # what it holds for IGNORE never matters
    low: NDArray[np.bool_] = enlarge(maps[level], *label.shape) < limits
    return low if keep == "above" else ~low


def enlarge(weights: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """A map at another size: each pixel takes the weight of the map's pixel that covers its centre."""
    rows, columns = (
        np.minimum(((np.arange(size) + 0.5) * own / size).astype(np.int64), own - 1)
        for size, own in zip((height, width), weights.shape, strict=True)
    )
    return weights[rows[:, None], columns]


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without hard links
        shutil.copy2(source, target)


def _classes_yaml(space: LabelSpace | None) -> str:
    if space is None:
        raise HRSError("the corpus has no labels; score a labelled data set")
    palette = {i: list(colour) for i, colour in enumerate(space.palette)}
    return yaml.safe_dump({"classes": dict(enumerate(space.classes)), "palette": palette}, sort_keys=False)
