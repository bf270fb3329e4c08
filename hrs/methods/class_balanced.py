"""Control: weights by class alone. What HRS gains over this is not a shifted mix of classes."""

from __future__ import annotations

import torch
from torch import Tensor

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.joint import Joint, Weighing
from hrs.networks.segmenter import Segmenter, SegmenterOutput
from hrs.selection.combine import effective_share
from hrs.selection.statistics import class_sums, read, summed


class ClassBalanced(Joint):
    """Joint training with every synthetic pixel weighted by 1 / sqrt(running frequency of its class)."""

    frequency: Tensor

    def __init__(self, config: RunConfig, segmenter: Segmenter) -> None:
        super().__init__(config, segmenter)
        self.register_buffer("frequency", torch.zeros(self.num_classes))  # short of 1 by what no batch has said yet

    def weigh(self, shown: Batch, output: SegmenterOutput, target: Batch, real: SegmenterOutput, step: int) -> Weighing:
        ones = torch.ones_like(shown.labels, dtype=torch.float32)
        (counts,) = summed(class_sums(ones, shown.labels, self.num_classes)[1])
        share = counts / counts.sum().clamp(min=1)
        self.frequency.lerp_(share, 1 - self.config.selection.momentum)
        frequency = self.frequency / self.frequency.sum().clamp(min=1e-12)
        weights = read(frequency.clamp(min=1e-4).rsqrt(), shown.labels, 0.0)
        (total,) = summed(weights.sum())
        weights = weights * (counts.sum() / total.clamp(min=1e-12))  # mean 1 over the batch's labelled pixels
        return Weighing(weights=weights, logs={"effective_share": effective_share(weights, shown.labels)})
