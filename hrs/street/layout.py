"""The procedural layout of one street: what stands where, drawn from a seed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hrs.street.domains import Cls, Place, place_of
from hrs.street.ground import Plan, lay_ground
from hrs.street.mood import draw_mood
from hrs.street.roadside import line_street
from hrs.street.traffic import fill_street
from hrs.street.world import Builder, Scene, View


def _choice(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    names = list(weights)
    p = np.array([weights[n] for n in names])
    return names[rng.choice(len(names), p=p / p.sum())]


def _draw_plan(rng: np.random.Generator, place: Place, domain: str) -> Plan:
    left = _choice(rng, place.streets)
    right = left if rng.random() < 0.55 else _choice(rng, place.streets)
    junction = float(rng.uniform(16, 45)) if rng.random() < 0.35 else None
    return Plan(
        drive=-1 if domain == "camera" or rng.random() < 0.4 else 1,
        half=(float(rng.uniform(3.5, 4.8)), float(rng.uniform(3.5, 4.8))),
        pavement=(float(rng.uniform(1.5, 2.8)), float(rng.uniform(1.5, 2.8))),
        kind=(left, right),
        junction=junction,
        junction_sides=(bool(rng.random() < 0.75), bool(rng.random() < 0.75)),
        parked=(float(rng.choice([0.0, 0.3, 0.7])), float(rng.choice([0.0, 0.3, 0.7]))),
        asphalt=place.asphalt[rng.integers(len(place.asphalt))],
        paving=place.paving[rng.integers(len(place.paving))],
        leaf=place.leaves[rng.integers(len(place.leaves))],
        tree=_choice(rng, place.trees),
        length=float(rng.uniform(90, 170)),
    )


def build_scene(domain: str, seed: int, index: int) -> Scene:
    """Frame ``index`` of a domain's corpus ``seed``; a pure function of its arguments."""
    place = place_of(domain)
    rng = np.random.default_rng([place.seed, seed, index, 1])
    plan = _draw_plan(rng, place, domain)
    bend = float(rng.choice([0.0, rng.normal(0, 0.002), rng.normal(0, 0.006)], p=[0.4, 0.35, 0.25]))
    builder = Builder(bend=bend)
    mood = draw_mood(rng, domain)
    lay_ground(builder, rng, plan)
    line_street(builder, rng, plan, place)
    t = plan.drive * plan.half[0 if plan.drive < 0 else 1] * rng.uniform(0.38, 0.55)
    fill_street(builder, rng, plan, place, t)
    view = View(
        position=(float(t), 0.0, float(rng.uniform(1.3, 1.55))),
        yaw=float(rng.normal(0, 0.05)),
        pitch=float(rng.normal(-0.015, 0.025)),
        focal=float(rng.uniform(0.86, 1.0)),
    )
    info = {
        "weather": mood.weather,
        "sun": [round(v, 4) for v in mood.sun],
        "street": list(plan.kind),
        "junction": plan.junction is not None,
        "drives_on": "left" if plan.drive < 0 else "right",
        "objects": {c.name.lower(): builder.classes.count(int(c)) for c in Cls if c != Cls.SKY},
    }
    return builder.scene(view, mood, info)
