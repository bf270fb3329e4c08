"""Whether the learned weights find what was planted: AUROC of low weight against the renderer's truth.

python -m benchmarks.planted CHECKPOINT [...] [--data render:synthetic?frames=200] [--runs runs] [--out FILE.csv]

A CHECKPOINT is a folder or a run's name; the data set must come with masks of planted departures. *Harmful* departures
mislead training (such as wrong labels), *odd* ones only look unusual. The score is minus the weight, over labelled
pixels alone: 1 means that every harmful unit weighs less than every other, 0.5 that weights say nothing. One row per
weight map:

- ``pixels``: harmful pixels against all others;
- ``regions``, ``frames``: the same over whole regions and frames, by their mean weight; one is harmful if more than
  half of its labelled pixels are. Read a level first at its own unit;
- ``vs odd``: harmful against odd pixels: near ``pixels`` if harm is found, near 0.5 if mere oddness is;
- ``clean``, ``odd``, ``harmful``: mean weight of such pixels. 1 is the average while training, on
  augmented frames; plain ones weigh a little more.

A second table says the same of the combined weights by kind of departure: its share of all labelled pixels, its mean
weight, and for harmful kinds the AUROC against all pixels that are not harmful.

A dash: the data has no such units, or nothing to tell them from. The file has the rows of both tables, of all
checkpoints.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from benchmarks.common import print_table, told, write_rows
from hrs.checkpoint import Checkpoint, load_checkpoint
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.loaders import Batch, Chunks, FrameReader
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.methods.hrs import HierarchicalSelection, weigh_frames
from hrs.runs.registry import resolve_checkpoint
from hrs.scoring.score import chunks
from hrs.selection.validity import auroc
from hrs.street import DEPARTURES, Departure, harmful_mask, odd_mask

UNITS = ("pixels", "regions", "frames")
KINDS = ("clean", "odd", "harmful")
COLUMNS = ("pixels", "regions", "frames", "vs odd", *KINDS, "share", "weight")
Array = NDArray[Any]
Table = dict[str, dict[str, float | None]]


@dataclass(kw_only=True)
class Units:
    """Weights (maps n) of units seen so far, part by part, and which are harmful and odd (n,)."""

    weights: list[Array] = field(default_factory=list)
    harmful: list[Array] = field(default_factory=list)
    odd: list[Array] = field(default_factory=list)

    def add(self, weights: Array, harmful: Array, odd: Array) -> None:
        self.weights.append(weights)
        self.harmful.append(harmful)
        self.odd.append(odd)

    def joined(self) -> tuple[Array, Array, Array]:
        return np.concatenate(self.weights, axis=1), np.concatenate(self.harmful), np.concatenate(self.odd)


class Tally:
    """Collects units over a corpus, frame by frame. Pixels are drawn, ``pixels`` a frame; means are over all."""

    def __init__(self, pixels: int, seed: int) -> None:
        self.pixels, self.rng = pixels, np.random.default_rng(seed)
        self.units = {name: Units() for name in UNITS}
        self.sums: dict[str, Array | float] = dict.fromkeys(KINDS, 0.0)
        self.counts = dict.fromkeys(KINDS, 0)
        self.planted: list[Array] = []  # which departure the drawn pixels show

    def add(self, weights: Array, label: Array, regions: Array, planted: Array) -> None:
        """One frame: weights (maps h w), the others (h w)."""
        valid = label != IGNORE
        if not valid.any():
            return
        values, ids = weights[:, valid], regions[valid]
        harmful, odd = harmful_mask(planted[valid]), odd_mask(planted[valid])
        for kind, mask in zip(KINDS, (~harmful & ~odd, odd, harmful), strict=True):
            self.sums[kind] = self.sums[kind] + values[:, mask].sum(axis=1, dtype=np.float64)
            self.counts[kind] += int(mask.sum())
        drawn = self.rng.choice(len(ids), min(self.pixels, len(ids)), replace=False)
        self.units["pixels"].add(values[:, drawn], harmful[drawn], odd[drawn])
        self.planted.append(planted[valid][drawn])
        inside = ids >= 0
        self.units["regions"].add(*pooled(values[:, inside], harmful[inside], odd[inside], ids[inside]))
        self.units["frames"].add(*pooled(values, harmful, odd, np.zeros(len(ids), np.int64)))

    def row(self, index: int) -> dict[str, float | None]:
        """What one weight map reaches; None where it is not defined."""
        row = {}
        for name, units in self.units.items():
            weights, harmful, odd = units.joined()
            row[name] = auroc(-weights[index], harmful)
            if name == "pixels":
                either = harmful | odd
                row["vs odd"] = auroc(-weights[index, either], harmful[either])
        for kind in KINDS:
            count = self.counts[kind]
            row[kind] = float(np.asarray(self.sums[kind])[index]) / count if count else math.nan
        return {name: None if math.isnan(value) else value for name, value in row.items()}

    def kind(self, departure: Departure, index: int) -> dict[str, float | None]:
        """What one weight map makes of one kind of departure; None where it is not defined."""
        weights, harmful, _ = self.units["pixels"].joined()
        own = np.concatenate(self.planted) == departure.id
        found = {"share": float(own.mean()), "weight": float(weights[index, own].mean()) if own.any() else math.nan}
        if departure.harmful:
            among = own | ~harmful
            found["pixels"] = auroc(-weights[index, among], own[among])
        return {name: None if math.isnan(value) else value for name, value in found.items()}


def pooled(values: Array, harmful: Array, odd: Array, ids: Array) -> tuple[Array, Array, Array]:
    """Pixels (maps n) as units: mean weights (maps u), and which units are harmful and odd by more than half (u,)."""
    _, index, sizes = np.unique(ids, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(index, row, len(sizes)) / sizes for row in values])
    return (
        means,
        np.bincount(index, harmful, len(sizes)) / sizes > 0.5,
        np.bincount(index, odd, len(sizes)) / sizes > 0.5,
    )


def measure(name: str, loaded: Checkpoint, dataset: Dataset, options: argparse.Namespace) -> tuple[Table, Table]:
    """The rows by weight map, and by kind of departure.

    Raises:
        HRSError: the checkpoint has no weighting networks, or a frame has no mask of planted departures.
    """
    if not isinstance(loaded.method, HierarchicalSelection):
        raise HRSError(f"{name} was trained with {loaded.config.method}, which learns no weights")
    missing = [frame.id for frame in dataset.frames if frame.planted is None]
    if missing:
        raise HRSError(f"{dataset.spec} has no planted mask for frame {missing[0]}; use render:synthetic")
    reader = FrameReader([dataset.map_to(loaded.space)], loaded.config.data, regions=True)
    names, tally = ("combined", *loaded.config.selection.levels), Tally(options.pixels, options.seed)
    batches = Chunks(reader, chunks(0, len(reader), options.batch))
    for batch in DataLoader(batches, batch_size=None, num_workers=options.workers):
        weights = weigh_frames(loaded.method, batch.to(torch.device(options.device)))
        maps = torch.stack([weights.combined, *(weights.levels[name] for name in names[1:])])
        _add(tally, maps.float().cpu().numpy(), batch)
    rows = {name: tally.row(index) for index, name in enumerate(names)}
    return rows, {departure.name: tally.kind(departure, 0) for departure in DEPARTURES}


def _add(tally: Tally, maps: Array, batch: Batch) -> None:
    for i in range(len(batch)):
        tally.add(maps[:, i], batch.labels[i].numpy(), batch.regions[i].numpy(), batch.planted[i].numpy())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--data", default="render:synthetic?frames=200")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs")
    parser.add_argument("--pixels", type=int, default=4000, help="pixels drawn from a frame")
    parser.add_argument("--seed", type=int, default=0, help="of that draw")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="write the rows here as CSV")
    return parser.parse_args()


def show(title: str, table: Table, columns: list[str]) -> None:
    shown = {name: [row.get(column) for column in columns] for name, row in table.items()}
    cells = [[name, *("–" if value is None else f"{value:.3f}" for value in row)] for name, row in shown.items()]
    print_table([title, *columns], cells)


def as_rows(name: str, maps: Table, kinds: Table) -> Iterator[dict[str, str]]:
    """Both tables of a checkpoint as rows of one."""
    for what, table in (("weights", maps), ("planted", kinds)):
        for of, row in table.items():
            values = {column: row.get(column) for column in COLUMNS}
            told = {column: "" if value is None else f"{value:.4f}" for column, value in values.items()}
            yield {"checkpoint": name, "table": what, "of": of} | told


def main() -> None:
    options = parse()
    found: list[dict[str, str]] = []
    dataset = open_dataset(options.data)
    for name in options.checkpoints:
        loaded = load_checkpoint(resolve_checkpoint(name, options.runs), device=options.device)
        maps, kinds = measure(name, loaded, dataset, options)
        print(f"{name}, step {loaded.about.step}, on {len(dataset)} frames of {options.data}")
        show("weights", maps, list(maps["combined"]))
        print()
        show("planted", kinds, ["share", "weight", "pixels"])
        found += as_rows(name, maps, kinds)
    if options.out:
        write_rows(options.out, found)


if __name__ == "__main__":
    told(main)
