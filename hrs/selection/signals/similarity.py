"""similarity: does this look like the target domain? A domain classifier's output as a bounded density ratio."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hrs.selection.levels.base import Units
from hrs.selection.signals.base import Signal
from hrs.selection.statistics import ClassStatistics, class_sums, mean_over_processes
from hrs.selection.view import View
from hrs.settings import SelectionConfig


class Similarity(Signal):
    """Here the levels themselves are the domain classifiers: their score is the logit of "real"."""

    compares: ClassVar[bool] = True

    def __init__(self, config: SelectionConfig, num_classes: int, feature_dim: int) -> None:
        super().__init__(config, num_classes, feature_dim)
        self.num_classes, self.smoothing, self.relative = num_classes, config.smoothing, config.relative

    def goal(self, source: View) -> None:
        return None

    def loss(self, scores: Tensor, labels: Tensor, goal: Tensor | None, real: Units | None) -> Tensor:
        """Smoothed binary cross-entropy, synthetic 0, real 1; every class that both batches hold counts alike."""
        if real is None:
            raise ValueError("similarity compares with real units; none were given")
        losses, shared = [], torch.ones(self.num_classes, dtype=torch.bool, device=scores.device)
        for score, own, truth in ((scores, labels, 0.0), (real.scores, real.labels, 1.0)):
            goals = torch.full_like(score, truth * (1 - self.smoothing) + (1 - truth) * self.smoothing)
            each = F.binary_cross_entropy_with_logits(score, goals, reduction="none")
            sums, counts = class_sums(each, own, self.num_classes)
            counts = mean_over_processes(counts)
            losses.append(sums / counts.masked_fill(counts == 0, 1.0))
            shared &= counts > 0
        return ((losses[0] + losses[1]) * shared).sum() / (2 * shared.sum().clamp(min=1))

    def read(self, scores: Tensor) -> Tensor:
        return relative_density_ratio(scores, self.relative)

    def compare(self, scores: Tensor, labels: Tensor, statistics: ClassStatistics) -> Tensor:
        """In the ratio's own deviations: it has a unit of its own."""
        return statistics.standardise(scores, labels)


def relative_density_ratio(domain_logits: Tensor, a: float) -> Tensor:
    """p_T / (a p_T + (1 - a) p_S) from a domain classifier's logits (target is the positive class, priors equal).

    Returns the same shape, in [0, 1/a]; 1 where both domains are equally likely. Unlike the raw ratio it is bounded
    (Yamada et al., "Relative density-ratio estimation", Neural Computation 2013, section 2).
    """
    target = domain_logits.sigmoid()
    return target / (a * target + (1 - a) * (1 - target))
