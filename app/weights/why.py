"""Why an area counts less, or more: a sentence and a picture of it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.context import plain
from app.figures.maps import level_bars
from app.weights.address import put
from app.weights.corpus import area_table
from hrs.errors import HRSError
from hrs.progress import counted
from hrs.scoring.areatable import Area, AreaTable, lacking
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.crops import crop
from hrs.scoring.why import said_of, sentence
from hrs.selection.signals.table import SIGNALS
from hrs.street import DEPARTURES

AREA = "area"
"""In the address: the number of the area in its frame that is asked about."""
_CROP = 240
JUDGE = (
    "Beside the network, training makes a small classifier of what the network computes at every place. That "
    "classifier learns from the labels of your photos alone; the network learns from synthetic labels, too."
)
"""Who says what areas look like, for those who ask."""


def asked_area(corpus: ScoredCorpus, row: int) -> Area | None:
    """The area of a frame that the address asks about; None where it asks about none, or why is not known."""
    asked = st.query_params.get(AREA, "")
    if not corpus.says_why or not asked.isdecimal():
        return None
    return next((each for each in area_table(corpus).of_frame(row) if str(each.number) == asked), None)


def forget_area() -> None:
    put(AREA, "")


def about_area(corpus: ScoredCorpus, area: Area | None) -> dict[str, Any]:
    """What the viewer is told of it: its number, and why it weighs what it does."""
    return {"piece": area and area.number, "said": sentence(area, area_table(corpus)) if area else ""}


def show_why(corpus: ScoredCorpus, area: Area | None) -> None:
    """What was asked in pictures and numbers; how to ask where nothing was."""
    if not corpus.says_why:
        st.caption(f"Why an area counts less cannot be said here: {plain(lacking(corpus))}.")
        return
    if area is None:
        st.caption("**Why?** Click an area to read what its label is, what it looks like, and what made its weight.")
        return
    table = area_table(corpus)
    with st.container(border=True, key="weights why"):
        left, right = st.columns([1, 3], gap="medium")
        with left:
            _show_crop(table, area)
        with right:
            st.button("Close", icon=":material/close:", type="tertiary", key="weights why close", on_click=forget_area)
            _show_words(table, area)


def _show_crop(table: AreaTable, area: Area) -> None:
    try:
        st.image(crop(table, area, _CROP), alt=f"The area in its frame: {sentence(area, table)}", width=_CROP)
    except HRSError as error:
        st.caption(plain(str(error)))


def _show_words(table: AreaTable, area: Area) -> None:
    share = 100 * area.pixels / table.corpus.read_reasons(area.row).areas.size
    said = f"{counted(area.pixels, 'pixel')}, {share:.1f} % of the frame. {_planted(area)}{said_of(table)}"
    st.caption(plain(said), help=JUDGE if table.judges.seen_by == "real images" else None)
    st.html(level_bars(area.weights))
    label = table.corpus.space.classes[area.label]
    st.caption(f"Grey line: 1, the mean of all pixels labelled {plain(label)}, and what all weigh without selection.")
    st.caption("  \n".join(_signal_lines(table, area)))
    names = table.corpus.space.classes
    st.page_link(
        "pages/areas.py",
        label=f"All areas labelled {plain(names[area.label])} that look like {plain(names[area.seen])}",
        icon=":material/grid_view:",
        query_params={"run": st.query_params.get("run", ""), "label": names[area.label], "seen": names[area.seen]},
    )


def _planted(area: Area) -> str:
    """What the renderer planted there, where that is known."""
    if area.harm is None:
        return ""
    kind = next((each for each in DEPARTURES if each.id == area.planted), None)
    if not area.harm:
        return f"Planted: {kind.name}, which does not mislead. " if kind else "Nothing is planted there. "
    return f"Planted to mislead: {100 * area.harm:.0f} % of it{f' ({kind.name})' if kind else ''}. "


def _signal_lines(table: AreaTable, area: Area) -> list[str]:
    """What each signal asks, and what it said on every level, in deviations from the area's class."""
    lines = []
    for signal in table.judges.signals:
        said = ", ".join(f"{level} {scores[signal]:+.2f}" for level, scores in area.scores.items())
        lines.append(f"Learned from **{signal}**: {plain(SIGNALS[signal].about)} Score here: {said}.")
    return lines
