"""Who is in the street: parked and moving vehicles, people, cyclists."""

from __future__ import annotations

import numpy as np

from hrs.street import people, vehicles
from hrs.street.domains import Cls, Place
from hrs.street.ground import KERB, Plan
from hrs.street.soup import join
from hrs.street.world import Builder

_TROUSERS = ((0.13, 0.16, 0.28), (0.1, 0.1, 0.11), (0.3, 0.28, 0.24), (0.2, 0.24, 0.34), (0.45, 0.4, 0.32))
_SKIN = ((0.86, 0.66, 0.54), (0.78, 0.56, 0.43), (0.5, 0.34, 0.25), (0.92, 0.74, 0.63))
_HAIR = ((0.12, 0.09, 0.07), (0.35, 0.22, 0.12), (0.7, 0.55, 0.3), (0.5, 0.5, 0.5), (0.08, 0.08, 0.08))
_SHOES = ((0.08, 0.08, 0.08), (0.3, 0.2, 0.13), (0.8, 0.8, 0.8))


def fill_street(builder: Builder, rng: np.random.Generator, plan: Plan, place: Place, camera_t: float) -> None:
    """Add everybody. The camera stands at s = 0 and ``camera_t``; nothing is put on top of it."""
    for side in (0, 1):
        _parked(builder, rng, plan, place, side, camera_t)
    _moving(builder, rng, plan, place, camera_t)
    _walkers(builder, rng, plan, place)
    _cyclists(builder, rng, plan, place, camera_t)


def _vehicle(
    builder: Builder,
    rng: np.random.Generator,
    place: Place,
    kind: str,
    s: float,
    t: float,
    *,
    away: bool,
    braking: bool = False,
) -> None:
    paint = np.array(place.cars[rng.integers(len(place.cars))]) * rng.uniform(0.92, 1.06)
    if kind == "bus":
        paint = np.array(((0.62, 0.07, 0.08), (0.15, 0.3, 0.55), (0.2, 0.42, 0.25))[rng.integers(3)])
    elif kind == "van" and rng.random() < 0.6:
        paint = np.array((0.84, 0.84, 0.83))
    yaw = (0.0 if away else np.pi) + rng.normal(0, 0.02)
    part = vehicles.vehicle(kind, braking=braking and kind != "bus").painted(np.clip(paint, 0.03, 1))
    builder.stand(part, Cls.CAR, s, t, yaw=yaw, scale=(1.0, 1.0, rng.uniform(0.97, 1.04)))
    builder.foot(s, t, vehicles.LENGTH[kind] * 0.96, vehicles.WIDTH[kind] * 0.98)


def _kind(rng: np.random.Generator, place: Place, *, bus: bool = True) -> str:
    names = [n for n in place.kinds if bus or n != "bus"]
    weights = np.array([place.kinds[n] for n in names])
    return names[rng.choice(len(names), p=weights / weights.sum())]


def _parked(builder: Builder, rng: np.random.Generator, plan: Plan, place: Place, side: int, camera_t: float) -> None:
    sign = (-1, 1)[side]
    t = sign * (plan.half[side] - 1.0)
    away = sign == plan.drive
    start = 7.5 if abs(t - camera_t) < 2.1 else 3.0
    s = start + rng.uniform(0, 12)
    while s < 75:
        kind = _kind(rng, place, bus=False)
        if rng.random() < plan.parked[side] and not plan.at_junction(side, s, 5.0):
            _vehicle(
                builder,
                rng,
                place,
                kind,
                s,
                t + sign * rng.uniform(-0.1, 0.15),
                away=away if rng.random() < 0.85 else not away,
            )
        s += vehicles.LENGTH[kind] + rng.uniform(0.6, 2.5)
    if plan.kind[side] == "open" and rng.random() < 0.5:
        edge = sign * (plan.half[side] + plan.pavement[side] + 4.0)
        for s in np.arange(12, 60, 2.6):
            if rng.random() < 0.6 and not plan.at_junction(side, s, 4.0):
                part = vehicles.vehicle(_kind(rng, place, bus=False)).painted(place.cars[rng.integers(len(place.cars))])
                builder.stand(part, Cls.CAR, float(s), edge, yaw=float(rng.choice([-1, 1])) * np.pi / 2)
                builder.foot(float(s), edge, 4.2, 1.7, np.pi / 2)


def _moving(builder: Builder, rng: np.random.Generator, plan: Plan, place: Place, camera_t: float) -> None:
    count = int(rng.poisson(place.traffic))
    own = [float(v) for v in np.sort(rng.uniform(8, 70, count // 2 + int(rng.integers(2))))]
    last = 0.0
    for s in own:
        kind = _kind(rng, place)
        if s - last > vehicles.LENGTH[kind] + 4 and not (kind == "bus" and s < 16):
            _vehicle(
                builder,
                rng,
                place,
                kind,
                s,
                camera_t + rng.normal(0, 0.15),
                away=True,
                braking=bool(rng.random() < 0.4),
            )
            last = s + vehicles.LENGTH[kind] / 2
    lane = -plan.drive * plan.half[1 if plan.drive < 0 else 0] * 0.42
    side = 1 if plan.drive < 0 else 0
    if plan.parked[side] > 0 and plan.half[side] < 4.1:
        lane = -plan.drive * 0.95
    last = 0.0
    for s in np.sort(rng.uniform(5, 80, count - count // 2)):
        kind = _kind(rng, place)
        if s - last > vehicles.LENGTH[kind] + 4:
            _vehicle(builder, rng, place, kind, float(s), lane + rng.normal(0, 0.12), away=False)
            last = float(s)
    if plan.junction is not None and rng.random() < 0.35:
        side = int(rng.integers(2))
        if plan.junction_sides[side]:
            part = vehicles.vehicle(_kind(rng, place, bus=False)).painted(place.cars[rng.integers(len(place.cars))])
            t = (-1, 1)[side] * (plan.half[side] + rng.uniform(2.5, 9))
            builder.stand(part, Cls.CAR, plan.junction + 1.6, t, yaw=(-1, 1)[side] * np.pi / 2)
            builder.foot(plan.junction + 1.6, t, 4.2, 1.7, np.pi / 2)


def _outfit(rng: np.random.Generator, place: Place) -> list[np.ndarray]:
    tables = (place.coats, _TROUSERS, _SKIN, _HAIR, _SHOES)
    return [np.clip(np.array(table[rng.integers(len(table))]) * (1 + rng.normal(0, 0.08)), 0.02, 1) for table in tables]


def _walkers(builder: Builder, rng: np.random.Generator, plan: Plan, place: Place) -> None:
    for side in (0, 1):
        sign = (-1, 1)[side]
        busy = {"shops": 1.7, "terrace": 0.9, "avenue": 0.7, "open": 0.5}[plan.kind[side]]
        for _ in range(int(rng.poisson(place.people * busy / 2))):
            s = float(6 + 55 * rng.beta(1.1, 1.8))
            t = sign * (plan.half[side] + rng.uniform(0.5, plan.pavement[side] - 0.3))
            group = int(rng.choice([1, 2, 3], p=[0.68, 0.25, 0.07]))
            yaw = float(rng.choice([0, np.pi])) + rng.normal(0, 0.25)
            for k in range(group):
                _person(builder, rng, place, s + 0.2 * k, t + sign * 0.6 * k * 0.9, KERB, yaw)
    if rng.random() < 0.16:
        s, yaw = float(rng.uniform(11, 40)), float(rng.choice([-1, 1])) * np.pi / 2
        for _ in range(int(rng.integers(1, 4))):
            _person(builder, rng, place, s + rng.normal(0, 0.6), rng.uniform(-plan.half[0], plan.half[1]), 0.0, yaw)


def _person(builder: Builder, rng: np.random.Generator, place: Place, s: float, t: float, z: float, yaw: float) -> None:
    part = people.walker(int(rng.integers(people.POSES)), skirted=bool(rng.random() < 0.2)).painted(
        *_outfit(rng, place)
    )
    size = rng.uniform(0.9, 1.07) * (0.65 if rng.random() < 0.06 else 1.0)
    builder.stand(part, Cls.PEDESTRIAN, s, t, z=z, yaw=yaw, scale=size)
    builder.foot(s, t, 0.45, 0.45)


def _cyclists(builder: Builder, rng: np.random.Generator, plan: Plan, place: Place, camera_t: float) -> None:
    for _ in range(int(rng.poisson(1.5))):
        own = rng.random() < 0.65
        sign = plan.drive if own else -plan.drive
        side = 0 if sign < 0 else 1
        inset = 2.35 if plan.parked[side] > 0 else 0.7
        s, t = float(rng.uniform(7, 34)), sign * (plan.half[side] - inset - rng.uniform(0, 0.4))
        if own and abs(t - camera_t) < 0.8:
            t = camera_t + plan.drive * 1.0
        pose = int(rng.integers(4))
        bike = vehicles.bicycle().painted(rng.uniform(0.1, 0.7, 3))
        whole = join([bike, people.rider(pose).painted(*_outfit(rng, place))])
        builder.stand(whole, Cls.BICYCLIST, s, t, yaw=(0.0 if own else np.pi) + rng.normal(0, 0.06))
        builder.foot(s, t, 1.6, 0.3)
