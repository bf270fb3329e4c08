"""The image level: pooled statistics of a whole frame, one score per image (not one per batch)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
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
        """Scores (b s), of what is labelled alone: a view that is zoomed out has a border, a whole frame has none."""
        view = view.coarse()
        labelled = (view.labels != IGNORE).float()[:, None]
        pixels = labelled.sum(dim=(2, 3)).clamp(min=1)
        there = F.adaptive_max_pool2d(labelled, view.features.shape[-2:])  # cells that hold a labelled pixel

        def over_cells(values: Tensor) -> Tensor:
            return (values * there).sum(dim=(2, 3)) / there.sum(dim=(2, 3)).clamp(min=1)

        predicted = over_cells(view.predictions())
        against = [residual(view.logits, view.labels)[0].abs().sum(dim=(2, 3)) / pixels]  # per class, where it lies
        against += [_per_class(likeness, view.labels) / pixels for likeness in view.extra.values()]
        mean = over_cells(view.features)
        variance = over_cells(view.features.square()) - mean.square()
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
    """Each image's sum of the disagreement over the pixels of each class: (b c)."""
    value = disagreement(likeness, labels).flatten(1)
    classes = likeness.shape[1]
    index = labels.long().clamp(max=classes).flatten(1)
    return value.new_zeros(len(value), classes + 1).scatter_add(1, index, value)[:, :-1]
