"""Segmentation networks by name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from hrs.errors import HRSError
from hrs.networks.base import Segmenter, SegmenterOutput, normalise, upsample
from hrs.networks.compact import Compact
from hrs.networks.lite import build_lite

__all__ = ["Segmenter", "SegmenterOutput", "build_segmenter", "known_networks", "normalise", "upsample"]

_LITES = [f"lite{size}" for size in range(3)]
_SEGFORMERS = [f"segformer-b{size}" for size in range(6)]
_BACKBONES = [
    *("resnet18", "resnet34", "resnet50", "resnet101", "convnext-tiny", "convnext-small", "convnext-base"),
    *("swin-tiny", "swin-small", "swin-base", "dinov2-small", "dinov2-base", "dinov2-large"),
]
# Written out, not read from huggingface.py: listing names must not import transformers, which takes seconds.


def known_networks() -> list[str]:
    """Every short name. ``family:source`` forms exist beside them; see `build_segmenter`."""
    upernets = [f"upernet-{backbone}" for backbone in _BACKBONES]
    return ["compact", *_LITES, *_SEGFORMERS, *upernets, "deeplabv2-resnet101", "fcn8s-vgg16"]


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
    if name not in known_networks() and not (family in ("deeplabv2-resnet101", "fcn8s-vgg16") and source):
        raise HRSError(_unknown(name))
    if name == "compact":
        return _compact(num_classes, pretrained)
    if name in _LITES:
        return build_lite(name, num_classes, pretrained=pretrained)
    if family in ("deeplabv2-resnet101", "fcn8s-vgg16"):
        return _classic(family, source, num_classes, pretrained)
    family, _, source = name.partition("-")
    return _from_transformers(family, source, num_classes, pretrained, config or None)


def _compact(num_classes: int, pretrained: bool) -> Segmenter:
    if pretrained:
        raise HRSError("compact has no pretrained weights; set pretrained: false, it trains from scratch")
    return Compact(num_classes)


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


def _unknown(name: str) -> str:
    near = get_close_matches(name, known_networks(), n=3, cutoff=0.5)
    remedy = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(known_networks())}"
    return f"unknown network {name!r}; {remedy} (a hub id or folder: segformer:SOURCE or upernet:SOURCE)"
