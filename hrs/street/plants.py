"""Trees in leaf, bare trees, conifers and hedges. Leaves and twigs are geometry, so picture and label agree exactly."""

from __future__ import annotations

from functools import cache

import numpy as np

from hrs.street.soup import Array, Soup, ball, box, join, soup, tubes
from hrs.street.textures import Material

VARIANTS = 4
"""Prototypes of each kind."""


def _leaves(rng: np.random.Generator, centres: Array, spread: Array, count: int, size: float, crown: Array) -> Soup:
    """``count`` leaf clumps around blobs (m 3), darker below; their normals leave the crown's middle."""
    pick = rng.integers(0, len(centres), count)
    way = rng.standard_normal((count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    where = centres[pick] + way * spread[pick, None] * rng.uniform(0.6, 1.05, (count, 1))
    u = rng.standard_normal((count, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(u, way)
    v /= np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-6)
    s = size * rng.uniform(0.5, 1.3, (count, 1))
    quads = np.stack([where - u * s, where - v * s * 0.6, where + u * s, where + v * s * 0.6], 1)
    normal = (
        way
        + 0.7 * (where - crown) / np.linalg.norm(where - crown, axis=1, keepdims=True)
        + 0.25 * rng.standard_normal((count, 3))
    )
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    shade = 0.62 + 0.38 * np.clip(normal[:, 2], -0.6, 1) + rng.normal(0, 0.12, count)
    hue = np.stack([1 + rng.normal(0, 0.12, count), np.ones(count), 1 + rng.normal(0, 0.1, count)], -1)
    colour = np.clip(shade[:, None] * hue, 0.1, 1.3)[:, None, :]
    return soup(quads, np.repeat(colour, 4, 1), normal=np.repeat(normal[:, None], 4, 1).astype(np.float32), slot=1)


def _branches(rng: np.random.Generator, height: float, levels: int) -> tuple[Soup, Array]:
    """A forking skeleton; also the tips (m 3)."""
    start = np.zeros((1, 3))
    way = np.array([[0, 0, 1.0]]) + rng.normal(0, 0.04, (1, 3))
    length, radius = np.array([height * 0.33]), np.array([height * 0.022])
    parts = []
    for level in range(levels):
        bend = start + way * length[:, None] * 0.5 + rng.normal(0, 0.03, start.shape) * length[:, None]
        end = bend + (way + rng.normal(0, 0.12, way.shape)) * length[:, None] * 0.5
        tone = np.clip(1 + rng.normal(0, 0.1, (len(start), 1)) - 0.04 * level, 0.5, 1.2) * np.ones(3)
        sides = 7 if level == 0 else 4 if level < 3 else 3
        parts.append(tubes(start, bend, radius, radius * 0.85, tone, sides=sides, slot=2))
        parts.append(tubes(bend, end, radius * 0.85, radius * 0.65, tone, sides=sides, slot=2))
        forks = 5 if level == 0 else 3
        rise = 0.55 if level < 2 else 0.25
        parent = np.repeat(np.arange(len(start)), forks)
        if level == 0:
            turn = np.linspace(0, 2 * np.pi, forks, endpoint=False) + rng.uniform(0, 2)
            fan = np.stack([np.cos(turn), np.sin(turn), np.full(forks, rise)], -1)
            new = way[parent] * 0.5 + fan
            place = rng.uniform(0.7, 1.0, (len(parent), 1))
        else:
            new = way[parent] * 0.8 + rng.normal(0, 0.55, (len(parent), 3)) + [0, 0, rise * 0.4]
            place = rng.uniform(0.45, 1.0, (len(parent), 1))
        new /= np.linalg.norm(new, axis=1, keepdims=True)
        start = bend[parent] + (end[parent] - bend[parent]) * place
        length = length[parent] * rng.uniform(0.55, 0.8, len(parent)) * (1.05 if level == 0 else 1.0)
        radius = np.maximum(radius[parent] * 0.52, 0.012)
        way = new
    return join(parts), start.astype(np.float32)


@cache
def tree(kind: str, variant: int, *, coarse: int = 0) -> Soup:
    """A ``leafy``, ``bare``, ``conifer`` or ``round`` tree about 8 m high. Slots: 1 leaves, 2 bark.

    ``coarse`` 1 and 2 are for the distance: fewer and larger leaves, at 2 fewer twigs.
    """
    rng = np.random.default_rng([17, sum(kind.encode()), variant])
    height = rng.uniform(7.0, 9.0)
    if kind == "bare":
        return _branches(rng, height, 4 if coarse > 1 else 5)[0]
    if kind == "conifer":
        rings = np.linspace(0.12, 1, 12)
        centres = np.concatenate([_ring(rng, 7, (1.02 - h) * 2.1, h * height) for h in rings])
        trunk = tubes([(0, 0, 0)], [(0, 0, height)], 0.2, 0.04, (1, 1, 1), slot=2)
        spread = np.full(len(centres), 0.55, np.float32)
        return join(
            [
                trunk,
                _leaves(rng, centres, spread, *_grain(2200, 0.2, coarse), np.array([0, 0, height * 0.4], np.float32)),
            ]
        )
    if kind == "round":
        crown = np.array([0, 0, height * 0.45], np.float32)
        centres = crown + rng.normal(0, 0.35, (8, 3)).astype(np.float32)
        trunk = tubes([(0, 0, 0)], [(0, 0, height * 0.4)], 0.13, 0.09, (1, 1, 1), slot=2)
        return join([trunk, _leaves(rng, centres, np.full(8, 1.35, np.float32), *_grain(1700, 0.19, coarse), crown)])
    wood, tips = _branches(rng, height * 0.92, 3)
    centres = tips[rng.permutation(len(tips))[:26]] * np.array([0.95, 0.95, 1.0], np.float32)
    crown = centres.mean(0)
    spread = rng.uniform(0.75, 1.25, len(centres)).astype(np.float32)
    inner = [
        ball(c, r * 0.62, (0.36, 0.4, 0.34), slot=1, sides=6, rings=5)
        for c, r in zip(centres[:16], spread[:16], strict=True)
    ]
    return join([wood, *inner, _leaves(rng, centres, spread, *_grain(3000, 0.21, coarse), crown)])


def _grain(count: int, size: float, coarse: int) -> tuple[int, float]:
    return count // (1, 2, 5)[coarse], size * (1.0, 1.35, 2.0)[coarse]


def _ring(rng: np.random.Generator, count: int, radius: float, z: float) -> Array:
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 6)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), np.full(count, z)], -1).astype(np.float32)


@cache
def hedge(variant: int) -> Soup:
    """A clipped hedge 4 m long (along x), 1.2 m high. Slot 1 is the leaves."""
    rng = np.random.default_rng([19, variant])
    core = box((-2, -0.32, 0), (2, 0.32, 1.1), (0.5, 0.55, 0.45), material=Material.FOLIAGE, slot=1, tile=1.2)
    centres = np.stack([np.linspace(-1.9, 1.9, 24), np.zeros(24), rng.uniform(0.35, 0.95, 24)], -1).astype(np.float32)
    leaves = _leaves(rng, centres, np.full(24, 0.34, np.float32), 900, 0.09, np.array([0, 0, 0.4], np.float32))
    return join([core, leaves])
