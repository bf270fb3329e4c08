"""The one writer of frames with weights, be they a whole corpus or the panel of a run. See corpus.py for the reader.

A folder holds maps/<stem>.npz (raw weights), index.parquet (a row a frame) and corpus.json (what it is, and the scale
that makes final weights of raw ones). Nothing here needs torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hrs.labels import LabelSpace
from hrs.runs.names import CorpusFolder
from hrs.scoring.maps import pack, write_maps
from hrs.scoring.moments import Moments
from hrs.selection.levels.table import LEVELS
from hrs.selection.scale import Maps, Scale
from hrs.selection.signals.table import SIGNALS, SeenBy
from hrs.system.documents import read_json
from hrs.system.files import atomic_write, make_folder

VERSION = 2
"""Of the format. 2 adds why frames weigh what they do, which corpora of version 1 lack."""
FILES = ("frame", "image", "label", "map", "picture")
"""Columns of text: a frame's id, the data set's own image and label, and, below the folder, maps and picture."""
Row = Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Judges:
    """What is needed to say why an area weighs what it does.

    seen_by: whose opinion was kept. acting: the levels that make the combined weight, by ``combination``. signals: what
    they learned from. taught: the classes that have labels among what taught whoever says it, who can name no other;
    None where nobody knows.
    """

    seen_by: SeenBy
    acting: tuple[str, ...]
    combination: Literal["product", "mean"]
    signals: tuple[str, ...]
    taught: tuple[int, ...] | None = None

    def knows(self, label: int) -> bool:
        """Whether an area of this label could look like it; as far as is known."""
        return self.taught is None or label in self.taught

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Judges:
        """Raises KeyError, TypeError or ValueError where it is not what `to_dict` gave."""
        if stored["seen_by"] not in get_args(SeenBy) or stored["combination"] not in ("product", "mean"):
            raise ValueError("it holds something else")
        lists = {name: tuple(map(str, stored[name])) for name in ("acting", "signals")}
        if not (set(lists["acting"]) <= set(LEVELS) and set(lists["signals"]) <= set(SIGNALS)):
            raise ValueError("it names levels or signals that are not known")
        taught = stored.get("taught")
        known = None if taught is None else tuple(map(int, taught))
        return cls(seen_by=stored["seen_by"], combination=stored["combination"], taught=known, **lists)


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A frame that could not be read when its data set was scored, and why. place: in the data set; no row is of it."""

    place: int
    frame: str
    error: str


@dataclass(frozen=True, kw_only=True)
class About:
    """What corpus.json says.

    space: the classes. scale: from raw weights to weights. checkpoint: a digest of the model that weighed (of older
    versions its path, size and time). dataset: what was weighed, as `score` was told. Both are None for a panel, which
    has the ``step`` of training instead. classes: the run's class map of that data set. judges: who says why; None
    where nothing of it was kept, as by older versions. left_out: what the data set has besides, in its order.
    """

    space: LabelSpace
    scale: Scale
    checkpoint: str | None = None
    dataset: str | None = None
    step: int | None = None
    classes: Mapping[str, str] = field(default_factory=dict)
    judges: Judges | None = None
    left_out: tuple[LeftOut, ...] = ()

    @property
    def drawn(self) -> bool:
        """Whether frames were drawn by their image weight, which then is no part of the combined one; False where
        nobody knows."""
        return self.judges is not None and "image" in self.scale.maps and "image" not in self.judges.acting

    def write(self, path: Path) -> None:
        stored = {
            "version": VERSION,
            "checkpoint": self.checkpoint,
            "dataset": self.dataset,
            "step": self.step,
            "classes": dict(self.classes),
            "space": self.space.to_dict(),
            "scale": self.scale.to_dict(),
            "judges": self.judges and self.judges.to_dict(),
            "left_out": [asdict(each) for each in self.left_out],
        }
        atomic_write(path, json.dumps(stored, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> About:
        """Raises OSError, KeyError, TypeError, ValueError or HRSError where it is not what `write` wrote."""
        stored: dict[str, Any] = read_json(path)
        if stored.get("version", 1) > VERSION:
            raise ValueError(f"a newer version of hrs wrote {path.name}")
        judges = stored.get("judges")
        return cls(
            space=LabelSpace.from_dict(stored["space"]),
            scale=Scale.from_dict(stored["scale"]),
            checkpoint=stored["checkpoint"],
            dataset=stored["dataset"],
            step=stored["step"],
            classes=stored.get("classes", {}),
            judges=None if judges is None else Judges.from_dict(judges),
            left_out=tuple(
                LeftOut(place=int(each["place"]), frame=str(each["frame"]), error=str(each["error"]))
                for each in stored.get("left_out", ())
            ),
        )


def write_weights(path: Path, raw: Maps, label: NDArray[np.uint8], classes: int) -> Moments:
    """Write the raw maps of a frame, (h w) each; what `write_corpus` needs to know of them."""
    packed = {name: pack(values) for name, values in raw.items()}
    write_maps(path, packed)
    return Moments.of(packed, label, classes)


def write_corpus(folder: CorpusFolder, rows: pa.Table, moments: Moments, about: About) -> None:
    """Write corpus.json and, last, the table; both replace older ones.

    Args:
        rows: `file_columns`, one row a frame.
        moments: of the same frames.
    """
    columns = moments.statistics(about.scale, about.space.classes)
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}  # NaN becomes null
    about.write(folder.about)
    write_table(folder.index, pa.table({**{name: rows[name] for name in FILES}, **arrays}))


def file_columns(rows: Sequence[Row]) -> dict[str, pa.Array]:
    """The columns FILES of some frames; what a row lacks is null."""
    return {name: pa.array([row.get(name) for row in rows], pa.string()) for name in FILES}


def write_table(path: Path, table: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    make_folder(path.parent)
    atomic_write(path, sink.getvalue().to_pybytes())
