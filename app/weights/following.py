"""A task that works with a run, as its page shows it while it waits or goes on."""

from __future__ import annotations

import streamlit as st

from app.context import plain
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.launch.phases import phase_in_words
from hrs.launch.task import Task
from hrs.progress import duration

POLL_SECONDS = 1.0


def show_progress(task: Task, what: str, counted: str = "frames") -> None:
    """How far it is, and a button to stop it.

    Args:
        what: begins the sentence, such as "Scoring".
        counted: what its steps are.
    """
    status = task.read_status()
    if status.state == "queued":
        said = f"{what}: {phase_in_words(task, status)}."
    elif not status.steps:
        said = f"{what}: starting."
    else:
        left = f", {duration(status.eta)} left" if status.eta else ""
        said = f"{what}: {status.step:,} of {status.steps:,} {counted}{left}."
    st.progress(status.step / max(status.steps, 1), said)
    if st.button("Cancel", icon=":material/stop:", key=f"cancel {task.path}"):
        try:
            launcher().cancel(task)
        except HRSError as error:  # it ended at this moment
            st.toast(plain(str(error)), icon=":material/error:")
