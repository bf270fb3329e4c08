"""Scoring a run's whole corpus from the page: a task, which goes on when the page is closed."""

from __future__ import annotations

import streamlit as st

from app.context import plain
from app.runs.reading import read_config
from app.weights.following import POLL_SECONDS, show_progress
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.launch.task import Task
from hrs.methods.table import METHODS, in_words, that_learn_weights
from hrs.runs.folder import RunFolder


def offer_scoring(run: RunFolder) -> None:
    """A button that scores the run, its progress while it works, and what it said where it failed."""
    task = scoring_task(run)
    if task.active():
        _follow(task)
        return
    if task.exists():
        _tell_end(task)
    config = read_config(run)
    if config and not METHODS[config.method].learns_weights:
        methods = in_words(that_learn_weights(), "or")
        st.caption(f"The method {config.method} learns no weights. Choose a run of {methods}.")
    elif not run.best.is_dir():
        st.caption("This run has no checkpoint yet; it can be scored after its first validation.")
    else:
        _offer(run, config.data.sources if config else ())


def _offer(run: RunFolder, corpora: tuple[str, ...]) -> None:
    corpus = st.selectbox("Synthetic data set", corpora, width=420) if len(corpora) > 1 else None
    if st.button("Score the whole corpus", icon=":material/stacks:", type="primary"):
        try:
            start_scoring(run, corpus)
        except HRSError as error:
            st.error(plain(str(error)))
            return
        st.rerun()
    st.caption(f"Or in a terminal: `{' '.join(['python', '-m', 'hrs', *_command(run, corpus)])}`")


def start_scoring(run: RunFolder, corpus: str | None = None) -> None:
    """Score the run's best checkpoint as soon as a device is free.

    Args:
        corpus: the data set to score; None means the only one that the run was trained on.

    Raises:
        HRSError: it is being scored already, or its folder cannot be written.
    """
    task = Task.create(scoring_task(run).path, _command(run, corpus), out=run.scores.path, device="auto")
    launcher().submit(task)


def scoring_task(run: RunFolder) -> Task:
    """The task that scores this run, whether it is there or not; `python -m hrs score` in a terminal is it, too."""
    return Task(run.tasks / "score")


def _command(run: RunFolder, corpus: str | None) -> list[str]:
    return ["score", str(run.best.resolve()), *([corpus] if corpus else [])]


def _tell_end(task: Task) -> None:
    status = task.read_status()
    if status.state == "failed":
        st.error(f"Scoring stopped: {plain(status.error or '')}")
    elif status.state == "cancelled":
        st.info(f"Scoring was cancelled after {status.step:,} frames; it will go on from there.")


@st.fragment(run_every=POLL_SECONDS)
def _follow(task: Task) -> None:
    if not task.active():
        st.rerun()  # the whole page: it has scores now, or an error to show
    show_progress(task, "Scoring")
