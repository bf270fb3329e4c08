"""Selection within mixing: weighting networks say how much each pasted synthetic pixel counts."""

from __future__ import annotations

from dataclasses import replace

import torch

from hrs.data.loaders import Batch
from hrs.labels import IGNORE
from hrs.methods.base import StepResult
from hrs.methods.hrs import HierarchicalSelection
from hrs.methods.mixing import mix


class SelectiveMixing(HierarchicalSelection):
    """L = CE(T) + lambda sum_i w_i CE_i(M) / sum_i w_i, M as in `Mixing`; w is learned on M's synthetic pixels and 1 on
    its real ones."""

    def forward(self, source: Batch | None, target: Batch | None, step: int) -> StepResult:
        assert source is not None and target is not None
        mixed = mix(source, target, self.num_classes)
        real, both = self.segment(target.images, mixed.images)
        pasted = replace(
            source,
            images=mixed.images,
            labels=torch.where(mixed.pasted, source.labels, IGNORE),
            regions=torch.where(mixed.pasted, source.regions, -1),
        )
        weights, losses, logs = self.select(pasted, both, target, real, step)
        target_loss = self.cross_entropy(real.logits, target.labels)
        mixed_loss = self.cross_entropy(both.logits, mixed.labels, torch.where(mixed.pasted, weights, 1.0))
        loss = target_loss + self.config.train.source_weight * mixed_loss + losses
        return StepResult(loss, {"loss_target": target_loss.detach(), "loss_source": mixed_loss.detach(), **logs})
