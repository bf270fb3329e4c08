"""Does a trial choose well? What `hrs trial` tells from the photos alone, held against what training came to.

    python -m benchmarks.trials --source folder:settings/street folder:settings/airsim --target folder:DATA/idd-lite \\
        --out trials.csv [--n-real 20 --seeds 20 21 22] [--outcomes docs/results/few.csv docs/results/photos_many.csv]
        [--picture trials.png]

OUTCOMES: what `benchmarks.rivals` wrote, trained on the same photos and scored on images that a trial never sees. The
CSV has a row for each way that a trial compares; rows that are there are kept. What a trial chooses is what has most
mIoU in it, of *photos* alone, all frames alike (*joint*) and each source alone, as far as they have an outcome; how
sure it is takes no part. Tables:

- for each number of photos, means over the seeds: what each way came to, what the trials chose, and the best of each
  seed, known afterwards;
- of all differences from photos alone, how many have the side that the trial told, and of those that it was sure of.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common import print_table, told, write_rows
from benchmarks.pairs import PHOTOS, Key, Scores, read
from hrs.config import load_config
from hrs.study.table import Estimate
from hrs.system.files import atomic_write
from hrs.trial import findings
from hrs.trial.findings import Findings, surely
from hrs.trial.trial import run_trial

STEPS = 800
MARKS = "o^Dv<>"
CHOSEN, BEST = "chosen by trial", "best, known afterwards"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a trial told of one way: its mIoU, and that over photos alone (0 for these) with half of a 95 % interval."""

    n_real: int
    seed: int
    source: str
    arm: str
    miou: float
    over: float
    half: float

    @property
    def way(self) -> str:
        return self.arm if self.arm == PHOTOS else f"{self.arm}, {self.source}"

    @property
    def sure(self) -> int:
        """The side of photos alone that the trial is sure of; 0 where it is not."""
        return surely(Estimate(self.over, None if math.isnan(self.half) else self.half, 0))

    def outcome(self, found: Mapping[Key, Scores]) -> float | None:
        """What training came to, in the first of the tables' places; None where it was not run."""
        source = "" if self.arm == PHOTOS else self.source
        for key, scores in found.items():
            if (key.source, key.n_real, key.arm) == (source, str(self.n_real), self.arm):
                return scores.get(self.seed)
        return None


def rows_of(found: Findings, sources: Sequence[str], n_real: int, seed: int) -> Iterator[Told]:
    """A row for each way, named as the benches name arms and sources."""
    short = {each: Path(each).name for each in sources}
    arms = {findings.PHOTOS: PHOTOS, findings.ALIKE: "joint", findings.LIGHT: "joint, less", findings.WEIGHTED: "hrs"}
    for way in found.ways:
        over = way.over.get(findings.PHOTOS, Estimate(0.0, 0.0, 0))
        yield Told(
            n_real=n_real,
            seed=seed,
            source=" + ".join(short[each] for each in way.use.sources),
            arm=arms.get(way.name, "joint"),
            miou=round(way.miou, 2),
            over=round(over.mean, 2),
            half=math.nan if over.half is None else round(over.half, 2),
        )


def trial(options: argparse.Namespace, seed: int) -> list[Told]:
    """One of the product's own trials, on the photos that a seed draws."""
    data: dict[str, Any] = {"sources": options.source, "target": options.target, "n_real": options.n_real}
    data |= {"height": options.height, "width": options.width}
    train = {"steps": STEPS, "batch_target": 6, "batch_source": 3, "device": "cpu"}
    # Without selection's own way, which takes as long as two others, and is no choice of frames.
    values = {"method": "joint", "data": data, "train": train, "selection": {"levels": [], "signals": []}, "seed": seed}
    config = load_config(values)
    return list(rows_of(run_trial(config, steps=STEPS), options.source, options.n_real, seed))


def load(file: Path) -> list[Told]:
    kinds = {"n_real": int, "seed": int, "source": str, "arm": str, "miou": float, "over": float, "half": float}
    rows = csv.DictReader(file.read_text().splitlines()) if file.exists() else ()
    return [Told(**{name: kinds[name](value) for name, value in row.items()}) for row in rows]


def choices(rows: Sequence[Told], found: Mapping[Key, Scores]) -> dict[str, float]:
    """Of one trial: the outcome of each way that has one and no hrs in it, of the way chosen, and of the best."""
    tried = {
        row: outcome for row in rows if row.arm in (PHOTOS, "joint") and (outcome := row.outcome(found)) is not None
    }
    chosen = max(tried, key=lambda row: row.miou)
    return {row.way: outcome for row, outcome in tried.items()} | {CHOSEN: tried[chosen], BEST: max(tried.values())}


def sides(rows: Sequence[Told], found: Mapping[Key, Scores]) -> Iterator[tuple[Told, float]]:
    """Each way with frames that has an outcome, and what it came to over photos alone."""
    alone = {(row.n_real, row.seed): row.outcome(found) for row in rows if row.arm == PHOTOS}
    for row in rows:
        photos, own = alone.get((row.n_real, row.seed)), row.outcome(found)
        if row.arm == "joint" and photos is not None and own is not None:
            yield row, own - photos


def report(rows: Sequence[Told], found: Mapping[Key, Scores]) -> None:
    rows = sorted(rows, key=lambda row: (row.n_real, row.seed))
    trials = [choices(list(own), found) for _, own in itertools.groupby(rows, key=lambda row: (row.n_real, row.seed))]
    counts = [n for (n, _), _ in itertools.groupby(rows, key=lambda row: (row.n_real, row.seed))]
    names = [*dict.fromkeys(name for each in trials for name in each if name not in (CHOSEN, BEST)), CHOSEN, BEST]
    table = []
    for n_real in dict.fromkeys(counts):
        own = [each for each, n in zip(trials, counts, strict=True) if n == n_real]
        means = [np.mean([each[name] for each in own]) if all(name in each for each in own) else None for name in names]
        table.append([str(n_real), *("" if mean is None else f"{mean:.2f}" for mean in means)])
    print_table(["photos", *names], table)
    told_of = list(sides(rows, found))
    right = [row for row, over in told_of if row.over * over > 0]
    sure = [(row, over) for row, over in told_of if row.sure]
    print(
        f"\nside of photos alone told rightly: {len(right)} of {len(told_of)}; where sure: "
        f"{sum(row.sure * over > 0 for row, over in sure)} of {len(sure)}"
    )


def draw(rows: Sequence[Told], found: Mapping[Key, Scores]) -> bytes:
    """What trials told of frames over photos alone, against what training came to, as PNG: a colour for each source, a
    mark for each number of photos; where the side is right, a dot lies in a shaded quarter."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = list(sides(rows, found))
    sources = {source: f"C{i}" for i, source in enumerate(dict.fromkeys(row.source for row, _ in shown))}
    marks = dict(zip(sorted({row.n_real for row, _ in shown}), itertools.cycle(MARKS), strict=False))
    figure = Figure(figsize=(7.5, 5.5), layout="constrained", dpi=110)
    axes = figure.subplots()
    for row, over in shown:
        colour = sources[row.source]
        axes.errorbar(row.over, over, xerr=row.half, color=colour, alpha=0.25, linewidth=1)
        axes.plot(row.over, over, marks[row.n_real], color=colour, markersize=7)
    low, high = min(over for _, over in shown) - 1, max(over for _, over in shown) + 1
    axes.set_xlim(low - 1, high + 1)
    axes.set_ylim(low, high)
    axes.fill_between([0, high + 1], 0, high, color="0.5", alpha=0.1, linewidth=0)
    axes.fill_between([low - 1, 0], low, 0, color="0.5", alpha=0.1, linewidth=0)
    for line in (axes.axhline, axes.axvline):
        line(0, color="0.4", linewidth=0.8)
    axes.set_xlabel("mIoU over photos alone that the trial told, from the photos alone; bars: 95 % intervals")
    axes.set_ylabel("mIoU over photos alone on images that no trial saw")
    axes.spines[["top", "right"]].set_visible(False)
    for source, colour in sources.items():
        axes.plot([], [], "s", color=colour, label=source)
    for count, mark in marks.items():
        axes.plot([], [], mark, color="0.3", label=f"{count} photos")
    axes.legend(frameon=False, fontsize=9)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", nargs="+", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--outcomes", type=Path, nargs="*", default=[])
    parser.add_argument("--picture", type=Path, help="also draw what was told against what came of it, as PNG")
    parser.add_argument("--n-real", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="*", default=[20, 21, 22])
    parser.add_argument("--height", type=int, default=112)
    parser.add_argument("--width", type=int, default=160)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = load(options.out)
    for seed in options.seeds:
        if not any((row.n_real, row.seed) == (options.n_real, seed) for row in rows):
            rows += trial(options, seed)
            write_rows(options.out, [asdict(row) for row in rows])
    if options.outcomes:
        report(rows, outcomes := read(options.outcomes))
        if options.picture:
            atomic_write(options.picture, draw(rows, outcomes))


if __name__ == "__main__":
    told(main)
