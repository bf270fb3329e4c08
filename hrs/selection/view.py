"""What the weighting networks may see of a batch: the segmentation network's outputs, detached, images and labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hrs.data.loaders import Batch
from hrs.networks.segmenter import SegmenterOutput, upsample


@dataclass(frozen=True, kw_only=True)
class View:
    """features (b d h' w') and logits (b c h' w') in float32 without gradient; images uint8 (b 3 h w), labels and
    regions (b h w).

    ``regions`` holds ids 0..r-1 within each image and -1 where there is none (padding). ``appearance`` is the
    resemblance of patches to real ones of each class, (b c h" w") in [0, 1]; None where nothing remembers those.
    """

    features: Tensor
    logits: Tensor
    labels: Tensor
    regions: Tensor
    regions_per_image: int
    images: Tensor
    appearance: Tensor | None = None

    @classmethod
    def of(cls, output: SegmenterOutput, batch: Batch) -> View:
        return cls(
            features=output.features.detach().float(),
            logits=output.logits.detach().float(),
            labels=batch.labels,
            regions=batch.regions,
            regions_per_image=int(batch.regions.max()) + 1,
            images=batch.images,
        )

    def predictions(self) -> Tensor:
        """Softmax over classes and, if known, resemblance to them, side by side at feature resolution: (b p h' w')."""
        own = self.logits.softmax(dim=1)
        if self.appearance is None:
            return own
        return torch.cat([own, upsample(self.appearance, own.shape[-2:])], dim=1)

    def coarse(self) -> View:
        """Labels and regions thinned to at most twice the features' resolution, for learning the scores.

        Every label pixel would cost four times more and add little; one per feature cell costs less, but then label and
        feature no longer meet, and the scores find planted faults markedly worse (AUROC 0.76 instead of 0.84).
        """
        stride = max(1, self.labels.shape[-1] // (2 * self.features.shape[-1]))
        if stride == 1:
            return self
        offset = stride // 2
        thin = (..., slice(offset, None, stride), slice(offset, None, stride))
        return replace(self, labels=self.labels[thin], regions=self.regions[thin])


def cells(labels: Tensor, features: Tensor) -> Tensor:
    """Index (b h w) of the feature cell that each label pixel falls in, over the flattened (b h' w')."""
    b, h, w = labels.shape
    rows, columns = features.shape[-2:]
    y = (torch.arange(h, device=labels.device) * rows // h)[None, :, None]
    x = (torch.arange(w, device=labels.device) * columns // w)[None, None, :]
    return (torch.arange(b, device=labels.device)[:, None, None] * rows + y) * columns + x


def read_at_label(per_class: Tensor, labels: Tensor) -> Tensor:
    """Each pixel's own class from maps per class: (b c h' w'), (b h w) -> (b h w), nearest cell; class 0 at IGNORE."""
    b, c = per_class.shape[:2]
    known = labels.long().clamp(max=c - 1)
    flat = per_class.permute(0, 2, 3, 1).reshape(-1)
    return flat.index_select(0, (cells(labels, per_class) * c + known).flatten()).reshape(b, *labels.shape[-2:])
