"""From what networks saw of each photo to how the ways to use synthetic frames differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hrs.evaluation import iou
from hrs.study.table import CONFIDENCE, Estimate
from hrs.trial.findings import Use, Way

Counts = NDArray[np.int64]


def compare(counts: Mapping[Use, Counts], parts: Sequence[Sequence[int]]) -> tuple[Way, ...]:
    """What each use comes to, and has over each other one.

    Args:
        counts: pixels of each photo by true and predicted class, (n c c) by use.
        parts: places of the photos of each fold.
    """
    folds = {use: np.stack([each[list(part)].sum(axis=0) for part in parts]) for use, each in counts.items()}
    scored = judged(next(iter(folds.values())))
    return tuple(
        Way(
            use=use,
            miou=miou(own.sum(axis=0), scored),
            iou=tuple(
                float(value) if known else None for value, known in zip(iou(own.sum(axis=0)), scored, strict=True)
            ),
            over={other.name: difference(own, theirs, scored) for other, theirs in folds.items() if other != use},
        )
        for use, own in folds.items()
    )


def judged(folds: Counts) -> NDArray[np.bool_]:
    """Which classes count, (c,), by the pixels of each fold, (f c c): those that two folds show at least. What one
    alone shows, no network could have learned from the others."""
    return (folds.sum(axis=-1) > 0).sum(axis=0) > 1


def miou(matrix: Counts, scored: NDArray[np.bool_]) -> float:
    """In percent, over the classes that count; NaN where none does."""
    return float(np.mean(iou(matrix)[scored])) if scored.any() else math.nan


def difference(own: Counts, other: Counts, scored: NDArray[np.bool_]) -> Estimate:
    """mIoU of one use over another's, from pixels of each fold, (f c c), with a 95 % interval.

    Folds differ in photos and in networks, and so stand for both: they are left out one at a time (the jackknife; Efron
    and Stein, Annals of Statistics 1981), by Student's t. Their networks share photos, so that it is somewhat narrow
    (Bengio and Grandvalet, JMLR 2004).
    """
    from scipy.stats import t

    count = len(own)
    mean = miou(own.sum(axis=0), scored) - miou(other.sum(axis=0), scored)
    if count < 2:
        return Estimate(mean, None, count)
    rest = zip(own.sum(axis=0) - own, other.sum(axis=0) - other, strict=True)
    left = [miou(a, scored) - miou(b, scored) for a, b in rest]
    deviation = math.sqrt((count - 1) * float(np.var(left)))
    return Estimate(mean, float(t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * deviation, count)
