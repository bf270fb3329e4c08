"""A study's table as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hrs.study.table import Estimate, Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(lines: Sequence[Line]) -> bytes:
    """Over the number of real images, a line a method, as PNG: mIoU, and beside it the paired difference to the first
    baseline. Bars are the table's 95 % intervals; one seed has none."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    baseline = next(iter(lines[0].against), None)
    figure = Figure(figsize=(10 if baseline else 6, 4.2), layout="constrained")
    panels = figure.subplots(1, 2 if baseline else 1, squeeze=False)[0]
    _panel(panels[0], [(line, line.score) for line in lines], "mIoU, percent")
    panels[0].set_ylim(max(-1, panels[0].get_ylim()[0]), min(101, panels[0].get_ylim()[1]))  # two seeds may go beyond
    panels[0].legend(frameon=False, fontsize=8)
    if baseline:
        differences = [(line, line.against[baseline]) for line in lines]
        _panel(panels[1], differences, f"mIoU over {baseline} on the same images and seeds")
        panels[1].axhline(0, color="0.4", linewidth=0.8)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _panel(axes: Axes, points: Sequence[tuple[Line, Estimate | None]], title: str) -> None:
    """One value a line of the table; the same method has the same colour in every panel."""
    numbers = sorted({line.n_real for line, _ in points if line.n_real is not None})
    ticks: list[int | None] = [*numbers, *([None] if any(line.n_real is None for line, _ in points) else [])]
    methods = list(dict.fromkeys(line.method for line, _ in points))
    for i, method in enumerate(methods):
        own = [(line.n_real, value) for line, value in points if line.method == method and value is not None]
        shift = 0.06 * (i - (len(methods) - 1) / 2)  # so that bars stand beside each other
        places = [ticks.index(n_real) + shift for n_real, _ in own]
        halves = [value.half or 0 for _, value in own]
        means = [value.mean for _, value in own]
        axes.errorbar(places, means, yerr=halves, label=method, marker="o", markersize=4, capsize=3, linewidth=1.2)
    axes.set_xticks(range(len(ticks)), ["all" if n is None else str(n) for n in ticks])
    axes.set(xlabel="labelled real images", ylabel=title)
    axes.grid(axis="y", alpha=0.3)
