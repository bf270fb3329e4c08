"""The segment page: the photo app, shown inside the dashboard."""

from __future__ import annotations

import os

import streamlit as st

PHOTO_VARIABLE = "HRS_PHOTO_URL"  # environment variable with the photo app's address; `python -m app` sets it
HEIGHT = 900  # pixels; the photo app scrolls inside


def themed(address: str, theme: str | None) -> str:
    """The photo app's address in the dashboard's own colours; ``theme`` is "light", "dark", or None where unknown."""
    return f"{address.rstrip('/')}/?__theme={theme}" if theme else address


def show(address: str) -> None:
    st.iframe(themed(address, st.context.theme.type), height=HEIGHT)
    st.link_button("Open in a new tab", address, icon=":material/open_in_new:", type="tertiary")


def say_how_to_start() -> None:
    with st.container(border=True):
        st.markdown("**The photo app is not running.** It segments your own photos with any trained run.")
        st.markdown("`python -m app` starts it together with this dashboard. By itself, on a page of its own:")
        st.code("python -m app.photo --port 7860 --runs runs", language="bash")


st.title("Segment")
photo_address = os.environ.get(PHOTO_VARIABLE)
if photo_address:
    show(photo_address)
else:
    say_how_to_start()
