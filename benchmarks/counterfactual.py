"""What if training saw only the pixels that weigh much, or only those that weigh little?

python -m benchmarks.counterfactual SCORES --out DIR [--level combined]

SCORES is what `python -m hrs score RUN DATASET` wrote. DIR gets three data sets of the format ``folder``, of the same
frames: in ``upper`` and ``lower`` the half of each class' pixels that weighs more or less keeps its label and the other
half is ignored, so that both hold the same mix of classes; in ``random`` a half of the superpixels, drawn by chance,
keeps its labels. The few pixels that were unlabelled at the size that was scored, and so have no weight, are in both
halves. Train on each with uniform weights, for instance by a study with

    methods:
      - {method: joint, label: upper half, data: {sources: ["folder:DIR/upper"]}}
      - {method: joint, label: random half, data: {sources: ["folder:DIR/random"]}}
      - {method: joint, label: lower half, data: {sources: ["folder:DIR/lower"]}}

If weights tell what helps, the upper half is better than a random one, and that than the lower one.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import told
from hrs.data.layouts import open_dataset
from hrs.data.regions import superpixels
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.prune import export_dataset
from hrs.system.files import atomic_write
from hrs.system.images import encode


def medians(corpus: ScoredCorpus, level: str, pixels: int = 500) -> NDArray[np.float64]:
    """The median weight of each class, (c,), over pixels drawn from every frame; 0 for a class that never occurs."""
    if level not in corpus.maps:
        raise HRSError(f"{corpus.folder} has no map {level!r}; known maps: {', '.join(corpus.maps)}")
    rng, weights, classes = np.random.default_rng(0), [], []
    for row in range(len(corpus)):
        frame = corpus.frame(row)
        label = frame.read_label().ravel()
        drawn = rng.choice(label.size, min(pixels, label.size), replace=False)
        weights.append(frame.read_maps()[level].ravel()[drawn])
        classes.append(label[drawn])
    found, known = np.concatenate(weights), np.concatenate(classes)
    return np.array([np.median(found[known == c]) if (known == c).any() else 0.0 for c in range(len(corpus.space))])


def drop_half(folder: Path) -> None:
    """Take the labels of every second superpixel, by chance, away from the frames of a ``folder`` of our own."""
    data = open_dataset(f"folder:{folder}")
    for i, frame in enumerate(data.frames):
        label = data.read_label(i)
        regions = superpixels(data.read_image(i), label)
        keep = np.random.default_rng((0, i)).random(regions.max() + 1) < 0.5
        kept = np.where(keep[regions], label, np.uint8(IGNORE))
        atomic_write(folder / "labels" / f"{frame.image.stem}.png", encode(".png", kept))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--level", default="combined")
    options = parser.parse_args()
    corpus = ScoredCorpus.open(options.scores)
    limits = medians(corpus, options.level).tolist()
    rows = corpus.select()
    export = partial(export_dataset, corpus, rows)
    export(options.out / "upper", mode="labels", threshold=limits, level=options.level)
    export(options.out / "lower", mode="labels", threshold=limits, keep="below", level=options.level)
    export(options.out / "random")
    drop_half(options.out / "random")


if __name__ == "__main__":
    told(main)
