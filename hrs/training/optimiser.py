"""The optimiser of a run."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hrs.config import RunConfig
from hrs.methods.base import Method


def build_optimiser(method: Method, config: RunConfig, *, fused: bool = False) -> torch.optim.AdamW:
    """AdamW over all networks. Of each group of weights ``peak`` is the learning rate before the schedule, ``network``
    counts the network that it is part of, the segmentation network being 0.

    Args:
        fused: one kernel for all weights, for a GPU; its rounding differs a little.
    """
    train = config.train
    rate_of_encoder = train.encoder_rate if config.network.pretrained else 1.0
    parts = [(rows, rate, 0) for rows, rate in method.segmenter.rates(train.learning_rate, rate_of_encoder)]
    parts += [(list(network.parameters()), rate, i) for i, (network, rate) in enumerate(method.auxiliary(), 1)]
    groups = [{"params": rows, "peak": rate, "network": i} for rows, rate, i in parts if rows]
    rate, decay = config.train.learning_rate, config.train.weight_decay
    return torch.optim.AdamW(groups, lr=rate, weight_decay=decay, fused=fused or None)


def step_unless(optimiser: Any, bad: Tensor) -> None:
    """A step of a fused optimiser that its kernel leaves out where ``bad``, a bool on the device, says so: weights,
    moments and step counts stay. This is the door that `torch.amp.GradScaler` uses.

    Args:
        optimiser: a fused torch optimiser, or what accelerate made of it.
    """
    inner = getattr(optimiser, "optimizer", optimiser)
    inner.found_inf = bad.float()
    try:
        optimiser.step()
    finally:
        del inner.found_inf
