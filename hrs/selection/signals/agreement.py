"""agreement: does a classifier that real labels alone have taught believe this pixel's label?

It sees the segmentation network's features, which synthetic labels have shaped too. In the shipped model it names the
same class as the network itself on 97 of 100 pixels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from hrs.labels import IGNORE
from hrs.networks.segmenter import upsample
from hrs.selection.combine import weighted_cross_entropy
from hrs.selection.signals.base import Recognises, Valued
from hrs.selection.view import View
from hrs.settings import SelectionConfig

FLOOR = -6.0
"""Log-probabilities below this count as this: one hopeless pixel must not outweigh a region."""


class Agreement(Valued, Recognises):
    """The classifier is a linear probe on the detached features, trained on the real images alone."""

    def __init__(self, config: SelectionConfig, num_classes: int, feature_dim: int) -> None:
        super().__init__(config, num_classes, feature_dim)
        self.probe = nn.Conv2d(feature_dim, num_classes, 1)

    def observe(self, target: View) -> Tensor:
        target = target.coarse()
        return weighted_cross_entropy(self.probe(target.features), target.labels)

    def opinion(self, view: View) -> Tensor:
        likely: Tensor = self.probe(view.features).softmax(dim=1)
        return likely

    def value(self, source: View) -> Tensor:
        return agreement(self.probe(source.features), source.labels)


def agreement(logits: Tensor, labels: Tensor) -> Tensor:
    """Log-probability of the given label under logits of a classifier that did not train on it.

    Returns (b h w) in [FLOOR, 0]; 0 at ignored pixels.
    """
    loss = F.cross_entropy(upsample(logits, labels.shape[-2:]), labels.long(), ignore_index=IGNORE, reduction="none")
    return (-loss).clamp(min=FLOOR)
