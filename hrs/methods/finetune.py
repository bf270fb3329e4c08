"""First the synthetic frames, then the real images."""

from __future__ import annotations

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult
from hrs.methods.source_only import SourceOnly
from hrs.methods.target_only import TargetOnly


class Finetune(Method):
    """L = CE(S) for the first share of the steps, L = CE(T) for the rest, on one learning-rate schedule."""

    @staticmethod
    def counts(config: RunConfig, step: int) -> tuple[int, int]:
        first = step < config.finetune.source_share * config.train.steps
        return (SourceOnly if first else TargetOnly).counts(config, step)

    def forward(self, source: Batch, target: Batch, step: int) -> StepResult:
        batch, name = (source, "loss_source") if len(source) else (target, "loss_target")
        (output,) = self.segment(batch.images)
        loss = self.cross_entropy(output.logits, batch.labels)
        return StepResult(loss, {name: loss.detach()})
