"""What training on labelled photos changed: a model before and one after, photo by photo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrs.data.layouts import Dataset
from hrs.inference import Predictor
from hrs.labels import IGNORE, mapping
from hrs.system.photographs import Image


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """One photo. label, before, after: class ids, uint8 (h w), IGNORE where a model's class is none of the photo's.
    counts: for before and after the pixels of each class (c) that were taken for each (c, and one column for none of
    them), (2 c c+1)."""

    name: str
    image: Image
    label: NDArray[np.uint8]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    counts: NDArray[np.int64]

    @property
    def scores(self) -> tuple[float, float]:
        """mIoU before and after in percent, over the classes that the photo shows."""
        before, after = (mean_iou(counts) for counts in self.counts)
        return before, after


def changes(before: Predictor, after: Predictor, photos: Dataset) -> Iterator[Change]:
    """Every photo in turn.

    Raises:
        HRSError: the photos have no classes, or a model has not one of them.
    """
    space = photos.space
    assert space is not None  # photos that were trained on or validated on have labels
    tables = [mapping(predictor.space, space) for predictor in (before, after)]
    for i, frame in enumerate(photos.frames):
        image, label = photos.read_image(i), photos.read_label(i)
        seen = [
            table[predictor.segment(image).labels] for predictor, table in zip((before, after), tables, strict=True)
        ]
        counts = np.stack([confusion(label, each, len(space)) for each in seen])
        yield Change(name=frame.id, image=image, label=label, before=seen[0], after=seen[1], counts=counts)


def confusion(label: NDArray[np.uint8], seen: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Labelled pixels of each class by what they were taken for, (c c+1); the last column is none of the classes."""
    known = label != IGNORE
    taken = np.minimum(seen[known].astype(np.int64), classes)
    codes = label[known].astype(np.int64) * (classes + 1) + taken
    return np.bincount(codes, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def mean_iou(counts: NDArray[np.int64]) -> float:
    """Percent, over the classes that are labelled; NaN where none is."""
    right = np.diagonal(counts)
    labelled, taken = counts.sum(axis=1), counts[:, :-1].sum(axis=0)
    there = labelled > 0
    iou = right[there] / (labelled + taken - right)[there]
    return 100 * float(iou.mean()) if there.any() else float("nan")


def together(found: Sequence[Change]) -> tuple[float, float]:
    """mIoU before and after in percent, of all photos' pixels together."""
    before, after = (mean_iou(np.sum([change.counts[i] for change in found], axis=0)) for i in (0, 1))
    return before, after
