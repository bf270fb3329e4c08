"""Which columns the table of runs has: what runs are at and how well they are, and any setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.launch.forms import leaves
from app.runs.reading import read_config
from hrs.config import RunConfig
from hrs.runs.registry import RunSummary

STATE_COLOURS = {"queued": "gray", "running": "blue", "finished": "green", "failed": "red", "cancelled": "orange"}
ALWAYS = ("name", "state", "progress", "best", "last", "doing", "scored", "method", "n_real", "sources", "age")
"""Columns that are shown at first; scores before what is there only while something works and would push them."""
NOTES = "notes"
_PINNED = "name"


def choose_columns() -> list[str]:
    """A field to choose columns with, folded into a button; the name is always there."""
    titles = {key: str(made["label"]) for key, made in configuration().items() if key in (*ALWAYS, NOTES)}
    settings = {leaf.path: f"{leaf.label} ({leaf.path})" for leaf in leaves() if leaf.path not in ALWAYS}
    known = [*ALWAYS, NOTES, *settings]
    with st.popover("Columns", icon=":material/view_column:"):
        chosen = st.multiselect(
            "Columns",
            [key for key in known if key != _PINNED],
            default=[key for key in ALWAYS if key != _PINNED],
            format_func=lambda key: titles.get(key) or settings[key],
            key="runs columns",
            persist_state="session",
        )
    return [_PINNED, *chosen]


def with_settings(table: pd.DataFrame, summaries: Sequence[RunSummary], columns: Sequence[str]) -> pd.DataFrame:
    """The table with those of the columns that it lacks; rows are those of the runs."""
    asked = [key for key in columns if key not in table and key != NOTES]
    configs = [read_config(each.run) for each in summaries] if asked else []
    more: dict[str, list[Any]] = {key: [_value(config, key) for config in configs] for key in asked}
    if NOTES in columns:
        more[NOTES] = [each.run.read_notes().partition("\n")[0] for each in summaries]
    return table.assign(**more)


def configuration() -> Mapping[str, Any]:
    column = st.column_config
    states, colours = list(STATE_COLOURS), list(STATE_COLOURS.values())
    return {
        "name": column.TextColumn("Name", pinned=True),
        "state": column.MultiselectColumn("State", options=states, color=colours, width="small"),
        "progress": column.ProgressColumn("Progress", format="percent", min_value=0, max_value=1, width="small"),
        "best": column.NumberColumn("Best mIoU", format="%.1f", width="small"),
        "last": column.NumberColumn("Last mIoU", format="%.1f", width="small"),
        "doing": column.TextColumn("Doing", width=180),
        "scored": column.TextColumn("Scored on", help="mIoU compares only between runs scored on the same images."),
        "method": column.TextColumn("Method"),
        "n_real": column.NumberColumn("Real images", width="small"),
        "sources": column.TextColumn("Synthetic data"),
        "age": column.DatetimeColumn("Started", format="distance", width=130),
        NOTES: column.TextColumn("Notes"),
        **{leaf.path: column.TextColumn(leaf.label, help=leaf.path) for leaf in leaves() if leaf.path not in ALWAYS},
    }


def _value(config: RunConfig | None, key: str) -> str:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name, None)
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)
