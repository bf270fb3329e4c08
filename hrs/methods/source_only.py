"""The synthetic frames alone: what the gap between the domains costs."""

from __future__ import annotations

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult


class SourceOnly(Method):
    """L = CE(S)."""

    @staticmethod
    def counts(config: RunConfig, step: int) -> tuple[int, int]:
        return config.train.batch_source + config.train.batch_target, 0

    def learn(self, source: Batch, target: Batch, step: int) -> StepResult:
        (synthetic,) = self.segment(source)
        loss = self.cross_entropy(synthetic.logits, source.labels)
        return StepResult(loss, {"loss_source": loss.detach()})
