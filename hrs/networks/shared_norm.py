"""Batch normalisation over the batch that several processes share, as one process with all of it would see it."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class SharedBatchNorm2d(nn.BatchNorm2d):
    """As `torch.nn.SyncBatchNorm`, which wants a GPU, on any device: x (b c h w) of each process, any b.

    Sums are taken in float32, whatever x is in.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and dist.is_initialized()):
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return self._shared(x.float()).to(x.dtype)

    def _shared(self, x: Tensor) -> Tensor:
        count = x.new_tensor([x.numel() / x.shape[1]])
        dist.all_reduce(count)
        mean = all_reduce(x.sum((0, 2, 3))) / count
        centred = x - mean[:, None, None]
        variance = all_reduce(centred.square().sum((0, 2, 3))) / count
        self._move(mean.detach(), (variance * count / (count - 1).clamp(min=1)).detach())
        factor = self.weight / (variance + self.eps).sqrt()
        return centred * factor[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _move(self, mean: Tensor, variance: Tensor) -> None:
        momentum = 0.0 if self.momentum is None else self.momentum
        for running, new in ((self.running_mean, mean), (self.running_var, variance)):
            if running is not None:
                running.lerp_(new, momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def share_normalisation(network: nn.Module, device: torch.device) -> None:
    """Have all batch normalisation of a network, in place, see the whole batch of all processes; weights stay."""
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return
    for layer in network.modules():
        if type(layer) is nn.BatchNorm2d:
            layer.__class__ = SharedBatchNorm2d
