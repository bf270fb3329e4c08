"""First the synthetic frames, then the real images."""

from __future__ import annotations

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult


class Finetune(Method):
    """L = CE(S) for the first share of the steps, L = CE(T) for the rest, on one learning-rate schedule.

    A step sees as many images in all as one of joint training.
    """

    @staticmethod
    def counts(config: RunConfig, step: int) -> tuple[int, int]:
        images = config.train.batch_source + config.train.batch_target
        first = config.train.steps_within(config.finetune.source_share)
        return (images, 0) if step < first else (0, images)

    def learn(self, source: Batch, target: Batch, step: int) -> StepResult:
        batch, name = (source, "loss_source") if len(source) else (target, "loss_target")
        (output,) = self.segment(batch)
        loss = self.cross_entropy(output.logits, batch.labels)
        return StepResult(loss, {name: loss.detach()})
