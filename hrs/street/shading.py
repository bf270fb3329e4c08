"""Light, shadow, sky and air, computed per pixel from what the window gave. Colours in here are linear RGB floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.street.stage import Layers
from hrs.street.textures import noise
from hrs.street.world import FAR, Mood, Scene, View

Array = NDArray[np.float32]

_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
_UNIT = 4096
"""Steps of the display table from 0 to light 1; it goes on to light 3."""


def _display_table() -> NDArray[np.uint8]:
    light = np.arange(3 * _UNIT) / (_UNIT - 1)
    bent = np.where(light > 0.8, 1 - 0.2 * np.exp(-(np.maximum(light, 0.8) - 0.8) / 0.2), light)
    return np.asarray(np.round(255 * bent ** (1 / 2.2)), np.uint8)


_DISPLAY = _display_table()
_PATCH = (16.0, 64.0, 8.0)
"""Contact shadows are kept for x in +-16 m and y up to 64 m, at 8 pixels a metre."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """Where each pixel lies: ``ray`` (h w 3) unit depth, ``world`` (h w 3) metres."""

    ray: Array
    world: Array


def to_linear(image: NDArray[np.uint8]) -> Array:
    """Display values to linear light in 0..1."""
    return np.asarray(cv2.LUT(image, _LINEAR), np.float32)


def to_display(light: Array) -> NDArray[np.uint8]:
    """Linear light to display values, with a soft shoulder above 0.8 instead of a hard clip."""
    return _DISPLAY[np.clip(light * (_UNIT - 1), 0, len(_DISPLAY) - 1).astype(np.uint16)]


def locate(view: View, depth: Array) -> Points:
    """World positions of all pixels from their depth (h w)."""
    height, width = depth.shape
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / (view.focal * width)
    y = (height / 2 - 0.5 - np.arange(height, dtype=np.float32)) / (view.focal * width)
    right, up, ahead = view.axes.astype(np.float32)
    ray = x[None, :, None] * right + y[:, None, None] * up + ahead
    world = ray * depth[..., None] + np.array(view.position, np.float32)
    return Points(ray=ray, world=world)


def sky(mood: Mood, ray: Array) -> Array:
    """The sky in the direction of each ray (h w 3): a gradient, clouds on a plane overhead, a glow around the sun."""
    length = np.sqrt((ray * ray).sum(-1))
    rise = np.clip(ray[..., 2] / length, 0, 1)
    blend = np.power(rise, 0.5)[..., None]
    zenith, horizon = np.array(mood.zenith, np.float32), np.array(mood.horizon, np.float32)
    base = horizon + (zenith - horizon) * blend
    size = 512
    field = noise(size, 90 + mood.cloud_seed % 5, 6)
    drift = np.array([mood.cloud_seed % 997, mood.cloud_seed % 839], np.float32)
    scale = 170.0 / np.maximum(ray[..., 2] + 0.06, 0.05)
    u = np.mod(ray[..., 0] * scale + drift[0], size - 1).astype(np.float32)
    v = np.mod(ray[..., 1] * scale + drift[1], size - 1).astype(np.float32)
    puff = cv2.remap(field, u, v, cv2.INTER_LINEAR)
    cover = np.clip((puff + (mood.clouds - 0.5) * 3.0) * 0.7, 0, 1) * np.clip(rise * 7, 0, 1)
    light = np.array(mood.ambient, np.float32) + 0.22 * np.array(mood.sun_colour, np.float32)
    cloud = light * (0.82 - 0.1 * np.clip(puff, -1, 2))[..., None]
    base += (cloud - base) * (cover * (0.35 + 0.5 * mood.clouds))[..., None]
    to_sun = (ray @ np.array(mood.sun, np.float32)) / length
    base += (0.35 * np.power(np.clip(to_sun, 0, 1), 24))[..., None] * np.array(mood.sun_colour, np.float32)
    return base.astype(np.float32)


def sunlit(layers: Layers, points: Points) -> Array:
    """Share of sunlight (h w) that reaches each pixel, from the depth that the sun's camera saw."""
    height, width = layers.sun_depth.shape
    local = (points.world - layers.sun_at.astype(np.float32)) @ layers.sun_frame.T.astype(np.float32)
    scale = height / (2 * layers.sun_reach)
    u = local[..., 0] * scale + width / 2 - 0.5
    v = height / 2 - 0.5 - local[..., 1] * scale
    # A surface at a slant to the sun changes depth within one texel of the sun's picture; allow for as much.
    slant = np.sqrt(1 - layers.facing**2) / np.maximum(layers.facing, 0.15)
    bias = 0.05 + (0.35 + slant) / scale
    lit = np.zeros(u.shape, np.float32)
    for du, dv in ((-0.6, -0.3), (0.4, 0.6)):
        seen = cv2.remap(
            layers.sun_depth,
            u + np.float32(du),
            v + np.float32(dv),
            cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=1e4,
        )
        lit += local[..., 2] < seen + bias
    return np.asarray(cv2.blur(lit * np.float32(0.5), (3, 3)), np.float32)


def contact(footprints: Sequence[NDArray[np.float32]], points: Points) -> Array:
    """Darkening (h w) of the ground close to what stands on it; 1 where nothing is near."""
    reach, far, scale = _PATCH
    patch = np.zeros((int(far * scale), int(2 * reach * scale)), np.float32)
    for outline in footprints:
        corners = (outline + np.array([reach, 0], np.float32)) * scale
        cv2.fillPoly(patch, [np.round(corners).astype(np.int32)], 1.0)
    soft = cv2.GaussianBlur(patch, (0, 0), 0.28 * scale)
    u, v = (points.world[..., 0] + reach) * scale, points.world[..., 1] * scale
    near = cv2.remap(soft, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    fade = np.clip(1.6 - points.world[..., 2] * 6, 0, 1)
    return np.asarray(1 - 0.72 * near * fade, np.float32)


def shade(scene: Scene, layers: Layers, points: Points, albedo: Array, tint: Array | None = None) -> Array:
    """Light the albedo (h w 3, linear); ``tint`` (h w 3) multiplies the light where given."""
    mood = scene.mood
    sun = (layers.facing * sunlit(layers, points))[..., None] * np.array(mood.sun_colour, np.float32)
    light = (sun + np.array(mood.ambient, np.float32)) * contact(scene.footprints, points)[..., None]
    if tint is not None:
        light *= tint
    picture = albedo * light
    height, width = layers.owner.shape
    # The sky is smooth: a half-size one, enlarged, cannot be told from a full one.
    backdrop = cv2.resize(sky(mood, points.ray[::2, ::2]), (width, height), interpolation=cv2.INTER_LINEAR)
    is_sky = layers.owner == 0
    air = np.exp(-mood.fog * np.minimum(layers.depth, FAR))[..., None]
    veil = (0.7 * np.array(mood.horizon) + 0.3 * np.array(mood.zenith)).astype(np.float32)
    picture -= veil
    picture *= air
    picture += veil
    picture[is_sky] = backdrop[is_sky] if tint is None else backdrop[is_sky] * tint[is_sky]
    return np.asarray(picture, np.float32)


def wet_road(scene: Scene, picture: Array, road: NDArray[np.bool_]) -> Array:
    """Mix the mirrored upper half into the road: rows are mirrored about the horizon and smeared downwards."""
    height, width = road.shape
    view = scene.view
    horizon = height / 2 + np.tan(view.pitch) * view.focal * width
    rows = np.arange(height, dtype=np.float32)
    # The mirror image of something on the facade line lies lower than the horizon's plain reflection.
    source = np.clip(2 * horizon - rows, 0, horizon)
    grid = np.repeat(source[:, None], width, 1).astype(np.float32)
    columns = np.repeat(np.arange(width, dtype=np.float32)[None], height, 0)
    mirror = cv2.remap(picture, columns, grid, cv2.INTER_LINEAR)
    mirror = cv2.blur(mirror, (max(1, width // 90), max(1, height // 24)))
    share = (np.float32(scene.mood.wet) * road)[..., None]
    return np.asarray(picture * (1 - share * 1.15) + mirror * share * 0.8, np.float32)
