"""A study that was handed in: how far it is, what each of its runs is at, and how it ended."""

from __future__ import annotations

import shlex
from pathlib import Path

import pandas as pd
import streamlit as st

from app.context import plain
from app.runs.reading import POLL_SECONDS, active, doings
from app.weights.following import show_progress
from hrs.errors import HRSError
from hrs.launch.task import Task
from hrs.progress import counted
from hrs.runs.registry import list_runs, study_folders
from hrs.runs.status import Status
from hrs.study.baselines import hand_in, study_task
from hrs.study.plan import FILE, load_study, plan


def say_where_studies_are(root: Path) -> None:
    """Beside a list of runs, that those of studies are elsewhere."""
    if not (studies := study_folders(root)):
        return
    newest = max(studies, key=lambda folder: folder.stat().st_mtime)
    count = "one study" if len(studies) == 1 else f"{len(studies)} studies"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"The runs of {count} are not in this list: Compare shows them.", width="content")
        st.page_link(
            "pages/compare.py",
            label=f"Study {plain(newest.name)}",
            icon=":material/stacked_line_chart:",
            query_params={"of": f"Study {newest.name}"},
        )


def show_study(folder: Path) -> None:
    """What is to be said of a study beside its table: while it works its progress, after that why it stopped, and what
    it lacks."""
    task = study_task(folder)
    if task.active():
        st.fragment(_follow, run_every=POLL_SECONDS)(folder, task, finished(folder))
        return
    status = task.read_status() if task.exists() else Status(state="finished")  # as a study in a terminal may be
    _tell_end(status)
    _offer_rest(folder, status)


def finished(folder: Path) -> int:
    return sum(summary.status.state == "finished" for summary in list_runs(folder))


def _follow(folder: Path, task: Task, before: int) -> None:
    """Drawn anew every other second; the whole page where a run has finished, for its table then has more to say."""
    if not task.active() or finished(folder) != before:
        st.rerun()
    show_progress(task, "Study", "runs")
    runs = list_runs(folder)
    table = pd.DataFrame(
        [
            {"run": each.name, "state": each.status.state, "doing": at}
            for each, at in zip(runs, doings(runs), strict=True)
        ]
    )
    if len(table):
        with st.expander(f"{len(table)} of its runs so far", key="study runs"):
            st.dataframe(table, hide_index=True, alt="runs of the study, with what they are at")


def _tell_end(status: Status) -> None:
    if status.state == "failed":
        st.error(f"The study stopped: {plain(status.error or 'no reason was recorded')}")
    elif status.state == "cancelled":
        st.info("The study was cancelled. What it finished is kept, and it goes on from there.")


def _offer_rest(folder: Path, status: Status) -> None:
    """How many of its runs a study lacks, and how it goes on, unless a terminal is at it; nothing where it is whole."""
    file, runs = folder / FILE, list_runs(folder)
    try:
        planned = {job.name for job in plan(load_study(file))}
    except HRSError:
        return
    done = planned & {each.name for each in runs if each.status.state == "finished"}
    if len(done) == len(planned) and status.state == "finished":
        return
    told = f"{len(done)} of {counted(len(planned), 'run')} finished"
    if active(runs) and status.state == "finished":
        st.info(f"{told}; the others are at work.")
        return
    command = shlex.join(["python", "-m", "hrs", "study", str(file), "--out", str(folder)])
    st.warning(f"{told}; go on here, or with: `{command}`")
    if st.button("Go on with the study", icon=":material/resume:"):
        try:
            hand_in(file, folder, status.keeper)  # where it was
        except HRSError as error:
            st.error(plain(str(error)))
            return
        st.rerun()
