"""What every segmentation network offers: logits, the features its last linear layer sees, and that layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrs.errors import HRSError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
SMALLEST = 32
"""Pixels a side of what a network takes."""


class SegmenterOutput(NamedTuple):
    """One forward pass at the network's own stride ``s`` (upsample the logits to the label's size with `upsample`)."""

    logits: Tensor
    """(b, c, h/s, w/s) class scores, before the softmax."""
    features: Tensor
    """(b, d, h/s, w/s) what `Segmenter.classifier` sees."""

    def split(self, sizes: Sequence[int]) -> list[SegmenterOutput]:
        """Of the images one after another, ``sizes`` of them at a time."""
        sizes = list(sizes)
        return list(map(SegmenterOutput, self.logits.split(sizes), self.features.split(sizes)))


class Segmenter(nn.Module, ABC):
    """A network from normalised RGB images (b, 3, h, w) to `SegmenterOutput`; any h and w of at least 32.

    With e = softmax(z) - onehot(y), the gradient of one pixel's cross-entropy for ``classifier.weight`` is e uᵀ, where
    u are the features upsampled like the logits: bilinear upsampling is linear, acts on each channel alone and keeps
    constants, so it commutes with a 1x1 convolution. Where layers that see more than this pixel's features add to the
    logits (DeepLab-v2), e uᵀ is still the exact gradient of the slice of the last layer that ``classifier`` holds.
    """

    faster_as_onnx: ClassVar[bool] = True
    """Whether ONNX Runtime outruns PyTorch on a CPU: so it does with plain convolutions (`benchmarks/photos.py`)."""

    pretrained_parts: ClassVar[tuple[str, ...]] = ()
    """Names of the submodules that pretrained weights fill; empty where there are none to be had."""

    frozen = False
    """Whether what pretrained weights fill stays as it is."""

    classifier: nn.Conv2d
    """The last linear layer, 1x1, from features to logits."""

    @property
    def config(self) -> dict[str, Any]:
        """What `build_segmenter` needs beside name and classes to build the same network without its source; JSON."""
        return {}

    def rates(self, learning_rate: float, encoder_rate: float) -> list[tuple[list[nn.Parameter], float]]:
        """All parameters that learn, by learning rate: those that pretrained weights fill learn ``encoder_rate`` times
        as fast."""
        encoder = list(self._pretrained().parameters())
        inside = {id(parameter) for parameter in encoder}
        others = [parameter for parameter in self.parameters() if id(parameter) not in inside]
        return [(others, learning_rate), ([] if self.frozen else encoder, encoder_rate * learning_rate)]

    def freeze(self) -> None:
        """Keep what pretrained weights fill as it is, its BatchNorm's statistics too: no step changes it, and none goes
        back through it."""
        self.frozen = True
        self._pretrained().requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.frozen:
            self._pretrained().eval()
        return self

    def _pretrained(self) -> nn.Module:
        """Empty where there is no such part."""
        return nn.ModuleList(getattr(self, name) for name in self.pretrained_parts)

    def fewest(self, height: int, width: int) -> int:
        """How many images of this size a batch in training must hold: two where one normalisation sees a value each."""
        return 1

    def check_batch(self, count: int, height: int, width: int) -> None:
        """Raise HRSError where ``count`` images of this size are too few to train on; processes that share their
        normalisation have more between them."""
        fewest = self.fewest(height, width)
        if count < fewest and any(type(layer) is nn.BatchNorm2d for layer in self.modules()):
            raise HRSError(
                f"{type(self).__name__} trains on at least {fewest} images a batch at {width}x{height} (it normalises "
                f"one value an image), but gets {count}; raise train.batch_target, train.batch_source or "
                "train.batch_unlabelled"
            )

    @property
    def num_classes(self) -> int:
        return self.classifier.out_channels

    @property
    def feature_dim(self) -> int:
        return self.classifier.in_channels

    @abstractmethod
    def forward(self, images: Tensor) -> SegmenterOutput: ...


def check_images(images: Tensor) -> None:
    """Raise HRSError unless ``images`` is a float (b, 3, h, w) with both sides at least SMALLEST pixels."""
    shape = tuple(images.shape)
    if images.ndim != 4 or shape[1] != 3:
        raise HRSError(f"network input has shape {shape}; expected (batch, 3, height, width), RGB")
    if not images.is_floating_point():
        raise HRSError(f"network input is {images.dtype}; expected floats: pass uint8 images through normalise() first")
    if min(shape[2:]) < SMALLEST:
        raise HRSError(f"network input is {shape[3]}x{shape[2]}; resize it to at least {SMALLEST} pixels a side")


def normalise(images: Tensor) -> Tensor:
    """uint8 RGB (b, 3, h, w) in 0..255 -> float with ImageNet mean 0 and deviation 1 per channel.

    Raises HRSError for another type or shape, since normalising twice spoils a run silently.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise HRSError(
            f"normalise got {images.dtype} of shape {tuple(images.shape)}; expected uint8 (batch, 3, height, width)"
        )
    return (images.float() / 255 - _channels(IMAGENET_MEAN, images)) / _channels(IMAGENET_STD, images)


def _channels(values: tuple[float, ...], images: Tensor) -> Tensor:
    """A number a channel, (1, c, 1, 1), filled in on the images' device: a copy from the host would wait for it."""
    return torch.cat([images.new_full((1, 1, 1, 1), value, dtype=torch.float32) for value in values], dim=1)


def upsample(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize (b, c, h, w) bilinearly to ``size`` = (height, width), corners not aligned; the same size is a no-op."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=False)
