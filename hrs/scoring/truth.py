"""How well low weights find what was planted, in a corpus that knows it. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.scoring.areatable import AreaTable

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Of all pixels in areas, those in the areas that weigh least."""


@dataclass(frozen=True, kw_only=True)
class HitRate:
    """Of one map: its AUROC over pixels, each weighing what its area does, and by share of the lowest pixels how many
    of them are planted harm."""

    auroc: float
    precision: dict[float, float]


def hit_rates(table: AreaTable) -> tuple[float, dict[str, HitRate]]:
    """The share of planted harm among all pixels in areas, and by map how low weights find it.

    Raises HRSError where nothing is known of planted departures, or none harms.
    """
    if not table.knows_harm:
        raise HRSError(f"{table.corpus.folder}: nothing is known of planted faults; score frames of render:synthetic")
    pixels = table.column("pixels").astype(np.float64)
    harmful = pixels * table.column("harm")
    if not 0 < harmful.sum() < pixels.sum():
        raise HRSError(f"{table.corpus.folder}: all of its frames are alike, with no planted harm or nothing else")
    rates = {level: _hits(table.weights(level), harmful, pixels) for level in table.corpus.maps}
    return float(harmful.sum() / pixels.sum()), rates


def _hits(weights: NDArray[np.float32], harmful: NDArray[np.float64], pixels: NDArray[np.float64]) -> HitRate:
    values, at = np.unique(weights, return_inverse=True)
    bad = np.bincount(at, harmful, len(values))
    good = np.bincount(at, pixels - harmful, len(values))
    above = good.sum() - np.cumsum(good)
    auroc = (bad * (above + good / 2)).sum() / (bad.sum() * good.sum())
    reached, found = np.cumsum(bad + good), np.cumsum(bad)
    ends = {share: share * reached[-1] for share in SHARES}
    precision = {share: float(np.interp(end, [0, *reached], [0, *found]) / end) for share, end in ends.items()}
    return HitRate(auroc=float(auroc), precision=precision)
