"""From scene light to a photograph: lens, exposure, sensor and JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.street.shading import Array, to_display
from hrs.system.images import decode_rgb, encode


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One photograph's settings. Lengths are in pixels of a frame 480 wide and scale with the width."""

    distortion: float
    """Radial coefficient at the corner: negative is barrel."""
    fringe: float
    """Lateral chromatic aberration, relative scale of red against blue."""
    vignette: float
    exposure: float
    """Factor on the light."""
    balance: tuple[float, float, float]
    contrast: float
    saturation: float
    blur: float
    motion: float
    motion_angle: float
    read_noise: float
    shot_noise: float
    quality: int


def draw_shot(rng: np.random.Generator) -> Shot:
    """Settings of one photograph."""
    dusk = rng.random() < 0.14
    warm = rng.normal(0, 0.05)
    return Shot(
        distortion=float(rng.uniform(-0.075, 0.02)),
        fringe=float(rng.uniform(0, 0.0022)),
        vignette=float(rng.uniform(0.1, 0.45)),
        exposure=float(2 ** rng.normal(-1.5 if dusk else 0.0, 0.35)),
        balance=(float(1 + warm), float(1 + rng.normal(0, 0.015)), float(1 - warm)),
        contrast=float(rng.uniform(0.9, 1.35)),
        saturation=float(rng.uniform(0.65, 1.05)),
        blur=float(rng.uniform(0.35, 0.95)),
        motion=float(rng.choice([0.0, rng.uniform(1.0, 4.0)], p=[0.6, 0.4])),
        motion_angle=float(rng.uniform(0, np.pi)),
        read_noise=float(rng.uniform(0.001, 0.006) * (1.6 if dusk else 1.0)),
        shot_noise=float(rng.uniform(0.005, 0.028)),
        quality=int(rng.integers(68, 93)),
    )


def _lens(shot: Shot, height: int, width: int, scale: float) -> tuple[Array, Array]:
    """Where each pixel of the photograph looks in the drawing. Corners stay inside."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    half = np.float32(np.hypot(width, height) / 2)
    dx, dy = (x - (width - 1) / 2) / half, (y - (height - 1) / 2) / half
    bend = 1 - shot.distortion * (dx * dx + dy * dy)
    fit = np.float32(scale / max(1.0, 1 - shot.distortion))
    return (width - 1) / 2 + dx * bend * half * fit, (height - 1) / 2 + dy * bend * half * fit


def photograph(
    light: Array, label: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Take a photograph of linear light (h w 3): the 8-bit picture (h w 3) and the label seen through the same lens."""
    shot = draw_shot(rng)
    height, width = label.shape
    unit = width / 480
    channels = []
    for channel, scale in enumerate((1 - shot.fringe, 1 - shot.fringe / 2, 1.0)):
        u, v = _lens(shot, height, width, scale)
        plane = np.ascontiguousarray(light[..., channel])
        channels.append(cv2.remap(plane, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    u, v = _lens(shot, height, width, 1 - shot.fringe / 2)
    seen = cv2.remap(label, u, v, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    picture = _focus(shot, np.stack(channels, -1), unit)
    picture = _expose(shot, picture)
    picture = _sensor(shot, picture, rng)
    return _jpeg(_grade(shot, to_display(picture)), shot.quality), np.asarray(seen, np.uint8)


def _focus(shot: Shot, picture: Array, unit: float) -> Array:
    blurred = cv2.GaussianBlur(picture, (0, 0), max(0.2, shot.blur * unit))
    length = shot.motion * unit
    if length < 1.0:
        return np.asarray(blurred, np.float32)
    size = 2 * int(np.ceil(length)) + 1
    steps = np.linspace(-length / 2, length / 2, 9)
    kernel = np.zeros((size, size), np.float32)
    for step in steps:
        dot = np.array([[1, 0, step * np.cos(shot.motion_angle)], [0, 1, step * np.sin(shot.motion_angle)]], np.float32)
        point = np.zeros((size, size), np.float32)
        point[size // 2, size // 2] = 1
        kernel += cv2.warpAffine(point, dot, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.filter2D(blurred, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.float32)


def _expose(shot: Shot, picture: Array) -> Array:
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    r2 = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2
    fall = (1 - shot.vignette * r2)[..., None]
    return np.asarray(picture * fall * (np.array(shot.balance, np.float32) * np.float32(shot.exposure)), np.float32)


def _sensor(shot: Shot, picture: Array, rng: np.random.Generator) -> Array:
    grain = rng.standard_normal(picture.shape, dtype=np.float32)
    # Demosaicking and the camera's own denoising leave noise that is correlated over about a pixel.
    grain = cv2.GaussianBlur(grain, (0, 0), 0.6) * 1.9
    spread = np.sqrt(np.maximum(picture, 0) * shot.shot_noise**2 + shot.read_noise**2)
    return np.asarray(np.maximum(picture + grain * spread, 0), np.float32)


def _grade(shot: Shot, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    value = picture.astype(np.float32) / 255
    grey = value @ np.array([0.3, 0.59, 0.11], np.float32)
    value = grey[..., None] + (value - grey[..., None]) * np.float32(shot.saturation)
    value = (value - 0.45) * np.float32(shot.contrast) + 0.45
    return np.asarray(np.clip(value * 255 + 0.5, 0, 255), np.uint8)


def _jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    return np.asarray(decode_rgb(encode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))), np.uint8)
