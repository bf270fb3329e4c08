"""Areas in rows with pictures: a row a kind of fault, or a row a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from app.weights.address import addressed
from app.weights.corpus import CORPUS, PANEL, stamp
from app.weights.why import AREA
from hrs.runs.folder import RunFolder
from hrs.scoring.areatable import Area, AreaTable, Group
from hrs.scoring.report import CROPS, STYLE, Link, class_html, group_html

PAGE = 8
_MANY = 4 * CROPS  # crops of a kind that is looked at alone
_ORDERS = {False: "Counts least first", True: "Counts most first"}
_ANY = "any"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which groups are shown: of a label, and of a class that is seen (None: all); whether what gains comes first."""

    label: int | None
    seen: int | None
    gaining: bool

    def of(self, table: AreaTable) -> list[Group]:
        """The groups that it leaves, in order."""
        found = [
            group for group in table.groups() if self.label in (None, group.label) and self.seen in (None, group.seen)
        ]
        return found[::-1] if self.gaining else found


def choose_filter(table: AreaTable) -> Filter:
    """Widgets for it, kept in the address (``?label=``, ``?seen=``)."""
    label = _choose_class(table, "Labelled", "label")
    seen = _choose_class(table, "Looks like", "seen")
    gaining = st.segmented_control(
        "Order",
        list(_ORDERS),
        default=False,
        required=True,
        format_func=_ORDERS.__getitem__,
        key="areas order",
        help="By pixels times how far their weight is below 1, or above it.",
    )
    return Filter(label=label, seen=seen, gaining=bool(gaining))


def _choose_class(table: AreaTable, label: str, key: str) -> int | None:
    classes = table.corpus.space.classes
    options = [_ANY, *classes]
    chosen = st.selectbox(label, options, width=150, **addressed(key, f"areas {key}", options, _ANY))
    return None if chosen == _ANY else classes.index(chosen)


def show_groups(run: RunFolder, table: AreaTable, chosen: Filter) -> None:
    """A page of groups with examples, each of which leads to its frame."""
    groups = chosen.of(table)
    if not groups:
        st.info("No area has this label and looks like that.")
        return
    alone = len(groups) == 1
    rows = st.container()
    pages = -(-len(groups) // PAGE)
    number = st.pagination(pages, key=f"areas page {stamp(table.corpus)} {chosen}") if pages > 1 else 1
    shown = groups[(number - 1) * PAGE : number * PAGE]
    with rows:
        count = _MANY if alone else CROPS
        _write([_group(stamp(table.corpus), table, group, count, _query(run)) for group in shown])
    with st.expander("All kinds as a table", icon=":material/table:"):
        st.dataframe(_listed(table, groups), hide_index=True, column_config=_columns(table), alt="Kinds of fault")


def show_classes(run: RunFolder, table: AreaTable) -> None:
    """A row a class: what counts least, and what counts most."""
    labels = np.unique(table.column("label")).tolist()
    _write([_class(stamp(table.corpus), table, label, _query(run)) for label in labels])


def _write(rows: list[str]) -> None:
    st.html(f'<style>{STYLE}</style><div class="areas">{"".join(rows)}</div>')


@st.cache_data(max_entries=200, show_spinner=False)
def _group(key: str, _table: AreaTable, group: Group, count: int, query: str) -> str:
    names = _table.corpus.space.classes
    more = urlencode({"label": names[group.label], "seen": names[group.seen]})
    return group_html(_table, group, count=count, link=_link(_table, query), more=f"areas?{query}&{more}")


@st.cache_data(max_entries=100, show_spinner=False)
def _class(key: str, _table: AreaTable, label: int, query: str) -> str:
    return class_html(_table, label, link=_link(_table, query))


def _link(table: AreaTable, query: str) -> Link:
    step = table.corpus.about.step
    source = {"source": CORPUS} if step is None else {"source": PANEL, "step": step}

    def link(area: Area) -> str:
        place = urlencode({**source, "frame": table.corpus.frame(area.row).id, AREA: area.number})
        return f"weights?{query}&{place}"

    return link


def _query(run: RunFolder) -> str:
    return urlencode({"run": st.query_params.get("run", run.name)})


def _listed(table: AreaTable, groups: list[Group]) -> pd.DataFrame:
    names = table.corpus.space.classes
    rows = [
        {
            "labelled": names[group.label],
            "looks like": names[group.seen],
            "areas": group.areas,
            "frames": group.frames,
            "pixels": group.pixels,
            "weight": group.weight,
            "sure": group.confidence,
            "lost": group.lost,
            **({} if group.harm is None else {"harm": 100 * group.harm}),
        }
        for group in groups
    ]
    return pd.DataFrame(rows)


def _columns(table: AreaTable) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "labelled": st.column_config.TextColumn("Labelled", pinned=True),
        "looks like": st.column_config.TextColumn("Looks like"),
        "areas": number("Areas", format="localized"),
        "frames": number("Frames", format="localized"),
        "pixels": number("Pixels", format="localized"),
        "weight": number("Weight", format="%.2f"),
        "sure": number("Sure", format="%.2f", help="Mean probability of the class that is seen"),
        "lost": number("Lost", format="%.0f", help="Pixels times how far their weight is below 1"),
        **({"harm": number("Planted harm", format="%.0f %%")} if table.knows_harm else {}),
    }
