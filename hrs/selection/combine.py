"""From three levels of scores to one weight per synthetic pixel, and the loss those weights enter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from hrs.labels import IGNORE
from hrs.networks.segmenter import upsample
from hrs.selection.statistics import mean_over_processes, read


def level_weight(score: Tensor, *, centre: float, temperature: float) -> Tensor:
    """A comparable score as a raw weight in (0, 1): sigmoid((score - centre) / temperature)."""
    return ((score - centre) / temperature).sigmoid()


def combine(weights: Sequence[Tensor], how: Literal["product", "mean"]) -> Tensor:
    """One raw weight per pixel from the levels' (each broadcastable to (b h w))."""
    if how == "product":
        return reduce(torch.mul, weights)
    return reduce(torch.add, weights) / len(weights)


def above_floor(weights: Tensor, floor: float) -> Tensor:
    """Raw weights moved from [0, 1] into [floor, 1]."""
    return floor + (1 - floor) * weights


def strength_for(spread: Tensor, min_effective: float) -> Tensor:
    """As `hrs.selection.scale.strength_for`, on tensors and without waiting for the device: a scalar in [0, 1]."""
    return ((1 / min_effective - 1) / spread.clamp(min=1e-12)).sqrt().clamp(max=1.0)


def effective_share(weights: Tensor, labels: Tensor) -> Tensor:
    """Effective sample size over number of labelled pixels, (sum w)^2 / (n sum w^2), in (0, 1]."""
    valid = labels != IGNORE
    kept = weights * valid
    return kept.sum().square() / (valid.sum() * kept.square().sum()).clamp(min=1e-12)


def weighted_cross_entropy(
    logits: Tensor, labels: Tensor, weights: Tensor | None = None, class_weights: Tensor | None = None
) -> Tensor:
    """sum_i c_i w_i CE_i / sum_i c_i over labelled pixels, c_i being the weight of pixel i's class.

    The weights w do not divide: where they are low as a whole, the loss is low. Theirs is a mean of 1 over training,
    not over a batch, else frames could only be compared with those that happen to stand beside them.

    Args:
        logits: (b c h' w'), upsampled bilinearly to the labels' size.
        labels: (b h w) integer.
        weights: (b h w), at least 0. All ones gives the same bits as None.
        class_weights: (c,), as in `torch.nn.functional.cross_entropy`.

    Returns:
        A scalar; 0 (with gradient 0) where no pixel is labelled. Of several processes that share a batch, the mean over
        their scalars is what one with all of it would have.
    """
    return cross_entropies(logits, labels, weights, class_weights)[0]


def cross_entropies(
    logits: Tensor, labels: Tensor, weights: Tensor | None = None, class_weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`weighted_cross_entropy`, and what it would be if every w were 1, without gradient."""
    full = upsample(logits.float(), labels.shape[-2:])
    loss = F.cross_entropy(full, labels.long(), ignore_index=IGNORE, reduction="none")
    share = (labels != IGNORE).to(loss.dtype) if class_weights is None else read(class_weights, labels, 0.0)
    plain, pixels = share * loss, mean_over_processes(share.sum()).clamp(min=1e-12)
    weighted = plain if weights is None else share * weights * loss
    return weighted.sum() / pixels, plain.detach().sum() / pixels
