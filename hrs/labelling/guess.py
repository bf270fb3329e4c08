"""What a trained model takes a photo for, in the classes that a person labels with: where labelling begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrs.labelling.areas import Areas
from hrs.labelling.modelclasses import table_of
from hrs.labels import IGNORE, LabelSpace
from hrs.system.photographs import Image

if TYPE_CHECKING:
    from hrs.data.classmap import ClassMap
    from hrs.inference import Predictor

UNSURE = 0.7
"""Probability below which an area is a question."""
_MOST_QUESTIONS = 30
_LEAST_AREA = 0.001  # of the photo; smaller areas are not asked about


@dataclass(frozen=True, kw_only=True, eq=False)
class Guess:
    """labels: class ids, uint8 (h w), IGNORE where the model's class is none of the set's. confidence: of the model's
    class, float32 (h w) in 0..1. summary: what the photo looks like to the model, float32 (2 d,)."""

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    summary: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Question:
    """An area (of one grain) that the model is not sure of: what it takes it for, and how sure it is of that, which is
    the mean over the area of that class's probability, 0 where another one won."""

    area: int
    label: int
    confidence: float


def guess(predictor: Predictor, image: Image, space: LabelSpace, given: ClassMap | None = None) -> Guess:
    """What ``predictor`` sees in a photo (h w 3), in the classes of ``space``.

    Args:
        given: which of them its classes are, where names differ.

    Raises:
        HRSError: none of its classes is one of ``space``.
    """
    table = table_of(predictor.space, space, given)
    found = predictor.segment(image)
    return Guess(labels=table[found.labels], confidence=found.confidence, summary=found.summary)


def questions(found: Guess, areas: Areas, grain: int, label: NDArray[np.uint8]) -> list[Question]:
    """The unlabelled areas of a grain that a person's word would tell most about: unsure ones, the largest doubt first.

    Doubt is the sum over an area's pixels of 1 - confidence. Areas that are mostly labelled are no questions.

    Args:
        label: what is labelled so far, uint8 (h w).
    """
    ids = areas.at(grain).ravel()
    size = np.bincount(ids)
    confidence = np.bincount(ids, found.confidence.ravel()) / size
    labelled = np.bincount(ids, (label != IGNORE).ravel()) / size
    classes = ids.astype(np.int64) * 256 + found.labels.ravel()
    votes = np.bincount(classes, minlength=len(size) * 256).reshape(-1, 256)
    sure = np.bincount(classes, found.confidence.ravel(), minlength=len(size) * 256).reshape(-1, 256)
    doubt = (1 - confidence) * size
    asked = (confidence < UNSURE) & (labelled < 0.5) & (size >= _LEAST_AREA * ids.size)
    order = sorted(np.flatnonzero(asked), key=lambda area: -doubt[area])[:_MOST_QUESTIONS]
    seen = votes.argmax(axis=1)
    return [Question(area=int(a), label=int(seen[a]), confidence=float(sure[a, seen[a]] / size[a])) for a in order]
