"""Labelled cross-domain mixing: half of a synthetic frame's classes pasted onto a real image."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hrs.data.loaders import Batch
from hrs.methods.classmix import half_of_classes
from hrs.methods.joint import Joint


class Mixing(Joint):
    """L = CE(T) + lambda CE(M): M shows half of the classes of S over an image of T (ClassMix, Olsson et al., 2021).

    Both labels are known, so the mixed label is exact; this is the labelled case of DACS (Tranheden et al., WACV 2021).
    """

    def synthetic(self, source: Batch, target: Batch) -> Batch:
        return mix(source, target, self.num_classes)


def mix(source: Batch, target: Batch, num_classes: int) -> Batch:
    """Half of the classes of each synthetic frame over a real image; real images come round where they are fewer.

    Regions are -1 where the real image shows: see `is_pasted`.
    """
    under = torch.arange(len(source), device=source.images.device) % len(target)
    pasted = half_of_classes(source.labels, num_classes)
    return replace(
        source,
        images=torch.where(pasted.unsqueeze(1), source.images, target.images[under]),
        labels=torch.where(pasted, source.labels, target.labels[under]),
        regions=source.regions.masked_fill(~pasted, -1),
    )


def is_pasted(mixed: Batch) -> Tensor:
    """Where a mixed batch, whose frames came with regions, is synthetic: bool (b h w)."""
    return mixed.regions >= 0
