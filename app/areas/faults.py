"""Areas in rows with pictures: a row a kind of fault, or a row a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from app.context import plain
from app.weights.address import addressed
from app.weights.corpus import CORPUS, PANEL, stamp
from app.weights.why import AREA
from hrs.runs.folder import RunFolder
from hrs.scoring.areatable import Area, AreaTable, Group
from hrs.scoring.report import (
    CROPS,
    LOST_ABOUT,
    STYLE,
    Link,
    agreeing_in_words,
    class_html,
    group_html,
    unjudged_in_words,
)

PAGE = 8
_MANY = 4 * CROPS  # crops of a kind that is looked at alone
_ORDERS = {"lost": "Most pixels lost first", "gained": "Most pixels gained first"}
_ANY = "any"
HARM_ABOUT = "Share of its pixels where the renderer has put a fault that misleads, such as a wrong label."


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which groups are shown: of a label, and of a class that is seen (None: all); whether what gains comes first.

    Only kinds of fault, unless the label itself is asked for as what is seen.
    """

    label: int | None
    seen: int | None
    gaining: bool

    def of(self, table: AreaTable) -> list[Group]:
        """The groups that it leaves, in order."""
        agreeing = self.label is not None and self.label == self.seen
        groups = table.agreeing() if agreeing else table.groups()
        found = [each for each in groups if self.label in (None, each.label) and self.seen in (None, each.seen)]
        return found[::-1] if self.gaining else found


def choose_filter(table: AreaTable) -> Filter:
    """Widgets for it, kept in the address (``?label=``, ``?seen=``, ``?order=``)."""
    label = _choose_class(table, "Labelled", "label")
    seen = _choose_class(table, "Looks like", "seen")
    order = st.segmented_control(
        "Order",
        list(_ORDERS),
        required=True,
        format_func=_ORDERS.__getitem__,
        help=f"{LOST_ABOUT} Where it is above 1, they are gained.",
        **addressed("order", "areas order", list(_ORDERS), "lost"),
    )
    return Filter(label=label, seen=seen, gaining=order == "gained")


def _choose_class(table: AreaTable, label: str, key: str) -> int | None:
    classes = table.corpus.space.classes
    options = [_ANY, *classes]
    chosen = st.selectbox(label, options, width=150, **addressed(key, f"areas {key}", options, _ANY))
    return None if chosen == _ANY else classes.index(chosen)


def show_groups(run: RunFolder, table: AreaTable, chosen: Filter) -> None:
    """A page of groups with examples, each of which leads to its frame."""
    groups = chosen.of(table)
    if not groups:
        st.info(_why_none(table, chosen))
        return
    alone = len(groups) == 1
    rows = st.container()
    pages = -(-len(groups) // PAGE)
    number = st.pagination(pages, key=f"areas page {stamp(table.corpus)} {chosen}") if pages > 1 else 1
    shown = groups[(number - 1) * PAGE : number * PAGE]
    with rows:
        count = _MANY if alone else CROPS
        _write([_group(stamp(table.corpus), table, group, count, _query(run)) for group in shown])
        if chosen.label is None and chosen.seen is None and number == pages:
            told = (f"Not listed: {agreeing_in_words(table)}", plain(unjudged_in_words(table)))
            st.caption("  \n".join(filter(None, told)))
    with st.expander("All kinds as a table", icon=":material/table:"):
        st.dataframe(_listed(table, groups), hide_index=True, column_config=_columns(table), alt="Kinds of fault")


def _why_none(table: AreaTable, chosen: Filter) -> str:
    if chosen.label is not None and not table.judges.knows(chosen.label):
        name = plain(table.corpus.space.classes[chosen.label])
        return f"No photo of the run shows {name}, so nobody can say whether areas labelled so are right."
    if chosen.label is not None and chosen.seen is not None:
        return "No area has this label and looks like that."
    return "None of these looks like another class."


def show_classes(run: RunFolder, table: AreaTable) -> None:
    """A row a class: the areas that lose most pixels, and those that gain most."""
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
            "sure": 100 * group.confidence,
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
        "sure": number("Sure", format="%.0f %%", help="Mean probability of the class that they look like"),
        "lost": number("Pixels lost", format="%.0f", help=f"{LOST_ABOUT} Below 0: gained."),
        **({"harm": number("Planted to mislead", format="%.0f %%", help=HARM_ABOUT)} if table.knows_harm else {}),
    }
