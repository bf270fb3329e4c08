"""What the weights page reads: the corpora of a run, and frames encoded for the browser, each once.

Everything is cached under the files' times, so a corpus that is scored again is read again.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.context import plain
from app.figures import maps as figures
from app.runs.reading import read_config
from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL
from hrs.scoring.acting import apart
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus, ScoredFrame
from hrs.scoring.maps import label_file
from hrs.scoring.panel import open_panel
from hrs.scoring.stamps import weighed_by
from hrs.scoring.why import speaker
from hrs.selection.scale import Maps

CORPUS, PANEL = "corpus", "panel"


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A frame's arrays: weights (h w) by map, class ids (h w), and the picture as it is stored."""

    maps: Maps
    label: NDArray[np.uint8]
    jpeg: bytes


def sources(run: RunFolder) -> list[str]:
    """Which corpora a run has: the scored one, the training panel, both or none."""
    return [CORPUS] * run.scores.complete() + [PANEL] * bool(run.panel_steps())


def open_source(run: RunFolder, source: str, step: int | None) -> ScoredCorpus:
    """A run's corpus; ``step`` is one of the panel's. Raises HRSError where it is damaged."""
    panel = None if source == CORPUS else step or 0
    folder = run.scores if panel is None else run.panel_step(panel)
    return _opened(str(run.path), panel, _time(folder.index), _time(folder.about))


def apart_in_words(run: RunFolder, corpus: ScoredCorpus) -> str:
    """Where its maps show something else than what acted, for a Markdown element; see `hrs.scoring.acting`."""
    return plain(apart(corpus.about, run, read_config(run)))


def is_outdated(run: RunFolder) -> bool:
    """Whether a run's scores are of other weights than it has now. Raises HRSError where they are damaged."""
    return _model(run) == "replaced"


def is_of_last(run: RunFolder) -> bool:
    """Whether a run's scores are of its last model and not of its best. Raises HRSError where they are damaged."""
    return _model(run) == "last"


def _model(run: RunFolder) -> str | None:
    if not run.scores.complete():
        return None
    models = [folder / MODEL for folder in (run.best, run.last)]
    return _weighed_by(str(run.path), [*map(_version, models)], _time(run.scores.about), _time(run.scores.index))


def read(frame: ScoredFrame) -> Frame:
    """A frame's arrays, the last few kept. Raises HRSError for a missing or damaged map."""
    return _read(frame, _time(frame.maps), _time(frame.picture))


def tile(frame: ScoredFrame) -> dict[str, Any]:
    """What the grid shows of a frame; see `app.figures.maps.tile`."""
    key = _key(frame)
    return {"id": frame.id, "key": key, **_tile(key, frame)}


def view(corpus: ScoredCorpus, row: int) -> dict[str, Any]:
    """What the viewer shows of a frame; see `app.figures.maps.view`. Raises HRSError for a missing or damaged file."""
    frame = corpus.frame(row)
    key = f"{_key(frame)} {_time(corpus.reasons_file(row))}"
    return {"frame": frame.id, "key": key, **_view(key, corpus, row)}


def area_table(corpus: ScoredCorpus) -> AreaTable:
    """All areas of a corpus, with its columns kept while it is. Raises HRSError for one that has none."""
    return _areas(stamp(corpus), corpus)


def stamp(corpus: ScoredCorpus) -> str:
    """Tells a corpus from others, and from what it was before it was scored again, whenever it was opened."""
    return f"{corpus.folder} {corpus.version}"


def _key(frame: ScoredFrame) -> str:
    """Tells apart frames, their maps from older ones, and weights by their scale."""
    files = frame.maps, frame.picture, label_file(frame.picture)
    return f"{frame.maps} {[*map(_time, files)]} {zlib.crc32(repr(frame.scale).encode())}"


@st.cache_resource(max_entries=64, show_spinner=False)
def _opened(run: str, step: int | None, index_time: int, about_time: int) -> ScoredCorpus:
    folder = RunFolder(Path(run))
    return ScoredCorpus.open(folder.scores.path) if step is None else open_panel(folder, step)


@st.cache_data(max_entries=64, show_spinner=False)
def _weighed_by(run: str, models: list[tuple[int, int]], about_time: int, index_time: int) -> str | None:
    folder = RunFolder(Path(run))
    return weighed_by(folder, _opened(run, None, index_time, about_time).about)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs={ScoredFrame: str})
def _read(frame: ScoredFrame, maps_time: int, picture_time: int) -> Frame:
    return Frame(maps=frame.read_maps(), label=frame.read_label(), jpeg=frame.read_jpeg())


@st.cache_data(max_entries=2000, show_spinner=False)
def _tile(key: str, _frame: ScoredFrame) -> dict[str, Any]:
    return figures.tile(_frame.read_jpeg(), _frame.read_label(), _frame.read_maps())


@st.cache_data(max_entries=64, show_spinner=False)
def _view(key: str, _corpus: ScoredCorpus, row: int) -> dict[str, Any]:
    frame, judges = read(_corpus.frame(row)), _corpus.about.judges
    if judges is None:
        return figures.view(frame.jpeg, frame.label, frame.maps, _corpus.space)
    return figures.view(frame.jpeg, frame.label, frame.maps, _corpus.space, _corpus.read_reasons(row), speaker(judges))


@st.cache_resource(max_entries=4, show_spinner=False)
def _areas(key: str, _corpus: ScoredCorpus) -> AreaTable:
    return AreaTable.of(_corpus)


def _version(path: Path) -> tuple[int, int]:
    """Size of a file, and when it was last replaced; zeros for none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _time(path: Path) -> int:
    """When a file was last replaced; 0 for none."""
    return _version(path)[1]
