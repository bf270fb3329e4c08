"""The default network: a small residual encoder-decoder that trains from scratch on few images, on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrs.networks.base import Segmenter, SegmenterOutput, check_images, upsample


def conv_norm(inputs: int, outputs: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution that keeps h and w (up to its stride), then BatchNorm."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al., CVPR 2016, figure 2)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.first = conv_norm(inputs, outputs, 3, stride=stride)
        self.second = conv_norm(outputs, outputs, 3, dilation=dilation)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class Compact(Segmenter):
    """Residual stages at strides 4, 8, 16 with dilation in the last, image-level context, and a top-down decoder.

    ``width`` is the number of channels at stride 2; the later stages have 2, 4 and 5 times as many.
    Output stride 4.
    """

    def __init__(self, num_classes: int, *, width: int = 24, dropout: float = 0.1) -> None:
        super().__init__()
        w = width
        self.stem = nn.Sequential(conv_norm(3, w, 3, stride=2), nn.ReLU())
        self.stage4 = nn.Sequential(Residual(w, 2 * w, stride=2), Residual(2 * w, 2 * w))
        self.stage8 = nn.Sequential(Residual(2 * w, 4 * w, stride=2), Residual(4 * w, 4 * w))
        self.stage16 = nn.Sequential(
            Residual(4 * w, 5 * w, stride=2),
            Residual(5 * w, 5 * w, dilation=2),
            Residual(5 * w, 5 * w, dilation=4),
        )
        # No BatchNorm after global pooling: it sees one value an image there and fails on a batch of one.
        self.context = nn.Conv2d(5 * w, 5 * w, 1)
        self.lateral16 = conv_norm(5 * w, 3 * w, 1)
        self.lateral8 = conv_norm(4 * w, 3 * w, 1)
        self.lateral4 = conv_norm(2 * w, 3 * w, 1)
        self.smooth8 = nn.Sequential(conv_norm(3 * w, 3 * w, 3), nn.ReLU())
        self.smooth4 = nn.Sequential(conv_norm(3 * w, 3 * w, 3), nn.ReLU(), nn.Dropout2d(dropout))
        self.classifier = nn.Conv2d(3 * w, num_classes, 1)

    def forward(self, images: Tensor) -> SegmenterOutput:
        """(b, 3, h, w) -> logits (b, c, ⌈h/4⌉, ⌈w/4⌉) and features (b, 3 width, ⌈h/4⌉, ⌈w/4⌉)."""
        check_images(images)
        x4 = self.stage4(self.stem(images))
        x8 = self.stage8(x4)
        x16 = self.stage16(x8)
        x16 = x16 * torch.sigmoid(self.context(x16.mean((2, 3), keepdim=True)))
        top = self.lateral16(x16)
        top = self.smooth8(self.lateral8(x8) + upsample(top, x8.shape[-2:]))
        features = self.smooth4(self.lateral4(x4) + upsample(top, x4.shape[-2:]))
        return SegmenterOutput(self.classifier(features), features)
