"""Light and weather of a frame."""

from __future__ import annotations

import numpy as np

from hrs.street.world import Mood

WEATHERS = ("clear", "fair", "overcast", "wet", "fog", "low sun")
_WEIGHTS = {"synthetic": (0.36, 0.26, 0.14, 0.08, 0.06, 0.10), "camera": (0.2, 0.22, 0.28, 0.12, 0.06, 0.12)}

Linear = tuple[float, float, float]


def _rgb(values: np.ndarray) -> Linear:
    return (float(values[0]), float(values[1]), float(values[2]))


def draw_mood(rng: np.random.Generator, domain: str) -> Mood:
    """Weather, sun and sky of one frame."""
    weather = WEATHERS[rng.choice(len(WEATHERS), p=_WEIGHTS[domain])]
    sunny = {"clear": 1.0, "fair": 0.85, "overcast": 0.08, "wet": 0.12, "fog": 0.1, "low sun": 0.9}[weather]
    height = np.radians(rng.uniform(9, 18) if weather == "low sun" else rng.uniform(25, 58))
    azimuth = rng.uniform(0, 2 * np.pi)
    sun = np.array([np.sin(azimuth) * np.cos(height), np.cos(azimuth) * np.cos(height), np.sin(height)])
    warm = np.array([1.0, 0.78, 0.52]) if weather == "low sun" else np.array([1.0, 0.95, 0.87])
    sun_colour = 2.0 * sunny * warm * rng.uniform(0.85, 1.15)
    grey = np.array([0.92, 0.97, 1.0])
    blue = np.array([0.80, 0.93, 1.12]) if sunny > 0.5 else grey
    ambient = blue * (rng.uniform(0.55, 0.75) if sunny > 0.5 else rng.uniform(0.95, 1.35))
    if sunny > 0.5:
        zenith, horizon = np.array([0.16, 0.36, 0.86]), np.array([0.66, 0.82, 1.0])
        if weather == "low sun":
            zenith, horizon = np.array([0.28, 0.42, 0.75]), np.array([1.1, 0.85, 0.6])
    else:
        zenith = grey * rng.uniform(0.5, 0.95)
        horizon = zenith * rng.uniform(1.05, 1.3)
    if domain == "camera":
        pale = np.array([0.95, 0.98, 1.02])
        zenith, horizon = 0.5 * zenith + 0.5 * pale * zenith.mean() * 1.5, 0.45 * horizon + 0.6 * pale
    clouds = {"clear": rng.uniform(0, 0.25), "fair": rng.uniform(0.3, 0.6), "low sun": rng.uniform(0.1, 0.5)}.get(
        weather, 0.95
    )
    fog = {"fog": rng.uniform(0.012, 0.026), "wet": rng.uniform(0.002, 0.006), "overcast": rng.uniform(0.001, 0.004)}
    return Mood(
        weather=weather,
        sun=_rgb(sun),
        sun_colour=_rgb(sun_colour),
        ambient=_rgb(ambient),
        zenith=_rgb(zenith),
        horizon=_rgb(horizon),
        clouds=float(clouds),
        cloud_seed=int(rng.integers(1 << 30)),
        fog=float(fog.get(weather, rng.uniform(0.0005, 0.002))),
        wet=float(rng.uniform(0.25, 0.5)) if weather == "wet" else 0.0,
    )
