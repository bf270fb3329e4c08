"""Weighting networks: what each level sees of the segmentation network, and the scores it gives.

All of them read detached features u (b d h w) and softmax predictions (b p h w), so they never pull on the segmentation
network. Sun et al. (CVPR 2019, supplement) found predictions a better input than images. Predictions are the
segmentation network's and, side by side, what signals add, c channels each. ``s`` counts signals.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PixelWeighting(nn.Module):
    """Scores every pixel, once per class and signal: (b p h w), (b d h w) -> (b s c h w).

    One output per class, read at the pixel's label, so that how common a class is does not leak into its score.
    """

    def __init__(self, num_classes: int, feature_dim: int, predictions: int, signals: int, hidden: int = 32) -> None:
        super().__init__()
        self.shape = (signals, num_classes)
        self.reduce = nn.Conv2d(feature_dim, hidden, 1)
        self.mix = nn.Sequential(
            nn.Conv2d(hidden + predictions, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, signals * num_classes, 1),
        )

    def forward(self, probabilities: Tensor, features: Tensor) -> Tensor:
        scores: Tensor = self.mix(torch.cat([self.reduce(features), probabilities], dim=1))
        return scores.unflatten(1, self.shape)


class RegionWeighting(nn.Module):
    """Scores every region from its own pooled features, its neighbours' and its label: (r k), (r k), (r c) -> (r s)."""

    def __init__(self, pooled_dim: int, num_classes: int, signals: int, hidden: int = 64) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(2 * pooled_dim + num_classes, hidden),
            nn.LayerNorm(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, signals),
        )

    def forward(self, pooled: Tensor, context: Tensor, label: Tensor) -> Tensor:
        scores: Tensor = self.mlp(torch.cat([pooled, context, label], dim=1))
        return scores


class ImageWeighting(nn.Module):
    """Scores every frame, one by one, from pooled statistics of the frame: (b k) -> (b s)."""

    def __init__(self, pooled_dim: int, signals: int, hidden: int = 64) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(pooled_dim, hidden), nn.LayerNorm(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, signals)
        )

    def forward(self, pooled: Tensor) -> Tensor:
        scores: Tensor = self.mlp(pooled)
        return scores
