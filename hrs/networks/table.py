"""Every segmentation network by its short name, and what it costs, without importing torch or transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from hrs.errors import HRSError

SOURCED = ("segformer", "upernet", "deeplabv2-resnet101", "fcn8s-vgg16")
"""Families that take a hub id or a local folder or file: family:source."""


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """parameters: in millions, with 19 classes.
    step: processor time of forward and backward as a multiple of compact's, at 160x128 on one core. Another size or
        a GPU shifts it; ``python -m hrs estimate`` times the run itself.
    """

    parameters: float
    step: float


_COSTS = {
    "compact": (1.3, 1.0),
    "lite0": (3.1, 1.6),
    "lite1": (3.9, 2.0),
    "lite2": (4.5, 2.1),
    "segformer-b0": (3.7, 1.6),
    "segformer-b1": (13.7, 3.3),
    "segformer-b2": (27.4, 7.2),
    "segformer-b3": (47.2, 11),
    "segformer-b4": (64.0, 14),
    "segformer-b5": (84.6, 21),
    "upernet-resnet18": (19.5, 10),
    "upernet-resnet34": (29.6, 12),
    "upernet-resnet50": (37.3, 14),
    "upernet-resnet101": (56.3, 18),
    "upernet-convnext-tiny": (37.0, 13),
    "upernet-convnext-small": (58.7, 19),
    "upernet-convnext-base": (97.7, 27),
    "upernet-swin-tiny": (36.7, 15),
    "upernet-swin-small": (58.1, 22),
    "upernet-swin-base": (96.9, 34),
    "upernet-dinov2-small": (30.1, 20),
    "upernet-dinov2-base": (96.2, 36),
    "upernet-dinov2-large": (315.1, 93),
    "deeplabv2-resnet101": (43.9, 30),
    "fcn8s-vgg16": (134.4, 37),
}
NETWORKS: Mapping[str, NetworkFacts] = MappingProxyType(
    {name: NetworkFacts(parameters=parameters, step=step) for name, (parameters, step) in _COSTS.items()}
)


def known_networks() -> list[str]:
    """Every short name. ``family:source`` forms exist beside them; see `hrs.networks.segmenter.build_segmenter`."""
    return list(NETWORKS)


def check_network(name: str, *, pretrained: bool = False) -> None:
    """Raises HRSError for what is neither a short name nor names its source, with near ones, and for pretrained weights
    that nobody has."""
    family, _, source = name.partition(":")
    if name == "compact" and pretrained:
        raise HRSError("compact has no pretrained weights; set pretrained: false, it trains from scratch")
    if name in NETWORKS or (family in SOURCED and source):
        return
    near = get_close_matches(name, NETWORKS, n=3, cutoff=0.5)
    remedy = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(NETWORKS)}"
    raise HRSError(f"unknown network {name!r}; {remedy} (a hub id or folder: segformer:SOURCE or upernet:SOURCE)")
