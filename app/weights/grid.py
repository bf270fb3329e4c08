"""The grid of frames: which ones, in what order, and a page of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from app.figures.maps import TITLES, class_list
from app.weights.address import addressed, put, put_all
from app.weights.corpus import tile
from app.weights.filters import choose_filters, describe, read_filters, told
from app.weights.lens import controls, figure, heard, said_by
from app.weights.tagging import asked_tags, choose_tags, tagged
from app.weights.why import AREA
from hrs.scoring.corpus import MAP_NAMES, Between, Rows, ScoredCorpus
from hrs.scoring.tags import Tags

PAGE = 24
_GRID = st.components.v2.component(
    "hrs_weights_grid",
    html=f'<div class="gallery">{figure("lens.html", "grid.html").replace("<!--more-->", figure("tiles.html"))}</div>',
    css=figure("lens.css", "grid.css"),
    js=figure("paint.js", "reasons.js", "steps.js", "lens.js", "grid.js"),
)
_KEY = "weights tiles"
_ORDERS = {"lowest": "Lowest first", "highest": "Highest first"}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The frames that the filters leave, in order; ``sort`` ordered them, ``name`` tells them from others. ``why``
    says of each filter what it hides."""

    rows: Rows
    sort: str
    name: str
    why: tuple[str, ...] = ()


def choose_frames(corpus: ScoredCorpus, tags: Tags) -> Selection:
    """Widgets for order and filters in a row; returns what they leave."""
    where = read_filters(corpus)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        sort, descending = _choose_order(corpus)
        count = len(where) + len(asked_tags())
        with st.popover(f"Filters ({count})" if count else "Filters", icon=":material/filter_list:"):
            choose_filters(corpus, where)
            choose_tags(tags)
    return _select(corpus, tags, sort, descending, where)


def choose_frames_folded(corpus: ScoredCorpus, tags: Tags) -> Selection:
    """The same behind one button, where a frame needs the room."""
    where = read_filters(corpus)
    with st.popover("Order and filters", icon=":material/filter_list:"):
        sort, descending = _choose_order(corpus)
        choose_filters(corpus, where)
        choose_tags(tags)
    return _select(corpus, tags, sort, descending, where)


def _select(corpus: ScoredCorpus, tags: Tags, sort: str, descending: bool, where: list[Between]) -> Selection:
    rows, why = tagged(corpus, tags, corpus.select(sort=sort, descending=descending, where=where))
    name = f"{corpus.folder} {sort} {descending} {where}{''.join(why)}"
    return Selection(rows=rows, sort=sort, name=name, why=(*(told(corpus, each) for each in where), *why))


def _choose_order(corpus: ScoredCorpus) -> tuple[str, bool]:
    """Statistic to sort by, and whether the highest comes first."""
    sort = _choose_statistic(corpus)
    descending = st.segmented_control(
        "Order",
        list(_ORDERS),
        required=True,
        format_func=_ORDERS.__getitem__,
        **addressed("order", "weights order", list(_ORDERS), "lowest"),
    )
    return sort, descending == "highest"


def _choose_statistic(corpus: ScoredCorpus) -> str:
    """Of statistics by class one chooses the map first and then the class; the list stays short that way."""
    named = {name: {column: each for each, column in corpus.of_classes(name).items()} for name in corpus.maps}
    by_class = {f"{name}/": list(columns) for name, columns in named.items()}
    of_classes = {column: each for columns in named.values() for column, each in columns.items()}
    overall = [each for each in corpus.statistics if each not in of_classes]
    overall.sort(key=lambda each: each != "weight")  # the first is what a fresh page sorts by
    asked = st.query_params.get("sort", "")
    first = next((level for level, found in by_class.items() if asked in found), asked)
    options = overall + [level for level, found in by_class.items() if found]
    st.session_state["weights sort"] = first if first in options else options[0]
    chosen = st.selectbox(
        "Sort by",
        options,
        format_func=lambda each: f"{TITLES[each[:-1]]}: mean over a class" if each.endswith("/") else describe(each),
        key="weights sort",
        on_change=_sort_by,
        args=("weights sort",),
        width=270,
    )
    if chosen not in by_class:
        return str(chosen)
    found, key = by_class[chosen], f"weights sort {chosen}"
    st.session_state[key] = asked if asked in found else found[0]
    of_class = st.selectbox(
        "Class",
        found,
        format_func=of_classes.__getitem__,
        key=key,
        on_change=_sort_by,
        args=(key,),
        width=150,
    )
    return str(of_class)


def _sort_by(key: str) -> None:
    put("sort", st.session_state[key])


def show_grid(corpus: ScoredCorpus, selection: Selection, steps: Sequence[int] = (), more: str = "") -> None:
    """A page of frames; a click on one opens it.

    Args:
        steps, more: of training; see `app.weights.lens.controls`.
    """
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
        _show_tiles(corpus, selection, number - 1, controls(corpus, steps, more))


def _show_tiles(corpus: ScoredCorpus, selection: Selection, page: int, shown: dict[str, Any]) -> None:
    rows = selection.rows[page * PAGE : (page + 1) * PAGE]
    notes = {name: _in_words(corpus, _mean_of(name), rows) for name in corpus.maps}
    sorts = _in_words(corpus, selection.sort, rows)
    tiles = [
        {**tile(frame), "notes": {name: each[i] for name, each in notes.items()}, "sort": sorts[i]}
        for i, frame in enumerate(corpus.page(selection.rows, page, PAGE))
    ]
    own = next((name for name in corpus.maps if _mean_of(name) == selection.sort), "")
    _GRID(
        key=_KEY,
        data={
            "tiles": tiles,
            "classes": class_list(corpus.space),
            "sort": {"map": own, "title": describe(selection.sort)},
            **shown,
        },
        on_open_change=_open,
        on_lens_change=partial(heard, _KEY, shown["lens"]["step"]),
    )


def _mean_of(name: str) -> str:
    """The statistic that is a frame's mean weight on a map."""
    return "weight" if name == MAP_NAMES[0] else f"{name}/mean"


def _in_words(corpus: ScoredCorpus, statistic: str, rows: Rows) -> list[str]:
    return ["absent" if np.isnan(value) else f"{value:.2f}" for value in corpus.values(statistic)[rows]]


def _open() -> None:
    if opened := said_by(_KEY, "open"):
        put_all({**opened, AREA: ""})
