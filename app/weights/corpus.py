"""What the weights page reads: the corpora of a run, and frames encoded for the browser, each once.

Everything is cached under the files' times, so a corpus that is scored again is read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.figures import maps as figures
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import Maps, ScoredCorpus, ScoredFrame
from hrs.scoring.panel import open_panel

CORPUS, PANEL = "corpus", "panel"


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A frame's arrays; label and jpeg are None where an older version did not keep them."""

    maps: Maps
    label: NDArray[np.uint8] | None
    jpeg: bytes | None


def sources(run: RunFolder) -> list[str]:
    """Which corpora a run has: the scored one, the training panel, both or none."""
    return [CORPUS] * run.scores.complete() + [PANEL] * bool(run.panel_steps())


def open_source(run: RunFolder, source: str, step: int | None) -> ScoredCorpus:
    """A run's corpus; ``step`` is one of the panel's. Raises HRSError where it is damaged."""
    if source == CORPUS:
        return _scored(str(run.scores.path), _time(run.scores.index))
    return _panel(str(run.path), step or 0, _time(run.panel_step(step or 0).path), _time(run.space))


def read(frame: ScoredFrame) -> Frame:
    """A frame's arrays, the last few kept. Raises HRSError for a missing or damaged map."""
    return _read(frame, _time(frame.maps), _time(frame.picture))


def tile(frame: ScoredFrame, level: str) -> dict[str, Any]:
    """What the grid shows of a frame; see `app.figures.maps.tile`."""
    key = f"{frame.maps} {_time(frame.maps)} {level}"
    return {"id": frame.id, "key": key, **_tile(key, frame, level)}


def view(frame: ScoredFrame, corpus: ScoredCorpus) -> dict[str, Any]:
    """What the viewer shows of a frame; see `app.figures.maps.view`."""
    key = f"{frame.maps} {_time(frame.maps)}"
    return {"frame": frame.id, "key": key, **_view(key, frame, corpus)}


@st.cache_resource(max_entries=8, show_spinner=False)
def _scored(folder: str, time: int) -> ScoredCorpus:
    return ScoredCorpus.open(Path(folder))


@st.cache_resource(max_entries=64, show_spinner=False)
def _panel(path: str, step: int, time: int, space_time: int) -> ScoredCorpus:
    run = RunFolder(Path(path))
    return open_panel(run, step, run.read_space())


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs={ScoredFrame: str})
def _read(frame: ScoredFrame, maps_time: int, picture_time: int) -> Frame:
    maps = frame.read_maps()
    if not frame.picture.is_file():
        return Frame(maps=maps, label=None, jpeg=None)
    return Frame(maps=maps, label=frame.read_frame()[1], jpeg=frame.picture.read_bytes())


@st.cache_data(max_entries=2000, show_spinner=False)
def _tile(key: str, _frame: ScoredFrame, level: str) -> dict[str, Any]:
    jpeg = _frame.picture.read_bytes() if _frame.picture.is_file() else None
    return figures.tile(jpeg, _frame.read_maps()[level])


@st.cache_data(max_entries=64, show_spinner=False)
def _view(key: str, _frame: ScoredFrame, _corpus: ScoredCorpus) -> dict[str, Any]:
    frame = read(_frame)
    return figures.view(frame.jpeg, frame.label, frame.maps, _corpus.space)


def _time(path: Path) -> int:
    """When a file was last replaced; 0 for none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
