"""Scoring a run's whole corpus from the page: a process of its own, which goes on when the page is closed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pyarrow.parquet as pq
import streamlit as st

from app.context import plain
from app.runs.reading import read_config
from hrs.methods.table import METHODS, in_words, that_learn_weights
from hrs.runs.folder import RunFolder
from hrs.runs.records import tail
from hrs.system.files import atomic_write
from hrs.system.processes import process_alive, process_identity

_POLL = 2.0  # seconds


def offer_scoring(run: RunFolder) -> None:
    """A button that scores the run, its progress while it works, and what it said where it failed."""
    if _working(run):
        _follow(run)
        return
    said = tail(run.scoring_log, 1)
    if said and not run.scores.complete():
        st.error(f"Scoring stopped: {plain(said[-1].removeprefix('error: '))}")
    config = read_config(run)
    if config and not METHODS[config.method].learns_weights:
        st.caption(f"The method {config.method} learns no weights. Choose a run of {in_words(that_learn_weights())}.")
    elif not run.best.is_dir():
        st.caption("This run has no checkpoint yet; it can be scored after its first validation.")
    else:
        _offer(run, config.data.sources if config else ())


def _offer(run: RunFolder, corpora: tuple[str, ...]) -> None:
    corpus = st.selectbox("Synthetic data set", corpora, width=420) if len(corpora) > 1 else None
    if st.button("Score the whole corpus", icon=":material/stacks:", type="primary"):
        start_scoring(run, corpus)
        st.rerun()
    st.caption(f"Or in a terminal: `{' '.join(['python', '-m', *_command(run, corpus)])}`")


def start_scoring(run: RunFolder, corpus: str | None = None) -> None:
    """Start `hrs score` on the run's best checkpoint, detached from this process.

    Args:
        corpus: the data set to score; None means the only one that the run was trained on.
    """
    with open(run.scoring_log, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *_command(run, corpus)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    atomic_write(run.scoring_mark, json.dumps(process_identity(process.pid)))
    threading.Thread(target=process.wait, daemon=True).start()  # an ended child that nobody waits for stays a zombie


def _command(run: RunFolder, corpus: str | None) -> list[str]:
    return ["hrs", "score", str(run.best.resolve()), *([corpus] if corpus else [])]


def frames_scored(run: RunFolder) -> int:
    """How many frames the finished parts hold."""
    return sum(pq.read_metadata(part).num_rows for part in run.scores.part_files())


@st.fragment(run_every=_POLL)
def _follow(run: RunFolder) -> None:
    if not _working(run):
        st.rerun()  # the whole page: it has scores now, or an error to show
    said = tail(run.scoring_log, 1)
    st.status(f"Scoring: {frames_scored(run):,} frames done.", state="running")
    st.caption(plain(said[-1]) if said else "Loading the model.")


def _working(run: RunFolder) -> bool:
    """Whether the process that scores this run lives."""
    try:
        known = json.loads(run.scoring_mark.read_bytes())
        return process_alive(known["pid"], known["pid_started"])
    except (OSError, ValueError, KeyError, TypeError):  # never started, or not by us
        return False
