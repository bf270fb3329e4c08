"""Control: the learned weights in the wrong places. What HRS gains over this is selection, not noise in the loss."""

from __future__ import annotations

import torch
from torch import Tensor

from hrs.methods.hrs import HierarchicalSelection
from hrs.selection.levels.region import batch_ids
from hrs.selection.selector import RawScores
from hrs.selection.statistics import class_sums, read, summed
from hrs.selection.view import View


class Shuffled(HierarchicalSelection):
    """HRS with its weights exchanged between regions of the same class, and between frames where these say how often
    one is drawn (`Trainer.often`).

    Afterwards every class of a batch has mean 1. Otherwise a batch in which most of a class is bad would still count
    little as a whole, and with few frames in a batch that is much of what selection knows.
    """

    def weights(self, view: View, scores: RawScores | None, strength: float) -> Tensor:
        shuffled = shuffle_within_class(super().weights(view, scores, strength), view)
        return level_classes(shuffled, view.labels, self.num_classes)


def shuffle_within_class(weights: Tensor, view: View) -> Tensor:
    """The same weights in each class, elsewhere: regions come in one random order, their weights in another.

    Both orders sort by class first, so each class keeps its histogram; runs of pixels stay together by region.
    """
    ids, count = batch_ids(view)
    labels = view.labels.flatten().long()

    def order() -> Tensor:
        key = torch.randperm(count, device=weights.device)[ids.flatten()]
        return (labels * count + key).argsort(stable=True)

    shuffled = torch.empty_like(weights).flatten()
    shuffled[order()] = weights.flatten()[order()]
    return shuffled.view_as(weights)


def level_classes(weights: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The weights (b h w) over their class's mean in this batch, all processes' parts of it, so that every class has
    mean 1; one that weighs 0 here goes on weighing 0."""
    sums, counts = summed(*class_sums(weights, labels, num_classes))
    return weights / read((sums / counts.clamp(min=1)).masked_fill(sums == 0, 1.0), labels, 1.0)
