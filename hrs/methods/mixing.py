"""Labelled cross-domain mixing: half of a synthetic frame's classes pasted onto a real image."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hrs.data.loaders import Batch
from hrs.labels import IGNORE
from hrs.methods.base import Method, StepResult


class Mixing(Method):
    """L = CE(T) + lambda CE(M): M shows half of the classes of S over an image of T (ClassMix, Olsson et al., 2021).

    Both labels are known, so the mixed label is exact; this is the labelled case of DACS (Tranheden et al., WACV 2021).
    """

    def forward(self, source: Batch | None, target: Batch | None, step: int) -> StepResult:
        assert source is not None and target is not None
        mixed = mix(source, target, self.num_classes)
        real, both = self.segment(target.images, mixed.images)
        target_loss = self.cross_entropy(real.logits, target.labels)
        mixed_loss = self.cross_entropy(both.logits, mixed.labels)
        loss = target_loss + self.config.train.source_weight * mixed_loss
        return StepResult(loss, {"loss_target": target_loss.detach(), "loss_source": mixed_loss.detach()})


class Mixed(NamedTuple):
    """images uint8 (b 3 h w), labels uint8 (b h w), and where both are synthetic, bool (b h w)."""

    images: Tensor
    labels: Tensor
    pasted: Tensor


def mix(source: Batch, target: Batch, num_classes: int) -> Mixed:
    """Half of the classes of each synthetic frame over a real image; real images come round where they are fewer."""
    under = torch.arange(len(source), device=source.images.device) % len(target)
    pasted = half_of_classes(source.labels, num_classes)
    return Mixed(
        images=torch.where(pasted.unsqueeze(1), source.images, target.images[under]),
        labels=torch.where(pasted, source.labels, target.labels[under]),
        pasted=pasted,
    )


def half_of_classes(labels: Tensor, num_classes: int) -> Tensor:
    """True on the pixels of a random half (rounded up) of each image's classes: (b h w) -> bool (b h w)."""
    known = labels.long().masked_fill(labels == IGNORE, num_classes)
    present = torch.zeros(len(labels), num_classes + 1, dtype=torch.bool, device=labels.device)
    present.scatter_(1, known.flatten(1), True)
    present[:, num_classes] = False
    draw = torch.rand(present.shape, device=labels.device).masked_fill(~present, 2.0)
    rank = draw.argsort(dim=1).argsort(dim=1)
    chosen = present & (rank < (present.sum(dim=1, keepdim=True) + 1) // 2)
    return chosen.gather(1, known.flatten(1)).view(labels.shape)
