"""Run folders as the pages want them: tables and columns, each file read once and then only what is new in it."""

from __future__ import annotations

import math
import re
import threading
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from hrs.config import RunConfig, load_config, title
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.launch.launcher import Line, launcher
from hrs.launch.phases import phase_in_words
from hrs.methods.table import METHODS
from hrs.progress import counted
from hrs.runs.folder import PreviewKind, RunFolder
from hrs.runs.records import MetricsReader, Row
from hrs.runs.registry import RunSummary, came_with_hrs
from hrs.runs.seen import Seen, read_seen
from hrs.runs.status import ACTIVE
from hrs.system.documents import read_bounded
from hrs.system.images import decode_rgb

POLL_SECONDS = 2.0  # between two looks at runs that train
WATCH_SECONDS = 4.0  # between two looks for new runs while none trains
_HISTORIES = 24  # runs whose metrics stay in memory, about 1 MB each for 10,000 lines
Version = tuple[int, ...]
_COLUMNS = 4096  # numbers a row of metrics that are kept; a run of 255 classes has a quarter of that
_NO_TEXT = ("progress", "best", "last", "n_real", "age")  # of the columns of a table of runs


@dataclass
class Columns:
    """Rows with a step, stored by column; a row of an earlier step takes the place of all from there on, as a resumed
    run writes them. What a row lacks is NaN."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: dict[str, array[float]] = field(default_factory=dict)

    def add(self, step: int, values: dict[str, float]) -> None:
        self._forget(bisect_left(self.steps, step))
        for name in values:
            if name not in self.values and len(self.values) < _COLUMNS:
                self.values[name] = array("f", [np.nan]) * len(self.steps)
        self.steps.append(step)
        for name, column in self.values.items():
            column.append(values.get(name, np.nan))

    def _forget(self, first: int) -> None:
        if first < len(self.steps):
            del self.steps[first:]
            for column in self.values.values():
                del column[first:]


class History:
    """All of one run's metrics.jsonl, kept up to date by `update`. Threads may share it.

    Columns are named as in the file; a list (class_weight) or an object (iou) becomes one column a member, such as
    "class_weight/0" and "iou/road". Confusion matrices are kept by step.
    """

    def __init__(self, path: Path) -> None:
        self._reader = MetricsReader(path)
        self._lock = threading.Lock()
        self._splits = {"train": Columns(), "val": Columns()}
        self._confusion: dict[int, NDArray[np.int64]] = {}

    def update(self) -> None:
        """Read what was appended since the last call."""
        with self._lock:
            for row in self._reader.read_new():
                self._add(row)

    @property
    def damaged(self) -> int:
        """Lines of the file that were left out."""
        return self._reader.damaged

    def names(self, split: str) -> list[str]:
        """The columns of "train" or "val", in the order of the file."""
        with self._lock:
            return list(self._splits[split].values)

    def curve(self, split: str, name: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Steps (n,) and values (n,) of a column without the rows that lack it; empty for an unknown one."""
        with self._lock:
            columns = self._splits[split]
            values = np.array(columns.values.get(name, ()), np.float32)
            steps = np.array(columns.steps, np.int64)[: len(values)]
        kept = np.isfinite(values)
        return steps[kept], values[kept]

    def last(self, split: str, prefix: str) -> dict[str, float]:
        """The newest values of all columns below ``prefix/``, by what follows it; NaN where there was none."""
        with self._lock:
            columns = self._splits[split].values
            start = f"{prefix}/"
            return {name[len(start) :]: column[-1] for name, column in columns.items() if name.startswith(start)}

    def newest(self, split: str) -> int:
        """The newest step of "train" or "val"; 0 before the first."""
        with self._lock:
            steps = self._splits[split].steps
            return int(steps[-1]) if steps else 0

    def confusion(self) -> tuple[int, NDArray[np.int64]] | None:
        """Step and pixel counts (c c), rows the true class, of the newest validation; None where none was recorded."""
        with self._lock:
            return max(self._confusion.items(), key=lambda item: item[0], default=None)

    def _add(self, row: Row) -> None:
        step, columns = row.get("step"), self._splits.get(str(row.get("split")))
        if not isinstance(step, int) or isinstance(step, bool) or columns is None:
            return
        columns.add(step, _numbers(row))
        matrix = _square(row.get("confusion"))
        if matrix is not None:
            self._confusion = {old: kept for old, kept in self._confusion.items() if old < step}
            self._confusion[step] = matrix


def read_history(run: RunFolder) -> History:
    """A run's metrics up to now; shared between pages and sessions, the least recently used dropped."""
    history = _history(str(run.metrics), _version(run))
    history.update()
    return history


def read_config(run: RunFolder) -> RunConfig | None:
    """A run's settings; None where config.yaml is missing or not valid here."""
    return _config(str(run.config), _version(run))


def read_record(run: RunFolder) -> Seen:
    """Which real images a run saw, as far as its record says; without their names, which may be many."""
    try:
        return _record(run.path, run.data.stat().st_mtime_ns)
    except OSError:
        return Seen()


def short_source(config: RunConfig) -> str:
    """The synthetic data sets without their options and the folders that they lie in, each once."""
    names = (spec.partition("?")[0] for spec in config.sources)
    return ", ".join(dict.fromkeys(re.sub(r":.*/", ":…/", name) for name in names))


def scored_on(run: RunFolder, config: RunConfig) -> str:
    """The images that a run's scores are of, in few words, such as "photos val, 21 images", and of one that ships that
    it learned from their clip."""
    seen = read_record(run)
    name, _, options = (seen.validation or config.data.val or config.data.target).partition("?")
    kind, _, path = name.partition(":")
    place = Path(path).name if "/" in path else f"{kind}:{path}"
    split = "held out" if seen.held_out is not None else dict(parse_qsl(options)).get("split", "")
    count = f", {counted(seen.scored, 'image')}" if seen.scored is not None else ""
    own = "its training clip, " if came_with_hrs(run) else ""  # first: the end of a long cell is not seen
    return own + f"{place} {split}".rstrip() + count


def scored_apart(summaries: Sequence[RunSummary]) -> list[list[RunSummary]]:
    """Runs by the images that they were scored on; those whose record says nothing are left out."""
    return [runs for ruler, runs in by_ruler(summaries).items() if ruler]


def by_ruler(summaries: Sequence[RunSummary]) -> dict[str, list[RunSummary]]:
    """Runs by the `Seen.ruler` of what they were scored on, which is empty where their record says nothing."""
    found: dict[str, list[RunSummary]] = {}
    for each in summaries:
        found.setdefault(read_record(each.run).ruler, []).append(each)
    return found


def runs_table(summaries: list[RunSummary]) -> pd.DataFrame:
    """One row a run, in the given order, as the runs page shows it. n_real is infinite where a run uses all images."""
    return pd.DataFrame([_line(summary, at) for summary, at in zip(summaries, doings(summaries), strict=True)])


def matching(table: pd.DataFrame, words: str) -> pd.DataFrame:
    """The rows of a `runs_table` that hold every word in a column of text, one of `with_settings` perhaps, in whatever
    case."""
    shown = table.drop(columns=list(_NO_TEXT))
    shown = shown.assign(state=shown["state"].str[0], method=shown["method"].map(method_words))
    text = shown.agg(" ".join, axis=1).str.lower()
    kept = pd.Series(True, index=table.index)
    for word in words.lower().split():
        kept &= text.str.contains(word, regex=False)
    return table[kept].reset_index(drop=True)


def method_words(name: str) -> str:
    """A method as people call it, with its name; empty where the settings are not known."""
    return f"{METHODS[name].title} ({name})" if name else ""


def setting_words(key: str) -> str:
    """A setting by its dotted key as people call it; what stands inside a map by its key."""
    try:
        return title(key)
    except (KeyError, AttributeError):
        return key


def real_images(count: float) -> str:
    """A number of `runs_table` in words."""
    return "all" if math.isinf(count) else f"{count:,.0f}"


def doing(summary: RunSummary) -> str:
    """What a run is at, such as "rendering 7/40"; empty once it has ended."""
    return phase_in_words(summary.run, summary.status)


def doings(summaries: list[RunSummary]) -> list[str]:
    """The same of many, brief as in a column, the queue read once."""
    line = launcher().line() if any(summary.status.state == "queued" for summary in summaries) else Line()
    return [phase_in_words(summary.run, summary.status, line, brief=True) for summary in summaries]


def active(summaries: list[RunSummary]) -> bool:
    return any(summary.status.state in ACTIVE for summary in summaries)


def class_names(run: RunFolder, history: History) -> list[str]:
    """What a run calls its classes: from space.json, else from its validations; empty where neither is there."""
    try:
        space = run.read_space()
    except HRSError:
        space = None
    return list(space.classes) if space else list(history.last("val", "iou"))


def pictures(run: RunFolder, kind: PreviewKind) -> dict[int, Path]:
    """The run's previews by step."""
    return {step: run.preview(kind, step) for step in run.preview_steps(kind)}


def at_step(found: Mapping[int, Path], step: int) -> tuple[int, Path] | None:
    """The newest picture not later than ``step``."""
    return max(((when, path) for when, path in found.items() if when <= step), default=None)


def read_picture(path: Path) -> bytes | None:
    """A preview as it is stored; None where it is missing or damaged."""
    try:
        return _picture(str(path), path.stat().st_mtime_ns)
    except OSError:
        return None


@st.cache_data(max_entries=64, show_spinner=False)
def _picture(path: str, written: int) -> bytes | None:
    try:
        data = read_bounded(Path(path))
    except (OSError, HRSError):
        return None
    return None if decode_rgb(data) is None else data


@st.cache_resource(max_entries=_HISTORIES, show_spinner=False)
def _history(path: str, version: Version) -> History:
    return History(Path(path))


@lru_cache(maxsize=2000)  # asked for every run of a table: Streamlit's own cache takes ten times as long
def _config(path: str, version: Version) -> RunConfig | None:
    try:
        return load_config(Path(path), trained=True)
    except HRSError:
        return None


@lru_cache(maxsize=2000)
def _record(path: Path, written: int) -> Seen:
    return replace(read_seen(RunFolder(path)), target=())


def _version(run: RunFolder) -> Version:
    """Tells a run from a later one of the same name, and from itself with other settings, whose file keeps its time of
    change; empty for one that is gone."""
    try:
        found = run.config.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _square(matrix: object) -> NDArray[np.int64] | None:
    """Pixel counts (c c) as a row of metrics holds them; None for anything else."""
    if not isinstance(matrix, list) or not 0 < len(matrix) <= IGNORE:
        return None
    whole = all(isinstance(line, list) and len(line) == len(matrix) for line in matrix)
    if not whole or not all(type(count) is int and count >= 0 for line in matrix for count in line):
        return None
    return np.array(matrix, np.int64)


def _numbers(row: Row) -> dict[str, float]:
    flat: dict[str, float] = {}
    for key, value in row.items():
        if key in ("step", "split", "confusion"):
            continue
        for name, member in _members(key, value):
            if member is None or isinstance(member, int | float):
                flat[name] = math.nan if member is None else float(member)
    return flat


def _members(key: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{key}/{name}", member) for name, member in value.items()]
    if isinstance(value, list):
        return [(f"{key}/{i}", member) for i, member in enumerate(value)]
    return [(key, value)]


def _line(summary: RunSummary, at: str) -> dict[str, Any]:
    status, config = summary.status, read_config(summary.run)
    return {
        "name": summary.name,
        "state": [status.state],
        "progress": math.floor(100 * status.step / status.steps) / 100 if status.steps else 0.0,
        "doing": at,
        "best": status.best.miou if status.best else None,
        "last": (summary.last or {}).get("miou"),
        "scored": scored_on(summary.run, config) if config else "",
        "method": config.method if config else "",
        "n_real": (math.inf if config.data.n_real is None else float(config.data.n_real)) if config else math.nan,
        "sources": short_source(config) if config else "",
        "age": pd.NaT if status.started is None else pd.Timestamp(status.started, unit="s", tz="UTC"),
    }
