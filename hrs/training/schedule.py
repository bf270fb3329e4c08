"""Learning-rate schedule."""

from __future__ import annotations

from hrs.settings import TrainConfig


def poly_with_warmup(step: int, config: TrainConfig) -> float:
    """Factor on the learning rate: a linear rise over the warm-up, then (1 - progress)^power down to almost 0."""
    rise = round(config.lr_warmup * config.steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    left = (config.steps - step) / (config.steps - rise + 1)
    return max(left, 0.0) ** config.poly_power
