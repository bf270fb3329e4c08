"""The real images alone, as many a step as every other method sees."""

from __future__ import annotations

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult, real_alone


class TargetOnly(Method):
    """L = CE(T)."""

    @staticmethod
    def counts(config: RunConfig, step: int) -> tuple[int, int]:
        return 0, config.train.batch_target

    def learn(self, source: Batch, target: Batch, step: int) -> StepResult:
        return real_alone(self, target)
