"""What the data page shows of a data set: sample frames under their labels, and its classes in another's terms."""

from __future__ import annotations

import html
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.data.doctor import Report
from hrs.data.layouts import Dataset
from hrs.labels import IGNORE, LabelSpace, colourise, mapping

Picture = NDArray[np.uint8]

WIDTH = 480  # pixels of a sample


def overlays(dataset: Dataset, count: int, seed: int, opacity: float) -> list[tuple[str, Picture]]:
    """Frames spread over the data set, with their ids.

    Args:
        seed: 0 starts at the first frame; others shift to other frames.
        opacity: of the labels, in [0, 1]. Pixels without class keep the photo's colours.
    """
    count = min(count, len(dataset))
    chosen = [(i * len(dataset) // count + seed * 7919) % len(dataset) for i in range(count)]
    return [(dataset.frames[i].id, overlay(*_read(dataset, i), dataset.space, opacity)) for i in dict.fromkeys(chosen)]


def overlay(image: Picture, label: Picture | None, space: LabelSpace | None, opacity: float) -> Picture:
    """A photo (h w 3) under the colours of its label (h w); IGNORE stays clear."""
    if label is None or space is None:
        return image
    alpha = np.where(label == IGNORE, 0.0, opacity)[..., None]
    return np.rint(image * (1 - alpha) + colourise(label, space) * alpha).astype(np.uint8)


def in_classes_of(first: Report, other: Report) -> tuple[dict[str, float], float]:
    """Class shares of ``other`` as a run whose target is ``first`` would see them.

    Returns:
        Percent of the labelled pixels of ``other`` by class of ``first``, and percent that has no class there.

    Raises:
        HRSError: not one class of the two is the same.
    """
    own, target = other.dataset.space, first.dataset.space
    if own is None or target is None:
        return {}, 0.0
    table = mapping(own, target)
    shares = dict.fromkeys(target.classes, 0.0)
    for i, name in enumerate(own.classes):
        if table[i] != IGNORE:
            shares[target.classes[table[i]]] += other.classes[name]
    return shares, max(0.0, sum(other.classes.values()) - sum(shares.values()))


def legend(space: LabelSpace) -> str:
    """HTML: the classes with their colours, in a line that wraps."""
    swatch = "display:inline-block;width:0.8em;height:0.8em;border-radius:2px;margin-right:0.35em;background:rgb"
    items = "".join(
        f'<span style="white-space:nowrap"><span style="{swatch}{colour}"></span>{html.escape(name)}</span>'
        for name, colour in zip(space.classes, space.palette, strict=True)
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:0.3em 1em;font-size:0.85rem">{items}</div>'


@lru_cache(maxsize=64)
def _read(dataset: Dataset, i: int) -> tuple[Picture, Picture | None]:
    """Image and label at the size they are shown in; data sets are told apart by identity."""
    image = dataset.read_image(i)
    size = (WIDTH, max(1, round(WIDTH * image.shape[0] / image.shape[1])))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    if dataset.space is None:
        return small, None
    label = cv2.resize(dataset.read_label(i), size, interpolation=cv2.INTER_NEAREST_EXACT)
    return small, label.astype(np.uint8, copy=False)
