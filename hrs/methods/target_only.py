"""The real images alone, with as many images a step as the other methods see."""

from __future__ import annotations

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult


class TargetOnly(Method):
    """L = CE(T)."""

    @staticmethod
    def counts(config: RunConfig, step: int) -> tuple[int, int]:
        return 0, config.train.batch_source + config.train.batch_target

    def forward(self, source: Batch, target: Batch, step: int) -> StepResult:
        (real,) = self.segment(target.images)
        loss = self.cross_entropy(real.logits, target.labels)
        return StepResult(loss, {"loss_target": loss.detach()})
