"""What training on labelled photos changed: a model before and one after, photo by photo, scored as in validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrs.data.layouts import Dataset
from hrs.evaluation import ConfusionMatrix
from hrs.inference import Predictor, predictions
from hrs.labels import LabelSpace, mapping
from hrs.system.photographs import Image


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """One photo. label, before, after: class ids, uint8 (h w), IGNORE where a model's class is none of the photo's.
    counts: before and after, of the photo's classes and one more, which is none of them and never scored."""

    name: str
    image: Image
    label: NDArray[np.uint8]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    counts: tuple[ConfusionMatrix, ConfusionMatrix]

    @property
    def scores(self) -> tuple[float, float]:
        """mIoU before and after in percent."""
        before, after = self.counts
        return before.miou(), after.miou()


def changes(before: Predictor, after: Predictor, photos: Dataset) -> Iterator[Change]:
    """Every photo in turn, as `hrs.inference.evaluate` sees and scores it.

    Raises:
        HRSError: the photos have no classes, or a model has not one of them.
    """
    space = photos.space
    assert space is not None  # photos that were trained on or validated on have labels
    tables = [mapping(predictor.space, space) for predictor in (before, after)]
    seen = (predictions(predictor, photos, range(len(photos))) for predictor in (before, after))
    for (i, image, label, old), (*_, new) in zip(*seen, strict=True):
        earlier, later = tables[0][old], tables[1][new]
        yield Change(
            name=photos.frames[i].id,
            image=image,
            label=label,
            before=earlier,
            after=later,
            counts=(_counts(earlier, label, space, photos.possible), _counts(later, label, space, photos.possible)),
        )


def _counts(
    seen: NDArray[np.uint8], label: NDArray[np.uint8], space: LabelSpace, possible: frozenset[int]
) -> ConfusionMatrix:
    counts = ConfusionMatrix(len(space) + 1, possible)
    counts.update(np.minimum(seen, len(space)), label)
    return counts


def together(found: Sequence[Change]) -> tuple[float, float]:
    """mIoU before and after in percent, of all photos' pixels together."""
    before, after = deepcopy(found[0].counts)
    for change in found[1:]:
        before.merge(change.counts[0])
        after.merge(change.counts[1])
    return before.miou(), after.miou()
