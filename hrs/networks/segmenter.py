"""Segmentation networks by name."""

from __future__ import annotations

from typing import Any

from hrs.errors import HRSError
from hrs.networks.base import Segmenter, SegmenterOutput, normalise, upsample
from hrs.networks.compact import Compact
from hrs.networks.lite import build_lite
from hrs.networks.table import check_network, known_networks

__all__ = ["Segmenter", "SegmenterOutput", "build_segmenter", "known_networks", "normalise", "upsample"]


def build_segmenter(
    name: str, num_classes: int, *, pretrained: bool = False, config: dict[str, Any] | None = None
) -> Segmenter:
    """Build a network of ``num_classes`` outputs.

    ``name`` is one of `known_networks`, or names its source, a hub id or a local folder:

    - ``segformer:SOURCE``: a SegFormer checkpoint, with or without a trained decode head;
    - ``upernet:SOURCE``: a whole UperNet, or a backbone that transformers' AutoBackbone knows;
    - ``deeplabv2-resnet101:SOURCE``: a ResNet-101;
    - ``fcn8s-vgg16:FILE``: a .safetensors or .pt state dict with torchvision's VGG16 key names.

    ``pretrained`` loads the weights of the source (of a short name: its published ones, from the hub); otherwise
    weights are random and a short name needs no network. ``config`` is another such network's `Segmenter.config`: with
    it, the same architecture is built although its source is gone.
    Raises HRSError for an unknown name and for weights that cannot be had or do not fit.
    """
    if num_classes < 1:
        raise HRSError(f"{num_classes} classes; a network needs at least 1")
    family, _, source = name.partition(":")
    if family in ("segformer", "upernet") and source:
        return _from_transformers(family, source, num_classes, pretrained, config or None)
    check_network(name, pretrained=pretrained)
    if name == "compact":
        return Compact(num_classes)
    if name.startswith("lite"):
        return build_lite(name, num_classes, pretrained=pretrained)
    if family in ("deeplabv2-resnet101", "fcn8s-vgg16"):
        return _classic(family, source, num_classes, pretrained)
    family, _, source = name.partition("-")
    return _from_transformers(family, source, num_classes, pretrained, config or None)


def _from_transformers(
    family: str, source: str, num_classes: int, pretrained: bool, config: dict[str, Any] | None
) -> Segmenter:
    from hrs.networks import huggingface  # transformers takes seconds to import; compact does without it

    build = huggingface.build_segformer if family == "segformer" else huggingface.build_upernet
    return build(source, num_classes, pretrained=pretrained, config=config)


def _classic(family: str, source: str, num_classes: int, pretrained: bool) -> Segmenter:
    from hrs.networks import classic

    build = classic.build_deeplabv2 if family == "deeplabv2-resnet101" else classic.build_fcn8s
    return build(source, num_classes, pretrained=pretrained)
