"""A classifier of small patches: what do real areas of a class look like, close up?"""

from __future__ import annotations

from torch import nn


class Appearance(nn.Sequential):
    """Classifies every pixel from the 15x15 pixels around it: normalised images (b 3 h w) -> logits (b c h/4 w/4).

    It cannot see place or shape, so it knows a class by colours and texture alone: a road drawn like a wall is a road
    to the segmentation network, by its place, and a wall to this one. Group normalisation, because it learns from real
    images and judges synthetic ones: statistics of a batch would be of one or the other.
    """

    def __init__(self, num_classes: int, width: int = 16) -> None:
        super().__init__(
            *_patch(3, width, stride=2),
            *_patch(width, 2 * width, stride=2),
            *_patch(2 * width, 2 * width),
            nn.Conv2d(2 * width, num_classes, 1),
        )


def _patch(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return convolution, nn.GroupNorm(4, outputs), nn.ReLU(inplace=True)
