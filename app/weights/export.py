"""What one takes away: the filtered list as CSV, and a pruned copy of the data set."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.context import plain
from app.figures.maps import TITLES, Lens
from app.launch import draft
from app.weights.following import POLL_SECONDS, show_progress
from app.weights.grid import Selection
from hrs.config import load_config
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.launch.task import Task
from hrs.progress import counted
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.prune import Mode, with_copy
from hrs.system.files import atomic_write

_MODES: dict[Mode, str] = {"frames": "Whole frames", "labels": "Frames without what weighs little"}


def show_export(run: RunFolder, corpus: ScoredCorpus, selection: Selection, lens: Lens, *, copying: bool) -> None:
    """An expander with both exports. ``copying``: whether one is being made, as `show_copying` is told too."""
    count = len(selection.rows)
    with st.expander(f"Export {counted(count, 'frame')}", icon=":material/download:", key="weights export"):
        st.download_button(
            "List as CSV",
            lambda: corpus.export_csv(selection.rows),
            file_name=f"{run.name}_frames.csv",
            mime="text/csv",
            icon=":material/table:",
            on_click="ignore",
            disabled=not count,
        )
        if corpus.dataset is None:
            st.caption("To copy a data set, score the whole corpus first.")
            return
        _show_copy(run, corpus, selection, lens, copying=copying)


def _show_copy(run: RunFolder, corpus: ScoredCorpus, selection: Selection, lens: Lens, *, copying: bool) -> None:
    st.markdown("**Pruned data set**")
    mode = st.radio("Copy", list(_MODES), format_func=_MODES.__getitem__, key="weights mode", horizontal=True)
    nothing = mode == "labels" and lens.threshold == 0
    if nothing:
        st.caption("Raise the threshold above: it is 0, and no pixel weighs less.")
    elif mode == "labels":
        level = TITLES[lens.level].lower()
        st.caption(f"Pixels below the threshold of {lens.threshold:.2f} ({level}) become unlabelled.")
    out = st.text_input("New folder", f"exports/{run.name}", key=f"weights out {run.name}").strip()
    if st.button("Write data set", icon=":material/folder_copy:", disabled=copying or nothing or not out):
        try:
            start_copying(run, corpus, selection, mode, lens, Path(out))
        except HRSError as error:
            st.error(plain(str(error)))
            return
        st.rerun()  # the whole page, so that `show_copying` starts to look


def start_copying(
    run: RunFolder, corpus: ScoredCorpus, selection: Selection, mode: Mode, lens: Lens, out: Path
) -> None:
    """Have the chosen frames written as a data set, in the background.

    Raises:
        HRSError: another copy of this run is being made, or the run's folder cannot be written.
    """
    path = copying_task(run).path
    frames = path / "frames.txt"
    command = ["prune", str(corpus.folder.resolve()), "--out", str(out.expanduser().resolve())]
    command += ["--mode", mode, "--frames", str(frames)]
    command += ["--threshold", str(lens.threshold), "--level", lens.level] if mode == "labels" else []
    task = Task.create(path, command, out=out)
    atomic_write(frames, "".join(f"{name}\n" for name in corpus.ids(selection.rows)))
    launcher().submit(task)


def copying_task(run: RunFolder) -> Task:
    """The task that copies a data set by this run's weights, whether it is there or not."""
    return Task(run.tasks.resolve() / "prune")


def show_copying(run: RunFolder, *, copying: bool) -> None:
    """The last copy by this run's weights: its progress, then how to train on it.

    Args:
        copying: whether it was being made when the page began. If it has ended since, the page is drawn once more, or a
            button that waits for it would go on waiting.
    """
    task = copying_task(run)
    if not task.exists():
        return
    if copying:
        _follow(task)
        return
    try:
        status, out = task.read_status(), task.read_order().out
    except HRSError as error:
        st.error(plain(str(error)))
        return
    if status.state == "failed":
        st.error(f"Nothing was written: {plain(status.error or '')}")
    elif status.state == "finished" and out.is_dir():
        st.success(f"{counted(status.steps, 'frame')} in {plain(str(out))}. Train on them with this source:")
        st.code(f"folder:{out}", language=None)
        if st.button("Open in Launch", icon=":material/play_arrow:"):
            _open_in_launch(run, f"folder:{out}")


def _open_in_launch(run: RunFolder, copy: str) -> None:
    """The run's own settings, with these frames in the place of those that were scored."""
    try:
        config = with_copy(load_config(run.config), ScoredCorpus.open(run.scores.path).dataset, copy)
        draft.fill_from(config, f"run {run.name}")
    except HRSError as error:
        st.error(plain(str(error)))
        return
    st.switch_page("pages/launch.py")


@st.fragment(run_every=POLL_SECONDS)
def _follow(task: Task) -> None:
    if not task.active():
        st.rerun()
    show_progress(task, "Writing")
