"""Which part of an image is pasted onto another: half of its classes (ClassMix, Olsson et al., WACV 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from hrs.labels import IGNORE


def half_of_classes(labels: Tensor, num_classes: int) -> Tensor:
    """True on the pixels of a random half (rounded up) of each image's classes: (b h w) -> bool (b h w)."""
    known = labels.long().masked_fill(labels == IGNORE, num_classes)
    present = torch.zeros(len(labels), num_classes + 1, dtype=torch.bool, device=labels.device)
    present.scatter_(1, known.flatten(1), True)
    present[:, num_classes:].fill_(False)
    draw = torch.rand(present.shape, device=labels.device).masked_fill(~present, 2.0)
    rank = draw.argsort(dim=1).argsort(dim=1)
    chosen = present & (rank < (present.sum(dim=1, keepdim=True) + 1) // 2)
    return chosen.gather(1, known.flatten(1)).view(labels.shape)
