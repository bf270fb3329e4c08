"""From what networks saw of each photo to how the ways to use synthetic frames differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hrs.evaluation import iou
from hrs.study.table import CONFIDENCE, Estimate
from hrs.trial.findings import Use, Way


def compare(counts: Mapping[Use, NDArray[np.int64]], units: Sequence[Sequence[int]]) -> tuple[Way, ...]:
    """From pixels of each photo by true and predicted class, (n c c) by use; ``units``: places of photos that stand and
    fall together."""
    pooled = {use: np.stack([each[list(unit)].sum(axis=0) for unit in units]) for use, each in counts.items()}
    return tuple(
        Way(
            use=use,
            miou=miou(own.sum(axis=0)),
            iou=tuple(None if math.isnan(value) else float(value) for value in by_class(own.sum(axis=0))),
            over={other.name: difference(own, theirs) for other, theirs in pooled.items() if other != use},
        )
        for use, own in pooled.items()
    )


def by_class(matrices: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoU in percent, (… c), of (… c c); NaN for a class that no label holds: what is wrongly taken for it costs the
    others."""
    return np.where(matrices.sum(axis=-1) > 0, iou(matrices), np.nan)


def miou(matrix: NDArray[np.int64]) -> float:
    return float(np.nanmean(by_class(matrix)))


def difference(own: NDArray[np.int64], other: NDArray[np.int64]) -> Estimate:
    """mIoU of one way over another's, from pixels of each unit, (u c c), with a 95 % interval: the units, left out one
    at a time (the jackknife; Efron and Stein, Annals of Statistics 1981), by Student's t."""
    from scipy.stats import t

    count = len(own)
    mean = miou(own.sum(axis=0)) - miou(other.sum(axis=0))
    if count < 2:
        return Estimate(mean, None, count)
    left = [miou(a) - miou(b) for a, b in zip(own.sum(axis=0) - own, other.sum(axis=0) - other, strict=True)]
    deviation = math.sqrt((count - 1) * float(np.var(left)))
    return Estimate(mean, float(t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * deviation, count)
