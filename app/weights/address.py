"""What the weights page keeps in its address, so that a link shows the same and the browser's back goes back.

The address is the truth: widgets take their values from it in every run and write to it when they change. A browser
that asks again before it has the answer names the address from before; what was written since holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.context import address, just_opened, moved_in_history, write_address

_KEPT = ("source", "map", "step", "opacity", "threshold", "sort", "order", "filter", "tag", "size", "show")
_MEMORY = "weights address"
_TRAIL = "weights trail"  # of the session state: the browser's own address and those that were written since
_LONGEST = 40


def restore() -> None:
    """Somebody who comes by the menu, which names no run, finds what they left."""
    if just_opened():
        st.session_state.pop(_TRAIL, None)
    if "run" not in st.query_params and st.session_state.get(_MEMORY):
        st.query_params.update(st.session_state[_MEMORY])


def remember() -> None:
    catch_up()
    st.session_state[_MEMORY] = {name: asked for name in _KEPT if (asked := st.query_params.get_all(name))}


def catch_up() -> None:
    """Go to the address that was written last, where the browser asks with one from before; not where somebody went
    back to it."""
    trail, asked = st.session_state.get(_TRAIL, []), address()
    if asked not in trail or moved_in_history():
        st.session_state[_TRAIL] = [asked]
    elif asked != trail[-1]:
        st.query_params.from_dict(trail[-1])


def put(name: str, value: str | Sequence[str]) -> None:
    """Write to the address; nothing takes the name out."""
    put_all({name: value})


def put_all(values: Mapping[str, str | Sequence[str]]) -> None:
    catch_up()
    write_address(values)
    st.session_state[_TRAIL] = [*st.session_state[_TRAIL], address()][-_LONGEST:]


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
    chosen = str(st.session_state[key])
    put_all({**dict.fromkeys(drops, ""), name: "" if chosen == usual else chosen})
