"""What lines the street: houses, fences, trees, lamps, signs, and the closing view at its end."""

from __future__ import annotations

import numpy as np

from hrs.street import furniture, plants
from hrs.street.buildings import draw_style, house
from hrs.street.domains import Cls, Place
from hrs.street.ground import KERB, SIDE_ROAD, Plan
from hrs.street.soup import Soup, join
from hrs.street.world import Builder


def line_street(builder: Builder, rng: np.random.Generator, plan: Plan, place: Place) -> None:
    """Put up both sides and the far end."""
    for side in (0, 1):
        kind = plan.kind[side]
        edge = plan.half[side] + plan.pavement[side]
        setback = {
            "terrace": rng.choice([0.0, 0.0, 2.5]),
            "shops": 0.0,
            "avenue": rng.uniform(4.0, 7.0),
            "open": rng.uniform(16, 28),
        }[kind]
        _houses(builder, rng, plan, place, side, edge + setback)
        if setback > 1.0:
            _boundary(builder, rng, plan, side, edge + 0.2)
        if kind in ("avenue", "open"):
            _garden_trees(builder, rng, plan, place, side, edge + 1.2, edge + max(setback - 2.0, 2.5))
        if kind == "open":
            _garden_trees(builder, rng, plan, place, side, edge + setback * 0.5, edge + setback + 12)
        _kerbside(builder, rng, plan, place, side)
    _closing(builder, rng, plan, place)


def _front(builder: Builder, part: Soup, cls: Cls, side: int, s0: float, s1: float, offset: float) -> None:
    """Stand something that spans x = 0..(s1 - s0) along the street, fronted at ``offset`` from the middle."""
    a, b = (builder.world(s, (-1, 1)[side] * offset) for s in ((s0, s1) if side == 0 else (s1, s0)))
    yaw = float(np.arctan2(b[1] - a[1], b[0] - a[0]))
    builder.put(part.placed(float(a[0]), float(a[1]), yaw=yaw), cls)


def _houses(builder: Builder, rng: np.random.Generator, plan: Plan, place: Place, side: int, offset: float) -> None:
    kind = plan.kind[side]
    s = rng.uniform(-14, -7)
    run = 0
    style = draw_style(rng, place.city, "terrace")
    while s < plan.length:
        if run <= 0:
            pick = {
                "terrace": ("terrace", "terrace", "villa"),
                "shops": ("shop", "shop", "shop", "block"),
                "avenue": ("villa", "terrace"),
                "open": ("block", "terrace", "villa"),
            }[kind]
            style = draw_style(rng, place.city, str(rng.choice(pick)))
            run = int(rng.integers(2, 5)) if style.kind == "terrace" else 1
        width = {
            "terrace": rng.uniform(4.6, 6.5),
            "shop": rng.uniform(5.5, 9.5),
            "block": rng.uniform(14, 26),
            "villa": rng.uniform(7, 10),
        }[style.kind]
        run -= 1
        if _crosses(plan, side, s, s + width):
            s = (plan.junction or 0.0) + SIDE_ROAD / 2 + 2.2
            continue
        _front(builder, house(rng, style, width), Cls.BUILDING, side, s, s + width, offset)
        a, b = builder.world([s, s + width], (-1, 1)[side] * offset)
        inward = builder.world([s + width, s], (-1, 1)[side] * (offset + 3.0))
        builder.footprints.append(np.concatenate([[a], [b], inward]).astype(np.float32))
        s += width
        gap = {"terrace": 0.06, "shops": 0.05, "avenue": 0.75, "open": 0.8}[kind]
        if rng.random() < gap and run <= 0:
            s += rng.uniform(3, 7) if kind != "open" else rng.uniform(8, 30)


def _crosses(plan: Plan, side: int, a: float, b: float) -> bool:
    if plan.junction is None or not plan.junction_sides[side]:
        return False
    margin = SIDE_ROAD / 2 + 2.0
    return a < plan.junction + margin and b > plan.junction - margin


def _boundary(builder: Builder, rng: np.random.Generator, plan: Plan, side: int, offset: float) -> None:
    """Fence, wall or hedge between the pavement and the gardens."""
    s = rng.uniform(-6, -2)
    while s < min(plan.length, 110):
        what = rng.choice(["wall", "wood", "rail", "hedge", "gap"], p=[0.2, 0.12, 0.2, 0.28, 0.2])
        tone = rng.uniform(0.9, 1.1) * np.array(
            [(0.6, 0.38, 0.3), (0.45, 0.33, 0.22), (0.72, 0.7, 0.65)][rng.integers(3)]
        )
        for _ in range(int(rng.integers(1, 4))):
            length = 4.0
            if not _crosses(plan, side, s, s + length) and what != "gap":
                if what == "hedge":
                    part = plants.hedge(int(rng.integers(plants.VARIANTS))).painted(plan.leaf).placed(2.0, 0, KERB)
                    _front(builder, part, Cls.TREE, side, s, s + length, offset + 0.4)
                else:
                    part = (
                        furniture.railing(length, int(rng.integers(3)))
                        if what == "rail"
                        else furniture.fence(length, int(rng.integers(1, 3)) if what == "wall" else 0).painted(tone)
                    )
                    _front(builder, part.placed(0, 0, KERB), Cls.FENCE, side, s, s + length, offset)
            s += length
        s += rng.choice([0.0, 1.2, 3.0])


def _tree(
    builder: Builder, rng: np.random.Generator, plan: Plan, place: Place, s: float, t: float, kind: str | None = None
) -> None:
    names = list(place.trees)
    weights = np.array([place.trees[n] for n in names])
    name = kind or (plan.tree if rng.random() < 0.6 else names[rng.choice(len(names), p=weights / weights.sum())])
    leaf = np.array(plan.leaf) * (1 + rng.normal(0, 0.08, 3))
    bark = np.array(place.bark[rng.integers(len(place.bark))])
    part = plants.tree(name, int(rng.integers(plants.VARIANTS)), coarse=int(s > 20) + int(s > 42)).painted(leaf, bark)
    size = rng.uniform(0.75, 1.35)
    builder.stand(
        part, Cls.TREE, s, t, z=KERB, yaw=rng.uniform(0, 6.3), scale=(size, size, size * rng.uniform(0.85, 1.2))
    )
    builder.foot(s, t, 0.4, 0.4)


def _garden_trees(
    builder: Builder, rng: np.random.Generator, plan: Plan, place: Place, side: int, near: float, far: float
) -> None:
    for s in np.arange(rng.uniform(4, 12), 120, rng.uniform(6, 14)):
        if rng.random() < 0.7 and not plan.at_junction(side, s, 2.5):
            _tree(builder, rng, plan, place, float(s + rng.uniform(-2, 2)), (-1, 1)[side] * rng.uniform(near, far))


def _kerbside(builder: Builder, rng: np.random.Generator, plan: Plan, place: Place, side: int) -> None:
    """Lamps, signs, street trees, lights, bollards and railings along the kerb."""
    sign = (-1, 1)[side]
    kerb = sign * (plan.half[side] + 0.45)
    lamp = int(rng.integers(3))
    for s in np.arange(rng.uniform(5, 22), 130, rng.uniform(18, 30)):
        if not plan.at_junction(side, s, 1.0):
            builder.stand(furniture.lamp(lamp), Cls.POLE, float(s), kerb, z=KERB, yaw=0.0 if side == 0 else np.pi)
            builder.foot(float(s), kerb, 0.3, 0.3)
    if rng.random() < 0.3:
        for s in np.arange(rng.uniform(8, 20), 110, rng.uniform(9, 16)):
            if not plan.at_junction(side, s, 3.0):
                _tree(builder, rng, plan, place, float(s), kerb + sign * 0.3, plan.tree)
    for s in rng.uniform(6, 60, int(rng.integers(1, 5))):
        if not plan.at_junction(side, s, 0.5):
            _sign(builder, rng, float(s), kerb + sign * rng.uniform(0, 0.6))
    if plan.junction is not None and rng.random() < 0.6:
        for s, facing in ((plan.junction - SIDE_ROAD / 2 - 2.0, 0.0), (plan.junction + SIDE_ROAD / 2 + 2.0, 0.0)):
            _lights(builder, rng, s, kerb, facing)
    if rng.random() < 0.3:
        s0, kind = rng.uniform(5, 30), int(rng.integers(3))
        for k in range(int(rng.integers(3, 8))):
            if not plan.at_junction(side, s0 + 1.8 * k, 0.3):
                builder.stand(furniture.bollard(kind), Cls.POLE, s0 + 1.8 * k, kerb, z=KERB)
    elif rng.random() < 0.32:
        s0, kind = rng.uniform(3, 25), int(rng.integers(3))
        for k in range(int(rng.integers(2, 6))):
            if not _crosses(plan, side, s0 + 4 * k, s0 + 4 * k + 4):
                rail = furniture.railing(4.0, kind).placed(0, 0, KERB)
                _front(builder, rail, Cls.FENCE, side, s0 + 4 * k, s0 + 4 * k + 4, abs(kerb) - 0.1)


def _sign(builder: Builder, rng: np.random.Generator, s: float, t: float) -> None:
    kind = int(rng.integers(10))
    size = rng.uniform(0.6, 0.95)
    height = rng.uniform(2.1, 2.7)
    turn = rng.normal(0, 0.12)
    builder.stand(furniture.post(height + size * 0.9, 0.045, (0.45, 0.46, 0.47)), Cls.POLE, s, t, z=KERB)
    builder.stand(furniture.sign_board(kind, height, size), Cls.SIGN, s, t, z=KERB, yaw=turn)
    if rng.random() < 0.25:
        builder.stand(furniture.sign_board(6, height - 0.65, 0.5), Cls.SIGN, s, t, z=KERB, yaw=turn)


def _lights(builder: Builder, rng: np.random.Generator, s: float, t: float, facing: float) -> None:
    state = int(rng.choice([0, 2, 1], p=[0.5, 0.4, 0.1]))
    builder.stand(furniture.post(3.5, 0.06, (0.1, 0.1, 0.11)), Cls.POLE, s, t, z=KERB)
    head = furniture.traffic_light_head(state, 2.35).placed(0, -0.06)
    builder.stand(head, Cls.SIGN, s, t, z=KERB, yaw=facing)


def _closing(builder: Builder, rng: np.random.Generator, plan: Plan, place: Place) -> None:
    """Houses and trees across the end, so that the street does not run into an empty horizon."""
    end = plan.length + 14
    middle = float(builder.world(end, 0.0)[0])
    x = middle - 75.0
    parts: list[Soup] = []
    while x < middle + 75:
        width = rng.uniform(7, 16)
        if rng.random() < 0.8:
            style = draw_style(rng, place.city, str(rng.choice(["terrace", "villa", "block"])))
            parts.append(house(rng, style, width).placed(x, end + rng.uniform(0, 14)))
        x += width
    builder.put(join(parts), Cls.BUILDING)
    for dx in rng.uniform(-60, 60, 12):
        part = plants.tree(plan.tree, int(rng.integers(plants.VARIANTS)), coarse=2).painted(plan.leaf, place.bark[0])
        builder.put(
            part.placed(middle + dx, end - rng.uniform(2, 7), yaw=rng.uniform(0, 6), scale=rng.uniform(0.8, 1.5)),
            Cls.TREE,
        )
