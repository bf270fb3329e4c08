"""A scene under construction: objects with a class each, placed along a street that may bend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrs.street.domains import Cls
from hrs.street.soup import IN_IMAGE, Soup, join, soup

FAR = 420.0
"""Metres to the far clipping plane."""
NEAR = 0.35


@dataclass(frozen=True, kw_only=True)
class View:
    """A pinhole at ``position`` looking ahead, turned by ``yaw`` to the right and ``pitch`` upwards (radians)."""

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    focal: float
    """Focal length over image width."""

    @property
    def axes(self) -> NDArray[np.float64]:
        """Rows: right, up, ahead."""
        cy, sy, cp, sp = np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch)
        return np.array([[cy, -sy, 0], [-sy * sp, -cy * sp, cp], [sy * cp, cy * cp, sp]])


@dataclass(frozen=True, kw_only=True)
class Mood:
    """Light and weather of one frame. Colours are linear RGB, ``sun`` points towards the sun."""

    weather: str
    sun: tuple[float, float, float]
    sun_colour: tuple[float, float, float]
    ambient: tuple[float, float, float]
    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]
    clouds: float
    """Cloud cover, 0..1."""
    cloud_seed: int
    fog: float
    """Extinction per metre."""
    wet: float
    """Share of the mirrored picture on the road, 0..1."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that is needed to draw one frame. Object 0 is the sky; object k has class ``classes[k]``."""

    soup: Soup
    owner: NDArray[np.uint16]
    """Object of each quad (n)."""
    classes: NDArray[np.uint8]
    view: View
    mood: Mood
    footprints: tuple[NDArray[np.float32], ...]
    """Outlines (k 2) on the ground that darken it, for contact shadows."""
    info: Mapping[str, object]


@dataclass(kw_only=True)
class Builder:
    """Collects objects while a street is laid out. ``bend`` is the curvature of the centre line in 1/m."""

    bend: float
    soups: list[Soup] = field(default_factory=list)
    owners: list[NDArray[np.uint16]] = field(default_factory=list)
    classes: list[int] = field(default_factory=lambda: [int(Cls.SKY)])
    footprints: list[NDArray[np.float32]] = field(default_factory=list)

    def heading(self, s: float) -> float:
        """Angle of the street at s metres ahead, to the right."""
        return float(np.arctan(self.bend * s))

    def world(self, s: ArrayLike, t: ArrayLike) -> NDArray[np.float32]:
        """Ground points (... 2) at s metres along the street and t metres right of its middle."""
        along, across = np.asarray(s, float), np.asarray(t, float)
        turn = np.arctan(self.bend * along)
        x = 0.5 * self.bend * along**2 + across * np.cos(turn)
        return np.stack([x, along - across * np.sin(turn)], -1).astype(np.float32)

    def put(self, part: Soup, cls: Cls) -> int:
        """Add an object that is already in place; returns its number."""
        self.classes.append(int(cls))
        return self.extend(len(self.classes) - 1, part)

    def extend(self, number: int, part: Soup) -> int:
        """Add more quads to an object."""
        self.soups.append(part)
        self.owners.append(np.full(len(part), number, np.uint16))
        return number

    def stand(
        self, part: Soup, cls: Cls, s: float, t: float, *, z: float = 0.0, yaw: float = 0.0, scale: ArrayLike = 1.0
    ) -> int:
        """Place a prototype at (s, t), turned with the street and then by ``yaw`` (counter-clockwise)."""
        x, y = self.world(s, t)
        return self.put(part.placed(float(x), float(y), z, yaw=yaw - self.heading(s), scale=scale), cls)

    def strip(
        self,
        s: Sequence[float],
        t: tuple[float, float],
        z: tuple[float, float],
        colour: ArrayLike,
        material: int,
        tile: float = 2.0,
    ) -> Soup:
        """A ribbon along the street between two lateral offsets, cut at the given places."""
        places = np.asarray(s, float)
        left, right = self.world(places, t[0]), self.world(places, t[1])
        a = np.concatenate([left, np.full((len(places), 1), z[0])], 1)
        b = np.concatenate([right, np.full((len(places), 1), z[1])], 1)
        quads = np.stack([a[:-1], b[:-1], b[1:], a[1:]], 1)
        width = max(abs(t[1] - t[0]), abs(z[1] - z[0]))
        v = np.stack([places[:-1], places[:-1], places[1:], places[1:]], 1) / tile
        u = np.broadcast_to(np.array([0, width, width, 0]) / tile + t[0] / tile, v.shape)
        return soup(quads, colour, uv=np.stack([u, v], -1), material=material)

    def paint(self, s: tuple[float, float], t: tuple[float, float], colour: ArrayLike) -> None:
        """A marking on the road. It shows in the picture only: its label is the road's below."""
        steps = np.linspace(s[0], s[1], max(2, int((s[1] - s[0]) / 4) + 1))
        part = self.strip([float(v) for v in steps], t, (0.012, 0.012), colour, 1)
        self.extend(0, part.flagged(IN_IMAGE))

    def foot(self, s: float, t: float, length: float, width: float, yaw: float = 0.0) -> None:
        """Remember a rectangle on the ground that an object shades from close by."""
        turn = self.heading(s) - yaw
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, length / 2]
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        self.footprints.append((corners @ spin + self.world(s, t)).astype(np.float32))

    def scene(self, view: View, mood: Mood, info: Mapping[str, object]) -> Scene:
        """Close the scene."""
        return Scene(
            soup=join(self.soups),
            owner=np.concatenate(self.owners),
            classes=np.array(self.classes, np.uint8),
            view=view,
            mood=mood,
            footprints=tuple(self.footprints),
            info=info,
        )
