"""Scoring a run's whole corpus from the page: a task, which goes on when the page is closed."""

from __future__ import annotations

import shlex

import streamlit as st

from app.context import plain, runs_root
from app.launch.checks import look_at
from app.runs.reading import read_config
from app.weights.corpus import is_outdated
from app.weights.following import POLL_SECONDS, show_progress
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.launch.task import Task
from hrs.methods.table import METHODS, in_words, that_learn_weights
from hrs.progress import counted
from hrs.runs.folder import RunFolder
from hrs.runs.registry import adopt, is_shipped
from hrs.runs.status import ACTIVE, ENDED
from hrs.street import shipped_frames


def offer_scoring(run: RunFolder) -> None:
    """What scores the run, its progress while it works, and what it said where it failed."""
    task = scoring_task(run)
    if task.active():
        _follow(task)
        return
    if task.exists():
        _tell_end(task)
    config = read_config(run)
    if config and METHODS[config.method].learns_weights and run.best.is_dir():
        _offer(run, config.sources)


def why_no_maps(run: RunFolder) -> str:
    """Why a run has no weight maps, and what would give it some."""
    config, state = read_config(run), run.read_status().state
    if config is None:
        return "The settings of this run cannot be read, so nobody knows whether it learns weights."
    facts = METHODS[config.method]
    if not facts.learns_weights:
        methods = in_words(that_learn_weights(), "or")
        return f"{facts.title} ({config.method}) learns no weights. Choose a run of {methods}."
    if run.best.is_dir():
        return "This run kept no weight maps while it trained; scoring it weighs every frame of a synthetic data set."
    if state in ACTIVE:
        return f"This run is {state}; it keeps its first weight maps as soon as it trains."
    remedy = "" if state == "finished" else " Resume it on the Runs page, and it keeps some."
    return f"This run {ENDED[state]} and left neither weight maps nor a checkpoint that could be scored.{remedy}"


def _offer(run: RunFolder, own: tuple[str, ...]) -> None:
    known = corpora(own)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        corpus = st.selectbox(
            "Synthetic data set to score",
            list(known),
            format_func=lambda name: known.get(name, name),
            accept_new_options=True,
            key=f"score with {run.path}",
            help="One of these, or any other as format:path.",
            width=480,
        )
        pressed = st.button("Score the whole corpus", icon=":material/stacks:", type="primary", disabled=not corpus)
    out = list[str]()
    if is_shipped(run):
        st.caption(f"It comes with hrs and is not changed: a copy in {plain(str(runs_root()))} gets the scores.")
        out = ["--out", f"{run.name}_scores"]  # else a terminal would write into its folder
    if pressed:
        _start(run, str(corpus))
    st.caption(f"Or in a terminal: `{shlex.join(['python', '-m', 'hrs', *_command(run, corpus), *out])}`")


def corpora(own: tuple[str, ...]) -> dict[str, str]:
    """Data sets that can be scored, with what to say of each; first the run's own if it is there, for what has to be
    drawn takes its time, else the frames that come with hrs."""
    shipped = f"folder:{shipped_frames('synthetic')}"
    names = dict.fromkeys([*own, shipped, "render:synthetic?frames=200"])
    seen = {name: found for name in names if (found := look_at(name)).error is None}
    there = sorted(seen, key=lambda name: (seen[name].missing > 0, name not in own))
    called = {shipped: "Frames that come with hrs"}
    return {name: f"{called.get(name, name)} · {seen[name].in_words()}" for name in there}


def _start(run: RunFolder, corpus: str) -> None:
    try:
        if (error := look_at(corpus).error) is not None:
            raise HRSError(error)
        if is_shipped(run):
            run = adopt(run, runs_root())
            st.query_params["run"] = run.name
        start_scoring(run, corpus)
    except HRSError as error:
        st.error(plain(str(error)))
        return
    st.rerun()


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
    # Of what was begun and not finished nobody sees anything; scores that are whole stay while they are right.
    begun = run.scores.claim.is_file() and not run.scores.complete()
    replace = ["--replace"] if begun or is_outdated(run) else []
    return ["score", str(run.best.resolve()), *([corpus] if corpus else []), *replace]


def _tell_end(task: Task) -> None:
    status = task.read_status()
    if status.state == "failed":
        st.error(f"Scoring stopped: {plain(status.error or '')}")
    elif status.state == "cancelled":
        st.info(f"Scoring was cancelled after {counted(status.step, 'frame')}; it will go on from there.")


@st.fragment(run_every=POLL_SECONDS)
def _follow(task: Task) -> None:
    if not task.active():
        st.rerun()  # the whole page: it has scores now, or an error to show
    show_progress(task, "Scoring")
