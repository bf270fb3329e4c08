"""How raw weights become weights of mean 1 within every class: the one formula behind training, panel and corpus.

A raw weight v lies in [floor, 1]. Classes score differently even where nothing is wrong with them, so it is taken over
its class's mean, and drawn towards 1 until enough of all pixels effectively count (image weights that say how often a
frame is drawn are taken over the mean of all classes: a frame comes as a whole):

    w = 1 + strength (v / mean_class - 1)

Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.labels import IGNORE

Maps = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class MapScale:
    """Of one map: the mean raw weight that each class's are taken over, 1 for those never seen, and the strength in
    [0, 1]."""

    means: tuple[float, ...]
    strength: float

    @classmethod
    def fit(
        cls,
        pixels: NDArray[np.float64],
        sums: NDArray[np.float64],
        squares: NDArray[np.float64],
        *,
        min_effective: float | None = None,
        alike: bool = False,
    ) -> MapScale:
        """From each class's number of pixels, and sum and sum of squares of their raw weights, (c,) each.

        Args:
            min_effective: share of all pixels that shall effectively count at least; None leaves strength at 1.
            alike: take all classes over one mean, as what says how often a frame is drawn.
        """
        if alike:
            return cls(means=(float(sums.sum() / pixels.sum()) if sums.sum() > 0 else 1.0,) * len(pixels), strength=1.0)
        seen = (pixels > 0) & (sums > 0)
        means = np.where(seen, sums / np.where(pixels > 0, pixels, 1), 1.0)
        spread = float((squares[seen] / means[seen] ** 2 - pixels[seen]).sum() / max(pixels[seen].sum(), 1))
        return cls(means=tuple(means.tolist()), strength=strength_for(spread, min_effective))

    def apply(self, raw: NDArray[np.float32], label: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Weights (h w) of raw ones, at least 0; 0 where there is no label, since nothing is learned there."""
        factor = np.zeros(IGNORE + 1, np.float32)
        factor[: len(self.means)] = self.strength / np.asarray(self.means, np.float32)
        offset = np.zeros(IGNORE + 1, np.float32)
        offset[: len(self.means)] = 1 - self.strength
        return raw * factor[label] + offset[label]

    def moments(
        self, pixels: NDArray[np.float64], sums: NDArray[np.float64], squares: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum and sum of squares of the weights, from those of the raw ones: (... c) each, without reading a map."""
        factor, offset = self.strength / np.asarray(self.means), 1 - self.strength
        total = offset * pixels + factor * sums
        return total, offset**2 * pixels + 2 * offset * factor * sums + factor**2 * squares


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Of all maps of a corpus, by name."""

    maps: Mapping[str, MapScale]

    def apply(self, raw: Maps, label: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Weights (h w) by name from raw ones."""
        return {name: self.maps[name].apply(values, label) for name, values in raw.items()}

    def to_dict(self) -> dict[str, Any]:
        return {name: {"means": list(each.means), "strength": each.strength} for name, each in self.maps.items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Scale:
        """Raises KeyError, TypeError or ValueError where it is not what `to_dict` gave."""
        maps = {
            str(name): MapScale(means=tuple(map(float, each["means"])), strength=float(each["strength"]))
            for name, each in stored.items()
        }
        return cls(maps=maps)


def strength_for(spread: float, min_effective: float | None) -> float:
    """The most strength that keeps the effective sample size of weights of mean 1 and variance ``spread``.

    For w = 1 + a (v - 1) with mean(v) = 1, the effective share (sum w)^2 / (n sum w^2) is 1 / (1 + a^2 var v), so the
    largest a in [0, 1] that keeps it at ``min_effective`` is known in closed form.
    """
    if min_effective is None or spread <= 0:
        return 1.0
    return float(min(1.0, ((1 / min_effective - 1) / spread) ** 0.5))
