"""Where a new run trains: on this machine, or on one of the clusters that the dashboard was started with."""

from __future__ import annotations

import os

import streamlit as st

from app.environment import ON_VARIABLE

KEY = "launch place"  # of the session state
_HERE = "This machine"


def clusters() -> tuple[str, ...]:
    """Addresses of the clusters that are offered beside this machine."""
    return tuple(filter(None, map(str.strip, os.environ.get(ON_VARIABLE, "").split(","))))


def draw() -> None:
    """A select box, where there is something to choose."""
    if known := clusters():
        st.selectbox(
            "Where",
            [_HERE, *known],
            format_func=lambda place: place if place == _HERE else f"Cluster {place}",
            key=KEY,
            persist_state="session",
            width=240,
        )


def chosen() -> str | None:
    """The address of the cluster that is chosen, None for this machine."""
    place = st.session_state.get(KEY)
    return place if place in clusters() else None


def in_words(on: str | None, waiting: int) -> str:
    """How work is taken up there, in a sentence or two. waiting: how much waits on this machine already."""
    if on is not None:
        return f"The cluster {on} trains as many at once as it has room for; it has to see this folder of runs."
    ahead = f"{waiting} {'wait' if waiting > 1 else 'waits'} already. " if waiting else ""
    return f"{ahead}Runs train one at a time on each device; the others wait in order."
