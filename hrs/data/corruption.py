"""Views as other cameras, hours and weather make them: exposure, haze, darkness, blur, noise and JPEG's blocks.

After Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR
2019, section 4, but milder, and several at once.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

_EXPOSURE, _HAZE, _DARK, _BLUR, _NOISE, _JPEG = 0.5, 0.2, 0.15, 0.25, 0.25, 0.25  # how often each comes
_GAMMA = 0.7  # largest logarithm of the exponent
_THICKEST = 0.5  # share of the haze in a pixel
_LEAST_LIGHT, _MORE_LIGHT = 0.15, 0.35
_MOST_NOISE = 12.0  # standard deviation, of 255
_LEAST_BLUR, _MORE_BLUR = 0.5, 1.0  # standard deviation in pixels
_LEAST_QUALITY, _MORE_QUALITY = 15, 45


def corrupt(image: NDArray[np.uint8], rng: np.random.Generator, often: float) -> NDArray[np.uint8]:
    """An image as another camera could have taken it at another time.

    Args:
        image: RGB, uint8 (h, w, 3).
        rng: gives all randomness.
        often: in [0, 1], a factor on how often each kind comes: at 1 six of seven images have at least one, at 0 none.
    """
    draws, amounts = rng.random(6), rng.random(6)
    exposed, hazy, dark, blurred, noisy, packed = draws < often * np.array(
        [_EXPOSURE, _HAZE, _DARK, _BLUR, _NOISE, _JPEG]
    )
    values, noise = np.arange(256) / 255.0, 0.0
    if exposed:
        values = values ** math.exp(_GAMMA * (2 * amounts[0] - 1))
    if hazy:
        values = values + _THICKEST * amounts[1] * (0.6 + 0.4 * amounts[2] - values)
    if dark:
        values = values * (_LEAST_LIGHT + _MORE_LIGHT * amounts[2])
        noise = _MOST_NOISE * amounts[1]  # a sensor at night
    if exposed or hazy or dark:
        image = cv2.LUT(image, np.clip(255 * values + 0.5, 0, 255).astype(np.uint8))  # type: ignore[assignment]
    if blurred:
        image = cv2.GaussianBlur(image, (0, 0), _LEAST_BLUR + _MORE_BLUR * amounts[3])  # type: ignore[assignment]
    if noisy:
        noise = max(noise, _MOST_NOISE * amounts[4])
    if noise:
        drawn = rng.standard_normal(image.shape, dtype=np.float32)
        image = np.clip(image + noise * drawn, 0, 255).astype(np.uint8)
    return _through_jpeg(image, int(_LEAST_QUALITY + _MORE_QUALITY * amounts[5])) if packed else image


def _through_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, packed = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(packed, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)  # type: ignore[arg-type,return-value]
