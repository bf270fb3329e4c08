"""The segment page: the photo app, shown inside the dashboard."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import streamlit as st

from app.environment import PHOTO_VARIABLE
from app.frame import frame


def themed(address: str, theme: str | None) -> str:
    """The photo app's address in the dashboard's own colours; ``theme`` is "light", "dark", or None where unknown."""
    return f"{address.rstrip('/')}/?__theme={theme}" if theme else address


def seen_from(browser: str | None, address: str) -> str:
    """The photo app's address by the name that the browser calls this dashboard by: 127.0.0.1 is another machine for a
    browser elsewhere, and sessions belong to a name."""
    name, photo = urlsplit(browser or "").hostname, urlsplit(address)
    if not name:
        return address
    return f"{photo.scheme}://{f'[{name}]' if ':' in name else name}:{photo.port}"


def show(address: str) -> None:
    address = seen_from(st.context.url, address)
    frame("The photo app: segment a photo of your own", themed(address, st.context.theme.type))
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
