"""The grid of frames: which ones, in what order, and a page of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from app.context import plain
from app.figures.maps import TITLES, Lens, colour_table
from app.weights.corpus import tile
from hrs.pictures import FULL_WEIGHT
from hrs.scoring.corpus import Between, Rows, ScoredCorpus

PAGE = 24
_FIGURES = Path(__file__).parents[1] / "figures"
_GRID = st.components.v2.component(
    "hrs_weights_grid",
    html='<div class="grid"></div>',
    css=(_FIGURES / "grid.css").read_text(encoding="utf-8"),
    js=(_FIGURES / "paint.js").read_text(encoding="utf-8") + (_FIGURES / "grid.js").read_text(encoding="utf-8"),
)
_ORDERS = {False: "Lowest first", True: "Highest first"}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The frames that the filters leave, in order; ``sort`` ordered them, ``name`` tells them from others."""

    rows: Rows
    sort: str
    name: str


def describe(statistic: str) -> str:
    """A column of the table in plain words."""
    named = {"weight": "Weight of the frame", "effective_share": "Effective share of its pixels"}
    level, _, what = statistic.partition("/")
    ends = {"mean": "mean", "std": "spread"}
    return named.get(statistic) or f"{TITLES[level]}: {ends.get(what, what)}"


def choose_frames(corpus: ScoredCorpus) -> Selection:
    """Widgets for order and filters in a row; returns what they leave."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        sort, descending = _choose_order(corpus)
        chosen = st.session_state.get("weights filters", [])
        with st.popover(f"Filters ({len(chosen)})" if chosen else "Filters", icon=":material/filter_list:"):
            where = _choose_filters(corpus)
    return _select(corpus, sort, descending, where)


def choose_frames_folded(corpus: ScoredCorpus) -> Selection:
    """The same behind one button, where a frame needs the room."""
    with st.popover("Order and filters", icon=":material/filter_list:"):
        sort, descending = _choose_order(corpus)
        where = _choose_filters(corpus)
    return _select(corpus, sort, descending, where)


def _select(corpus: ScoredCorpus, sort: str, descending: bool, where: list[Between]) -> Selection:
    rows = corpus.select(sort=sort, descending=descending, where=where)
    return Selection(rows=rows, sort=sort, name=f"{corpus.folder} {sort} {descending} {where}")


def _choose_order(corpus: ScoredCorpus) -> tuple[str, bool]:
    """Statistic to sort by, and whether the highest comes first."""
    sort = _choose_statistic(corpus, "Sort by", "weights sort")
    descending = st.segmented_control(
        "Order",
        list(_ORDERS),
        default=False,
        required=True,
        format_func=_ORDERS.__getitem__,
        key="weights order",
        persist_state="session",
    )
    return sort, bool(descending)


def _choose_statistic(corpus: ScoredCorpus, label: str, key: str) -> str:
    """Of statistics by class one chooses the map first and then the class; the list stays short that way."""
    classes = set(corpus.space.classes)
    parts = {each: each.partition("/") for each in corpus.statistics}
    by_class = {name: [each for each, (m, _, c) in parts.items() if m == name and c in classes] for name in corpus.maps}
    overall = [each for each, (_, _, what) in parts.items() if what not in classes]
    overall.sort(key=lambda each: each != "weight")  # the first is what a fresh page sorts by
    options = overall + [f"{name}/" for name, found in by_class.items() if found]
    chosen = st.selectbox(
        label,
        options,
        format_func=lambda each: f"{TITLES[each[:-1]]}: mean over a class" if each.endswith("/") else describe(each),
        key=key,
        persist_state="session",
        width=270,
    )
    if not chosen.endswith("/"):
        return str(chosen)
    found = by_class[chosen[:-1]]
    return str(
        st.selectbox(
            "Class",
            found,
            format_func=lambda each: each.partition("/")[2],
            key=f"{key} {chosen}",
            persist_state="session",
            width=150,
        )
    )


def _choose_filters(corpus: ScoredCorpus) -> list[Between]:
    names = st.multiselect(
        "Keep frames by",
        corpus.statistics,
        format_func=describe,
        key="weights filters",
        persist_state="session",
        width=320,
    )
    found = [_choose_range(corpus, name) for name in names if name in corpus.statistics]
    return [each for each in found if each]


def _choose_range(corpus: ScoredCorpus, statistic: str) -> Between | None:
    values = corpus.values(statistic)
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    low, high = np.floor(least * 100) / 100, np.ceil(most * 100) / 100
    if low == high:
        st.caption(f"{plain(describe(statistic))} is {low:.2f} everywhere.")
        return None
    key = f"weights range {statistic} {low} {high}"
    chosen = st.slider(plain(describe(statistic)), low, high, (low, high), 0.01, key=key, persist_state="session")
    return Between(statistic=statistic, low=chosen[0], high=chosen[1])


def show_grid(corpus: ScoredCorpus, selection: Selection, lens: Lens) -> None:
    """A page of frames; a click on one opens it."""
    rows = selection.rows
    if not len(rows):
        st.info("No frame meets the filters. Widen a range, or remove a filter.")
        return
    pages = -(-len(rows) // PAGE)
    tiles = st.container()
    number = 1
    if pages > 1:
        number = st.pagination(pages, key=f"weights page {selection.name}", persist_state="page")
    with tiles:
        _show_tiles(corpus, selection, lens, number - 1)


def _show_tiles(corpus: ScoredCorpus, selection: Selection, lens: Lens, page: int) -> None:
    rows = selection.rows[page * PAGE : (page + 1) * PAGE]
    values = corpus.values(selection.sort)[rows]
    tiles = [
        {**tile(frame, lens.level), "note": "absent" if np.isnan(value) else f"{value:.2f}"}
        for frame, value in zip(corpus.page(selection.rows, page, PAGE), values, strict=True)
    ]
    _GRID(
        key="weights tiles",
        data={"tiles": tiles, "lens": lens.to_dict(), "colours": colour_table(), "full": FULL_WEIGHT},
        on_open_change=_open,
    )


def _open() -> None:
    st.query_params["frame"] = st.session_state["weights tiles"]["open"]
