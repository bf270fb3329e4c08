"""Control: weights by class alone. What HRS gains over this is not a shifted mix of classes."""

from __future__ import annotations

import torch
from torch import Tensor

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult
from hrs.networks.segmenter import Segmenter
from hrs.selection.combine import effective_share
from hrs.selection.statistics import class_sums, read


class ClassBalanced(Method):
    """Joint training with every synthetic pixel weighted by 1 / sqrt(running frequency of its class)."""

    frequency: Tensor

    def __init__(self, config: RunConfig, segmenter: Segmenter) -> None:
        super().__init__(config, segmenter)
        self.register_buffer("frequency", torch.full((self.num_classes,), 1 / self.num_classes))

    def forward(self, source: Batch | None, target: Batch | None, step: int) -> StepResult:
        assert source is not None and target is not None
        real, synthetic = self.segment(target.images, source.images)
        _, counts = class_sums(torch.ones_like(source.labels, dtype=torch.float32), source.labels, self.num_classes)
        share = counts / counts.sum().clamp(min=1)
        self.frequency.lerp_(share, 1 - self.config.selection.momentum)
        weights = read(self.frequency.clamp(min=1e-4).rsqrt(), source.labels, 0.0)
        target_loss = self.cross_entropy(real.logits, target.labels)
        source_loss = self.cross_entropy(synthetic.logits, source.labels, weights)
        loss = target_loss + self.config.train.source_weight * source_loss
        logs = {"loss_target": target_loss.detach(), "loss_source": source_loss.detach()}
        return StepResult(loss, logs | {"effective_share": effective_share(weights, source.labels)})
