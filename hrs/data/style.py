"""The colours of photos on synthetic frames: each channel of a frame gets mean and spread of a photo's."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

STILL = 1e-3
"""Spread below which a channel has no contrast that could be changed."""


def colour_moments(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean and deviation of each channel of CIE Lab, (2 3), of an RGB image (h w 3)."""
    pixels = _to_lab(image).reshape(-1, 3)
    return np.stack([pixels.mean(axis=0), pixels.std(axis=0)])


def restyle(image: NDArray[np.uint8], moments: NDArray[np.float32]) -> NDArray[np.uint8]:
    """An RGB image (h w 3) with the `colour_moments` of another (Reinhard et al., Color Transfer between Images, 2001;
    here in Lab, as is usual)."""
    lab = _to_lab(image)
    mean, spread = lab.mean(axis=(0, 1)), lab.std(axis=(0, 1))
    gain = np.where(spread > STILL, moments[1] / np.maximum(spread, STILL), 1.0)
    moved = ((lab - mean) * gain + moments[0]).astype(np.float32)
    rgb = cv2.cvtColor(moved, cv2.COLOR_Lab2RGB)
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def all_moments(images: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """`colour_moments` of each image, (n 2 3)."""
    return np.stack([colour_moments(image) for image in images])


def _to_lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)
