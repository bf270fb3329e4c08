"""Which frames are kept: conditions on statistics, changed one at a time, and how many frames each hides and why."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from app.context import plain
from app.figures.maps import TITLES
from app.weights.address import put
from hrs.progress import counted
from hrs.scoring.corpus import Absent, Between, ScoredCorpus
from hrs.scoring.moments import MEAN, STD

_ABSENT: dict[Absent, str] = {"keep": "Keep", "hide": "Hide", "only": "Only these"}
_CHOICE = "weights filter by"


def describe(statistic: str) -> str:
    """A column of the table in plain words."""
    named = {"weight": "Weight of the frame", "effective_share": "How evenly its pixels count"}
    level, _, what = statistic.partition("/")
    ends = {MEAN: "mean", STD: "spread"}
    return named.get(statistic) or f"{TITLES[level]}: {ends.get(what) or what.removeprefix('/')}"


def read_filters(corpus: ScoredCorpus) -> list[Between]:
    """The conditions in the address, each once; what it names wrongly is said and left out."""
    found = []
    for text in st.query_params.get_all("filter"):
        condition = _parse(text)
        if condition is None or condition.statistic not in corpus.statistics:
            st.warning(f"The address has a filter that these frames do not know: {plain(text[:100])}. It is left out.")
        else:
            found.append(condition)
    return list(dict.fromkeys(found))


def choose_filters(corpus: ScoredCorpus, where: Sequence[Between]) -> None:
    """What is filtered by, and one filter to change or add."""
    for each in where:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(plain(told(corpus, each)), width="stretch")
            remove = partial(_write, [other for other in where if other is not each])
            said = f"Remove the filter by {plain(describe(each.statistic))}"
            st.button(said, icon=":material/close:", type="tertiary", key=f"weights no {each}", on_click=remove)
    chosen = st.selectbox(
        "Keep frames by",
        corpus.statistics,
        index=None,
        placeholder="Add or change a filter",
        format_func=describe,
        key=_CHOICE,
        width=320,
    )
    if chosen in corpus.statistics:
        _edit(corpus, where, chosen)


def told(corpus: ScoredCorpus, condition: Between) -> str:
    """How many frames a condition hides, and why."""
    outside, lacks = (int(each.sum()) for each in condition.hides(corpus.values(condition.statistic)))
    name, what = describe(condition.statistic), condition.statistic.partition("/")[2]
    if condition.absent == "only":
        return f"{name}: hides {outside:,} of {counted(len(corpus), 'frame')}, those that have {what}."
    why = [f"{outside:,} outside of {condition.low:.2f} to {condition.high:.2f}"] if outside else []
    why += [f"{lacks:,} without {what}"] if lacks else []
    return f"{name}: hides {outside + lacks:,} of {counted(len(corpus), 'frame')}{': ' if why else ''}{', '.join(why)}."


def _edit(corpus: ScoredCorpus, where: Sequence[Between], statistic: str) -> None:
    values = corpus.values(statistic)
    if np.isnan(values).all():
        st.caption(f"No frame has {plain(describe(statistic))}.")
        return
    low, high = np.floor(np.nanmin(values) * 100) / 100, np.ceil(np.nanmax(values) * 100) / 100
    now = next((each for each in where if each.statistic == statistic), None)
    change = partial(_change, where, statistic, (low, high))
    if low == high:
        st.caption(f"{plain(describe(statistic))} is {low:.2f} everywhere.")
    else:
        kept = (max(low, min(now.low, high)), min(high, max(now.high, low))) if now else (low, high)
        st.session_state[_range(statistic)] = kept
        st.slider(plain(describe(statistic)), low, high, step=0.01, key=_range(statistic), on_change=change)
    lacking = int(np.isnan(values).sum())
    if lacking:
        st.session_state[_lacking(statistic)] = now.absent if now else "keep"
        st.segmented_control(
            f"{counted(lacking, 'frame')} without {plain(statistic.partition('/')[2])}",
            list(_ABSENT),
            required=True,
            format_func=_ABSENT.__getitem__,
            key=_lacking(statistic),
            on_change=change,
        )


def _change(where: Sequence[Between], statistic: str, whole: tuple[float, float]) -> None:
    low, high = st.session_state.get(_range(statistic), whole)
    absent: Absent = st.session_state.get(_lacking(statistic), "keep")
    others = [each for each in where if each.statistic != statistic]
    hides = (low, high) != whole or absent != "keep"
    _write([*others, Between(statistic=statistic, low=low, high=high, absent=absent)] if hides else others)


def _write(where: Sequence[Between]) -> None:
    put("filter", [f"{each.statistic}:{each.low:g}:{each.high:g}:{each.absent}" for each in where])


def _parse(text: str) -> Between | None:
    try:
        statistic, low, high, asked = text.rsplit(":", 3)
        ends = float(low), float(high)
    except ValueError:
        return None
    absent = next((each for each in _ABSENT if each == asked), None)
    if absent is None or not np.isfinite(ends).all():
        return None
    return Between(statistic=statistic, low=ends[0], high=ends[1], absent=absent)


def _range(statistic: str) -> str:
    return f"weights range {statistic}"


def _lacking(statistic: str) -> str:
    return f"weights without {statistic}"
