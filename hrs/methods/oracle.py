"""Control: weights from the planted truth. Harmful pixels get the floor, all others count; nothing is learned."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.joint import Joint, Weighing
from hrs.networks.segmenter import Segmenter, SegmenterOutput
from hrs.selection.combine import effective_share
from hrs.selection.statistics import ClassMoments, read
from hrs.street import harmful_mask

KINDS = 256


class Oracle(Joint):
    """Joint training with weights from the renderer's planted mask, mean 1 per class."""

    harmful: Tensor

    def __init__(self, config: RunConfig, segmenter: Segmenter) -> None:
        super().__init__(config, segmenter)
        table = harmful_mask(np.arange(KINDS, dtype=np.uint8))
        self.register_buffer("harmful", torch.from_numpy(table), persistent=False)
        self.moments = ClassMoments(self.num_classes, config.selection.momentum)

    def weigh(self, shown: Batch, output: SegmenterOutput, target: Batch, real: SegmenterOutput, step: int) -> Weighing:
        harmful = self.harmful[shown.planted.long()]
        weights = torch.ones_like(harmful, dtype=torch.float32).masked_fill(harmful, self.config.selection.floor)
        self.moments.update(weights, shown.labels)
        weights = weights / read(self.moments.mean().to(weights.dtype), shown.labels, 1.0)
        return Weighing(weights=weights, logs={"effective_share": effective_share(weights, shown.labels)})
