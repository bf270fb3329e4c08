"""A frame's weight maps as one Plotly figure, to zoom into, read off, and save as a picture."""

from __future__ import annotations

import base64

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from app.figures.maps import TITLES, Lens, Maps, Pixels
from hrs.labels import IGNORE, LabelSpace
from hrs.pictures import FULL_WEIGHT
from hrs.scoring.corpus import MAP_NAMES

COLUMNS = 320
"""Most columns of a heatmap; larger maps are drawn from every so many pixels."""
_PANEL = 300  # height of a row in pixels


def weight_figure(jpeg: bytes, label: Pixels, maps: Maps, space: LabelSpace, lens: Lens) -> go.Figure:
    """Every map over the picture, two in a row, with one zoom for all; hover tells class and weight.

    Args:
        jpeg: the picture, as large as the maps.
        label: class ids (h w).
        maps: weights (h w) by name; those below the lens' threshold are left clear.
    """
    names = [name for name in MAP_NAMES if name in maps]
    height, width = maps[names[0]].shape
    step = -(-width // COLUMNS)
    classes = _class_names(label, space)[::step, ::step]
    rows = -(-len(names) // 2)
    figure = make_subplots(rows, 2, subplot_titles=[TITLES[name] for name in names], vertical_spacing=0.1)
    for at, name in enumerate(names):
        row, column = at // 2 + 1, at % 2 + 1
        figure.add_trace(_heatmap(maps[name], step, classes, lens, scale=at == 0), row, column)
        source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
        place = {"x": 0, "y": 0, "sizex": width, "sizey": height, "sizing": "stretch", "layer": "below"}
        figure.add_layout_image({"source": source, **place}, row=row, col=column)
    figure.update_xaxes(matches="x", range=[0, width], visible=False, constrain="domain")
    figure.update_yaxes(matches="y", range=[height, 0], visible=False, scaleanchor="x", constrain="domain")
    figure.update_layout(height=_PANEL * rows, margin={"l": 0, "r": 0, "t": 28, "b": 0}, dragmode="zoom")
    return figure


def _heatmap(
    weights: NDArray[np.float32], step: int, classes: NDArray[np.str_], lens: Lens, *, scale: bool
) -> go.Heatmap:
    shown = np.where(weights < lens.threshold, np.nan, weights)[::step, ::step]
    return go.Heatmap(
        z=np.round(shown, 3),
        x0=step / 2,
        dx=step,
        y0=step / 2,
        dy=step,
        text=classes,
        hovertemplate="%{text}<br>weight %{z:.2f}<extra></extra>",
        hoverongaps=False,
        opacity=lens.opacity,
        colorscale="Viridis",
        zmin=0,
        zmax=FULL_WEIGHT,
        showscale=scale,
        colorbar={"title": "weight", "tickvals": [0, 1, FULL_WEIGHT], "ticktext": ["0", "1", f"{FULL_WEIGHT:g}+"]},
    )


def _class_names(label: Pixels, space: LabelSpace) -> NDArray[np.str_]:
    table = np.full(IGNORE + 1, "no label", dtype=object)
    table[: len(space)] = space.classes
    return table[label].astype(str)
