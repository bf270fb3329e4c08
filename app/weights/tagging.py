"""Tags on frames: given in a frame's detail, and what the list of frames can be kept to."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from app.context import plain
from app.weights.address import put
from hrs.errors import HRSError
from hrs.progress import counted
from hrs.scoring.corpus import Rows, ScoredCorpus
from hrs.scoring.tags import LONGEST, Tags

_FILTER = "weights tags kept"


def show_tags(tags: Tags, frame: str) -> None:
    """The tags of a frame, to choose from those in use or to type new ones."""
    found, key = tags.read(), f"weights tags {frame}"
    own = found.get(frame, [])
    if (
        key not in st.session_state or st.session_state.get(_stored(key)) != own
    ):  # else a run that is on its way would undo what is typed meanwhile
        st.session_state[key] = st.session_state[_stored(key)] = own
    st.multiselect(
        "Tags",
        _in_use(found),
        key=key,
        accept_new_options=True,
        placeholder="Type a word, such as broken",
        help=f"Words of up to {LONGEST} characters, kept in the run's folder. Frames can be filtered by them.",
        on_change=partial(_give, tags, frame, key),
        width=420,
    )


def _give(tags: Tags, frame: str, key: str) -> None:
    try:
        tags.put(frame, st.session_state[key])
    except HRSError as error:
        st.toast(plain(str(error)), icon=":material/error:")
        st.session_state.pop(_stored(key))
    else:
        st.session_state[_stored(key)] = tags.read().get(frame, [])


def _stored(key: str) -> str:
    """Where a session keeps what the file held when the widget was last filled from it."""
    return f"{key} stored"


def choose_tags(tags: Tags) -> None:
    """Which tags frames are kept by; nothing where none is in use. One that no frame has any more can be taken off."""
    asked = asked_tags()
    options = sorted({*_in_use(tags.read()), *asked})
    if not options:
        return
    st.session_state[_FILTER] = asked
    st.multiselect("Keep frames tagged", options, key=_FILTER, on_change=_ask, placeholder="Any", width=320)


def asked_tags() -> list[str]:
    """Those in the address, each once."""
    return list(dict.fromkeys(st.query_params.get_all("tag")))


def _ask() -> None:
    put("tag", st.session_state[_FILTER])


def tagged(corpus: ScoredCorpus, tags: Tags, rows: Rows) -> tuple[Rows, tuple[str, ...]]:
    """Those of these rows that have one of the tags in the address, and what that hides in words."""
    asked = set(asked_tags())
    if not asked:
        return rows, ()
    named = (corpus.find(frame) for frame, own in tags.read().items() if asked.intersection(own))
    kept = rows[np.isin(rows, [row for row in named if row is not None])]
    hidden = f"hides {len(rows) - len(kept):,} of {counted(len(corpus), 'frame')}"
    return kept, (f"Tagged {' or '.join(sorted(asked))}: {hidden}, those without.",)


def _in_use(found: dict[str, list[str]]) -> list[str]:
    return sorted({tag for own in found.values() for tag in own})
