"""Control: weights from the planted truth. Harmful pixels get the floor, all others count; nothing is learned."""

from __future__ import annotations

import torch
from torch import Tensor

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult
from hrs.networks.segmenter import Segmenter
from hrs.selection.combine import effective_share
from hrs.selection.statistics import ClassStatistics, read
from hrs.street import harmful_mask

KINDS = 256


class Oracle(Method):
    """L = CE(T) + lambda sum_i w_i CE_i(S) / sum_i w_i with w from the renderer's planted mask, mean 1 per class."""

    harmful: Tensor

    def __init__(self, config: RunConfig, segmenter: Segmenter) -> None:
        super().__init__(config, segmenter)
        import numpy as np

        table = harmful_mask(np.arange(KINDS, dtype=np.uint8))
        self.register_buffer("harmful", torch.from_numpy(table), persistent=False)
        self.means = ClassStatistics(self.num_classes, config.selection.momentum)

    def forward(self, source: Batch | None, target: Batch | None, step: int) -> StepResult:
        assert source is not None and target is not None
        real, synthetic = self.segment(target.images, source.images)
        weights = torch.where(self.harmful[source.planted.long()], self.config.selection.floor, 1.0)
        self.means.update(weights, source.labels)
        weights = weights / read(torch.where(self.means.seen, self.means.mean, 1.0), source.labels, 1.0)
        target_loss = self.cross_entropy(real.logits, target.labels)
        source_loss = self.cross_entropy(synthetic.logits, source.labels, weights)
        loss = target_loss + self.config.train.source_weight * source_loss
        logs = {"loss_target": target_loss.detach(), "loss_source": source_loss.detach()}
        return StepResult(loss, logs | {"effective_share": effective_share(weights, source.labels)})
