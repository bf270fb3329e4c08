"""Joint training: every synthetic pixel counts like every other."""

from __future__ import annotations

from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult


class Joint(Method):
    """L = CE(T) + lambda CE(S)."""

    def forward(self, source: Batch | None, target: Batch | None, step: int) -> StepResult:
        assert source is not None and target is not None
        real, synthetic = self.segment(target.images, source.images)
        target_loss = self.cross_entropy(real.logits, target.labels)
        source_loss = self.cross_entropy(synthetic.logits, source.labels)
        loss = target_loss + self.config.train.source_weight * source_loss
        return StepResult(loss, {"loss_target": target_loss.detach(), "loss_source": source_loss.detach()})
