"""People: walking, standing and cycling, built from tapered limbs. They face +y with feet on z = 0.

Paint slots: 1 coat, 2 trousers, 3 skin, 4 hair, 5 shoes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from hrs.street.soup import Soup, ball, box, join, loft, tubes

_WHITE = (1.0, 1.0, 1.0)
POSES = 6
"""Walking phases 0..3, standing 4 and 5."""


def _limb(points: Sequence[ArrayLike], radii: tuple[float, ...], slot: int) -> list[Soup]:
    joints = np.stack([np.asarray(p, float) for p in points])
    parts = [tubes(joints[:-1], joints[1:], radii[:-1], radii[1:], _WHITE, sides=7, slot=slot)]
    parts += [ball(p, r, _WHITE, slot=slot, sides=6, rings=4) for p, r in zip(joints[1:-1], radii[1:-1], strict=True)]
    return parts


def _torso(low: float, high: float, lean: float, *, bulk: float) -> Soup:
    heights = np.array([0.0, 0.12, 0.4, 0.75, 0.93, 1.0])
    wide = np.array([0.15, 0.17, 0.155, 0.2, 0.17, 0.07]) * bulk
    deep = np.array([0.1, 0.12, 0.11, 0.12, 0.1, 0.06]) * bulk
    angle = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    rings = [
        np.stack([w * np.cos(angle), d * np.sin(angle) + lean * h, np.full(10, low + h * (high - low))], -1)
        for h, w, d in zip(heights, wide, deep, strict=True)
    ]
    return loft(rings, _WHITE, slot=1)


def _head(y: float, z: float, *, long_hair: bool) -> list[Soup]:
    parts = [
        tubes([(0, y - 0.01, z - 0.2)], [(0, y, z - 0.06)], 0.055, 0.05, _WHITE, slot=3),
        ball((0, y, z), (0.083, 0.1, 0.12), _WHITE, slot=3, sides=10, rings=8),
        ball((0, y - 0.022, z + 0.035), (0.092, 0.1, 0.105), _WHITE, slot=4, sides=10, rings=7),
    ]
    if long_hair:
        parts.append(ball((0, y - 0.05, z - 0.07), (0.1, 0.07, 0.15), _WHITE, slot=4, sides=8, rings=6))
    return parts


@cache
def walker(pose: int, *, skirted: bool = False) -> Soup:
    """A person 1.75 m high in one of POSES poses."""
    swing = (0.34, 0.16, -0.2, -0.36, 0.05, 0.0)[pose % POSES]
    hip, shoulder = 0.9, 1.45
    parts = [_torso(hip - 0.06, shoulder + 0.05, 0.02, bulk=1.12 if pose % 2 else 1.0)]
    for side in (-1, 1):
        step = side * swing
        foot = np.array([side * 0.1, step * 1.05, 0.07 + 0.1 * max(0.0, -step)])
        knee = np.array([side * 0.1, step * 0.5 + 0.07, 0.49])
        parts += _limb([(side * 0.09, 0, hip), knee, foot], (0.095, 0.068, 0.05), 2)
        parts.append(ball(foot + np.array([0, 0.06, -0.03]), (0.05, 0.13, 0.05), _WHITE, slot=5, sides=7, rings=4))
        elbow = np.array([side * 0.24, -step * 0.35 - 0.03, 1.15])
        hand = np.array([side * 0.24, -step * 0.85 + 0.1, 0.92])
        parts += _limb([(side * 0.19, 0, shoulder - 0.04), elbow, hand], (0.062, 0.052, 0.04), 1)
        parts.append(ball(hand, 0.045, _WHITE, slot=3, sides=6, rings=4))
    if skirted:
        angle = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        rings = [
            np.stack([r * np.cos(angle), 0.9 * r * np.sin(angle), np.full(10, z)], -1)
            for r, z in ((0.22, 0.55), (0.15, 0.98))
        ]
        parts.append(loft(rings, _WHITE, slot=1))
    if pose in (1, 4):
        parts.append(box((0.24, -0.14, 0.55), (0.33, 0.16, 0.85), (0.22, 0.14, 0.1)))
    if pose == 2:
        parts.append(ball((0, -0.2, 1.22), (0.15, 0.1, 0.24), (0.12, 0.14, 0.2), sides=8, rings=6))
    return join(parts + _head(0.04, 1.64, long_hair=pose % 2 == 1))


@cache
def rider(pose: int) -> Soup:
    """A person on a bicycle's saddle; the pedals turn with ``pose`` (0..3). Slots as for walkers."""
    hip, lean = 0.96, 0.3
    torso = _torso(hip - 0.03, 1.48, lean, bulk=1.05).placed(0, -0.2)
    parts = [torso]
    for side in (-1, 1):
        turn = pose * np.pi / 2 + (np.pi if side > 0 else 0)
        foot = np.array([side * 0.1, 0.17 * np.cos(turn) - 0.02, 0.3 + 0.17 * np.sin(turn)])
        knee = np.array([side * 0.12, 0.2 + 0.08 * np.cos(turn), 0.66 + 0.1 * np.sin(turn)])
        parts += _limb([(side * 0.1, -0.2, hip), knee, foot], (0.095, 0.07, 0.05), 2)
        parts.append(ball(foot + np.array([0, 0.05, -0.02]), (0.05, 0.12, 0.05), _WHITE, slot=5, sides=7, rings=4))
        parts += _limb(
            [(side * 0.19, 0.06, 1.42), (side * 0.25, 0.16, 1.16), (side * 0.22, 0.34, 1.06)], (0.06, 0.05, 0.038), 1
        )
    if pose % 2:
        parts.append(ball((0, -0.14, 1.25), (0.15, 0.11, 0.22), (0.3, 0.1, 0.1), sides=8, rings=6))
    parts += _head(0.16, 1.66, long_hair=False)
    parts.append(ball((0, 0.14, 1.72), (0.11, 0.14, 0.085), _WHITE, slot=4, sides=10, rings=6))
    return join(parts)
