"""What the weights page keeps in its address, so that a link shows the same and the browser's back goes back.

The address is the truth: widgets take their values from it in every run and write to it when they change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

_KEPT = ("source", "map", "step", "opacity", "threshold", "sort", "order", "filter", "tag", "size", "show")
_MEMORY = "weights address"


def restore() -> None:
    """Somebody who comes by the menu, which names no run, finds what they left."""
    if "run" not in st.query_params and st.session_state.get(_MEMORY):
        st.query_params.update(st.session_state[_MEMORY])


def remember() -> None:
    st.session_state[_MEMORY] = {name: asked for name in _KEPT if (asked := st.query_params.get_all(name))}


def put(name: str, value: str | Sequence[str]) -> None:
    """Write to the address; nothing takes the name out."""
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def addressed(name: str, key: str, options: Sequence[str], usual: str, drops: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments of a widget with one choice that the address keeps.

    Args:
        usual: what is chosen where the address names none of the options; it is not written.
        drops: what else in the address was said of the last choice, and is not true of another.
    """
    asked = st.query_params.get(name)
    st.session_state[key] = asked if asked in options else usual
    return {"key": key, "on_change": _put_choice, "args": (name, key, usual, drops)}


def _put_choice(name: str, key: str, usual: str, drops: Sequence[str]) -> None:
    for each in drops:
        put(each, "")
    chosen = str(st.session_state[key])
    put(name, "" if chosen == usual else chosen)
