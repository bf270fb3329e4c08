"""Houses: a front in the plane y = 0 that faces -y, from x = 0 to ``width``, with the house behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hrs.street.soup import Soup, box, join, panel, soup
from hrs.street.textures import DOORS, FASCIAS, SHOPS, WINDOWS, Material, cell

Tone = tuple[float, float, float]

_OVER = 0.3
"""Metres that a sloping roof reaches over the walls."""
_DEPTH = 9.0
"""Metres of a house behind its front."""


@dataclass(frozen=True, kw_only=True)
class HouseStyle:
    """What one house looks like; drawn from a domain's city by ``draw_style``."""

    wall: Tone
    material: Material
    trim: Tone
    roof: Tone
    kind: str
    """``terrace``, ``shop``, ``block`` (modern flats or offices) or ``villa`` (gable towards the street)."""
    floors: int
    storey: float
    window: int


@dataclass(frozen=True, kw_only=True)
class City:
    """The palette that houses of one domain are drawn from: (colour, material) of walls, trims and roofs."""

    walls: tuple[tuple[Tone, Material], ...]
    trims: tuple[Tone, ...]
    roofs: tuple[Tone, ...]
    floors: tuple[int, int]
    windows: tuple[int, ...]


def draw_style(rng: np.random.Generator, city: City, kind: str) -> HouseStyle:
    """A style of the given kind; every house differs a little in tone."""
    wall, material = city.walls[rng.integers(len(city.walls))]
    jitter = 1 + rng.normal(0, 0.06) + rng.normal(0, 0.025, 3)
    low, high = city.floors
    floors = int(rng.integers(low, high + 1)) + (1 if kind == "block" else 0)
    return HouseStyle(
        wall=tuple(np.clip(np.array(wall) * jitter, 0.05, 1.0).tolist()),
        material=material,
        trim=city.trims[rng.integers(len(city.trims))],
        roof=city.roofs[rng.integers(len(city.roofs))],
        kind=kind,
        floors=max(2, floors - (1 if kind == "villa" else 0)),
        storey=float(rng.uniform(2.7, 3.3)),
        window=int(rng.choice(city.windows)),
    )


def house(rng: np.random.Generator, style: HouseStyle, width: float) -> Soup:
    """One building, ``width`` metres of street front."""
    ground = style.storey * (1.15 if style.kind in ("shop", "block") else 1.0)
    height = ground + style.storey * (style.floors - 1)
    tile = {Material.BRICK: 1.7, Material.STONE: 3.2}.get(style.material, 6.0)
    parts = [box((0, 0, 0), (width, _DEPTH, height), style.wall, material=style.material, tile=tile)]
    parts += _roof(rng, style, width, _DEPTH, height)
    if style.kind == "block":
        parts += _ribbons(rng, style, width, ground)
    else:
        parts += _upper_windows(rng, style, width, ground)
        parts += _shop_front(rng, width, ground) if style.kind == "shop" else _home_front(rng, style, width, ground)
    return join(parts)


def _slab(x0: float, x1: float, z0: float, z1: float, out: float, tone: Tone) -> Soup:
    return box((x0, -out, z0), (x1, 0.02, z1), tone)


def _roof(rng: np.random.Generator, style: HouseStyle, width: float, depth: float, height: float) -> list[Soup]:
    if style.kind == "block":
        return _flat_roof(style, width, depth, height)
    rise = rng.uniform(1.8, 3.2)
    if style.kind == "villa":
        rise = width * rng.uniform(0.4, 0.6)
        parts = _gabled_roof(style, width, depth, height, rise)
    else:
        parts = _eaved_roof(style, width, depth, height, rise)
        if rng.random() < 0.35:
            parts += _dormer(style, width * rng.uniform(0.35, 0.65), height)
    return parts + _chimneys(rng, style, width, depth, height, rise)


def _flat_roof(style: HouseStyle, width: float, depth: float, height: float) -> list[Soup]:
    parapet = box((-0.05, -0.12, height), (width + 0.05, depth, height + 0.5), [c * 0.85 for c in style.wall])
    plant = box((width * 0.3, depth * 0.3, height), (width * 0.6, depth * 0.6, height + 2.0), (0.5, 0.5, 0.5))
    return [parapet, plant]


def _gabled_roof(style: HouseStyle, width: float, depth: float, height: float, rise: float) -> list[Soup]:
    """Two slopes to the sides, with a gable and its boards towards the street."""
    a, b = -_OVER, width + _OVER
    top = [width / 2, -_OVER, height + rise], [width / 2, depth, height + rise]
    left = [[a, depth, height - 0.15], [a, -_OVER, height - 0.15], top[0], top[1]]
    right = [[b, -_OVER, height - 0.15], [b, depth, height - 0.15], top[1], top[0]]
    span = float(np.hypot(width / 2, rise))
    uv = np.array([[[0, 0], [depth, 0], [depth, span], [0, span]]] * 2) / 2.5
    gable = [[0, 0, height], [width, 0, height], [width / 2, 0, height + rise], [width / 2, 0, height + rise]]
    gable_uv = [[[0, 0], [width / 3, 0], [width / 6, rise / 3], [width / 6, rise / 3]]]
    below = [width / 2, -_OVER, height + rise - 0.35]
    return [
        soup([left, right], style.roof, uv=uv, material=Material.ROOF),
        soup([gable], style.wall, uv=np.array(gable_uv), material=style.material),
        soup([[[a, -_OVER, height - 0.4], [a, -_OVER, height - 0.1], top[0], below]], style.trim),
        soup([[[b, -_OVER, height - 0.1], [b, -_OVER, height - 0.4], below, top[0]]], style.trim),
    ]


def _eaved_roof(style: HouseStyle, width: float, depth: float, height: float, rise: float) -> list[Soup]:
    """Two slopes to the front and the back, with eaves along the street."""
    mid = depth / 2
    front = [[0, -_OVER, height], [width, -_OVER, height], [width, mid, height + rise], [0, mid, height + rise]]
    back = [[width, depth, height], [0, depth, height], [0, mid, height + rise], [width, mid, height + rise]]
    uv = np.array([[[0, 0], [width, 0], [width, mid], [0, mid]]] * 2) / 2.5
    ends = [
        [[0, depth, height], [0, 0, height], [0, mid, height + rise], [0, mid, height + rise]],
        [[width, 0, height], [width, depth, height], [width, mid, height + rise], [width, mid, height + rise]],
    ]
    return [
        soup([front, back], style.roof, uv=uv, material=Material.ROOF),
        soup(ends, style.wall),
        _slab(0, width, height - 0.22, height + 0.02, _OVER, style.trim),
    ]


def _dormer(style: HouseStyle, middle: float, height: float) -> list[Soup]:
    view = cell(style.window)
    return [
        box((middle - 0.7, 0.6, height), (middle + 0.7, 3.0, height + 1.6), style.trim),
        panel(middle - 0.5, height + 0.35, 1.0, 1.1, 0.58, (1, 1, 1), cell=view, material=Material.DETAIL),
    ]


def _chimneys(
    rng: np.random.Generator, style: HouseStyle, width: float, depth: float, height: float, rise: float
) -> list[Soup]:
    """At most one at each end of the roof, with pots."""
    parts = []
    tone, y = [c * 0.8 for c in style.wall], depth * 0.35
    for x in (0.4, width - 0.9):
        if rng.random() < 0.6:
            top = height + rise + rng.uniform(0.3, 0.9)
            parts.append(box((x, y, height), (x + 0.6, y + 1.1, top), tone, material=Material.BRICK, tile=1.7))
            parts.append(box((x + 0.12, y + 0.2, top), (x + 0.42, y + 0.5, top + 0.4), (0.62, 0.36, 0.26)))
    return parts


def _upper_windows(rng: np.random.Generator, style: HouseStyle, width: float, ground: float) -> list[Soup]:
    count = max(1, int(width / rng.uniform(2.0, 2.9)))
    size = (rng.uniform(0.9, 1.2), rng.uniform(1.3, 1.75))
    centres = (np.arange(count) + 0.5) * width / count
    levels = ground + style.storey * np.arange(style.floors - 1) + 0.75
    x, z = (v.ravel() for v in np.meshgrid(centres - size[0] / 2, levels))
    lit = np.array([cell(WINDOWS[(style.window + int(k)) % len(WINDOWS)]) for k in rng.choice([0, 0, 1, 2], len(x))])
    parts = [panel(x, z, size[0], size[1], -0.015, (1, 1, 1), cell=lit, material=Material.DETAIL)]
    for a, b in zip(x, z, strict=True):
        parts.append(_slab(a - 0.1, a + size[0] + 0.1, b - 0.13, b, 0.12, style.trim))
        parts.append(_slab(a - 0.08, a + size[0] + 0.08, b + size[1], b + size[1] + 0.18, 0.06, style.trim))
    if rng.random() < 0.4:
        parts.append(_slab(0, width, ground - 0.1, ground + 0.12, 0.1, style.trim))
    return parts


def _shop_front(rng: np.random.Generator, width: float, ground: float) -> list[Soup]:
    paint = np.clip(rng.uniform(0.08, 0.6) + rng.normal(0, 0.12, 3), 0.03, 0.9)
    board = cell(FASCIAS[rng.integers(len(FASCIAS))])
    bays = max(1, int(width / 2.2))
    edges = np.linspace(0.25, width - 0.25, bays + 1)
    glass = np.array([cell(SHOPS[k]) for k in rng.integers(0, len(SHOPS), bays)])
    door = int(rng.integers(bays))
    parts = [
        panel(0.0, 0.0, width, ground - 0.1, -0.02, paint * 0.8, cell=(0, 0, 0, 0), material=Material.PLAIN),
        panel(edges[:-1], 0.45, np.diff(edges), ground - 1.25, -0.04, (1, 1, 1), cell=glass, material=Material.DETAIL),
        panel(
            edges[door] + 0.3,
            0.05,
            1.0,
            2.1,
            -0.06,
            (1, 1, 1),
            cell=cell(DOORS[rng.integers(len(DOORS))]),
            material=Material.DETAIL,
        ),
        _slab(0.0, width, ground - 0.8, ground - 0.05, 0.16, tuple(paint.tolist())),
        panel(0.15, ground - 0.76, width - 0.3, 0.66, -0.18, (1, 1, 1), cell=board, material=Material.DETAIL),
    ]
    if rng.random() < 0.35:
        stripe = np.clip(rng.uniform(0.2, 0.9, 3), 0, 1)
        awning = [
            [0.1, -0.18, ground - 0.8],
            [width - 0.1, -0.18, ground - 0.8],
            [width - 0.1, -1.2, ground - 1.25],
            [0.1, -1.2, ground - 1.25],
        ]
        flap = [
            [0.1, -1.2, ground - 1.45],
            [width - 0.1, -1.2, ground - 1.45],
            [width - 0.1, -1.2, ground - 1.25],
            [0.1, -1.2, ground - 1.25],
        ]
        parts.append(soup([awning[::-1], flap], stripe))
    return parts


def _home_front(rng: np.random.Generator, style: HouseStyle, width: float, ground: float) -> list[Soup]:
    left = rng.random() < 0.5
    door_x = 0.5 if left else width - 1.55
    parts = [
        panel(
            door_x,
            0.15,
            1.0,
            2.15,
            -0.03,
            (1, 1, 1),
            cell=cell(DOORS[rng.integers(len(DOORS))]),
            material=Material.DETAIL,
        ),
        _slab(door_x - 0.15, door_x + 1.15, 2.32, 2.5, 0.3, style.trim),
        _slab(door_x - 0.1, door_x + 1.1, 0, 0.15, 0.5, (0.6, 0.6, 0.58)),
    ]
    x0, x1 = (2.0, width - 0.4) if left else (0.4, width - 2.0)
    if x1 - x0 < 1.0:
        return parts
    view = cell(WINDOWS[style.window % len(WINDOWS)])
    if rng.random() < 0.45:
        high = ground + (style.storey - 0.4 if rng.random() < 0.5 else -0.2)
        parts.append(box((x0, -0.8, 0), (x1, 0.02, high), style.wall, material=style.material, tile=1.7))
        parts.append(box((x0 - 0.1, -0.95, high), (x1 + 0.1, 0.02, high + 0.15), style.trim))
        levels = np.arange(0.75, high - 1.2, style.storey)
        parts.append(
            panel(x0 + 0.15, levels, x1 - x0 - 0.3, 1.5, -0.82, (1, 1, 1), cell=view, material=Material.DETAIL)
        )
        return parts
    count = max(1, int((x1 - x0) / 1.9))
    step = (x1 - x0) / count
    x = x0 + step * (np.arange(count) + 0.5) - 0.55
    parts.append(panel(x, 0.8, 1.1, 1.45, -0.015, (1, 1, 1), cell=view, material=Material.DETAIL))
    parts += [_slab(a - 0.1, a + 1.2, 0.68, 0.8, 0.12, style.trim) for a in x]
    return parts


def _ribbons(rng: np.random.Generator, style: HouseStyle, width: float, ground: float) -> list[Soup]:
    """Rows of wide panes, with a glazed ground floor: flats and offices."""
    step = rng.uniform(1.3, 2.6)
    count = max(2, int((width - 0.6) / step))
    x = 0.3 + (width - 0.6) / count * np.arange(count)
    z = ground + style.storey * np.arange(style.floors - 1) + 0.8
    xs, zs = (v.ravel() for v in np.meshgrid(x, z))
    pane = np.array([cell(WINDOWS[3 + int(k)]) for k in rng.choice([0, 0, 4, 1], len(xs))])
    parts = [
        panel(
            xs,
            zs,
            (width - 0.6) / count * 0.92,
            style.storey - 1.3,
            -0.02,
            (0.95, 1, 1),
            cell=pane,
            material=Material.DETAIL,
        )
    ]
    glass = np.array([cell(SHOPS[k]) for k in rng.integers(0, len(SHOPS), count)])
    parts.append(
        panel(
            x,
            0.2,
            (width - 0.6) / count * 0.95,
            ground - 0.8,
            -0.03,
            (0.9, 0.95, 1),
            cell=glass,
            material=Material.DETAIL,
        )
    )
    parts += [_slab(0, width, b - 0.25, b - 0.1, 0.08, style.trim) for b in z]
    return parts
