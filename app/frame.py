"""A page of another server inside one of the dashboard's, as high as what it shows: nothing scrolls inside."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_FRAME = st.components.v2.component(
    "hrs_frame", js=(Path(__file__).parent / "figures" / "frame.js").read_text(encoding="utf-8")
)


def frame(title: str, address: str, *, height: int = 900) -> None:
    """Show a page.

    Args:
        title: what it is, for those who do not see it.
        address: of the page, which tells its height by the message {hrsHeight: pixels}.
        height: until it has told, in pixels.
    """
    _FRAME(key=f"frame {title}", data={"title": title, "address": address, "height": height})
