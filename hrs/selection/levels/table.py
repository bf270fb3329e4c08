"""Every level, and what it is in a sentence. Free of torch: the config and the pages read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class LevelFacts:
    """about: what it weighs, and what that finds. made_by: its class, "module:name"."""

    about: str
    made_by: str


LEVELS: Mapping[str, LevelFacts] = MappingProxyType(
    {
        "pixel": LevelFacts(
            about="each pixel by what is predicted around it: finds wrong borders and small mistakes",
            made_by="hrs.selection.levels.pixel:PixelLevel",
        ),
        "region": LevelFacts(
            about="each piece of one surface as a whole, beside its neighbours: finds objects with a wrong label",
            made_by="hrs.selection.levels.region:RegionLevel",
        ),
        "image": LevelFacts(
            about="the whole frame at once: finds frames that are wrong throughout",
            made_by="hrs.selection.levels.image:ImageLevel",
        ),
    }
)
COMBINED_ABOUT = "what training multiplies the loss of each pixel by, made of all levels"
"""Of the weight that the levels make together."""
