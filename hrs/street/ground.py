"""Road, kerbs, pavements, verges and markings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hrs.street.buildings import Tone
from hrs.street.domains import Cls
from hrs.street.soup import IN_IMAGE, Soup, join, soup
from hrs.street.textures import Material
from hrs.street.world import Builder

KERB = 0.11
SECTORS = (-6.0, 5.0, 8.0, 13.0, 22.0, 40.0, 80.0, 260.0)
"""Where road and pavement are cut into objects of their own, metres ahead."""
SIDE_ROAD = 7.0
"""Width of a side road."""
VERGE = 60.0
"""How far the ground reaches to either side."""
_WHITE, _YELLOW = (0.86, 0.86, 0.84), (0.80, 0.66, 0.22)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The street's bones. Pairs are (left, right)."""

    drive: int
    half: tuple[float, float]
    pavement: tuple[float, float]
    kind: tuple[str, str]
    junction: float | None
    """Middle of a side road, metres ahead."""
    junction_sides: tuple[bool, bool]
    parked: tuple[float, float]
    asphalt: Tone
    paving: Tone
    leaf: Tone
    tree: str
    length: float
    """Metres to the far end, where the view is closed."""

    def at_junction(self, side: int, s: float, margin: float = 0.0) -> bool:
        """Whether a side road opens at s on the given side (0 left, 1 right)."""
        return (
            self.junction is not None and self.junction_sides[side] and abs(s - self.junction) < SIDE_ROAD / 2 + margin
        )


def _steps(a: float, b: float) -> list[float]:
    return [float(v) for v in np.linspace(a, b, max(2, int((b - a) / 3.0) + 1))]


def lay_ground(builder: Builder, rng: np.random.Generator, plan: Plan) -> None:
    """Put down everything flat."""
    _road(builder, rng, plan)
    for side in (0, 1):
        _pavement(builder, rng, plan, side)
        _verge(builder, rng, plan, side)
    _markings(builder, rng, plan)


def _road(builder: Builder, rng: np.random.Generator, plan: Plan) -> None:
    left, right = plan.half
    for a, b in pairwise(SECTORS):
        tone = np.array(plan.asphalt) * (1 + rng.normal(0, 0.012))
        for lane in ((-left, 0.0), (0.0, right)):
            builder.put(builder.strip(_steps(a, b), lane, (0, 0), tone, Material.ASPHALT, 2.6), Cls.ROAD)
    tracks = []
    for middle in (-left / 2, right / 2):
        for t in (middle - 0.75, middle + 0.75):
            for edge in (0.0, 0.18):
                span = (t - 0.3 + edge, t + 0.3 - edge)
                tone = np.array(plan.asphalt) * (0.955 - edge * 0.1)
                tracks.append(
                    builder.strip(_steps(-6, 120), span, (0.004 + edge * 0.01,) * 2, tone, Material.ASPHALT, 2.6)
                )
    for _ in range(int(rng.integers(0, 7))):
        s, t = rng.uniform(3, 40), rng.uniform(-left * 0.9, right * 0.7)
        tone = np.array(plan.asphalt) * rng.uniform(0.78, 1.12)
        size = rng.uniform(0.6, 5), rng.uniform(0.5, 1.3)
        tracks.append(builder.strip([s, s + size[0]], (t, t + size[1]), (0.008, 0.008), tone, Material.ASPHALT, 2.6))
    for _ in range(int(rng.integers(0, 3))):
        s, t = rng.uniform(4, 25), rng.uniform(-left * 0.8, right * 0.8)
        tracks.append(builder.strip([s, s + 0.6], (t, t + 0.6), (0.011, 0.011), (0.2, 0.19, 0.18), Material.STONE, 0.3))
    builder.extend(0, join(tracks).flagged(IN_IMAGE))


def _pavement(builder: Builder, rng: np.random.Generator, plan: Plan, side: int) -> None:
    sign = (-1, 1)[side]
    inner, outer = sign * plan.half[side], sign * (plan.half[side] + plan.pavement[side])
    band, edge = (min(inner, outer), max(inner, outer)), (0.74, 0.73, 0.7)
    cuts = sorted({*SECTORS, *_mouth(plan, side)})
    for a, b in pairwise(cuts):
        if plan.at_junction(side, (a + b) / 2):
            _side_road(builder, plan, side, a, b)
            continue
        tone = np.array(plan.paving) * (1 + rng.normal(0, 0.02))
        flat = builder.strip(_steps(a, b), band, (KERB, KERB), tone, Material.PAVING, 2.2)
        kerb_z = (0.0, KERB) if side else (KERB, 0.0)
        face = builder.strip(_steps(a, b), (inner, inner + 0.001), kerb_z, np.array(edge) * 0.8, Material.STONE, 1.0)
        top_t = (inner, inner + sign * 0.16) if side else (inner + sign * 0.16, inner)
        top = builder.strip(_steps(a, b), top_t, (KERB + 0.004,) * 2, edge, Material.STONE, 1.0)
        builder.put(join([flat, face, top]), Cls.PAVEMENT)


def _mouth(plan: Plan, side: int) -> tuple[float, ...]:
    if plan.junction is None or not plan.junction_sides[side]:
        return ()
    return (plan.junction - SIDE_ROAD / 2, plan.junction + SIDE_ROAD / 2)


def _side_road(builder: Builder, plan: Plan, side: int, a: float, b: float) -> None:
    sign = (-1, 1)[side]
    near, far = sign * plan.half[side], sign * VERGE
    road = builder.strip([a, b], (min(near, far), max(near, far)), (0.0, 0.0), plan.asphalt, Material.ASPHALT, 2.6)
    builder.put(road, Cls.ROAD)
    for edge, out in ((a, -1), (b, 1)):
        if abs(edge - (plan.junction or 0)) < SIDE_ROAD / 2 - 0.01:
            continue
        walk_far = sign * (plan.half[side] + plan.pavement[side])
        span = (min(walk_far, far), max(walk_far, far))
        s = sorted((edge, edge + out * 1.8))
        walk = builder.strip(s, span, (KERB, KERB), plan.paving, Material.PAVING, 2.2)
        builder.put(walk, Cls.PAVEMENT)


def _verge(builder: Builder, rng: np.random.Generator, plan: Plan, side: int) -> None:
    """The plots behind the pavement: gardens, grass, or tarmac of a car park."""
    sign = (-1, 1)[side]
    inner = sign * (plan.half[side] + plan.pavement[side])
    band = (min(inner, sign * VERGE), max(inner, sign * VERGE))
    places = _steps(-6, 250)
    if plan.kind[side] == "open" and rng.random() < 0.35:
        part = builder.strip(places, band, (-0.02, -0.02), np.array(plan.asphalt) * 1.08, Material.ASPHALT, 2.6)
        builder.put(part, Cls.ROAD)
    elif plan.kind[side] in ("open", "avenue"):
        grass = np.array(plan.leaf) * 0.9 + 0.04
        builder.put(builder.strip(places, band, (KERB - 0.02,) * 2, grass, Material.FOLIAGE, 1.1), Cls.TREE)
    else:
        builder.put(builder.strip(places, band, (KERB - 0.02,) * 2, plan.paving, Material.PAVING, 2.2), Cls.PAVEMENT)


def _markings(builder: Builder, rng: np.random.Generator, plan: Plan) -> None:
    left, right = plan.half
    style = rng.choice(["dashes", "long", "solid", "none"], p=[0.5, 0.3, 0.1, 0.1])
    worn = np.array(_WHITE) * rng.uniform(0.8, 1.0)
    length, gap = {"dashes": (2.0, 4.0), "long": (4.0, 2.0)}.get(str(style), (6.0, 0.0))
    if style != "none":
        for s in np.arange(-4 + rng.uniform(0, 4), 120, length + gap):
            if not (plan.at_junction(0, s, 2.0) and plan.at_junction(1, s, 2.0)):
                builder.paint((s, s + length), (-0.06, 0.06), worn)
    for side, edge, sign in ((0, -left, 1), (1, right, -1)):
        choice = rng.choice(["double", "single", "none", "white"], p=[0.35, 0.2, 0.3, 0.15])
        offsets = {"double": (0.25, 0.45), "single": (0.25,), "white": (0.4,)}.get(str(choice), ())
        for offset in offsets:
            for a in np.arange(-5, 110, 5.0):
                if not plan.at_junction(side, a + 2.5, 2.0):
                    t = edge + sign * offset
                    builder.paint((a, a + 5.0), (t - 0.045, t + 0.045), worn if choice == "white" else _YELLOW)
    if rng.random() < 0.22:
        s = rng.uniform(7, 30)
        for t in np.arange(-left + 0.3, right - 0.5, 1.1):
            builder.paint((s, s + 2.8), (t, t + 0.6), worn)
        for edge in (s - 1.6, s + 4.2):
            builder.paint((edge, edge + 0.2), (-left, right), worn)
    elif rng.random() < 0.3:
        s = rng.uniform(8, 30)
        near, far = sorted((0.05 * plan.drive, plan.drive * plan.half[0 if plan.drive < 0 else 1]))
        builder.paint((s, s + 0.3), (near, far), worn)
    if rng.random() < 0.3:
        _arrow(builder, rng.uniform(7, 22), plan.drive * plan.half[0 if plan.drive < 0 else 1] / 2, worn)
    if rng.random() < 0.15:
        s0 = rng.uniform(9, 24)
        for k in range(5):
            _line(builder, (s0 + 1.6 * k, -left), (s0 + 1.6 * k + 5, right), _YELLOW)
            _line(builder, (s0 + 1.6 * k + 5, -left), (s0 + 1.6 * k, right), _YELLOW)


def _line(builder: Builder, a: tuple[float, float], b: tuple[float, float], colour: Tone, width: float = 0.1) -> None:
    p, q = builder.world(*a), builder.world(*b)
    side = np.array([q[1] - p[1], p[0] - q[0]]) / np.linalg.norm(q - p) * width / 2
    flat = np.array([p - side, q - side, q + side, p + side])
    builder.extend(0, _flat(flat, colour))


def _flat(points: np.ndarray, colour: np.ndarray | Tone) -> Soup:
    corners = np.concatenate([points, np.full((len(points), 1), 0.012)], 1)
    normal = np.zeros((1, 4, 3), np.float32)
    normal[..., 2] = 1
    return soup([corners], colour, normal=normal, material=Material.ASPHALT, flags=IN_IMAGE)


def _arrow(builder: Builder, s: float, t: float, colour: np.ndarray) -> None:
    builder.paint((s, s + 2.6), (t - 0.09, t + 0.09), colour)
    tip = np.stack(
        [
            builder.world(s + 2.4, t - 0.45),
            builder.world(s + 2.4, t + 0.45),
            builder.world(s + 4.0, t),
            builder.world(s + 4.0, t),
        ]
    )
    builder.extend(0, _flat(tip, colour))
