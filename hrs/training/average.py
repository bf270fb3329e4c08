"""The network that is validated and shipped where ``train.ema`` is above 0: a running mean over training."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from hrs.networks.segmenter import Segmenter

_COUNT, _NETWORK = "n_averaged", "module."  # what torch's AveragedModel calls them in a saved state


class Average:
    """Exponential moving mean of a network's weights and of what its batch normalisation has seen.

    As `torch.optim.swa_utils.AveragedModel`, but it counts on the host: that one reads its count from the device at
    each step, and the host would wait for a GPU.

    Args:
        decay: share of the mean that an update keeps, in (0, 1); the first one copies the network.
    """

    def __init__(self, network: Segmenter, decay: float) -> None:
        self.module = copy.deepcopy(network).requires_grad_(False)
        self.updates = 0
        self._move = get_ema_multi_avg_fn(decay)

    @torch.no_grad()
    def update(self, network: Segmenter) -> None:
        own, new = _tensors(self.module), _tensors(network)
        means = [each.is_floating_point() for each in own]
        if self.updates and any(means):
            self._move(_only(own, means), _only(new, means), self.updates)
        for mine, other, is_mean in zip(own, new, means, strict=True):
            if not (is_mean and self.updates):
                mine.copy_(other)
        self.updates += 1

    def state_dict(self) -> dict[str, Tensor]:
        own = {_NETWORK + name: value for name, value in self.module.state_dict().items()}
        return {_COUNT: torch.tensor(self.updates), **own}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises KeyError or RuntimeError where it is another network's."""
        self.updates = int(state[_COUNT])
        names = (name for name in state if name != _COUNT)
        self.module.load_state_dict({name.removeprefix(_NETWORK): state[name] for name in names})


def _tensors(network: Segmenter) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


def _only(tensors: list[Tensor], chosen: list[bool]) -> list[Tensor]:
    return [tensor for tensor, wanted in zip(tensors, chosen, strict=True) if wanted]


def average_of(network: Segmenter, decay: float) -> Average | None:
    """None for a decay of 0."""
    return Average(network, decay) if decay else None
