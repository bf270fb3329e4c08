"""Cars, vans, buses and bicycles: prototypes that face +y with wheels on z = 0. Paint slot 1 is the body."""

from __future__ import annotations

from functools import cache

import numpy as np

from hrs.street.soup import Soup, ball, box, disc, join, loft, panel, soup, tubes
from hrs.street.textures import PLATE_FRONT, PLATE_REAR, Material, cell

KINDS = ("hatch", "saloon", "estate", "suv", "van", "bus")
LENGTH = {"hatch": 3.9, "saloon": 4.5, "estate": 4.6, "suv": 4.5, "van": 5.0, "bus": 10.0}
WIDTH = {"hatch": 1.72, "saloon": 1.78, "estate": 1.78, "suv": 1.86, "van": 1.95, "bus": 2.5}

_RUBBER, _GLASS, _TRIM = (0.06, 0.06, 0.065), (0.12, 0.15, 0.18), (0.1, 0.1, 0.11)

# Fractions of the length from the rear: (sill rear, roof rear, roof front, sill front), then heights of
# rear deck, sill, bonnet tip and roof in metres.
_CABIN = {
    "hatch": ((0.02, 0.14, 0.56, 0.76), (0.92, 0.93, 0.72, 1.45)),
    "saloon": ((0.13, 0.29, 0.56, 0.73), (0.95, 0.92, 0.70, 1.42)),
    "estate": ((0.02, 0.10, 0.58, 0.74), (0.94, 0.93, 0.72, 1.47)),
    "suv": ((0.02, 0.08, 0.58, 0.74), (1.08, 1.06, 0.88, 1.72)),
    "van": ((0.01, 0.03, 0.72, 0.86), (1.12, 1.12, 0.92, 2.05)),
}


def _wheels(length: float, width: float, radius: float, places: tuple[float, ...]) -> list[Soup]:
    parts = []
    for side in (-1.0, 1.0):
        x = side * width / 2
        for place in places:
            y = (place - 0.5) * length
            parts.append(disc((x * 1.005, y, radius + 0.03), radius * 1.16, (0.03, 0.03, 0.03), axis=0))
            parts.append(disc((x * 1.012, y, radius), radius, _RUBBER, axis=0))
            parts.append(disc((x * 1.02, y, radius), radius * 0.62, (0.5, 0.51, 0.53), axis=0))
            parts.append(disc((x * 1.026, y, radius), radius * 0.2, (0.2, 0.2, 0.2), axis=0))
            parts.append(tubes([[x * 0.75, y, radius]], [[x * 1.01, y, radius]], radius, radius, _RUBBER, sides=12))
    return parts


def _body(kind: str) -> Soup:
    length, width = LENGTH[kind], WIDTH[kind]
    (sill_rear, _, _, sill_front), (deck, sill, bonnet, _) = _CABIN[kind]
    stations = np.array([0.0, 0.02, 0.06, sill_rear + 0.08, 0.5, sill_front, 0.9, 0.975, 1.0])
    half = np.array([0.82, 0.93, 0.97, 1.0, 1.0, 1.0, 0.96, 0.88, 0.76]) * width / 2
    top = np.array([deck * 0.78, deck * 0.97, deck, deck, sill, sill, (sill + 2 * bonnet) / 3, bonnet, bonnet * 0.8])
    low = np.array([0.36, 0.25, 0.22, 0.2, 0.2, 0.2, 0.2, 0.22, 0.34])
    rings: list[list[tuple[float, float, float]]] = []
    for y, h, t, b in zip((stations - 0.5) * length, half, top, low, strict=True):
        outline = [
            (0.9, b),
            (0.98, b + 0.1),
            (1.0, b + 0.55 * (t - b)),
            (0.97, t - 0.1),
            (0.88, t - 0.01),
            (0.5, t + 0.03),
        ]
        right = [(float(h * fx), float(y), float(z)) for fx, z in outline]
        rings.append(right + [(-x, yy, z) for x, yy, z in reversed(right)])
    skin = loft(rings, (1.0, 1.0, 1.0), slot=1)
    caps = []
    for end, front in ((rings[0], False), (rings[-1], True)):
        points = np.array(end)
        hub = np.broadcast_to(points.mean(0), (len(points), 3))
        following = np.roll(points, -1, 0)
        order = (hub, points, following, following) if front else (hub, following, points, points)
        normal = np.zeros((len(points), 4, 3), np.float32)
        normal[..., 1] = 1.0 if front else -1.0
        caps.append(soup(np.stack(order, 1), (1.0, 1.0, 1.0), normal=normal, slot=1))
    dark = skin.quads[..., 2].max(axis=1) < 0.42
    skin.colour[dark] *= 0.35
    return join([skin, *caps])


def _cabin(kind: str) -> Soup:
    """A tapering frustum in body colour with panes set a centimetre in front of it."""
    length, width = LENGTH[kind], WIDTH[kind]
    fractions, (deck, sill, _, roof) = _CABIN[kind]
    y = (np.array(fractions) - 0.5) * length
    base, top = width / 2 * 0.95, width / 2 * (0.9 if kind == "van" else 0.74)
    z0 = min(deck, sill) - 0.05
    lower = np.array([[-base, y[0], z0], [base, y[0], z0], [base, y[3], z0], [-base, y[3], z0]])
    upper = np.array([[-top, y[1], roof], [top, y[1], roof], [top, y[2], roof], [-top, y[2], roof]])
    near = upper * [1, 1, 1]
    near[:, 2] -= 0.06
    skin = loft([lower, near, (upper - [0, y.mean(), 0]) * [0.88, 0.94, 1] + [0, y.mean(), 0]], (1, 1, 1), slot=1)
    lid = (upper - [0, y.mean(), 0]) * [0.89, 0.945, 1] + [0, y.mean(), 0.005]
    parts = [skin, soup([lid], (1, 1, 1), slot=1)]
    shade = np.array([0.55, 0.55, 1.5, 1.5])[:, None] * np.array(_GLASS)
    for i in range(4):
        j = (i + 1) % 4
        face = np.array([lower[i], lower[j], near[j], near[i]])
        if kind == "van" and i in (1, 3):
            spans: tuple[tuple[float, float], ...] = ((0.76, 0.93),) if i == 1 else ((0.07, 0.24),)
        elif i in (1, 3):
            spans = ((0.07, 0.46), (0.5, 0.93))
        else:
            spans = ((0.07, 0.93),)
        for a, b in spans:
            pane = np.array([_on(face, a, 0.22), _on(face, b, 0.22), _on(face, b, 0.92), _on(face, a, 0.92)])
            out = np.cross(pane[1] - pane[0], pane[3] - pane[0])
            parts.append(soup([pane + 0.015 * out / np.linalg.norm(out)], shade))
    return join(parts)


def _on(face: np.ndarray, u: float, v: float) -> np.ndarray:
    """The point at (u, v) in 0..1 on a bilinear face (4 3)."""
    return (1 - v) * ((1 - u) * face[0] + u * face[1]) + v * ((1 - u) * face[3] + u * face[2])


def _turned(part: Soup) -> Soup:
    return part.placed(0, 0, yaw=np.pi)


def _fittings(kind: str, *, braking: bool) -> list[Soup]:
    length, width = LENGTH[kind], WIDTH[kind]
    deck, _, bonnet, _ = _CABIN[kind][1]
    rear, front = -length / 2 - 0.012, -length / 2 - 0.012
    red = (1.0, 0.15, 0.08) if braking else (0.6, 0.04, 0.05)
    side, z = width * 0.41, deck * 0.62
    plate, plain = Material.DETAIL, Material.PLAIN
    cover = (0.0, 0.0, 0.0, 0.0)
    tall = 0.55 if kind in ("estate", "suv", "van") else 0.2
    parts = [
        panel([-side, side - 0.2], z, 0.2, tall * 0.6, rear - 0.005, red, cell=cover, material=plain),
        panel(-0.26, deck * 0.5, 0.52, 0.12, rear - 0.01, (1, 1, 1), cell=cell(PLATE_REAR), material=plate),
        panel(-side, 0.3, 2 * side, 0.17, rear, _TRIM, cell=cover, material=plain),
    ]
    nose = [
        panel(
            [-side, side - 0.34],
            bonnet * 0.72,
            0.34,
            0.14,
            front - 0.004,
            (0.95, 0.96, 0.98),
            cell=cover,
            material=plain,
        ),
        panel(-0.4, bonnet * 0.62, 0.8, 0.14, front - 0.006, _TRIM, cell=cover, material=plain),
        panel(-0.26, 0.38, 0.52, 0.12, front - 0.012, (1, 1, 1), cell=cell(PLATE_FRONT), material=plate),
        panel(-side, 0.24, 2 * side, 0.1, front - 0.003, _TRIM, cell=cover, material=plain),
    ]
    parts += [_turned(p) for p in nose]
    mirror = (_CABIN[kind][0][3] - 0.54) * length
    for s in (-1, 1):
        parts.append(ball((s * width * 0.53, mirror, 1.0), (0.1, 0.06, 0.08), (1, 1, 1), slot=1, sides=6, rings=4))
    return parts


def _bus() -> Soup:
    length, width = LENGTH["bus"], WIDTH["bus"]
    w, end_y = width / 2, length / 2
    rings = []
    for y, f in ((-end_y, 0.9), (-end_y + 0.15, 1.0), (end_y - 0.2, 1.0), (end_y, 0.9)):
        rings.append(
            [
                (w * f, y, 0.35),
                (w * f, y, 4.0),
                (w * f * 0.9, y, 4.2),
                (-w * f * 0.9, y, 4.2),
                (-w * f, y, 4.0),
                (-w * f, y, 0.35),
            ]
        )
    parts = [loft(rings, (1, 1, 1), slot=1), box((-w * 0.92, -end_y, 0.35), (w * 0.92, end_y, 4.15), (1, 1, 1), slot=1)]
    shade = np.array([0.5, 0.5, 1.6, 1.6])[:, None] * np.array(_GLASS)
    cover = (0.0, 0.0, 0.0, 0.0)
    for z, h in ((1.25, 0.95), (2.85, 0.85)):
        run = panel(np.arange(8) * 1.2 - end_y + 0.25, z, 1.1, h, -w - 0.02, shade, cell=cover, material=0)
        parts += [run.placed(0, 0, yaw=np.pi / 2), run.placed(0, 0, yaw=-np.pi / 2)]
        back = panel(-w * 0.8, z, 1.6 * w, h, -end_y - 0.02, shade, cell=cover, material=0)
        parts += [back, _turned(back)]
    parts.append(panel([-w * 0.85, w * 0.7], 0.7, 0.2, 0.35, -end_y - 0.02, (0.75, 0.05, 0.05), cell=cover, material=0))
    parts.append(
        _turned(panel([-w * 0.85, w * 0.6], 0.6, 0.3, 0.2, -end_y - 0.02, (0.95, 0.95, 0.9), cell=cover, material=0))
    )
    return join(parts + _wheels(length, width, 0.48, (0.2, 0.76)))


@cache
def vehicle(kind: str, *, braking: bool = False) -> Soup:
    """A vehicle of one of KINDS. Paint it with ``painted(colour)``."""
    if kind == "bus":
        return _bus()
    radius = 0.36 if kind in ("suv", "van") else 0.31
    parts = [_body(kind), _cabin(kind), *_fittings(kind, braking=braking)]
    return join(parts + _wheels(LENGTH[kind], WIDTH[kind], radius, (0.18, 0.81)))


@cache
def bicycle() -> Soup:
    """A bicycle 1.7 m long; paint slot 1 is the frame."""
    parts = []
    angle = np.linspace(0, 2 * np.pi, 17)
    for y in (-0.52, 0.52):
        rim = np.stack([np.zeros(17), y + 0.33 * np.cos(angle), 0.34 + 0.33 * np.sin(angle)], -1)
        parts.append(tubes(rim[:-1], rim[1:], 0.022, 0.022, _RUBBER, sides=4))
        spoke = np.arange(0, 16, 2)
        hub = np.tile([0, y, 0.34], (8, 1))
        parts.append(tubes(hub, rim[spoke], 0.005, 0.005, (0.6, 0.6, 0.6), sides=3))
    a, b, c, d = (0, -0.52, 0.34), (0, -0.18, 0.9), (0, -0.02, 0.3), (0, 0.4, 0.88)
    bars = [(a, b), (a, c), (c, b), (c, d), (b, d), (d, (0, 0.52, 0.34)), (d, (0, 0.36, 1.02))]
    parts.append(tubes([p for p, _ in bars], [q for _, q in bars], 0.022, 0.022, (1, 1, 1), sides=5, slot=1))
    parts.append(tubes([(-0.26, 0.34, 1.03)], [(0.26, 0.34, 1.03)], 0.018, 0.018, _TRIM, sides=5))
    parts.append(ball((0, -0.22, 0.95), (0.08, 0.13, 0.04), _TRIM, sides=6, rings=4))
    return join(parts)
