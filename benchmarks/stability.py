"""Whether runs agree on what counts: rank correlation of their weights on the same frames.

python -m benchmarks.stability SCORES SCORES [...] [--pixels 500] [--out FILE.csv]

SCORES are folders that `python -m hrs score RUN DATASET` wrote for one data set, such as runs of one config with
several seeds. For every two, Spearman's correlation of the weights of the same pixels, within each class and then
averaged over the classes by their pixels: 1 is the same order, 0 none in common. A row a map; mean, least and most over
the pairs.
"""

from __future__ import annotations

import argparse
import statistics
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.common import print_table, told, write_rows
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.scoring.corpus import ScoredCorpus

FEWEST = 100
"""Pixels of a class below which its correlation is left out."""


def draw(corpora: list[ScoredCorpus], pixels: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Weights (corpora maps n) and classes (n,) of pixels drawn from the frames that all corpora hold."""
    rng = np.random.default_rng(0)
    weights, classes = [], []
    for row in range(len(corpora[0])):
        first = corpora[0].frame(row)
        rows = [corpus.find(first.id) for corpus in corpora]
        label = first.read_label()
        valid = np.flatnonzero(label != IGNORE)
        if any(each is None for each in rows) or not len(valid):
            continue
        drawn = rng.choice(valid, min(pixels, len(valid)), replace=False)
        read = [corpus.frame(each).read_maps() for corpus, each in zip(corpora, rows, strict=True) if each is not None]
        weights.append([[maps[name].ravel()[drawn] for name in corpora[0].maps] for maps in read])
        classes.append(label.ravel()[drawn])
    if not weights:
        raise HRSError("the corpora share no labelled frame; score the same data set with every run")
    return np.concatenate(weights, axis=2), np.concatenate(classes)


def agreement(one: NDArray[np.float32], other: NDArray[np.float32], classes: NDArray[np.uint8]) -> float:
    """Spearman's correlation within classes, averaged by their pixels; NaN where a map is constant."""
    sizes, found = [], []
    for c in np.unique(classes):
        own = classes == c
        if own.sum() >= FEWEST:
            sizes.append(int(own.sum()))
            found.append(float(spearmanr(one[own], other[own]).statistic))
    return float(np.average(found, weights=sizes)) if sizes else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, nargs="+")
    parser.add_argument("--pixels", type=int, default=500, help="drawn from a frame")
    parser.add_argument("--out", type=Path, help="write the table here as CSV")
    options = parser.parse_args()
    if len(options.scores) < 2:
        parser.error("name at least two scored folders")
    corpora = [ScoredCorpus.open(folder) for folder in options.scores]
    weights, classes = draw(corpora, options.pixels)
    rows = []
    for i, name in enumerate(corpora[0].maps):
        pairs = [agreement(weights[a, i], weights[b, i], classes) for a, b in combinations(range(len(corpora)), 2)]
        rows.append([name, f"{statistics.fmean(pairs):.2f}", f"{min(pairs):.2f}", f"{max(pairs):.2f}"])
    print(f"{len(corpora)} runs, {len(classes)} pixels")
    head = ["weights", "mean", "least", "most"]
    print_table(head, rows)
    if options.out:
        write_rows(options.out, [dict(zip(head, row, strict=True)) for row in rows])


if __name__ == "__main__":
    told(main)
