"""CARLA's semantic camera: rgb/NAME, seg/NAME with the tag in red. Tags changed in 0.9.14, so version is asked.

Labels in the colours of CityScapesPalette, grey tags, and tags in blue, where somebody swapped the channels, are told
from their pixels.
"""

from __future__ import annotations

from dataclasses import replace

from hrs.data.encoding import Encoding, by_name, colour_id, fitting
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import CARLA_TAGS, CARLA_VOID, CITYSCAPES_COLOURS, Colour

_VERSIONS: dict[str, str] = {
    **{f"0.9.{patch}": "0.9.13" for patch in range(10, 14)},
    **{f"0.9.{patch}": "0.9.14" for patch in range(14, 17)},
    **dict.fromkeys(("0.10", "0.10.0"), "0.9.14"),
}
"""Version of CARLA -> the row of CARLA_TAGS that it uses."""
_COLOURS: dict[Colour, str] = {
    **{colour: name for name, colour in CITYSCAPES_COLOURS.items()},
    (0, 0, 142): "vehicle",
    (100, 40, 40): "fence",
    (145, 170, 100): "terrain",
    (157, 234, 50): "road line",
    (180, 165, 180): "guard rail",
    (0, 0, 0): "unlabeled",
    (55, 90, 80): "other",
    (81, 0, 81): "ground",
    (150, 100, 100): "bridge",
    (230, 150, 140): "rail track",
    (110, 190, 160): "static",
    (170, 120, 50): "dynamic",
    (45, 60, 150): "water",
}
"""CityScapesPalette of all versions; fences and terrain changed their colours, and vehicles are cars from 0.9.14 on."""


def read(spec: DatasetSpec) -> Found:
    version = spec.options.get("version", "")
    if version not in _VERSIONS:
        known = ", ".join(_VERSIONS)
        raise HRSError(
            f"data set {spec}: CARLA's tags changed in 0.9.14; add ?version=0.9.13 (and older) or ?version=0.9.14 (and "
            f"newer); known: {known}"
        )
    tags = _VERSIONS[version]
    images, labels = spec.folders("rgb", "seg")
    kinds = _kinds(tags)
    found = pair(images, labels, encoding=kinds[0])
    encoding = fitting(kinds, [frame.label for frame in found.frames if frame.label])
    others = [
        (f"use ?version={other}", replace(_kinds(other)[0], channel=encoding.channel))
        for other in CARLA_TAGS
        if other != tags
    ]
    return replace(
        found,
        encoding=encoding,
        others=tuple(others if encoding.channel != "colour" else ()),
        notes=(*found.notes, *_notes(encoding)),
    )


def _kinds(tags: str) -> list[Encoding]:
    by_tag = by_name(CARLA_TAGS[tags], channel="red", void=CARLA_VOID[tags], name=f"carla-{tags}")
    space = by_tag.space
    car = "vehicle" if "vehicle" in space.classes else "car"
    colours = {colour_id(colour): car if name == "vehicle" else name for colour, name in _COLOURS.items()}
    known = {raw: name for raw, name in colours.items() if name in space.classes}
    by_colour = by_name(known, channel="colour", void=frozenset(colours) - frozenset(known), space=space)
    return [by_tag, by_colour, replace(by_tag, channel="blue")]


def _notes(encoding: Encoding) -> tuple[str, ...]:
    seen = {"colour": "the colours of CityScapesPalette, not tags", "blue": "their tags in blue, not in red"}
    return (f"the labels have {seen[encoding.channel]}; they are read so",) if encoding.channel in seen else ()
