"""Joint augmentation of an image, its label, its regions and its planted mask.

Everything is numpy and OpenCV on uint8, and all randomness comes from one `numpy.random.Generator`, so a seed fixes the
result. Maps are moved by nearest neighbour (the pixel under each centre) and never get values of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.data.corruption import corrupt
from hrs.data.regions import compact_regions
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.system.images import LUMA

__all__ = ["PAD_COLOUR", "Sample", "augment", "compact_regions", "fit", "mirror", "resize", "under_centres"]

PAD_COLOUR = (124, 116, 104)
"""RGB beside a frame that does not fill its crop: the ImageNet mean, which normalises to zero."""
NO_REGION = -1
"""Region id of a padded pixel."""

_HUE_DEGREES = 60.0  # turn of the colour wheel at jitter 1

Map = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One frame. All arrays have the same height and width.

    image: RGB, uint8 (h, w, 3).
    label: uint8 (h, w), class ids or IGNORE; None for an unlabelled photo.
    regions: int32 (h, w), region ids, -1 where there is none.
    planted: uint8 (h, w), what the renderer planted there, 0 for nothing.

    Raises ValueError where a type or size differs.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.uint8] | None = None
    regions: NDArray[np.int32] | None = None
    planted: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise ValueError(f"image is {self.image.dtype} {self.image.shape}; expected uint8 (h, w, 3)")
        _check_map("label", self.label, np.uint8, self.size)
        _check_map("regions", self.regions, np.int32, self.size)
        _check_map("planted", self.planted, np.uint8, self.size)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.image.shape[:2]
        return height, width


def resize(sample: Sample, height: int, width: int) -> Sample:
    """The whole frame at another size (pixels, at least 1); the aspect ratio is not kept."""
    _check_size(height, width)
    if sample.size == (height, width):
        return sample
    rows, columns = under_centres(sample.size[0], height), under_centres(sample.size[1], width)
    return _each(
        sample,
        lambda image: _resize_image(image, height, width),
        lambda values, _: values[rows[:, None], columns],
    )


def fit(sample: Sample, height: int, width: int) -> Sample:
    """The frame as evaluation sees it: all of it, resized, nothing random."""
    return resize(sample, height, width)


def mirror(sample: Sample) -> Sample:
    """The frame seen in a mirror: left and right swapped."""
    return _each(sample, lambda image: cv2.flip(image, 1), lambda values, _: cv2.flip(values, 1))


def augment(
    sample: Sample,
    rng: np.random.Generator,
    *,
    height: int,
    width: int,
    scale: tuple[float, float] = (0.75, 1.5),
    flip: bool = True,
    jitter: float = 0.3,
    corruption: float = 0.0,
) -> Sample:
    """A random view of a frame for training: scale, crop or pad, mirror, colours, corruptions.

    Args:
        sample: the frame, of any size.
        rng: gives all randomness; zoom, place, mirror and colours are drawn first, whatever the options.
        height, width: size of the result in pixels.
        scale: smallest and largest enlargement of the frame against ``height`` x ``width`` (drawn evenly in its
            logarithm). At 1 the whole frame is seen, above 1 a part of it, below 1 all of it with a border: image
            PAD_COLOUR, label IGNORE, regions -1, planted 0.
        flip: mirror every other frame.
        jitter: strength of the change of brightness, contrast, saturation and hue, in [0, 1]; 0 leaves colours alone.
        corruption: how often the view is corrupted, in [0, 1], as `hrs.data.corruption.corrupt` takes it.

    Returns:
        A new sample. Region ids keep their values, so some may be missing: see `compact_regions`.

    Raises:
        HRSError: an option out of range.
    """
    _check_size(height, width)
    _check_options(scale, jitter=jitter, corruption=corruption)
    draws = rng.random(8)
    factor = math.exp(math.log(scale[0]) + draws[0] * math.log(scale[1] / scale[0]))
    scaled = max(1, round(height * factor)), max(1, round(width * factor))
    view = _crop(sample, scaled, (height, width), draws[1], draws[2])
    if flip and draws[3] < 0.5:
        view = mirror(view)
    image = _jitter(view.image, jitter * (2 * draws[4:8] - 1)) if jitter else view.image
    return replace(view, image=corrupt(image, rng, corruption) if corruption else image)


def _crop(sample: Sample, scaled: tuple[int, int], size: tuple[int, int], down: float, right: float) -> Sample:
    """Resize to ``scaled`` and cut (or pad to) ``size``; ``down`` and ``right`` in [0, 1) say where."""
    rows = _Span.place(sample.size[0], scaled[0], size[0], down)
    columns = _Span.place(sample.size[1], scaled[1], size[1], right)

    def cut_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        part = _resize_image(image, *scaled)[rows.start : rows.stop, columns.start : columns.stop]
        return _pad(part, rows, columns, PAD_COLOUR)

    def cut_map(values: Map, fill: int) -> Map:
        return _pad(values[rows.source[:, None], columns.source], rows, columns, (fill,))

    return _each(sample, cut_image, cut_map)


@dataclass(frozen=True, kw_only=True)
class _Span:
    """One axis of a crop: ``start:stop`` of the scaled frame, ``before`` and ``after`` pixels of border, and the
    index in the original frame of every pixel kept."""

    start: int
    stop: int
    before: int
    after: int
    source: NDArray[np.int64]

    @staticmethod
    def place(original: int, scaled: int, size: int, where: float) -> _Span:
        slack = scaled - size
        offset = int(where * (abs(slack) + 1))
        start, before = (offset, 0) if slack >= 0 else (0, offset)
        stop = start + min(scaled, size)
        after = size - before - (stop - start)
        source = under_centres(original, scaled)[start:stop]
        return _Span(start=start, stop=stop, before=before, after=after, source=source)


def _pad(values: Map, rows: _Span, columns: _Span, fill: tuple[int, ...]) -> Map:
    border = rows.before, rows.after, columns.before, columns.after
    if not any(border):
        return np.ascontiguousarray(values)
    return cv2.copyMakeBorder(values, *border, cv2.BORDER_CONSTANT, value=fill)


def under_centres(original: int, scaled: int) -> NDArray[np.int64]:
    """Index of the original pixel under the centre of each scaled pixel (the grid that cv2's INTER_AREA uses)."""
    return (2 * np.arange(scaled) + 1) * original // (2 * scaled)


def _resize_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    if image.shape[:2] == (height, width):
        return image
    shrinks = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=method)  # type: ignore[return-value]


def _jitter(image: NDArray[np.uint8], amounts: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Change brightness, contrast, saturation and hue by ``amounts`` (4 numbers in [-1, 1], 0 for none).

    All four are affine in RGB, so together they are one 3x4 matrix and one pass over the image.
    """
    brightness, contrast, saturation, hue = amounts
    colour = (1 + saturation) * (_hue_matrix(hue * _HUE_DEGREES) - LUMA) + LUMA  # grey stays grey
    gain = (1 + brightness) * (1 + contrast)
    grey = float(LUMA @ cv2.mean(image)[:3])
    offset = -(1 + brightness) * contrast * grey
    matrix = np.column_stack([gain * colour, np.full(3, offset)])
    return cv2.transform(image, matrix)  # type: ignore[return-value]


def _hue_matrix(degrees: float) -> NDArray[np.float64]:
    """(3, 3): turns colours about the grey axis, keeps their luma (as hueRotate, SVG 1.1 section 15.10)."""
    turn = math.radians(degrees)
    to_yiq = np.array([LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
    cos, sin = math.cos(turn), math.sin(turn)
    rotation = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return np.linalg.inv(to_yiq) @ rotation @ to_yiq


def _each(
    sample: Sample,
    on_image: Callable[[NDArray[np.uint8]], Any],
    on_map: Callable[[Map, int], Any],
) -> Sample:
    """Apply one function to the image and another, given the value of a border pixel, to each map there is."""
    return Sample(
        image=on_image(sample.image),
        label=None if sample.label is None else on_map(sample.label, IGNORE),
        regions=None if sample.regions is None else on_map(sample.regions, NO_REGION),
        planted=None if sample.planted is None else on_map(sample.planted, 0),
    )


def _check_map(name: str, values: Map | None, dtype: type[np.generic], size: tuple[int, int]) -> None:
    if values is not None and (values.dtype != dtype or values.shape != size):
        raise ValueError(f"{name} is {values.dtype} {values.shape}; expected {np.dtype(dtype)} {size} like the image")


def _check_size(height: int, width: int) -> None:
    if height < 1 or width < 1:
        raise HRSError(f"size {height}x{width} (height x width); expected at least one pixel each way")


def _check_options(scale: tuple[float, float], **shares: float) -> None:
    low, high = scale
    if not 0 < low <= high < math.inf:
        raise HRSError(f"scale is {scale}; expected (smallest, largest) with 0 < smallest <= largest, as (0.75, 1.5)")
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise HRSError(f"{name} is {share}; expected a number in [0, 1], as 0.3")
