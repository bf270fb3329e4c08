"""What every signal is. Letters: b images, c classes, d features, h w pixels of the labels, n units of a level."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrs.labels import IGNORE
from hrs.selection.levels.base import Units
from hrs.selection.statistics import ClassStatistics, mean_over_processes
from hrs.selection.view import View
from hrs.settings import SelectionConfig


class Signal(nn.Module, ABC):
    """What the levels learn from. Higher scores mean: learn more from this pixel.

    compares: whether levels look at real images too, and `loss` gets their units of those.
    """

    compares: ClassVar[bool] = False

    def __init__(self, config: SelectionConfig, num_classes: int, feature_dim: int) -> None:
        super().__init__()
        self.statistics = ClassStatistics(num_classes, config.momentum)

    def observe(self, target: View) -> Tensor | None:
        """See a batch of real images; the loss of the signal's own network, a scalar, if it has one."""
        return None

    @abstractmethod
    def goal(self, source: View) -> Tensor | None:
        """What the levels shall foresee of every synthetic pixel, (b h w); None where they find it by comparing."""

    def loss(self, scores: Tensor, labels: Tensor, goal: Tensor | None, real: Units | None) -> Tensor:
        """A level's loss for this signal, a scalar.

        Args:
            scores, labels: of the level's synthetic units, (n,) each.
            goal: `goal`, pooled to those units, (n,).
            real: where ``compares``: real units, with scores (m,) for this signal.
        """
        if goal is None:
            raise ValueError(f"{type(self).__name__} has no goal; it shall override loss")
        kept = labels != IGNORE
        each = F.smooth_l1_loss(scores, goal, reduction="none").masked_fill(~kept, 0.0)
        # Not scores[kept]: a GPU would have to say how many they are.
        return each.sum() / mean_over_processes(kept.sum().float()).clamp(min=1e-12)

    def read(self, scores: Tensor) -> Tensor:
        """A level's raw scores (n,) in the unit in which they are compared."""
        return scores

    def compare(self, scores: Tensor, labels: Tensor, statistics: ClassStatistics) -> Tensor:
        """Scores (n,) beside those of their own class, in deviations of pixels; 0 at IGNORE.

        What levels regress has one unit that they share, deviations of pixels: taken over each level's own deviation,
        frames that hardly differ would weigh as differently as good and bad pixels.
        """
        return statistics.centre(scores, labels)


class Valued(Signal):
    """A value per synthetic pixel that the levels learn to foresee, so that it generalises over noise and is there for
    any frame."""

    @abstractmethod
    def value(self, source: View) -> Tensor:
        """The value of every synthetic pixel, (b h w), of any scale; 0 at ignored pixels."""

    @torch.no_grad()
    def goal(self, source: View) -> Tensor:
        """The value, standardised within its class; its statistics move."""
        value = self.value(source)
        self.statistics.update(value, source.labels)
        return self.statistics.standardise(value, source.labels)


class AddsInputs(ABC):
    """A signal that gives the levels something to look at."""

    @abstractmethod
    def inputs(self, images: Tensor) -> Tensor:
        """How much places of uint8 (b 3 h w) look like each class, (b c h" w") in [0, 1]."""


class Recognises(ABC):
    """A signal with a classifier that real labels alone have taught."""

    @abstractmethod
    def opinion(self, view: View) -> Tensor:
        """How likely each class is to it, (b c h' w') with sum 1."""
