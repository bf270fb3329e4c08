"""Colours of labels that are on no list: whether they are a list's own, exchanged or blurred."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

_NEAR = 16  # levels of a channel that compression changes
_NEARLY_ALL = 0.8


def exchanged(unknown: Mapping[int, int], listed: Collection[int]) -> bool:
    """Whether colours (as raw ids, with their pixels) are those of a list with red and blue exchanged."""
    turned = sum(pixels for raw, pixels in unknown.items() if _turned(raw) in listed)
    return turned > _NEARLY_ALL * sum(unknown.values())


def blurred(unknown: Mapping[int, int], listed: Collection[int]) -> bool:
    """Whether most of the pixels have nearly a colour of a list, as lossy compression leaves them."""
    found, pixels = np.array(list(unknown), np.int64), np.array(list(unknown.values()), np.int64)
    off = np.abs(_channels(found)[:, None] - _channels(np.array(list(listed), np.int64))[None])
    return bool(2 * pixels[off.max(axis=2).min(axis=1) <= _NEAR].sum() > pixels.sum())


def _turned(raw: int) -> int:
    return (raw & 0xFF) << 16 | raw & 0xFF00 | raw >> 16


def _channels(raw: NDArray[np.int64]) -> NDArray[np.int64]:
    """Red, green and blue (n 3) of colours as raw ids (n,)."""
    return np.stack([raw >> 16 & 255, raw >> 8 & 255, raw & 255], axis=1)
