"""Control: the learned weights in the wrong places. What HRS gains over this is selection, not noise in the loss."""

from __future__ import annotations

import torch
from torch import Tensor

from hrs.methods.hrs import HierarchicalSelection
from hrs.selection.region import batch_ids
from hrs.selection.selector import Scores
from hrs.selection.view import View


class Shuffled(HierarchicalSelection):
    """HRS with its weights exchanged between regions of the same class."""

    def weights(self, view: View, scores: Scores | None, strength: float) -> Tensor:
        return shuffle_within_class(super().weights(view, scores, strength), view)


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
