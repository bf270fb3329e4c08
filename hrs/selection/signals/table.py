"""Every signal, and what it asks in a sentence. Free of torch: the config is checked against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SeenBy = Literal["real images", "network"]
"""Who says what a pixel looks like: a classifier that real labels alone have taught, on features that synthetic labels
have shaped too; or where no signal has one, the segmentation network itself."""


@dataclass(frozen=True, kw_only=True)
class SignalFacts:
    """about: what it asks of a synthetic pixel. made_by: its class, "module:name"."""

    about: str
    made_by: str


SIGNALS: Mapping[str, SignalFacts] = MappingProxyType(
    {
        "similarity": SignalFacts(
            about="does it look like the real images?",
            made_by="hrs.selection.signals.similarity:Similarity",
        ),
        "usefulness": SignalFacts(
            about="does a step on it also lower the loss on the real images?",
            made_by="hrs.selection.signals.usefulness:Usefulness",
        ),
        "agreement": SignalFacts(
            about="does a classifier of the network's features that real labels alone have taught believe its label?",
            made_by="hrs.selection.signals.agreement:Agreement",
        ),
        "appearance": SignalFacts(
            about="does it look, close up, like real areas of its own class, or of another?",
            made_by="hrs.selection.signals.appearance:Appearance",
        ),
    }
)
