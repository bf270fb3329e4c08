"""Quad soups: arrays of textured, coloured quads, and the primitives that everything in a street is made of.

Units are metres; x points right, y ahead, z up. A quad may repeat its last corner to be a triangle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float32]

IN_IMAGE = 1
"""Flag: the quad is drawn in the picture."""
IN_LABEL = 2
"""Flag: the quad is drawn in the pass that says which object covers a pixel."""
DRAWN = IN_IMAGE | IN_LABEL


@dataclass(frozen=True, kw_only=True)
class Soup:
    """``n`` quads: corners (n 4 3), texture coordinates (n 4 2), colours (n 4 3) in 0..1, normals (n 4 3).

    ``material`` (n) indexes the textures, ``slot`` (n) says which paint recolours the quad (0: none),
    ``flags`` (n) are IN_IMAGE and IN_LABEL bits.
    """

    quads: Array
    uv: Array
    colour: Array
    normal: Array
    material: NDArray[np.uint8]
    slot: NDArray[np.uint8]
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.quads)

    def painted(self, *paints: ArrayLike) -> Soup:
        """Multiply the quads of slot k by the k-th paint (RGB in 0..1)."""
        table = np.vstack([np.ones(3), *[np.asarray(p) for p in paints]]).astype(np.float32)
        return replace(self, colour=self.colour * table[np.minimum(self.slot, len(table) - 1)][:, None, :])

    def placed(self, x: float, y: float, z: float = 0.0, *, yaw: float = 0.0, scale: ArrayLike = 1.0) -> Soup:
        """Scale, turn about z (radians, from x towards y), then move."""
        c, s = np.cos(yaw), np.sin(yaw)
        turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)
        size = np.broadcast_to(np.asarray(scale, np.float32), 3)
        quads = (self.quads * size) @ turn + np.array([x, y, z], np.float32)
        return replace(self, quads=quads.astype(np.float32), normal=(self.normal @ turn).astype(np.float32))

    def flagged(self, flags: int) -> Soup:
        """The same quads, drawn only in the passes named by ``flags``."""
        return replace(self, flags=np.full(len(self), flags, np.uint8))


def join(soups: Sequence[Soup]) -> Soup:
    """One soup from several."""
    return Soup(
        quads=np.concatenate([s.quads for s in soups]),
        uv=np.concatenate([s.uv for s in soups]),
        colour=np.concatenate([s.colour for s in soups]),
        normal=np.concatenate([s.normal for s in soups]),
        material=np.concatenate([s.material for s in soups]),
        slot=np.concatenate([s.slot for s in soups]),
        flags=np.concatenate([s.flags for s in soups]),
    )


def face_normals(quads: Array) -> Array:
    """Unit normals (n 3) by the right-hand rule, from the diagonals."""
    a, b = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    # Written out: np.cross costs more than all else here for the many small soups of a street.
    normal = a[:, [1, 2, 0]] * b[:, [2, 0, 1]] - a[:, [2, 0, 1]] * b[:, [1, 2, 0]]
    return (normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def soup(
    quads: ArrayLike,
    colour: ArrayLike,
    *,
    uv: ArrayLike | None = None,
    normal: Array | None = None,
    material: int = 0,
    slot: int = 0,
    flags: int = DRAWN,
) -> Soup:
    """A soup from corners (n 4 3), a colour that broadcasts to (n 4 3), and one material and slot."""
    corners = np.asarray(quads, np.float32).reshape(-1, 4, 3)
    n = len(corners)
    if normal is None:
        normal = np.repeat(face_normals(corners)[:, None], 4, axis=1)
    return Soup(
        quads=corners,
        uv=np.zeros((n, 4, 2), np.float32) if uv is None else np.asarray(uv, np.float32).reshape(n, 4, 2),
        colour=np.array(np.broadcast_to(np.asarray(colour, np.float32), (n, 4, 3))),
        normal=np.asarray(normal, np.float32),
        material=np.full(n, material, np.uint8),
        slot=np.full(n, slot, np.uint8),
        flags=np.full(n, flags, np.uint8),
    )


def box(
    low: ArrayLike, high: ArrayLike, colour: ArrayLike, *, material: int = 0, slot: int = 0, tile: float = 1.0
) -> Soup:
    """An axis-aligned box without its underside; textures repeat every ``tile`` metres."""
    (x0, y0, z0), (x1, y1, z1) = np.asarray(low, float), np.asarray(high, float)
    quads = np.array(
        [
            [[x0, y0, z0], [x1, y0, z0], [x1, y0, z1], [x0, y0, z1]],
            [[x1, y1, z0], [x0, y1, z0], [x0, y1, z1], [x1, y1, z1]],
            [[x1, y0, z0], [x1, y1, z0], [x1, y1, z1], [x1, y0, z1]],
            [[x0, y1, z0], [x0, y0, z0], [x0, y0, z1], [x0, y1, z1]],
            [[x0, y0, z1], [x1, y0, z1], [x1, y1, z1], [x0, y1, z1]],
        ],
        np.float32,
    )
    along = np.where(np.array([1, 1, 0, 0, 1], bool)[:, None], quads[..., 0], quads[..., 1])
    up = np.where(np.array([0, 0, 0, 0, 1], bool)[:, None], quads[..., 1], quads[..., 2])
    normal = np.repeat(_BOX_NORMALS[:, None], 4, axis=1)
    return soup(quads, colour, uv=np.stack([along, up], -1) / tile, normal=normal, material=material, slot=slot)


_BOX_NORMALS = np.array([[0, -1, 0], [0, 1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1]], np.float32)


def panel(
    x: ArrayLike,
    z: ArrayLike,
    width: ArrayLike,
    height: ArrayLike,
    y: float,
    colour: ArrayLike,
    *,
    cell: ArrayLike,
    material: int,
) -> Soup:
    """Upright rectangles facing -y with lower left corners (x, z), each showing one texture cell (u0, v0, u1, v1)."""
    xs, zs, w, h = np.broadcast_arrays(*[np.atleast_1d(np.asarray(v, np.float32)) for v in (x, z, width, height)])
    ys = np.full_like(xs, y)
    quads = np.stack(
        [
            np.stack([xs, ys, zs], -1),
            np.stack([xs + w, ys, zs], -1),
            np.stack([xs + w, ys, zs + h], -1),
            np.stack([xs, ys, zs + h], -1),
        ],
        1,
    )
    cells = np.broadcast_to(np.asarray(cell, np.float32), (len(xs), 4))
    normal = np.broadcast_to(np.array([0, -1, 0], np.float32), (len(xs), 4, 3))
    return soup(quads, colour, uv=cells[:, [0, 1, 2, 1, 2, 3, 0, 3]], normal=normal, material=material)


def tubes(
    start: ArrayLike, end: ArrayLike, r0: ArrayLike, r1: ArrayLike, colour: ArrayLike, *, sides: int = 6, slot: int = 0
) -> Soup:
    """Round bars from ``start`` (m 3) to ``end`` (m 3) with radii ``r0`` and ``r1`` (m), shaded smoothly."""
    a, b = np.atleast_2d(np.asarray(start, np.float32)), np.atleast_2d(np.asarray(end, np.float32))
    axis = b - a
    axis = axis / np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-6)
    helper = np.where(np.abs(axis[:, 2:]) > 0.9, np.array([[1.0, 0, 0]]), np.array([[0, 0, 1.0]]))
    u = np.cross(axis, helper)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(axis, u)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = u[:, None] * np.cos(angle)[:, None] + v[:, None] * np.sin(angle)[:, None]
    lower = a[:, None] + ring * np.broadcast_to(np.asarray(r0, np.float32), len(a))[:, None, None]
    upper = b[:, None] + ring * np.broadcast_to(np.asarray(r1, np.float32), len(a))[:, None, None]
    quads = np.stack([lower[:, :-1], lower[:, 1:], upper[:, 1:], upper[:, :-1]], 2).reshape(-1, 4, 3)
    normal = np.stack([ring[:, :-1], ring[:, 1:], ring[:, 1:], ring[:, :-1]], 2).reshape(-1, 4, 3)
    tone = np.asarray(colour, np.float32)
    if tone.ndim == 2:
        tone = np.repeat(tone, sides, axis=0)[:, None, :]
    return soup(quads, tone, normal=normal.astype(np.float32), slot=slot)


def loft(sections: ArrayLike, colour: ArrayLike, *, slot: int = 0) -> Soup:
    """A smooth skin over cross-sections (m k 3), each a ring of k points."""
    rings = np.asarray(sections, np.float32)
    rings = np.concatenate([rings, rings[:, :1]], 1)
    quads = np.stack([rings[:-1, :-1], rings[:-1, 1:], rings[1:, 1:], rings[1:, :-1]], 2)
    m, k = quads.shape[:2]
    flat = face_normals(quads.reshape(-1, 4, 3)).reshape(m, k, 3)
    middle = rings.mean(axis=(0, 1))
    outward = ((quads.mean(2) - middle) * flat).sum()
    flat = flat if outward >= 0 else -flat
    grid = np.zeros((m + 1, k + 1, 3), np.float32)
    for i in (0, 1):
        for j in (0, 1):
            grid[i : i + m, j : j + k] += flat
    grid[:, 0] += grid[:, -1]
    grid[:, -1] = grid[:, 0]
    grid /= np.maximum(np.linalg.norm(grid, axis=2, keepdims=True), 1e-9)
    normal = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], 2)
    return soup(quads.reshape(-1, 4, 3), colour, normal=normal.reshape(-1, 4, 3), slot=slot)


def ball(
    centre: ArrayLike, radius: ArrayLike, colour: ArrayLike, *, slot: int = 0, sides: int = 8, rings: int = 6
) -> Soup:
    """An ellipsoid with half axes ``radius`` (3)."""
    polar = np.linspace(0.02, np.pi - 0.02, rings)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    unit = np.stack(
        [
            np.sin(polar)[:, None] * np.cos(angle),
            np.sin(polar)[:, None] * np.sin(angle),
            np.broadcast_to(np.cos(polar)[:, None], (rings, sides)),
        ],
        -1,
    )
    return loft(
        np.asarray(centre, np.float32) + unit * np.broadcast_to(np.asarray(radius, np.float32), 3), colour, slot=slot
    )


def disc(
    centre: ArrayLike,
    radius: float,
    colour: ArrayLike,
    *,
    axis: int = 1,
    cell: ArrayLike | None = None,
    material: int = 0,
) -> Soup:
    """A disc of 14 corners square to ``axis`` (0: x, 1: y, 2: z), showing one texture cell if given."""
    n = 14
    angle = np.linspace(0, 2 * np.pi, n + 1)
    a, b = np.cos(angle), np.sin(angle)
    first, second = [i for i in range(3) if i != axis]
    rim = np.zeros((n + 1, 3))
    rim[:, first], rim[:, second] = a * radius, b * radius
    rim += np.asarray(centre, float)
    hub = np.broadcast_to(np.asarray(centre, float), (n, 3))
    quads = np.stack([hub, rim[:-1], rim[1:], rim[1:]], 1)
    uv = None
    if cell is not None:
        u0, v0, u1, v1 = np.asarray(cell, float)
        st = np.stack([(u0 + u1) / 2 + a * (u1 - u0) / 2, (v0 + v1) / 2 + b * (v1 - v0) / 2], -1)
        mid = np.broadcast_to([(u0 + u1) / 2, (v0 + v1) / 2], (n, 2))
        uv = np.stack([mid, st[:-1], st[1:], st[1:]], 1)
    normal = np.zeros((n, 4, 3), np.float32)
    normal[..., axis] = -1.0 if axis == 1 else 1.0
    return soup(quads, colour, uv=uv, normal=normal, material=material)
