"""The pixel level: a small convolutional network scores every pixel for its own class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hrs.networks.weighting import PixelWeighting
from hrs.selection.levels.base import Units
from hrs.selection.view import View, read_at_label


class PixelLevel(nn.Module):
    def __init__(self, num_classes: int, feature_dim: int, predictions: int, signals: int) -> None:
        super().__init__()
        self.network = PixelWeighting(num_classes, feature_dim, predictions, signals)

    def forward(self, view: View) -> Tensor:
        """Scores per class at feature resolution, (b s c h' w')."""
        scores: Tensor = self.network(view.predictions(), view.features)
        return scores

    def units(self, scores: Tensor, view: View) -> Units:
        """The view's n = b h w pixels, each scored at its own label."""
        read = [read_at_label(signal, view.labels).flatten() for signal in scores.unbind(dim=1)]
        return Units(scores=torch.stack(read, dim=1), labels=view.labels.flatten())

    def pool(self, values: Tensor, view: View) -> Tensor:
        """A target per unit from one value per pixel (b h w): the pixel's own, (n,)."""
        return values.flatten()

    def spread(self, values: Tensor, view: View) -> Tensor:
        """A value per unit (n,) back onto the pixels (b h w)."""
        return values.view(view.labels.shape)
