"""appearance: does it look, close up, like real areas of its own class, or like those of another?

A memory of real patches by class, and how near another patch comes to it.

With a few labelled images there is little to train a classifier on, and one that is sure of itself is sure of what it
has never seen, too. A memory knows both: what resembles a class, and what resembles nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrs.labels import IGNORE
from hrs.selection.signals.base import AddsInputs, Valued
from hrs.selection.statistics import class_counts, gathered
from hrs.selection.view import View, disagreement
from hrs.settings import SelectionConfig

STRIDE, WINDOW, PARTS = 4, 9, (3, 1, 3, 2)
"""Pixels between patches, a patch's side, and how many numbers say its hue, brightness, spread and steps."""
REACH = 1.5
"""Patches further away than this many times the farthest real ones (95 of 100) resemble nothing."""
ROWS = 1 << 11
"""Patches compared at once, which bounds the memory that large images need."""


def describe(images: Tensor) -> Tensor:
    """Colour and texture of every patch, little moved by light: uint8 (b 3 h w) -> (b 9 h/4 w/4).

    Of 9x9 pixels: mean colour over mean brightness, brightness over the image's, and, relative to the patch's
    brightness, the spread of each colour and the mean step between pixels along rows and columns.
    """
    colours = images.float() / 255
    grey = colours.mean(dim=1, keepdim=True)
    along = F.pad((grey[..., 1:] - grey[..., :-1]).abs(), (0, 1, 0, 0), mode="replicate")
    down = F.pad((grey[..., 1:, :] - grey[..., :-1, :]).abs(), (0, 0, 0, 1), mode="replicate")
    channels = torch.cat([colours, colours.square(), along, down], dim=1)
    pooled = F.avg_pool2d(channels, WINDOW, STRIDE, WINDOW // 2, count_include_pad=False)
    mean, square, steps = pooled.split([3, 3, 2], dim=1)
    light = mean.mean(dim=1, keepdim=True)
    texture = torch.cat([(square - mean.square()).clamp(min=0).sqrt(), steps], dim=1)
    hue = mean / (light + 0.02)
    brightness = light / (grey.mean(dim=(1, 2, 3), keepdim=True) + 0.02)
    return torch.cat([hue, brightness, (texture / (light + 0.05)).sqrt()], dim=1)


class Appearance(Valued, AddsInputs):
    """The levels look at the resemblance too."""

    def __init__(self, config: SelectionConfig, num_classes: int, feature_dim: int) -> None:
        super().__init__(config, num_classes, feature_dim)
        self.memory = PatchMemory(num_classes)

    def observe(self, target: View) -> None:
        self.memory.remember(target.images, target.labels)

    def inputs(self, images: Tensor) -> Tensor:
        resemblance: Tensor = self.memory(images)
        return resemblance

    def value(self, source: View) -> Tensor:
        return disagreement(source.extra["appearance"], source.labels)


class PatchMemory(nn.Module):
    """Patches of real images by class, the newest ``size`` of each, and how near other patches come to them.

    Args:
        num_classes: c.
        size: patches kept of each class.
        added: the most patches of a class that a batch adds.
    """

    memory: Tensor
    count: Tensor
    within: Tensor

    def __init__(self, num_classes: int, size: int = 256, added: int = 8, momentum: float = 0.95) -> None:
        super().__init__()
        self.size, self.added, self.momentum = size, added, momentum
        self.register_buffer("memory", torch.zeros(num_classes, size, sum(PARTS)))
        self.register_buffer("count", torch.zeros(num_classes, dtype=torch.long))
        self.register_buffer("within", torch.zeros(()))

    @torch.no_grad()
    def remember(self, images: Tensor, labels: Tensor) -> None:
        """Keep a few random patches of every class: uint8 (b 3 h w), (b h w) of every process."""
        patches = describe(images)
        known = F.interpolate(labels[:, None].float(), patches.shape[-2:], mode="nearest-exact").long().flatten()
        cells, drawn = _draw(known, len(self.memory), self.added)
        patches, drawn = _of_all(patches.permute(0, 2, 3, 1).flatten(0, 2)[cells], drawn)
        self._measure(patches, drawn)
        classes = torch.arange(len(self.memory), device=cells.device)[:, None]
        places = (self.count[:, None] + torch.arange(self.added, device=cells.device)) % self.size
        self.memory[classes, places] = torch.where(drawn[..., None], patches, self.memory[classes, places])
        self.count += drawn.sum(dim=1)

    def _measure(self, patches: Tensor, drawn: Tensor) -> None:
        """Move ``within``, how far 95 of 100 new patches lie from those known of their class.

        Like all here, by masks over tables of a fixed size: a choice by content would have the host wait for a GPU.

        Args:
            patches, drawn: (c a k) and (c a), which of them there are.
        """
        compared = drawn & (self.count >= self.added)[:, None]
        to_own = self._distances(patches.flatten(0, 1)).unflatten(0, drawn.shape).diagonal(dim1=0, dim2=2).T
        far = to_own.masked_fill(~compared, torch.nan).flatten().nanquantile(patches.new_full((), 0.95))
        step = torch.ones_like(far).masked_fill(self.within > 0, 1 - self.momentum)
        self.within.copy_(torch.where(compared.any(), self.within.lerp(far, step), self.within))

    def _distances(self, patches: Tensor) -> Tensor:
        """From each patch to the nearest one of every class, in standard deviations: (n k) -> (n c); infinite where no
        patch of the class is known."""
        filled = torch.arange(self.size, device=patches.device) < self.count[:, None]
        there = filled.unsqueeze(2)
        mean = (self.memory * there).sum(dim=(0, 1)) / filled.sum().clamp(min=1)
        variance = ((self.memory - mean).square() * there).sum(dim=(0, 1)) / (filled.sum() - 1).clamp(min=1)
        scale = variance.sqrt() + 1e-3
        kept, patches = (self.memory - mean) / scale, (patches - mean) / scale
        square = kept.square().sum(dim=2).masked_fill(~filled, torch.inf).flatten()
        kept = kept.flatten(0, 1).T
        nearest = [
            torch.addmm(square, piece, kept, alpha=-2).unflatten(1, filled.shape).amin(dim=2)
            for piece in patches.split(ROWS)
        ]
        return (torch.cat(nearest) + patches.square().sum(dim=1, keepdim=True)).clamp(min=0).sqrt()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Resemblance to each class, uint8 (b 3 h w) -> (b c h/4 w/4) in [0, 1]: 1 the same as a real patch of it, 0
        further from all of them than real patches ever are."""
        patches = describe(images)
        distances = self._distances(patches.permute(0, 2, 3, 1).flatten(0, 2))
        near = (1 - distances / (REACH * self.within)).clamp(min=0).masked_fill(self.within <= 0, 0.0)
        return near.unflatten(0, (len(images), *patches.shape[-2:])).permute(0, 3, 1, 2)


def _draw(known: Tensor, num_classes: int, most: int) -> tuple[Tensor, Tensor]:
    """Up to ``most`` random cells of every class, from classes (n,) with IGNORE among them: indices of cells (c m), and
    which of those there are, bool (c m)."""
    known = known.masked_fill(known == IGNORE, num_classes)
    order = torch.argsort(known + torch.rand(known.shape, device=known.device))  # class by class, IGNORE last
    counts = class_counts(known, num_classes + 1)[:-1, None]
    first, rank = counts.cumsum(dim=0) - counts, torch.arange(most, device=known.device)
    return order[(first + rank).clamp(max=len(order) - 1)], rank < counts


def _of_all(patches: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """As many patches (c m k), and which of them there are (c m), of those that all processes drew: the same in all."""
    tables = gathered(torch.cat([patches, drawn[..., None].to(patches.dtype)], dim=2))  # (p c m k + 1)
    rows = tables.permute(1, 2, 0, 3).flatten(1, 2)  # every process's first, then every process's second
    there = rows[..., -1] > 0
    order = (~there).int().argsort(dim=1, stable=True)[:, : drawn.shape[1]]
    rows = rows.gather(1, order[..., None].expand(-1, -1, rows.shape[2]))
    return rows[..., :-1], rows[..., -1] > 0
