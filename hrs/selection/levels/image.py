"""The image level: pooled statistics of a whole frame, one score per image (not one per batch)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hrs.labels import IGNORE
from hrs.networks.weighting import ImageWeighting
from hrs.selection.levels.base import Units
from hrs.selection.statistics import RunningNorm
from hrs.selection.view import View, disagreement, residual


class ImageLevel(nn.Module):
    def __init__(self, num_classes: int, feature_dim: int, predictions: int, signals: int) -> None:
        super().__init__()
        inputs = 2 * feature_dim + 2 * predictions
        self.network = ImageWeighting(inputs, signals)
        self.inputs = RunningNorm(inputs)

    def forward(self, view: View) -> Tensor:
        """Scores (b s)."""
        view = view.coarse()
        predicted = view.predictions().mean(dim=(2, 3))
        against = [residual(view.logits, view.labels)[0].abs().mean(dim=(2, 3))]  # per class, where it lies
        against += [_per_class(likeness, view.labels) for likeness in view.extra.values()]
        mean = view.features.mean(dim=(2, 3))
        variance = view.features.square().mean(dim=(2, 3)) - mean.square()
        # Disagreement is small beside the features and says more: every input is taken over its own spread.
        pooled = torch.cat([mean, variance.clamp(min=1e-6).sqrt(), predicted, *against], dim=1)
        scores: Tensor = self.network(self.inputs(pooled))
        return scores

    def units(self, scores: Tensor, view: View) -> Units:
        """The batch's b images, all of one class: an image is compared with all images."""
        return Units(scores=scores, labels=torch.zeros(len(scores), dtype=torch.long, device=scores.device))

    def pool(self, values: Tensor, view: View) -> Tensor:
        """A target per image from one value per pixel (b h w): the mean over labelled pixels, (b,)."""
        valid = view.labels != IGNORE
        return (values * valid).sum(dim=(1, 2)) / valid.sum(dim=(1, 2)).clamp(min=1)

    def spread(self, values: Tensor, view: View) -> Tensor:
        """A value per image (b,) back onto the pixels, broadcastable (b 1 1)."""
        return values[:, None, None]


def _per_class(likeness: Tensor, labels: Tensor) -> Tensor:
    """Each image's sum of the disagreement over the pixels of each class, over all its pixels: (b c)."""
    value = disagreement(likeness, labels).flatten(1)
    classes = likeness.shape[1]
    index = labels.long().clamp(max=classes).flatten(1)
    return value.new_zeros(len(value), classes + 1).scatter_add(1, index, value)[:, :-1] / value.shape[1]
