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


def level_weight(score: Tensor, *, centre: float, temperature: float, floor: float) -> Tensor:
    """A standardised score as a weight in [floor, 1]: floor + (1 - floor) sigmoid((score - centre) / temperature)."""
    return floor + (1 - floor) * ((score - centre) / temperature).sigmoid()


def combine(weights: Sequence[Tensor], how: Literal["product", "mean"]) -> Tensor:
    """One weight per pixel from the levels' weights (each broadcastable to (b h w))."""
    if how == "product":
        return reduce(torch.mul, weights)
    return reduce(torch.add, weights) / len(weights)


def spread_around_one(weights: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Weights scaled to mean 1 over the labelled pixels, and their variance (both over the whole batch)."""
    valid = labels != IGNORE
    count = valid.sum().clamp(min=1)
    scaled = weights / ((weights * valid).sum() / count).clamp(min=1e-12)
    return scaled, ((scaled - 1).square() * valid).sum() / count


def temper(weights: Tensor, variance: Tensor, *, min_effective: float, strength: float) -> Tensor:
    """Draw weights of mean 1 towards 1 until the effective sample size is at least ``min_effective`` of all pixels.

    For w = 1 + alpha (v - 1) with mean(v) = 1, the effective share (sum w)^2 / (n sum w^2) is 1 / (1 + alpha^2 var v),
    so the largest alpha that keeps it is known in closed form. ``strength`` in [0, 1] is the ramp; at 0 every weight is
    exactly 1.
    """
    most = (1 / min_effective - 1) / variance.clamp(min=1e-12)
    alpha = most.sqrt().clamp(max=1.0) * strength
    return 1 + alpha * (weights - 1)


def effective_share(weights: Tensor, labels: Tensor) -> Tensor:
    """Effective sample size over number of labelled pixels, (sum w)^2 / (n sum w^2), in (0, 1]."""
    valid = labels != IGNORE
    kept = weights * valid
    return kept.sum().square() / (valid.sum() * kept.square().sum()).clamp(min=1e-12)


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """sum_i w_i CE_i / sum_i w_i over labelled pixels; without weights, the ordinary mean.

    Args:
        logits: (b c h' w'), upsampled bilinearly to the labels' size.
        labels: (b h w) integer.
        weights: (b h w), at least 0. All ones gives the same bits as None.

    Returns:
        A scalar; 0 (with gradient 0) where no pixel is labelled.
    """
    full = upsample(logits.float(), labels.shape[-2:])
    loss = F.cross_entropy(full, labels.long(), ignore_index=IGNORE, reduction="none")
    weights = (labels != IGNORE).to(loss.dtype) if weights is None else weights * (labels != IGNORE)
    return (weights * loss).sum() / weights.sum().clamp(min=1e-12)
