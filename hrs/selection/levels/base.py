"""What each level offers. A unit is what it scores: a pixel, a region or an image.

Letters: b images, c classes, h w pixels of the labels, h' w' cells of the features, n units, s signals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from hrs.selection.view import View


@dataclass(frozen=True, kw_only=True)
class Units:
    """scores: (n s). labels: (n,) the class each unit is compared with, IGNORE for those whose scores mean nothing."""

    scores: Tensor
    labels: Tensor


class Level(Protocol):
    """A module with a weighting network; made with (num_classes, feature_dim, predictions, signals), the number of
    channels of `View.features` and of `View.predictions`, and s."""

    def __call__(self, view: View) -> Tensor:
        """Raw scores of a batch, in a shape of the level's own; differentiable in its parameters alone."""
        ...

    def units(self, scores: Tensor, view: View) -> Units:
        """Those scores by unit. The view may be thinner than the one that was scored."""
        ...

    def pool(self, values: Tensor, view: View) -> Tensor:
        """One value per unit, (n,), from one per pixel, (b h w)."""
        ...

    def spread(self, values: Tensor, view: View) -> Tensor:
        """One value per pixel, broadcastable to (b h w), from one per unit, (n,)."""
        ...
