"""SegFormer, and UperNet over any backbone, through transformers.

Both keep transformers' modules and take the last layer out of the decode head, so that the head returns features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    CONFIG_MAPPING,
    PretrainedConfig,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)

from hrs.errors import HRSError
from hrs.networks.base import Segmenter, SegmenterOutput, check_images, upsample
from hrs.networks.hub import load_config, load_network, stored_config

SEGFORMERS: dict[str, dict[str, Any]] = {
    "b0": {"depths": [2, 2, 2, 2], "hidden_sizes": [32, 64, 160, 256], "decoder_hidden_size": 256},
    "b1": {"depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 320, 512], "decoder_hidden_size": 256},
    "b2": {"depths": [3, 4, 6, 3], "hidden_sizes": [64, 128, 320, 512], "decoder_hidden_size": 768},
    "b3": {"depths": [3, 4, 18, 3], "hidden_sizes": [64, 128, 320, 512], "decoder_hidden_size": 768},
    "b4": {"depths": [3, 8, 27, 3], "hidden_sizes": [64, 128, 320, 512], "decoder_hidden_size": 768},
    "b5": {"depths": [3, 6, 40, 3], "hidden_sizes": [64, 128, 320, 512], "decoder_hidden_size": 768},
}
"""Xie et al., NeurIPS 2021, table 6 (encoders) and section 3.2 (decoder width); weights: nvidia/mit-b0 to b5."""


def _dinov2(hidden_size: int, heads: int, layers: int = 12) -> dict[str, Any]:
    return {
        "model_type": "dinov2",
        "hidden_size": hidden_size,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "image_size": 518,
    }


def _swin(depths: list[int], embed_dim: int, heads: list[int]) -> dict[str, Any]:
    return {"model_type": "swin", "depths": depths, "embed_dim": embed_dim, "num_heads": heads}


def _convnext(depths: list[int], hidden_sizes: list[int]) -> dict[str, Any]:
    return {"model_type": "convnext", "depths": depths, "hidden_sizes": hidden_sizes}


def _resnet(depths: list[int], layer_type: str = "bottleneck") -> dict[str, Any]:
    sizes = [64, 128, 256, 512] if layer_type == "basic" else [256, 512, 1024, 2048]
    return {"model_type": "resnet", "depths": depths, "hidden_sizes": sizes, "layer_type": layer_type}


BACKBONES: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet18": ("microsoft/resnet-18", _resnet([2, 2, 2, 2], "basic")),
    "resnet34": ("microsoft/resnet-34", _resnet([3, 4, 6, 3], "basic")),
    "resnet50": ("microsoft/resnet-50", _resnet([3, 4, 6, 3])),
    "resnet101": ("microsoft/resnet-101", _resnet([3, 4, 23, 3])),
    "convnext-tiny": ("facebook/convnext-tiny-224", _convnext([3, 3, 9, 3], [96, 192, 384, 768])),
    "convnext-small": ("facebook/convnext-small-224", _convnext([3, 3, 27, 3], [96, 192, 384, 768])),
    "convnext-base": ("facebook/convnext-base-224", _convnext([3, 3, 27, 3], [128, 256, 512, 1024])),
    "swin-tiny": ("microsoft/swin-tiny-patch4-window7-224", _swin([2, 2, 6, 2], 96, [3, 6, 12, 24])),
    "swin-small": ("microsoft/swin-small-patch4-window7-224", _swin([2, 2, 18, 2], 96, [3, 6, 12, 24])),
    "swin-base": ("microsoft/swin-base-patch4-window7-224", _swin([2, 2, 18, 2], 128, [4, 8, 16, 32])),
    "dinov2-small": ("facebook/dinov2-small", _dinov2(384, 6)),
    "dinov2-base": ("facebook/dinov2-base", _dinov2(768, 12)),
    "dinov2-large": ("facebook/dinov2-large", _dinov2(1024, 16, 24)),
}
"""Short name -> (hub id of the ImageNet or self-supervised weights, configuration for a random start)."""


def _detach_classifier(head: Any) -> nn.Conv2d:
    """Take the last layer out of a transformers decode head, which then returns features."""
    classifier = head.classifier
    head.classifier = nn.Identity()
    return classifier


class SegFormer(Segmenter):
    """SegFormer (Xie et al., NeurIPS 2021). Output stride 4; features have the decoder's width (256 or 768)."""

    faster_as_onnx = False
    pretrained_parts = ("encoder",)

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.encoder: Any = network.segformer
        self.head: Any = network.decode_head
        self.classifier = _detach_classifier(self.head)
        self._config = network.config.to_dict()

    @property
    def config(self) -> dict[str, Any]:
        return self._config

    def forward(self, images: Tensor) -> SegmenterOutput:
        """(b, 3, h, w) -> logits and features at (⌈h/4⌉, ⌈w/4⌉)."""
        check_images(images)
        features = fuse(self.head, self.encoder(images, output_hidden_states=True, return_dict=True).hidden_states)
        return SegmenterOutput(self.classifier(features), features)


def fuse(head: Any, maps: Sequence[Tensor]) -> Tensor:
    """What SegFormer's decode ``head`` makes of the encoder's maps (b c_i h_i w_i) below its classifier, (b d h_1 w_1).

    The head projects each map to d channels, enlarges them all to the first one's size, stacks them and mixes the 4 d
    channels by a 1x1 convolution, which takes half of SegFormer-b0's time. A 1x1 convolution commutes with bilinear
    resizing and is a sum over the stacked maps, so here each map meets the product of its projection and its share of
    the mixing at its own size, and the results are enlarged and added: the same values up to rounding.
    """
    shares = head.linear_fuse.weight.flatten(1).chunk(len(maps), dim=1)[::-1]  # the head stacks the last map first
    parts = []
    for each, layer, share in zip(maps, head.linear_projections, shares, strict=True):
        kernel, bias = share @ layer.proj.weight, share @ layer.proj.bias
        parts.append(upsample(F.conv2d(each, kernel[:, :, None, None], bias), maps[0].shape[-2:]))
    mixed = sum(parts[1:], start=parts[0])
    return head.dropout(head.activation(head.batch_norm(mixed)))


class UperNet(Segmenter):
    """UperNet (Xiao et al., ECCV 2018) over a transformers backbone, without the auxiliary head.

    Images are resized to the next multiple of 32, or of a plain transformer's patch, so that the grid of features
    covers exactly the image: many backbones drop the pixels of a last, incomplete patch. A plain vision transformer
    (DINOv2) gives maps of one size only, which are resized to x4, x2, x1 and x1/2 (Li et al., ECCV 2022, section 3,
    without learned resampling). Output stride, on the resized image: 4 for pyramids, patch/4 for plain transformers.
    """

    pretrained_parts = ("backbone",)

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.backbone: Any = network.backbone
        self.head: Any = network.decode_head
        self.classifier = _detach_classifier(self.head)
        self._config = network.config.to_dict()
        self.plain = len(set(self.backbone.channels)) == 1
        self.unit: int = self.backbone.config.patch_size if self.plain else 32
        inner = getattr(self.backbone, "swin", None)
        if inner is not None:
            inner.layernorm = nn.Identity()  # nothing reads its output, and a parameter without gradient stops DDP

    @property
    def config(self) -> dict[str, Any]:
        return self._config

    def _pyramid(self, images: Tensor) -> list[Tensor]:
        sides = tuple(-(-side // self.unit) * self.unit for side in images.shape[-2:])
        maps = list(self.backbone(upsample(images, sides)).feature_maps)
        if not self.plain:
            return maps
        height, width = maps[0].shape[-2:]
        finer = [upsample(maps[i], (height * scale, width * scale)) for i, scale in ((0, 4), (1, 2))]
        return [*finer, maps[2], F.max_pool2d(maps[3], 2, ceil_mode=True)]

    def fewest(self, height: int, width: int) -> int:
        return 2  # BatchNorm after global pooling

    def forward(self, images: Tensor) -> SegmenterOutput:
        """(b, 3, h, w) -> logits and features on the backbone's finest grid.

        Raises HRSError when training on one image.
        """
        check_images(images)
        if self.training:
            self.check_batch(len(images), *images.shape[2:])
        features = self.head(self._pyramid(images))
        return SegmenterOutput(self.classifier(features), features)


def build_segformer(source: str, num_classes: int, *, pretrained: bool, config: dict[str, Any] | None) -> SegFormer:
    """``source``: a size ("b0" to "b5"; pretrained: ImageNet encoder), a hub id or a local folder."""
    settings: PretrainedConfig
    if config is not None:
        settings = stored_config(SegformerConfig, config)
    elif source in SEGFORMERS:
        settings = SegformerConfig(**SEGFORMERS[source])
    else:
        settings = load_config(source)
    if not isinstance(settings, SegformerConfig):
        raise HRSError(f"{source} holds a {settings.model_type} network; expected segformer (or use upernet:{source})")
    settings.num_labels = num_classes
    settings.reshape_last_stage = True  # as a map, which images that are not square need
    if not pretrained:
        return SegFormer(SegformerForSemanticSegmentation(settings))
    origin = f"nvidia/mit-{source}" if source in SEGFORMERS else source
    return SegFormer(load_network(SegformerForSemanticSegmentation, origin, settings))


def build_upernet(source: str, num_classes: int, *, pretrained: bool, config: dict[str, Any] | None) -> UperNet:
    """``source``: a key of `BACKBONES`, or hub id or local folder of a backbone or of a whole UperNet."""
    origin, backbone = BACKBONES.get(source, (source, None))
    settings: PretrainedConfig
    if config is not None:
        settings = stored_config(UperNetConfig, config)
    elif backbone is not None:
        settings = _upernet_config(CONFIG_MAPPING[backbone["model_type"]](**backbone))
    else:
        settings = load_config(source)
    whole = config is None and isinstance(settings, UperNetConfig) and backbone is None
    if not isinstance(settings, UperNetConfig):
        settings = _upernet_config(settings)
    settings.num_labels = num_classes
    settings.use_auxiliary_head = False
    if pretrained and whole:
        return UperNet(load_network(UperNetForSemanticSegmentation, origin, settings))
    network: Any = _blank(source, settings)
    if pretrained:
        network.backbone = load_network(type(network.backbone), origin, _backbone(settings))
    return UperNet(network)


def _backbone(settings: UperNetConfig) -> Any:
    return settings.backbone_config


def _blank(source: str, settings: UperNetConfig) -> nn.Module:
    try:
        return UperNetForSemanticSegmentation(settings)
    except (ValueError, AttributeError) as error:
        raise HRSError(
            f"{source}: transformers has no backbone of type {_backbone(settings).model_type}; "
            f"take one that AutoBackbone knows, such as {', '.join(list(BACKBONES)[::4])}"
        ) from error


def _upernet_config(backbone: PretrainedConfig) -> UperNetConfig:
    """UperNet of 256 channels on four maps of a backbone: its stages, or four evenly spaced layers of a plain one."""
    stages = list(getattr(backbone, "stage_names", None) or [])
    if len(stages) < 5:
        raise HRSError(f"a backbone of type {backbone.model_type} has no four stages for UperNet; take another")
    layers = len(stages) - 1
    backbone.out_features = [stages[layers * quarter // 4] for quarter in (1, 2, 3, 4)]
    if getattr(backbone, "use_mask_token", False):
        backbone.use_mask_token = False  # only for pretraining; as a parameter without gradient it would stop DDP
    return UperNetConfig(backbone_config=backbone, hidden_size=256, use_auxiliary_head=False)
