"""The networks of the older literature: DeepLab-v2 on ResNet-101 and FCN-8s on VGG16."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from hrs.errors import HRSError
from hrs.networks.base import Segmenter, SegmenterOutput, check_images, upsample
from hrs.system.documents import reason


class RingConv(nn.Conv2d):
    """A dilated 3x3 convolution without its centre tap and without bias."""

    ring: Tensor

    def __init__(self, inputs: int, outputs: int, *, dilation: int) -> None:
        super().__init__(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False)
        ring = torch.ones(1, 1, 3, 3)
        ring[..., 1, 1] = 0
        self.register_buffer("ring", ring, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.ring, None)


class DeepLabV2(Segmenter):
    """DeepLab-v2 with ASPP-L (Chen et al., TPAMI 2018, figure 7): the sum of four dilated 3x3 convolutions. Stride 8.

    The four see the same pixel with their centre taps, which act as one: `classifier` holds that sum, the branches the
    eight other taps. This is the published layer written without redundancy. Neighbours' features add to the logits,
    but eᵀu is the exact gradient for the centre taps.
    """

    pretrained_parts = ("backbone",)
    dilations: ClassVar[tuple[int, ...]] = (6, 12, 18, 24)

    def __init__(self, backbone: Any, num_classes: int) -> None:
        """``backbone``: a transformers ResNetBackbone of four stages that returns its last; made dilated in place."""
        super().__init__()
        self.backbone = backbone
        for stage, dilation in zip(backbone.encoder.stages[2:], (2, 4), strict=True):
            _dilate(stage, dilation)
        width = backbone.channels[-1]
        self.classifier = nn.Conv2d(width, num_classes, 1)
        branches = [RingConv(width, num_classes, dilation=dilation) for dilation in self.dilations]
        for branch in branches:
            nn.init.normal_(branch.weight, std=0.01)
        self.branches = nn.ModuleList(branches)
        nn.init.normal_(self.classifier.weight, std=0.02)  # the sum of four taps of 0.01

    def forward(self, images: Tensor) -> SegmenterOutput:
        """(b, 3, h, w) -> logits (b, c, ⌈h/8⌉, ⌈w/8⌉) and features (b, 2048, ⌈h/8⌉, ⌈w/8⌉)."""
        check_images(images)
        features = self.backbone(images).feature_maps[-1]
        logits = self.classifier(features)
        for branch in self.branches:
            logits = logits + branch(features)
        return SegmenterOutput(logits, features)


def _dilate(stage: nn.Module, dilation: int) -> None:
    """Trade a stage's stride of 2 for dilation: the same weights then see the same neighbours on a finer grid.

    The convolution that halved the grid still sees the grid before it, hence half the dilation.
    """
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            rate = dilation // 2 if module.stride == (2, 2) else dilation
            module.stride = (1, 1)
            if module.kernel_size == (3, 3):
                module.dilation = module.padding = (rate, rate)


def build_deeplabv2(source: str, num_classes: int, *, pretrained: bool) -> DeepLabV2:
    """``source``: hub id or local folder of a ResNet-101; empty for microsoft/resnet-101."""
    from transformers import ResNetBackbone, ResNetConfig

    from hrs.networks.hub import load_network

    config = ResNetConfig(depths=[3, 4, 23, 3])
    config.out_features = ["stage4"]
    if not pretrained:
        return DeepLabV2(ResNetBackbone(config), num_classes)
    return DeepLabV2(load_network(ResNetBackbone, source or "microsoft/resnet-101", config), num_classes)


VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
"""Simonyan & Zisserman, ICLR 2015, table 1, column D; M is max pooling."""


def _vgg16_layers(width: float = 1.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    inputs = 3
    for item in VGG16:
        if isinstance(item, str):
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            continue
        outputs = int(item * width)
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
        inputs = outputs
    return nn.Sequential(*layers)


class FCN8s(Segmenter):
    """FCN-8s on VGG16 (Long et al., CVPR 2015, section 4.2). Output stride 8.

    The paper scores fc7, pool4 and pool3 with one 1x1 convolution each and adds the upsampled scores. Bilinear
    upsampling commutes with a 1x1 convolution, so here the features are upsampled and stacked, and one ``classifier``
    holds the three scoring layers: the same function, and ``logits == classifier(features)``. It starts at zero, as in
    the paper.
    """

    pretrained_parts = ("features", "fc6", "fc7")

    def __init__(self, num_classes: int, *, width: float = 1.0) -> None:
        """``width`` scales every layer's channels; 1 is VGG16."""
        super().__init__()
        self.features = _vgg16_layers(width)
        deep, hidden = int(512 * width), int(4096 * width)
        self.fc6 = nn.Conv2d(deep, hidden, 7, padding=3)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.drop = nn.Dropout2d(0.5)
        self.classifier = nn.Conv2d(hidden + deep + int(256 * width), num_classes, 1)
        for conv in (module for module in self.modules() if isinstance(module, nn.Conv2d)):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
        nn.init.zeros_(self.classifier.weight)

    def forward(self, images: Tensor) -> SegmenterOutput:
        """(b, 3, h, w) -> logits (b, c, ⌈h/8⌉, ⌈w/8⌉) and features (b, 4096 + 512 + 256, ⌈h/8⌉, ⌈w/8⌉)."""
        check_images(images)
        pools = []
        x = images
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                pools.append(x)
        x = self.drop(F.relu(self.fc6(x)))
        x = self.drop(F.relu(self.fc7(x)))
        pool3, pool4 = pools[2], pools[3]
        x = torch.cat([upsample(x, pool4.shape[-2:]), pool4], 1)
        features = torch.cat([upsample(x, pool3.shape[-2:]), pool3], 1)
        return SegmenterOutput(self.classifier(features), features)

    def load_vgg16(self, file: Path) -> None:
        """Load a VGG16 classifier saved with torchvision's names; its two hidden linear layers become fc6 and fc7.

        Raises HRSError if the file cannot be read or its tensors do not fit.
        """
        state = _read_state(file)
        mine = {key: key for key in self.state_dict() if key.startswith("features.")}
        for linear, conv in (("classifier.0", self.fc6), ("classifier.3", self.fc7)):
            name = "fc6" if conv is self.fc6 else "fc7"
            mine |= {f"{name}.weight": f"{linear}.weight", f"{name}.bias": f"{linear}.bias"}
        missing = [key for key in mine.values() if key not in state]
        if missing:
            raise HRSError(f"{file} lacks {missing[0]}; expected a VGG16 state dict with torchvision's key names")
        shapes = {key: value.shape for key, value in self.state_dict().items()}
        try:
            loaded = {key: state[theirs].reshape(shapes[key]) for key, theirs in mine.items()}
        except RuntimeError as error:
            raise HRSError(
                f"{file} does not fit VGG16: {error}; expected the plain variant without BatchNorm"
            ) from error
        self.load_state_dict(loaded, strict=False)


def _read_state(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise HRSError(
            f"cannot read weights from {file}: {reason(error)}; expected a .safetensors or .pt state dict"
        ) from error


def build_fcn8s(source: str, num_classes: int, *, pretrained: bool) -> FCN8s:
    """``source``: file of VGG16 weights, needed if ``pretrained``."""
    if pretrained and not source:
        raise HRSError(
            "fcn8s-vgg16 has no published weights to fetch; name a local file of VGG16 weights with torchvision's key "
            "names, fcn8s-vgg16:/path/to/vgg16.safetensors, or set pretrained: false"
        )
    network = FCN8s(num_classes)
    if pretrained:
        network.load_vgg16(Path(source))
    return network
