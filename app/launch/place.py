"""Where a new run trains: on this machine, or on one of the clusters that the dashboard was started with."""

from __future__ import annotations

import os

import streamlit as st

ON_VARIABLE = "HRS_ON"
"""Environment variable with the addresses of clusters, with commas between them; `python -m app --on` sets it."""
KEY = "launch place"  # of the session state
_HERE = "This machine"


def clusters() -> tuple[str, ...]:
    """Addresses of the clusters that are offered beside this machine."""
    return tuple(filter(None, map(str.strip, os.environ.get(ON_VARIABLE, "").split(","))))


def choose() -> str | None:
    """A select box, where there is something to choose; the address of a cluster, or None for this machine."""
    known = clusters()
    if not known:
        return None
    chosen = st.selectbox(
        "Where",
        [_HERE, *known],
        format_func=lambda place: place if place == _HERE else f"Cluster {place}",
        key=KEY,
        persist_state="session",
        width=240,
    )
    return None if chosen == _HERE else str(chosen)


def in_words(on: str | None, waiting: int) -> str:
    """How work is taken up there, in a sentence or two. waiting: how much waits on this machine already."""
    if on is not None:
        return f"The cluster {on} trains as many at once as it has room for; it has to see this folder of runs."
    ahead = f"{waiting} {'wait' if waiting > 1 else 'waits'} already. " if waiting else ""
    return f"{ahead}Runs train one at a time on each device; the others wait in order."
