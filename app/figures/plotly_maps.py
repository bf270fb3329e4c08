"""A frame's weight maps as one Plotly figure, to zoom into, read off, and save as a picture; and the colours of weights
for every other figure."""

from __future__ import annotations

import base64
import html

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from app.figures.maps import TITLES, Lens, Maps, Pixels
from hrs.labels import IGNORE, LabelSpace
from hrs.pictures import FULL_WEIGHT, weigh_picture, weight_stops
from hrs.scoring.corpus import MAP_NAMES
from hrs.system.images import decode_rgb, encode

COLUMNS = 320
"""Most columns of a heatmap; larger maps are drawn from every so many pixels."""
_PANEL = 300  # height of a row in pixels
WEIGHT_COLOURS = {
    "colorscale": [[i / (len(weight_stops()) - 1), colour] for i, colour in enumerate(weight_stops())],
    "zmin": 0,
    "zmax": FULL_WEIGHT,
    "colorbar": {
        "title": "weight",
        "tickvals": [0, 1, FULL_WEIGHT],
        "ticktext": ["0", "1", f"{FULL_WEIGHT:g}+"],
        "thickness": 12,
    },
}
"""How a heatmap of weights is coloured, the same as every picture of them."""


def verbatim(name: str) -> str:
    """A name for a figure, where it is read as it stands: plotly takes what looks like a tag for one."""
    return html.escape(name, quote=False)


def weight_figure(jpeg: bytes, label: Pixels, maps: Maps, space: LabelSpace, lens: Lens) -> go.Figure:
    """Every map over the picture, two in a row, with one zoom for all; hover tells class and weight.

    Args:
        jpeg: the picture, as large as the maps; grey is drawn where it is damaged.
        label: class ids (h w).
        maps: weights (h w) by name, painted over the picture as the viewer does it.
    """
    picture = decode_rgb(jpeg)
    if picture is None or picture.shape[:2] != label.shape:
        picture = np.full((*label.shape, 3), 128, np.uint8)
    names = [name for name in MAP_NAMES if name in maps]
    height, width = maps[names[0]].shape
    step = -(-width // COLUMNS)
    classes = _class_names(label, space)[::step, ::step]
    rows = -(-len(names) // 2)
    figure = make_subplots(rows, 2, subplot_titles=[TITLES[name] for name in names], vertical_spacing=0.1)
    for at, name in enumerate(names):
        row, column = at // 2 + 1, at % 2 + 1
        figure.add_trace(_heatmap(maps[name], step, classes, scale=at == 0), row, column)
        shown = weigh_picture(picture, maps[name], opacity=lens.opacity, threshold=lens.threshold)
        source = f"data:image/png;base64,{base64.b64encode(encode('.png', shown)).decode()}"
        place = {"x": 0, "y": 0, "sizex": width, "sizey": height, "sizing": "stretch", "layer": "below"}
        figure.add_layout_image({"source": source, **place}, row=row, col=column)
    figure.update_xaxes(matches="x", range=[0, width], visible=False, constrain="domain")
    figure.update_yaxes(matches="y", range=[height, 0], visible=False, scaleanchor="x", constrain="domain")
    figure.update_layout(height=_PANEL * rows, margin={"l": 0, "r": 0, "t": 28, "b": 0}, dragmode="zoom")
    return figure


def _heatmap(weights: NDArray[np.float32], step: int, classes: NDArray[np.str_], *, scale: bool) -> go.Heatmap:
    """Unseen over its picture: it tells what lies under the cursor, and brings the colour bar."""
    return go.Heatmap(
        z=np.round(weights[::step, ::step], 3),
        x0=step / 2,
        dx=step,
        y0=step / 2,
        dy=step,
        text=classes,
        hovertemplate="%{text}<br>weight %{z:.2f}<extra></extra>",
        opacity=0,
        showscale=scale,
        **WEIGHT_COLOURS,
    )


def _class_names(label: Pixels, space: LabelSpace) -> NDArray[np.str_]:
    table = np.full(IGNORE + 1, "no label", dtype=object)
    table[: len(space)] = list(map(verbatim, space.classes))
    return table[label].astype(str)
