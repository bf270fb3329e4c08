"""How close a photo is to the real images a model was trained on.

A frame is summed up by the mean and the spread of each of the network's last features. Statistics over the real
training images give a Mahalanobis distance. Which distances are usual is said by real images that those statistics do
not know: the held-out ones, and each tenth of the training images beside the statistics of the other nine. (The
held-out ones alone may all be of one street, and nearer to the rest than most of what was trained on. The weighting
networks judge synthetic frames by their labels. Given a prediction for a label they do not tell photos from noise.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save
from torch import Tensor

from hrs.errors import HRSError
from hrs.inference.export import weights_hash
from hrs.runs.names import GAUGE
from hrs.system.files import atomic_write

FEWEST = 5
"""Images of each kind without which nothing can be said."""
UNKNOWN = "Not known: this model was saved without the statistics of its real images."
UNKNOWN_IN_8_BITS = "Not known in 8 bits: the statistics of this model's real images are those of 32 bits."

_SHRINK = 0.5  # share of the plain diagonal in the covariance: there are fewer images than features
_FOLDS = 10  # parts of the training images that are left out in turn; images in a row, since those of a video are alike
_AXES = 32  # directions in which the images' covariance is kept
_UNUSUAL = 0.1
_WEIGHTS = "weights"  # in a file's metadata: of which the statistics are

Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gauge:
    """mean, spread (k,): of the real images' summaries. axes (r k), variances (r,): of the standardised ones.
    reference (m,): sorted distances of real images to statistics that leave them out."""

    mean: Vectors
    spread: Vectors
    axes: Vectors
    variances: Vectors
    reference: Vectors

    def distance(self, summaries: Vectors) -> Vectors:
        """Mahalanobis distances (n,) of summaries (n k), with a covariance shrunk towards its diagonal."""
        centred = (summaries - self.mean) / self.spread
        along = centred @ self.axes.T
        within = np.square(along) / ((1 - _SHRINK) * self.variances + _SHRINK)
        beside = np.square(centred).sum(1) - np.square(along).sum(1)
        return np.sqrt(within.sum(1) + np.maximum(beside, 0) / _SHRINK).astype(np.float32)

    def realism(self, summary: Vectors) -> float:
        """In [0, 1]: the share of real images at least as far from the others as this one (k,). About evenly spread for
        photos of the same kind, near 0 for anything else."""
        (distance,) = self.distance(summary[None])
        farther = len(self.reference) - int(np.searchsorted(self.reference, distance, side="left"))
        return farther / len(self.reference)

    def words(self, realism: float) -> str:
        """One sentence for people."""
        if not realism:
            return "This photo is far from the real images this model was trained on. Do not rely on the result."
        if realism < _UNUSUAL:
            return "This photo is unusual beside the real images this model was trained on. Check the result."
        return "This photo is like the real images this model was trained on."


def summarise(features: Iterable[Tensor]) -> Vectors:
    """Mean and spread of every feature over all cells of maps (b d h w): (2 d,)."""
    cells = torch.cat([maps.movedim(1, 0).flatten(1) for maps in features], dim=1)
    both = torch.cat([cells.mean(dim=1), cells.std(dim=1, correction=0)])
    summary: Vectors = both.float().cpu().numpy()
    return summary


def check_counts(real: int, held_out: int) -> None:
    """Raise HRSError where either are fewer than FEWEST."""
    if min(real, held_out) < FEWEST:
        raise HRSError(f"{real} real images and {held_out} held out; a realism gauge needs at least {FEWEST} of each")


def fit_gauge(real: Vectors, held_out: Vectors) -> Gauge:
    """From summaries of real training images (n k) and of others that were not trained on (m k).

    Raises HRSError where either are fewer than FEWEST.
    """
    check_counts(len(real), len(held_out))
    gauge = _statistics(real)
    parts = np.array_split(np.arange(len(real)), min(_FOLDS, len(real)))
    apart = [_statistics(np.delete(real, part, axis=0)).distance(real[part]) for part in parts]
    return replace(gauge, reference=np.sort(np.concatenate([*apart, gauge.distance(held_out)])))


def _statistics(real: Vectors) -> Gauge:
    """Of summaries (n k), without a reference."""
    mean, spread = real.mean(0), real.std(0) + 1e-3 * np.abs(real).mean() + 1e-12
    _, lengths, axes = np.linalg.svd((real - mean) / spread, full_matrices=False)
    return Gauge(
        mean=mean,
        spread=spread,
        axes=np.ascontiguousarray(axes[:_AXES]),
        variances=np.square(lengths[:_AXES]) / len(real),
        reference=np.zeros(0, np.float32),
    )


def write_gauge(gauge: Gauge, checkpoint: Path, *, weights: str) -> Path:
    """Put a gauge beside the model it belongs to.

    Args:
        weights: their `weights_hash` when its statistics were taken.

    Raises:
        HRSError: the checkpoint has other weights by now, or cannot be written.
    """
    if weights_hash(checkpoint) != weights:
        raise HRSError(f"{checkpoint} was replaced meanwhile, by the run that trains it; calibrate it again")
    path = checkpoint / GAUGE
    tensors = {name: np.ascontiguousarray(value, np.float32) for name, value in vars(gauge).items()}
    atomic_write(path, save(tensors, {_WEIGHTS: weights}))
    return path


def read_gauge(checkpoint: Path) -> Gauge | None:
    """The gauge beside a model; None where there is none, or only one of other weights. Raises HRSError where it is
    damaged."""
    path = checkpoint / GAUGE
    if not path.is_file():
        return None
    try:
        with safe_open(path, "numpy") as file:
            about = file.metadata() or {}
        gauge = Gauge(**load_file(path))
    except (OSError, SafetensorError, TypeError) as error:
        raise HRSError(f"{path} cannot be read ({error}); delete it or calibrate the model again") from error
    own = _WEIGHTS not in about or about[_WEIGHTS] == weights_hash(checkpoint)  # older ones do not say
    return gauge if own else None
