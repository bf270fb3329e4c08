"""From a config to its method."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import cast

from hrs.config import RunConfig
from hrs.methods.base import Method
from hrs.methods.table import METHODS
from hrs.networks.segmenter import Segmenter, build_segmenter


def method_class(name: str) -> type[Method]:
    """The class behind a row of the table."""
    return cast(type[Method], resolve_name(METHODS[name].made_by))


def build_method(config: RunConfig, num_classes: int, segmenter: Segmenter | None = None) -> Method:
    """The method a config names, around the segmentation network it names, or around a given one. A pretrained encoder
    that is to learn nothing is frozen."""
    network = config.network
    segmenter = segmenter or build_segmenter(network.name, num_classes, pretrained=network.pretrained)
    if network.pretrained and config.train.encoder_rate == 0:
        segmenter.freeze()
    return method_class(config.method)(config, segmenter)
