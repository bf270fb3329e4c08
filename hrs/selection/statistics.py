"""Running statistics per class: a score is compared with its own class, never with another's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hrs.labels import IGNORE


def class_sums(values: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Sum of values and number of values per class: any shape (twice the same) -> (c,), (c,). IGNORE is left out."""
    index = _bins(labels, num_classes)
    sums = values.new_zeros(num_classes + 1).scatter_add(0, index, values.reshape(-1))
    counts = torch.bincount(index, minlength=num_classes + 1).to(values.dtype)
    return sums[:-1], counts[:-1]


def read(table: Tensor, labels: Tensor, ignored: float) -> Tensor:
    """table[label] for every label, ``ignored`` where the label is IGNORE: (c,), (...) -> (...)."""
    padded = torch.cat([table, table.new_tensor([ignored])])
    return padded.index_select(0, _bins(labels, len(table))).view(labels.shape)


def _bins(labels: Tensor, num_classes: int) -> Tensor:
    """Labels as indices (n,) with one more bin for IGNORE; boolean masks would cost several times as much."""
    return labels.reshape(-1).long().clamp(max=num_classes)


SAMPLE = 1 << 15
"""Values of a batch that running statistics look at."""


class ClassStatistics(nn.Module):
    """Exponential moving mean and variance per class.

    A class moves by (1 - momentum) for every batch that holds it; the first batch with a class sets it. Classes seen by
    fewer than two values keep variance 1.
    """

    mean: Tensor
    variance: Tensor
    seen: Tensor

    def __init__(self, num_classes: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(num_classes))
        self.register_buffer("variance", torch.ones(num_classes))
        self.register_buffer("seen", torch.zeros(num_classes, dtype=torch.bool))

    @torch.no_grad()
    def update(self, values: Tensor, labels: Tensor) -> None:
        """Move with a batch, any shape (twice the same). Of more than SAMPLE values an evenly spread part is enough."""
        stride = values.numel() // SAMPLE | 1  # odd, so that it does not meet the same columns in every row
        values, labels = values.reshape(-1)[::stride], labels.reshape(-1)[::stride]
        sums, counts = class_sums(values, labels, len(self.mean))
        present = counts > 1
        mean = sums / counts.clamp(min=1)
        squares, _ = class_sums((values - read(mean, labels, 0.0)).square(), labels, len(self.mean))
        step = torch.where(self.seen, 1 - self.momentum, 1.0) * present
        move = step * (mean - self.mean)
        between = (mean - self.mean) * move  # what the moving mean itself adds to the spread
        self.variance.copy_((1 - step) * (self.variance + between) + step * squares / counts.clamp(min=1))
        self.mean.add_(move)
        self.seen |= present

    def centre(self, values: Tensor, labels: Tensor, bound: float = 3.0) -> Tensor:
        """value - class mean, clipped to +-bound; 0 at IGNORE."""
        centred = (values - read(self.mean, labels, 0.0)).clamp_(-bound, bound)
        return centred * (labels != IGNORE)

    def standardise(self, values: Tensor, labels: Tensor, bound: float = 3.0) -> Tensor:
        """(value - class mean) / class deviation, clipped to +-bound; 0 at IGNORE."""
        scale = self.variance.clamp(min=1e-12).rsqrt()
        centred = torch.addcmul(read(-self.mean * scale, labels, 0.0), values, read(scale, labels, 0.0))
        return centred.clamp_(-bound, bound)


class RunningNorm(nn.Module):
    """Standardises columns by their running mean and variance, in training too: (b k) -> (b k).

    Batch normalisation would take both from the batch, and of a few images there is little left.
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(self, columns: int, momentum: float = 0.98) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("variance", torch.ones(columns))
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, values: Tensor) -> Tensor:
        if self.training:
            # A plain mean over the first batches, an exponential one after them: a first batch of three must not last.
            step = torch.clamp(1 / (self.batches + 1), min=1 - self.momentum)
            move = step * (values.mean(dim=0) - self.mean)
            spread = (values - self.mean - move).square().mean(dim=0)
            self.variance.lerp_(spread, step)
            self.mean.add_(move)
            self.batches.add_(1)
        return ((values - self.mean) / self.variance.clamp(min=1e-12).sqrt()).clamp(-5, 5)
