"""The two cities: palettes of walls, roofs, paint, vegetation and clothing, and how likely each kind of street is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from hrs.errors import HRSError
from hrs.street.buildings import City, Tone
from hrs.street.textures import Material

Domain = Literal["synthetic", "camera"]


class Cls(IntEnum):
    """CamVid's eleven classes in CamVid's order, as written to the label images."""

    SKY = 0
    BUILDING = 1
    POLE = 2
    ROAD = 3
    PAVEMENT = 4
    TREE = 5
    SIGN = 6
    FENCE = 7
    CAR = 8
    PEDESTRIAN = 9
    BICYCLIST = 10


CLASS_NAMES = (
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
)
PALETTE = (
    (128, 128, 128),
    (128, 0, 0),
    (192, 192, 128),
    (128, 64, 128),
    (60, 40, 222),
    (128, 128, 0),
    (192, 128, 128),
    (64, 64, 128),
    (64, 0, 128),
    (64, 64, 0),
    (0, 128, 192),
)
"""The usual CamVid colours (RGB)."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A city with everything that stands and moves in it. Weights need not sum to 1."""

    seed: int
    city: City
    streets: Mapping[str, float]
    trees: Mapping[str, float]
    leaves: tuple[Tone, ...]
    bark: tuple[Tone, ...]
    cars: tuple[Tone, ...]
    kinds: Mapping[str, float]
    coats: tuple[Tone, ...]
    asphalt: tuple[Tone, ...]
    paving: tuple[Tone, ...]
    traffic: float
    """Mean number of moving vehicles in view."""
    people: float
    """Mean number of people on both pavements."""


_BRICK, _PLASTER, _STONE = Material.BRICK, Material.PLASTER, Material.STONE

SYNTHETIC = Place(
    seed=1,
    city=City(
        walls=(
            ((0.80, 0.42, 0.33), _BRICK),
            ((0.72, 0.36, 0.30), _BRICK),
            ((0.93, 0.80, 0.55), _PLASTER),
            ((0.90, 0.66, 0.55), _PLASTER),
            ((0.72, 0.80, 0.88), _PLASTER),
            ((0.94, 0.92, 0.86), _PLASTER),
            ((0.78, 0.84, 0.70), _PLASTER),
            ((0.82, 0.74, 0.66), _STONE),
        ),
        trims=((0.95, 0.94, 0.9), (0.85, 0.8, 0.7), (0.4, 0.3, 0.25)),
        roofs=((0.66, 0.30, 0.22), (0.56, 0.28, 0.22), (0.38, 0.36, 0.38)),
        floors=(2, 3),
        windows=(0, 1, 2, 4, 5),
    ),
    streets={"terrace": 0.28, "shops": 0.22, "avenue": 0.22, "open": 0.28},
    trees={"leafy": 0.6, "round": 0.25, "conifer": 0.15},
    leaves=((0.42, 0.62, 0.25), (0.34, 0.56, 0.26), (0.52, 0.64, 0.24), (0.3, 0.5, 0.3)),
    bark=((0.42, 0.32, 0.24), (0.36, 0.3, 0.26)),
    cars=(
        (0.8, 0.1, 0.1),
        (0.12, 0.28, 0.7),
        (0.92, 0.92, 0.92),
        (0.9, 0.7, 0.12),
        (0.12, 0.5, 0.3),
        (0.2, 0.2, 0.22),
        (0.7, 0.72, 0.75),
        (0.9, 0.45, 0.1),
    ),
    kinds={"hatch": 0.25, "saloon": 0.3, "estate": 0.1, "suv": 0.2, "van": 0.12, "bus": 0.03},
    coats=((0.8, 0.2, 0.2), (0.2, 0.4, 0.8), (0.9, 0.8, 0.3), (0.3, 0.6, 0.4), (0.85, 0.85, 0.85), (0.5, 0.25, 0.55)),
    asphalt=((0.47, 0.47, 0.49), (0.53, 0.52, 0.52), (0.43, 0.44, 0.47)),
    paving=((0.70, 0.67, 0.63), (0.74, 0.64, 0.58), (0.66, 0.66, 0.68)),
    traffic=2.4,
    people=4.0,
)

CAMERA = Place(
    seed=2,
    city=City(
        walls=(
            ((0.74, 0.66, 0.50), _BRICK),
            ((0.66, 0.58, 0.45), _BRICK),
            ((0.52, 0.32, 0.26), _BRICK),
            ((0.46, 0.34, 0.28), _BRICK),
            ((0.80, 0.79, 0.75), _PLASTER),
            ((0.72, 0.70, 0.62), _STONE),
            ((0.62, 0.60, 0.56), _STONE),
            ((0.86, 0.84, 0.78), _PLASTER),
            ((0.58, 0.57, 0.56), _PLASTER),
        ),
        trims=((0.86, 0.85, 0.8), (0.72, 0.7, 0.64), (0.3, 0.29, 0.28)),
        roofs=((0.30, 0.29, 0.31), (0.36, 0.30, 0.28), (0.27, 0.28, 0.3)),
        floors=(2, 4),
        windows=(0, 3, 4, 6, 7),
    ),
    streets={"terrace": 0.22, "shops": 0.36, "avenue": 0.22, "open": 0.2},
    trees={"leafy": 0.3, "bare": 0.45, "conifer": 0.15, "round": 0.1},
    leaves=((0.26, 0.36, 0.18), (0.32, 0.38, 0.2), (0.22, 0.32, 0.18), (0.38, 0.38, 0.2)),
    bark=((0.26, 0.22, 0.19), (0.32, 0.28, 0.24)),
    cars=(
        (0.55, 0.57, 0.6),
        (0.7, 0.71, 0.72),
        (0.08, 0.08, 0.09),
        (0.12, 0.15, 0.28),
        (0.35, 0.06, 0.07),
        (0.85, 0.85, 0.84),
        (0.16, 0.26, 0.42),
        (0.3, 0.32, 0.33),
    ),
    kinds={"hatch": 0.42, "saloon": 0.2, "estate": 0.18, "suv": 0.07, "van": 0.1, "bus": 0.03},
    coats=(
        (0.1, 0.1, 0.12),
        (0.2, 0.22, 0.3),
        (0.35, 0.3, 0.25),
        (0.5, 0.5, 0.5),
        (0.45, 0.1, 0.12),
        (0.16, 0.24, 0.2),
        (0.72, 0.7, 0.66),
    ),
    asphalt=((0.45, 0.45, 0.46), (0.52, 0.51, 0.5), (0.4, 0.4, 0.42)),
    paving=((0.56, 0.55, 0.54), (0.62, 0.6, 0.56), (0.5, 0.49, 0.49)),
    traffic=3.0,
    people=6.0,
)

_PLACES: Mapping[str, Place] = {"synthetic": SYNTHETIC, "camera": CAMERA}


def place_of(domain: str) -> Place:
    """The city of a domain.

    Raises:
        HRSError: for an unknown domain.
    """
    if domain not in _PLACES:
        raise HRSError(f"unknown domain {domain!r}; expected one of {', '.join(_PLACES)}")
    return _PLACES[domain]
