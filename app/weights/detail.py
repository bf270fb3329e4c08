"""One frame in detail: picture, label, every map, and statistics by class of the frame or of an area in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.context import plain
from app.figures.maps import (
    TITLES,
    Box,
    Lens,
    area_table,
    class_bars,
    summary,
)
from app.figures.plotly_maps import weight_figure
from app.weights.address import put, put_all
from app.weights.corpus import Frame, read, view
from app.weights.grid import Selection
from app.weights.lens import controls, figure, heard, said_by
from app.weights.why import AREA, about_area, asked_area, forget_area, show_why
from hrs.progress import counted
from hrs.scoring.corpus import ScoredCorpus

_VIEWER = st.components.v2.component(
    "hrs_weights_viewer",
    html=figure("viewer.html").replace("<!--lens-->", figure("lens.html")),
    css=figure("lens.css", "viewer.css"),
    js=figure("paint.js", "marks.js", "reasons.js", "frames.js", "steps.js", "lens.js", "viewer.js"),
)
_KEY = "weights viewer"


def show_detail(
    corpus: ScoredCorpus, selection: Selection, row: int, lens: Lens, steps: Sequence[int] = (), more: str = ""
) -> None:
    """The frame of a row, with the way to its neighbours in the chosen order.

    Args:
        steps, more: of training; see `app.weights.lens.controls`.
    """
    scored = corpus.frame(row)
    _navigate(corpus, selection, row)
    frame = read(scored)
    asked = asked_area(corpus, row)
    looked = controls(corpus, steps, more)
    chosen = _VIEWER(
        key=_KEY,
        data={"view": view(corpus, row), **looked, **about_area(corpus, asked)},
        on_area_change=lambda: None,
        on_piece_change=_ask,
        on_lens_change=partial(heard, _KEY, looked["lens"]["step"]),
    )
    show_why(corpus, asked)
    means = _class_means(corpus, row, lens)
    st.caption(plain(summary(scored.id, frame.maps, frame.label, means, lens)))
    area = chosen.area if chosen.area and chosen.area["frame"] == scored.id else None
    box = tuple(area["box"]) if area else None
    table = area_table(frame.maps, frame.label, corpus.space, box, threshold=lens.threshold, level=lens.level)
    left, right = st.columns([5, 4], gap="large")
    with left:
        _show_area(frame, table, box, lens)
    with right:
        inside = dict(zip(table["class"], table[lens.level].astype(float), strict=True))
        _show_bars(corpus, inside if box else means, lens, "the selected area" if box else "this frame")
    if st.toggle("As a Plotly figure", help="All maps with one zoom; the camera in its corner saves a picture."):
        figure = weight_figure(frame.jpeg, frame.label, frame.maps, corpus.space, lens)
        st.plotly_chart(figure, key=f"weights figure {scored.id}", alt=f"Weight maps over frame {scored.id}")


def _navigate(corpus: ScoredCorpus, selection: Selection, row: int) -> None:
    """Back to the grid, and the frames before and after this one."""
    rows = selection.rows
    found = np.flatnonzero(rows == row)
    at = int(found[0]) if len(found) else None
    before = rows[at - 1] if at else None
    after = rows[0 if at is None else at + 1] if len(rows) > (0 if at is None else at + 1) else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("All frames", icon=":material/grid_view:", on_click=_close, key="weights back")
        _step_button(corpus, "Previous", ":material/chevron_left:", before, "P")
        _step_button(corpus, "Next", ":material/chevron_right:", after, "N")
        place = f"{at + 1:,} of {len(rows):,}" if at is not None else "not among the filtered frames"
        st.markdown(f"**{plain(corpus.frame(row).id)}** :gray[{place}]")


def _step_button(corpus: ScoredCorpus, label: str, icon: str, row: int | None, shortcut: str) -> None:
    st.button(
        label,
        icon=icon,
        shortcut=shortcut,
        disabled=row is None,
        key=f"weights {label}",
        on_click=_go,
        args=(corpus.frame(int(row)).id if row is not None else "",),
    )


def _show_area(frame: Frame, table: pd.DataFrame, box: Box | None, lens: Lens) -> None:
    height, width = frame.maps["combined"].shape
    st.markdown("**Selected area, by class**" if box else "**Whole frame, by class**")
    if box:
        pixels = int(table["pixels"].sum())
        part = f"{100 * pixels / (height * width):.1f} % of the frame"
        st.caption(
            f"{counted(pixels, 'pixel')}, {part}, from column {box[0]} and row {box[1]} to {box[2]} and {box[3]}."
        )
    shown = _percent(table) if lens.threshold else _percent(table).drop(columns="below")
    st.dataframe(shown, hide_index=True, column_config=_columns(shown), height="content", alt="By class")


def _percent(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(share=100 * table["share"], below=100 * table["below"])


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    weights = {name: number(TITLES[name].removeprefix("All levels ").capitalize(), format="%.2f") for name in TITLES}
    return {
        "class": st.column_config.TextColumn("Class", pinned=True),
        "pixels": number("Pixels", format="localized"),
        "share": number("Area", format="%.1f %%"),
        "below": number("Below", format="%.0f %%", help="Share of the class' pixels under the threshold"),
        **{name: column for name, column in weights.items() if name in table},
    }


def _show_bars(corpus: ScoredCorpus, means: dict[str, float], lens: Lens, where: str) -> None:
    """Args: where: what the means are of, such as "this frame"."""
    if not means:
        return
    st.markdown(f"**Mean weight by class** :gray[{TITLES[lens.level].lower()}]")
    everywhere = {name: corpus.mean(each) for name, each in corpus.of_classes(lens.level).items() if name in means}
    known = {name: value for name, value in everywhere.items() if value is not None}
    st.caption(f"Bar: {where}. Red mark: mean over frames. Grey line: 1, as without selection.")
    st.html(class_bars(means, known, corpus.space, where))


def _class_means(corpus: ScoredCorpus, row: int, lens: Lens) -> dict[str, float]:
    """Mean weight of the classes that this frame has."""
    values = {name: float(corpus.values(each)[row]) for name, each in corpus.of_classes(lens.level).items()}
    return {name: value for name, value in values.items() if not np.isnan(value)}


def _close() -> None:
    put_all({"frame": "", AREA: ""})


def _go(frame: str) -> None:
    put_all({"frame": frame, AREA: ""})


def _ask() -> None:
    """Of an area that was clicked; of none where the last one was cleared."""
    piece = said_by(_KEY, "piece")
    if piece:
        put(AREA, str(piece))
    elif piece == 0:
        forget_area()
