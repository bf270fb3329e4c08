"""What synthetic frames bring, and what selection adds, in one picture: all pairs of runs of the main settings.

    python -m benchmarks.gains docs/results --out docs/results/gains.png
    python -m benchmarks.gains docs/results --of parts --out docs/results/parts.png

Reads the tables of docs/results. A row is a data set, a number of photos and a schedule; a dot is one seed on one
street or data set: to the left joint training less photos alone, to the right hrs less joint training, on the same
photos and frames. A bar is the mean over streets of the mean over seeds.

--of parts: what hrs has over joint training, in three parts that add up to it: how much frames count in all (*lowered*
less joint), how much each class does (*evened out* less lowered), and which pixels do (hrs less evened out).
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.common import told
from benchmarks.pairs import PHOTOS
from hrs.errors import HRSError
from hrs.system.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Gains = dict[str, list[float]]
"""Differences in mIoU, one a seed, by place."""


class Setting(NamedTuple):
    """A row of the picture.

    where: what a row of the table has to hold. arms: what is compared, each with the one before it, as the table calls
    it. place: what was scored on, where the table does not say. chosen_on: places that settings were chosen on.
    """

    title: str
    table: str
    where: Mapping[str, str]
    arms: tuple[str, ...] = (PHOTOS, "joint", "hrs")
    place: str = ""
    chosen_on: frozenset[str] = frozenset({"0016E5"})


class Picture(NamedTuple):
    """Rows by what the synthetic frames are, and what each panel shows, with its share of the width.

    alike: whether the panels have one scale.
    """

    groups: Mapping[str, Sequence[Setting]]
    panels: Mapping[str, float]
    alike: bool = False


CLEAN, PLANTED = "render:synthetic?faults=none&frames=800", "render:synthetic?frames=800"
CONSTANT = (PHOTOS, "joint constant", "hrs constant")
FROZEN = ("photos frozen", "joint constant frozen", "hrs constant frozen")
SMALL = ("target_only", "joint", "hrs")
BOTH = "street + airsim"
STREETS = frozenset({"0001TP", "0006R0", "0016E5"})
DRIVES, CLIP, RENDERED = "drives left out", "val clip", "rendered photos"


def small(title: str, table: str, place: str, numbers: Sequence[str]) -> Iterator[Setting]:
    """The network from scratch, by number of photos."""
    for n_real in numbers:
        yield Setting(f"{title} · {n_real} *", table, {"n_real": n_real}, SMALL, place, frozenset({place}))


def every_method(title: str, pair: str, place: str, n_real: str) -> Setting:
    return Setting(title, "unplanted", {"pair": pair, "n_real": n_real}, place=place, chosen_on=frozenset({place}))


PARTS = ("joint", "lowered", "evened out", "hrs")
GAINS: dict[str, tuple[Setting, ...]] = {
    "nothing planted": (
        Setting("CamVid, a street left out · 20 photos", "unseen", {"source": CLEAN}),
        Setting("CamVid, a street left out · all photos, frames fade", "leftout", {}),
        Setting("CamVid, a street left out · all photos", "leftout", {}, CONSTANT, chosen_on=STREETS),
        Setting("the same, encoder frozen", "leftout", {}, FROZEN, chosen_on=STREETS),
        every_method("CamVid's 0006R0 left out · 20", "street-camvid", "0006R0", "20"),
        every_method("CamVid's 0006R0 left out · 200", "street-camvid", "0006R0", "200"),
        every_method("CamVid's 0006R0 left out · all 367", "street-camvid", "0006R0", "all"),
        every_method("IDD-Lite's drives left out · 20", "street-idd", DRIVES, "20"),
        every_method("IDD-Lite's drives left out · 200", "street-idd", DRIVES, "200"),
        every_method("IDD-Lite's drives left out · all 983", "street-idd", DRIVES, "all"),
        Setting("IDD-Lite's val · 5", "few", {"source": "street", "n_real": "5"}),
        Setting("IDD-Lite's val · 20", "few", {"source": "street", "n_real": "20"}),
        Setting("IDD-Lite's val · 100", "photos_many", {"source": "street", "n_real": "100"}),
        Setting("IDD-Lite's val · all 1,189", "photos_many", {"source": "street", "n_real": "1189"}),
    ),
    "AirSim's frames": (
        Setting("IDD-Lite's val · 20, frames fade", "airsim_study", {"n_real": "20"}),
        Setting("IDD-Lite's val · 5", "few", {"source": "airsim", "n_real": "5"}),
        Setting("IDD-Lite's val · 20", "few", {"source": "airsim", "n_real": "20"}),
        Setting("IDD-Lite's val · 100", "photos_many", {"source": "airsim", "n_real": "100"}),
        Setting("with the street's, IDD-Lite's val · 20", "few", {"source": BOTH, "n_real": "20"}),
        Setting("with the street's, IDD-Lite's val · 100", "few", {"source": BOTH, "n_real": "100"}),
        every_method("IDD-Lite's drives left out · 20", "airsim-idd", DRIVES, "20"),
        every_method("IDD-Lite's drives left out · 200", "airsim-idd", DRIVES, "200"),
        every_method("IDD-Lite's drives left out · all 983", "airsim-idd", DRIVES, "all"),
    ),
    "19 % of pixels planted to mislead": (
        Setting("CamVid, a street left out · 20", "unseen", {"source": PLANTED}),
        *small("from scratch: rendered photos", "camera", RENDERED, ("5", "10", "20", "50", "100")),
        *small("from scratch: CamVid's val clip", "camvid", CLIP, ("5", "10", "20", "50", "100", "all")),
    ),
}
"""Of the built-in street where nothing else is said."""
IN_PARTS: dict[str, tuple[Setting, ...]] = {
    "nothing planted": (
        Setting("IDD-Lite's val · 5", "few", {"source": "street", "n_real": "5"}, PARTS),
        Setting("IDD-Lite's val · 20", "few", {"source": "street", "n_real": "20"}, PARTS),
        Setting("IDD-Lite's val · 100", "controls", {"source": "street", "n_real": "100"}, PARTS),
        Setting("IDD-Lite's val · all 1,189", "controls", {"source": "street", "n_real": "1189"}, PARTS),
    ),
    "AirSim's frames": (
        Setting("IDD-Lite's val · 5", "few", {"source": "airsim", "n_real": "5"}, PARTS),
        Setting("IDD-Lite's val · 20", "few", {"source": "airsim", "n_real": "20"}, PARTS),
        Setting("IDD-Lite's val · 100", "controls", {"source": "airsim", "n_real": "100"}, PARTS),
        Setting("with the street's, IDD-Lite's val · 20", "few", {"source": BOTH, "n_real": "20"}, PARTS),
        Setting("with the street's, IDD-Lite's val · 100", "few", {"source": BOTH, "n_real": "100"}, PARTS),
    ),
    "19 % of pixels planted to mislead": (
        Setting("CamVid, a street left out · 20", "controls_camvid", {"source": PLANTED}, PARTS),
    ),
}
PICTURES = {
    "gains": Picture(GAINS, {"joint training over photos alone, mIoU": 3, "hrs over joint training, mIoU": 2}),
    "parts": Picture(
        IN_PARTS,
        {"how much frames count in all": 1, "how much each class does": 1, "which pixels do, mIoU": 1},
        alike=True,
    ),
}
COLOURS = {"0001TP": "#8250c4", "0006R0": "#d9730d", "0016E5": "#1f6fb4"}
OTHER = "#555555"


def scores(rows: Sequence[Mapping[str, str]], setting: Setting, arm: str) -> dict[tuple[str, str], float]:
    """mIoU by place and seed. Photos alone see no source, and so are the same beside each."""
    where = {key: value for key, value in setting.where.items() if not (arm == PHOTOS and key == "source")}
    return {
        (place_of(row) or setting.place, row["seed"]): float(row["miou"])
        for row in rows
        if (row.get("arm") or row["method"]) == arm and all(row[key] == value for key, value in where.items())
    }


def place_of(row: Mapping[str, str]) -> str:
    return row.get("sequence") or row.get("target", "").removeprefix("camvid-")


def gains(rows: Sequence[Mapping[str, str]], setting: Setting) -> list[Gains]:
    """Each arm less the one before it, of the seeds that have both. Raises HRSError where there are none."""
    found = [scores(rows, setting, arm) for arm in setting.arms]
    steps = [differences(own, before) for before, own in pairwise(found)]
    if not all(steps):
        raise HRSError(f"{setting.table}.csv has no pair of runs for {setting.title!r}")
    return steps


def differences(own: Mapping[tuple[str, str], float], other: Mapping[tuple[str, str], float]) -> Gains:
    found: Gains = {}
    for place, seed in sorted(own.keys() & other.keys()):
        found.setdefault(place, []).append(own[place, seed] - other[place, seed])
    return found


def mean(found: Gains) -> float:
    return float(np.mean([np.mean(seeds) for seeds in found.values()]))


def draw(tables: Path, picture: Picture) -> bytes:
    """The picture as PNG. Raises HRSError where a table lacks what a row needs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = sum(len(settings) + 1 for settings in picture.groups.values())
    figure = Figure(figsize=(11, 1.1 + 0.3 * count), layout="constrained", dpi=110)
    widths = list(picture.panels.values())
    panels = figure.subplots(1, len(widths), sharex=picture.alike, sharey=True, width_ratios=widths)
    left, line, ticks = panels[0], 0, {}
    for group, settings in picture.groups.items():
        left.text(0.005, line, group, transform=left.get_yaxis_transform(), fontweight="bold", va="center", fontsize=9)
        for setting in settings:
            line += 1
            ticks[line] = setting.title
            rows = list(csv.DictReader((tables / f"{setting.table}.csv").read_text().splitlines()))
            for axes, found in zip(panels, gains(rows, setting), strict=True):
                dots(axes, line, found, hollow=setting.chosen_on)
        line += 1
    left.set_yticks(list(ticks), list(ticks.values()), fontsize=9)
    left.set_ylim(line - 0.4, -0.6)
    for axes, title in zip(panels, picture.panels, strict=True):
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_xlabel(title)
        axes.grid(axis="x", alpha=0.3)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
    legend(figure)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def dots(axes: Axes, line: int, found: Gains, *, hollow: frozenset[str]) -> None:
    for place, seeds in found.items():
        colour = COLOURS.get(place, OTHER)
        face = "none" if place in hollow else colour
        axes.scatter(seeds, [line] * len(seeds), s=26, facecolors=face, edgecolors=colour, linewidths=1.1, zorder=3)
    axes.plot([mean(found)] * 2, [line - 0.38, line + 0.38], color="black", linewidth=2, zorder=2)


def legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    def dot(colour: str, label: str, face: str | None = None) -> Line2D:
        return Line2D([], [], linestyle="", marker="o", color=colour, label=label, markerfacecolor=face or colour)

    marks = [dot(colour, place) for place, colour in COLOURS.items()]
    marks += [dot(OTHER, "another place"), dot(OTHER, "settings were chosen on it", "none")]
    marks.append(
        Line2D([], [], linestyle="", marker="|", markersize=11, markeredgewidth=2, color="black", label="mean")
    )
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False, fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("--of", choices=PICTURES, default="gains")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    atomic_write(options.out, draw(options.tables, PICTURES[options.of]))


if __name__ == "__main__":
    told(main)
