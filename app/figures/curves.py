"""Curves, bars and matrices: arrays in, plotly figures out. Backgrounds and fonts are left to the page's theme."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.figures.plotly_maps import WEIGHT_COLOURS, verbatim
from hrs.progress import counted
from hrs.study.table import Estimate, Line, Outcome

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8C8C")
"""Okabe and Ito's colours without black and yellow, which vanish on a dark or a light page."""
DASHES = ("solid", "dash", "dot")
PATTERNS = ("", "/", "x")
"""Of bars, where there are more than colours."""
MARKS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")
POINTS = 500
"""About how many points of a curve are drawn."""
STRETCHES = 50
"""Columns of the picture of class weights over time."""
CHART = {"displaylogo": False, "modeBarButtons": [["toImage", "zoom2d", "resetScale2d"]]}
"""Plotly's settings for every chart: few buttons, for on a phone they are always there."""
_ROW = 22  # pixels of a line of bars or of a matrix
_NAME = 24  # characters of a class name beside an axis


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One run's values over steps. ``slot`` chooses its colour, the same in every figure."""

    name: str
    steps: NDArray[np.integer]
    values: NDArray[np.floating]
    slot: int


def assign_slots(names: Sequence[str], before: Mapping[str, int]) -> dict[str, int]:
    """A slot for each name: the one it had, else the lowest free one, so that colours stay while runs come and go."""
    kept = {name: before[name] for name in names if name in before}
    free = (slot for slot in range(len(names) + len(kept)) if slot not in set(kept.values()))
    return {name: kept[name] if name in kept else next(free) for name in names}


def thin(
    steps: NDArray[np.integer], values: NDArray[np.floating], points: int = POINTS
) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    """A curve of at most ``points`` points: the least and the greatest value of each stretch, so that no peak is lost.

    Args:
        steps, values: (n,) without NaN.
        points: at least 4.
    """
    if len(values) <= points:
        return steps, values
    edges = np.linspace(1, len(values) - 1, points // 2).astype(int)
    stretches = list(itertools.pairwise(edges))
    extremes = [first + chosen(values[first:end]) for first, end in stretches for chosen in (np.argmin, np.argmax)]
    kept = np.unique([0, *extremes, len(values) - 1])
    return steps[kept], values[kept]


def smooth(values: NDArray[np.floating], amount: float) -> NDArray[np.floating]:
    """Exponential moving average without the bias to its start; ``amount`` in [0, 1), 0 changes nothing."""
    if amount == 0:
        return values
    return pd.Series(values).ewm(alpha=1 - amount).mean().to_numpy()


def curves(
    series: Sequence[Curve], title: str, *, smoothing: float = 0.0, height: int = 280, end: int = 0, unit: str = ""
) -> go.Figure:
    """Curves over each other, steps on x. With ``smoothing`` the raw values stay behind as faint lines.

    Args:
        end: a step that the axis reaches in any case, so that panels beside each other have the same one.
        unit: of the values, as the axis says it.
    """
    lines = []
    for curve in series:
        line = {"color": COLOURS[curve.slot % len(COLOURS)], "dash": _dash(curve.slot), "width": 2}
        steps, values = thin(curve.steps, curve.values)
        if smoothing and len(values) > 2:
            faint = {**line, "width": 1, "dash": "solid"}
            lines.append(go.Scatter(x=steps, y=values, line=faint, opacity=0.25, showlegend=False, hoverinfo="skip"))
            steps, values = thin(curve.steps, smooth(curve.values, smoothing))
        mode = "lines" if len(steps) > 40 else "lines+markers"
        name = verbatim(curve.name)
        hover = f"%{{y:.4g}} at step %{{x:,}}<extra>{name}</extra>"
        lines.append(go.Scatter(x=steps, y=values, name=name, mode=mode, line=line, hovertemplate=hover))
    reach = max([end, *(int(curve.steps[-1]) for curve in series if len(curve.steps))], default=0)
    axis = {"title_text": "step", "range": [0, reach * 1.02 or 1], "nticks": 6, "tickformat": ",d"}
    own = {"hovermode": "closest", "uirevision": title, "xaxis": axis, "yaxis": {"title_text": unit, "nticks": 6}}
    return go.Figure(lines, _layout(title, height) | own)


def class_bars(
    scores: Mapping[str, Mapping[str, float]], slots: Mapping[str, int], steps: Mapping[str, int]
) -> go.Figure:
    """IoU by class in percent, a bar a run; a class without any pixel has none.

    Args:
        scores: run -> class -> IoU.
        slots: run -> slot of its colour and pattern.
        steps: run -> step that was scored.
    """
    classes = list(dict.fromkeys(name for each in scores.values() for name in each))
    figure = go.Figure()
    for run, values in scores.items():
        slot, name = slots.get(run, 0), f"{verbatim(run)}, step {steps[run]:,}"
        shown = [_number(values.get(each)) for each in classes]
        hover = f"%{{y}}: %{{x:.1f}}<extra>{name}</extra>"
        figure.add_bar(
            y=list(map(verbatim, classes)),
            x=shown,
            name=name,
            orientation="h",
            marker={
                "color": COLOURS[slot % len(COLOURS)],
                "pattern": {"shape": PATTERNS[slot // len(COLOURS) % len(PATTERNS)]},
            },
            hovertemplate=hover,
            texttemplate="%{x:.1f}",
            textposition="outside",
            textfont={"size": 11},
            constraintext="none",
            cliponaxis=False,
        )
    figure.update_layout(_layout("IoU by class", 90 + len(classes) * _ROW * max(1, len(scores))), bargap=0.3)
    figure.update_xaxes(range=[0, 108], tickvals=[0, 20, 40, 60, 80, 100], title_text="percent")
    figure.update_yaxes(_class_axis(classes), autorange="reversed")
    return figure


def confusion(counts: NDArray[np.integer], classes: Sequence[str], title: str, step: int) -> go.Figure:
    """Where the pixels of each class went: rows (true class) in percent, pixel counts on hover.

    Args:
        counts: (c c), rows the true class, columns the predicted one.
        step: of the validation that counted.
    """
    total = counts.sum(1, keepdims=True)
    share = np.divide(100.0 * counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    text = [["" if np.isnan(cell) or cell < 1 else f"{cell:.0f}" for cell in row] for row in share]
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=list(map(verbatim, classes)),
            y=list(map(verbatim, classes)),
            text=text,
            texttemplate="%{text}",
            customdata=counts,
            colorscale="Cividis",
            zmin=0,
            zmax=100,
            colorbar={"title": "%", "thickness": 12},
            hovertemplate="%{y} taken for %{x}: %{z:.1f} %, %{customdata:,} pixels<extra></extra>",
        )
    )
    axis, room = _class_axis(classes), 7 * max(len(_short(each)) for each in classes)
    height = 120 + room + len(classes) * 26
    figure.update_layout(_layout(title, height, f"Where the pixels of each class went, step {step:,}"))
    figure.update_xaxes(axis, title_text="predicted", tickangle=-90)
    figure.update_yaxes(axis, title_text="true class", autorange="reversed")
    return figure


def _short(name: str) -> str:
    """A class name beside an axis: the middle of a long one is left out, since such names begin alike."""
    return name if len(name) <= _NAME else f"{name[: _NAME // 2 - 1]}…{name[-_NAME // 2 :]}"


def _class_axis(classes: Sequence[str]) -> dict[str, Any]:
    """Every class is named, however little room there is; its whole name is in the hover."""
    return {
        "tickmode": "array",
        "tickvals": list(map(verbatim, classes)),
        "ticktext": [verbatim(_short(each)) for each in classes],
    }


def class_weights(
    steps: NDArray[np.integer], weights: NDArray[np.floating], classes: Sequence[str], title: str
) -> go.Figure:
    """Mean weight of each class over time, averaged over stretches of steps since single batches are noisy; 1, the
    middle, is what every class has without selection.

    Args:
        steps: (n,), at least one. weights: (n c), NaN where a batch lacked the class.
    """
    stretches = np.array_split(np.arange(len(steps)), min(len(steps), STRETCHES))
    shown = np.stack([_mean(weights[part]) for part in stretches], 1)
    figure = go.Figure(
        go.Heatmap(
            z=shown,
            x=[f"{steps[part[-1]]:,}" for part in stretches],
            y=list(map(verbatim, classes)),
            **WEIGHT_COLOURS,
            hovertemplate="%{y} up to step %{x}: %{z:.3f}<extra></extra>",
        )
    )
    figure.update_layout(_layout(title, 130 + len(classes) * _ROW, "Mean weight of each class"))
    figure.update_xaxes(title_text="step", type="category", nticks=8)
    figure.update_yaxes(_class_axis(classes), autorange="reversed")
    return figure


def _mean(weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Over rows, without NaN; NaN where a column has nothing else."""
    counted = np.isfinite(weights).sum(0)
    return np.divide(np.nansum(weights, 0), counted, out=np.full(weights.shape[1], np.nan), where=counted > 0)


def histogram(shares: Mapping[str, Mapping[str, float]], *, logarithmic: bool = False) -> go.Figure:
    """Class shares in percent of the labelled pixels, a bar a data set."""
    classes = list(dict.fromkeys(name for each in shares.values() for name in each))
    figure = go.Figure()
    for slot, (name, values) in enumerate(shares.items()):
        hover = f"%{{y}}: %{{x:.3g}} %<extra>{verbatim(name)}</extra>"
        shown, own = [_number(values.get(each)) for each in classes], list(map(verbatim, classes))
        colour = COLOURS[slot % len(COLOURS)]
        figure.add_bar(y=own, x=shown, name=verbatim(name), orientation="h", marker_color=colour, hovertemplate=hover)
    figure.update_layout(_layout("Labelled pixels by class", 90 + len(classes) * _ROW * len(shares)), bargap=0.3)
    figure.update_xaxes(title_text="percent", type="log" if logarithmic else "linear")
    figure.update_yaxes(_class_axis(classes), autorange="reversed")
    return figure


def differences(over: Mapping[str, Estimate], other: str) -> go.Figure:
    """Differences in mIoU to ``other``, a dot with its 95 % interval each, in the order they are given in."""
    halves = [each.half or 0.0 for each in over.values()]
    figure = go.Figure(
        go.Scatter(
            x=[each.mean for each in over.values()],
            y=list(map(verbatim, over)),
            error_x={"type": "data", "array": halves, "thickness": 2, "width": 5},
            mode="markers",
            marker={"color": COLOURS[0], "size": 10},
            customdata=[str(each) for each in over.values()],
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    )
    figure.update_layout(_layout("", 80 + 2 * _ROW * len(over)))
    figure.add_vline(x=0, line={"color": COLOURS[6], "width": 1})
    figure.update_xaxes(title_text=f"mIoU over {verbatim(other)}, with 95 % intervals", nticks=7)
    figure.update_yaxes(autorange="reversed")
    return figure


def against_images(lines: Sequence[Line], outcomes: Sequence[Outcome]) -> go.Figure:
    """mIoU against the number of real images: a line a method through its means, a faint dot a run, and the 95 %
    interval of more than one seed, as the table has it.

    The axis is logarithmic; runs on all images stand at its right end. Methods stand a little beside each other.
    """
    numbers = sorted({line.n_real for line in lines if line.n_real is not None})
    end = (numbers[-1] if numbers else 1) * 2
    methods = list(dict.fromkeys(line.method for line in lines))
    figure = go.Figure()
    for slot, method in enumerate(methods):
        aside = 1.03 ** (slot - (len(methods) - 1) / 2)
        runs = [each for each in outcomes if each.method == method]
        own = [line for line in lines if line.method == method]
        _add_runs(figure, [(each.n_real or end) * aside for each in runs], runs, slot)
        _add_means(figure, [(line.n_real or end) * aside for line in own], own, slot)
    everything = any(line.n_real is None for line in lines)
    ticks = [*numbers, *([end] if everything else [])]
    words = [*map(str, numbers), *(["all"] if everything else [])]
    figure.update_layout(_layout("", 420))
    reach = [math.log10(ticks[0] / 1.3), math.log10(ticks[-1] * 1.3)]
    figure.update_xaxes(type="log", title_text="real images", tickvals=ticks, ticktext=words, range=reach)
    values = [*(run.score for run in outcomes), *(end for line in lines for end in _ends(line))]
    figure.update_yaxes(title_text="mIoU, percent", range=_share_range(values))
    return figure


def _ends(line: Line) -> tuple[float, float]:
    """Of the interval of a line's mean."""
    half = line.score.half or 0
    return line.score.mean - half, line.score.mean + half


def _share_range(values: Sequence[float]) -> list[float]:
    """An axis of percent around values, no wider than percent can be: an interval of two seeds may go far beyond."""
    least, most = max(0.0, min(values)), min(100.0, max(values))
    margin = max(1.0, 0.06 * (most - least))
    return [least - margin, most + margin]


def _add_runs(figure: go.Figure, x: list[float], runs: Sequence[Outcome], slot: int) -> None:
    hover = [f"{verbatim(run.method)}, seed {run.seed}: {run.score:.1f}" for run in runs]
    marker = {"color": COLOURS[slot % len(COLOURS)], "size": 6}
    figure.add_scatter(
        x=x,
        y=[run.score for run in runs],
        mode="markers",
        marker=marker,
        opacity=0.45,
        hovertext=hover,
        hoverinfo="text",
        showlegend=False,
    )


def _add_means(figure: go.Figure, x: list[float], own: Sequence[Line], slot: int) -> None:
    figure.add_scatter(
        x=x,
        y=[line.score.mean for line in own],
        error_y={"array": [line.score.half or 0 for line in own], "thickness": 1.5, "width": 5},
        hovertext=[f"{verbatim(line.method)}: {line.score}, {counted(line.score.count, 'seed')}" for line in own],
        hoverinfo="text",
        name=verbatim(own[0].method),
        mode="lines+markers",
        line={"color": COLOURS[slot % len(COLOURS)], "dash": _dash(slot)},
        marker={"symbol": MARKS[slot % len(MARKS)], "size": 10},
    )


def _layout(title: str, height: int, subtitle: str = "") -> dict[str, object]:
    return {
        "title": {"text": verbatim(title), "font": {"size": 14}, "subtitle": {"text": subtitle, "font": {"size": 12}}},
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 56 if subtitle else 36, "b": 8},
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
    }


def _dash(slot: int) -> str:
    return DASHES[slot // len(COLOURS) % len(DASHES)]


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else value
