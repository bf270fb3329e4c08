"""Running statistics per class: a score is compared with its own class, never with another's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor, nn

from hrs.labels import IGNORE

LANES = 512
"""Tables that a GPU adds up side by side: thousands of its threads would queue for a handful of bins."""


def class_sums(values: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Sum of values and number of values per class: any shape (twice the same) -> (c,), (c,). IGNORE is left out.

    A float32 that grows value by value stops heeding small ones after some millions, so a CPU adds up doubles.
    """
    index, bins = _bins(labels, num_classes), num_classes + 1
    lanes = LANES if index.is_cuda else 1
    if lanes > 1:
        index = index + torch.arange(len(index), device=index.device) % lanes * bins
    exact = values.reshape(-1) if lanes > 1 else values.reshape(-1).double()
    sums = exact.new_zeros(lanes * bins).scatter_add(0, index, exact)
    counts = class_counts(index, lanes * bins)
    return _over_lanes(sums, bins).to(values.dtype), _over_lanes(counts, bins).to(values.dtype)


def class_counts(index: Tensor, bins: int) -> Tensor:
    """How often each of ``bins`` indices occurs, (n,) -> (bins,) integer; `torch.bincount` looks at a GPU's values."""
    return index.new_zeros(bins).scatter_add(0, index, torch.ones_like(index))


def _over_lanes(tables: Tensor, bins: int) -> Tensor:
    return tables.view(-1, bins).sum(dim=0)[:-1]


def read(table: Tensor, labels: Tensor, ignored: float) -> Tensor:
    """table[label] for every label, ``ignored`` where the label is IGNORE: (c,), (...) -> (...)."""
    padded = torch.cat([table, table.new_full((1,), ignored)])
    return padded.index_select(0, _bins(labels, len(table))).view(labels.shape)


def _bins(labels: Tensor, num_classes: int) -> Tensor:
    """Labels as indices (n,) with one more bin for IGNORE; boolean masks would cost several times as much."""
    return labels.reshape(-1).long().clamp(max=num_classes)


def summed(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The sum of each over all processes that train together, so that several see what one would."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return tensors
    flat = torch.cat([each.reshape(-1).double() for each in tensors])
    dist.all_reduce(flat)
    parts = flat.split([each.numel() for each in tensors])
    return tuple(part.to(each.dtype).view_as(each) for part, each in zip(parts, tensors, strict=True))


def mean_over_processes(total: Tensor) -> Tensor:
    """The mean over all processes that train together: what a loss of one of them is taken over, since gradients of all
    are averaged afterwards."""
    (whole,) = summed(total)
    return whole / dist.get_world_size() if dist.is_initialized() else whole


def known_mean_over_processes(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean of each number over those of all processes that train together which know it; NaN where none does. All
    have the same names and shapes."""
    known = {name: (~value.isnan()).to(value) for name, value in values.items()}
    sums = summed(*(value.masked_fill(value.isnan(), 0) for value in values.values()), *known.values())
    count = len(values)
    return {name: total / seen for name, total, seen in zip(values, sums[:count], sums[count:], strict=True)}


def gathered(own: Tensor) -> Tensor:
    """The tensors of all processes that train together, which have one shape: (...) -> (p ...)."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return own.unsqueeze(0)
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own.contiguous())
    return torch.stack(parts)


class ClassStatistics(nn.Module):
    """Exponential moving mean and variance per class.

    A class moves by (1 - momentum) for every batch that holds two values of it or more, or one where a batch has no
    more; the first such batch sets it, but for the variance, which a single value leaves at 1.
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
        """Move with a batch, any shape (twice the same)."""
        sums, counts = summed(*class_sums(values, labels, len(self.mean)))
        present = counts > min(1, labels.numel() - 1)
        mean = sums / counts.clamp(min=1)
        (squares,) = summed(class_sums((values - read(mean, labels, 0.0)).square(), labels, len(self.mean))[0])
        step = torch.ones_like(self.mean).masked_fill(self.seen, 1 - self.momentum) * present
        move = step * (mean - self.mean)
        between = (mean - self.mean) * move  # what the moving mean itself adds to the spread
        spread = torch.where(self.seen | (counts > 1), squares / counts.clamp(min=1), self.variance)
        self.variance.copy_((1 - step) * (self.variance + between) + step * spread)
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


class ClassMoments(nn.Module):
    """Weights of every class as training has seen them of late: pixels, sum and sum of squares, forgetting slowly.

    Sums over counts: a class's mean is one over pixels, however they were spread over batches and processes.
    """

    pixels: Tensor
    sums: Tensor
    squares: Tensor

    def __init__(self, num_classes: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        for name in ("pixels", "sums", "squares"):
            self.register_buffer(name, torch.zeros(num_classes, dtype=torch.float64))

    @torch.no_grad()
    def update(self, weights: Tensor, labels: Tensor) -> None:
        """Move with a batch, any shape (twice the same)."""
        sums, pixels = class_sums(weights, labels, len(self.sums))
        squares, _ = class_sums(weights.square(), labels, len(self.sums))
        new = summed(pixels.double(), sums.double(), squares.double())
        for buffer, each in zip((self.pixels, self.sums, self.squares), new, strict=True):
            buffer.mul_(self.momentum).add_(each)

    def mean(self) -> Tensor:
        """(c,); 1 for a class without weight so far."""
        return (self.sums / self.pixels.clamp(min=1e-12)).masked_fill(~(self.sums > 0), 1.0)

    def overall_mean(self) -> Tensor:
        """The mean over the pixels of all classes, for each of them, (c,); 1 before the first."""
        mean = self.sums.sum() / self.pixels.sum().clamp(min=1e-12)
        return mean.masked_fill(~(self.sums.sum() > 0), 1.0).expand_as(self.sums)

    def spread(self) -> Tensor:
        """The variance, over all pixels, of weights that were taken over their class's mean: a scalar."""
        over = (self.squares / self.mean().square() - self.pixels).masked_fill(~(self.sums > 0), 0.0)
        return over.sum() / self.pixels.sum().clamp(min=1e-12)


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
            total, count = summed(values.sum(dim=0), torch.ones_like(values[:, 0]).sum())
            mean = total / count
            (squares,) = summed((values - mean).square().sum(dim=0))
            between = (1 - step) * (mean - self.mean).square()  # what the moving mean itself adds to the spread
            self.variance.lerp_(squares / count + between, step)
            self.mean.lerp_(mean, step)
            self.batches.add_(1)
        return ((values - self.mean) / self.variance.clamp(min=1e-12).sqrt()).clamp(-5, 5)
