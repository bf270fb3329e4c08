"""What one takes away: the filtered list as CSV, and a pruned copy of the data set."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.context import plain
from app.figures.maps import TITLES, Lens
from app.weights.grid import Selection
from hrs.errors import HRSError
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.prune import Mode, export_dataset

_MODES: dict[Mode, str] = {"frames": "Whole frames", "labels": "Frames without what weighs little"}
_JOB = "weights export job"
_POLL = 0.5  # seconds


@dataclass
class Job:
    """A copy in the making. Written by its own thread, read by the page."""

    out: Path
    done: int = 0
    total: int = 1
    error: str | None = None
    finished: bool = False

    def tell(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def work(self, corpus: ScoredCorpus, selection: Selection, mode: Mode, lens: Lens) -> None:
        try:
            export_dataset(
                corpus,
                selection.rows,
                self.out,
                mode=mode,
                threshold=lens.threshold,
                level=lens.level,
                progress=self.tell,
            )
        except HRSError as error:
            self.error = str(error)
        except Exception as error:  # a thread has nobody above it to tell
            self.error = f"{type(error).__name__}: {error}"
        self.finished = True


def show_export(run: str, corpus: ScoredCorpus, selection: Selection, lens: Lens) -> None:
    """An expander with both exports."""
    count = len(selection.rows)
    with st.expander(f"Export {count:,} frames", icon=":material/download:", key="weights export"):
        st.download_button(
            "List as CSV",
            lambda: corpus.export_csv(selection.rows),
            file_name=f"{run}_frames.csv",
            mime="text/csv",
            icon=":material/table:",
            on_click="ignore",
            disabled=not count,
        )
        if corpus.dataset is None:
            st.caption("To copy a data set, score the whole corpus first.")
            return
        _show_copy(run, corpus, selection, lens)


def _show_copy(run: str, corpus: ScoredCorpus, selection: Selection, lens: Lens) -> None:
    st.markdown("**Pruned data set**")
    mode = st.radio("Copy", list(_MODES), format_func=_MODES.__getitem__, key="weights mode", horizontal=True)
    nothing = mode == "labels" and lens.threshold == 0
    if nothing:
        st.caption("Raise the threshold above: it is 0, and no pixel weighs less.")
    elif mode == "labels":
        level = TITLES[lens.level].lower()
        st.caption(f"Pixels below the threshold of {lens.threshold:.2f} ({level}) become unlabelled.")
    out = st.text_input("New folder", f"exports/{run}", key=f"weights out {run}")
    job: Job | None = st.session_state.get(_JOB)
    busy = job is not None and not job.finished
    if st.button("Write data set", icon=":material/folder_copy:", disabled=busy or nothing or not out.strip()):
        job = st.session_state[_JOB] = Job(out=Path(out.strip()).expanduser())
        threading.Thread(target=job.work, args=(corpus, selection, mode, lens), daemon=True).start()
        st.rerun()  # the whole page, so that `show_copying` starts to look


def show_copying() -> None:
    """The last copy of this session: its progress, then how to train on it."""
    job: Job | None = st.session_state.get(_JOB)
    if job is None:
        return
    if not job.finished:
        _follow()
    elif job.error:
        st.error(f"Nothing was written: {plain(job.error)}")
    else:
        st.success(f"{job.total:,} frames in {plain(str(job.out))}. Train on them with this source:")
        st.code(f"folder:{job.out.resolve()}", language=None)


@st.fragment(run_every=_POLL)
def _follow() -> None:
    job: Job = st.session_state[_JOB]
    if job.finished:
        st.rerun()
    st.progress(job.done / job.total, f"{job.done:,} of {job.total:,} frames")
