"""How good a segmentation is: one confusion matrix over the whole data set, and IoU from it.

Averaging the IoU of single images would weigh a class by how the frames happen to cut it up. As in PASCAL VOC and
Cityscapes, all pixels of all images are counted first and every ratio is taken once, at the end.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrs.labels import IGNORE, LabelSpace

Pixels = Tensor | NDArray[np.integer[Any]]

_BAR = 40  # characters of a full bar


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a confusion matrix says. IoU, mIoU and pixel accuracy are in percent; NaN (in ``iou``: None) where there is
    nothing to score. ``iou`` goes by class name, in the order of the label space."""

    miou: float
    iou: dict[str, float | None]
    pixel_accuracy: float
    images: int

    @property
    def scored(self) -> int:
        """How many classes the mIoU is a mean over."""
        return sum(value is not None for value in self.iou.values())

    def to_json_dict(self) -> dict[str, Any]:
        """{"miou", "iou": {class: …}, "pixel_accuracy", "images"}: percent to two decimals, None where undefined."""
        return {
            "miou": rounded(self.miou),
            "iou": {name: rounded(value) for name, value in self.iou.items()},
            "pixel_accuracy": rounded(self.pixel_accuracy),
            "images": self.images,
        }

    def to_table(self) -> str:
        """Plain text: a line with a bar for each class, then mIoU, pixel accuracy and the number of images."""
        over = "" if self.scored == len(self.iou) else f" over {self.scored} of {len(self.iou)} classes"
        totals = {f"mIoU{over}": self.miou, "pixel accuracy": self.pixel_accuracy}
        wide = max(map(len, (*self.iou, *totals)))
        lines = [_table_line(name, value, wide) for name, value in self.iou.items()]
        rule = "-" * (wide + 8)
        return "\n".join(
            [
                *lines,
                rule,
                *(_table_line(name, value, wide) for name, value in totals.items()),
                f"images: {self.images}",
            ]
        )


class ConfusionMatrix:
    """Counts of (true class, predicted class) over all labelled pixels seen so far.

    Args:
        space: the label space, or the number of classes (then called "0", "1", ...).
        possible: the classes that labels can be of, where they are not all. The others are not scored: a data set that
            has no name for bicycles says nothing of how well they are found.
    """

    def __init__(self, space: LabelSpace | int, possible: Collection[int] | None = None) -> None:
        self.classes = space.classes if isinstance(space, LabelSpace) else tuple(map(str, range(space)))
        self.scored = np.array([possible is None or c in possible for c in range(len(self.classes))])
        self.images = 0
        self._counts = torch.zeros(len(self.classes), len(self.classes), dtype=torch.int64)

    def update(self, prediction: Pixels, label: Pixels) -> None:
        """Count one image (h, w) or a batch (b, h, w).

        Args:
            prediction: class ids 0..c-1; any integer type, array or tensor on any device.
            label: class ids 0..c-1 or IGNORE, of the same shape; pixels with IGNORE are not counted.

        Raises:
            ValueError: shapes differ, or an id is neither a class nor (in ``label``) IGNORE.
        """
        predicted = _tensor(prediction)
        truth = _tensor(label).to(predicted.device)
        if predicted.shape != truth.shape or predicted.ndim not in (2, 3):
            raise ValueError(
                f"prediction {tuple(predicted.shape)}, label {tuple(truth.shape)}; expected (h, w) or (b, h, w) twice"
            )
        self._counts += self._count(predicted, truth).cpu()
        self.images += len(predicted) if predicted.ndim == 3 else 1

    def merge(self, other: ConfusionMatrix) -> None:
        """Add the counts of another process or of another part of the data.

        Raises:
            ValueError: the classes differ.
        """
        if self.classes != other.classes:
            raise ValueError(f"cannot merge scores over {other.classes} into scores over {self.classes}")
        self._counts += other._counts
        self.images += other.images

    @property
    def matrix(self) -> NDArray[np.int64]:
        """(c, c) counts of pixels, rows true class, columns predicted class. A copy."""
        return self._counts.numpy().copy()

    def iou(self) -> NDArray[np.float64]:
        """(c,) intersection over union in percent; NaN for a class that neither labels nor predictions hold, or that
        labels cannot be of."""
        return np.where(self.scored, iou(self._counts.numpy()), np.nan)

    def miou(self) -> float:
        """Mean of `iou` in percent over the classes that labels or predictions hold. A class absent from both is left
        out, and so is one that labels cannot be of; another that is predicted but never labelled counts as 0. NaN
        before the first labelled pixel."""
        iou = self.iou()
        present = iou[~np.isnan(iou)]
        return float(present.mean()) if present.size else math.nan

    def pixel_accuracy(self) -> float:
        """Share of labelled pixels predicted right, in percent; NaN before the first labelled pixel."""
        matrix = self._counts.numpy()
        return float(_percent(np.trace(matrix), matrix.sum()))

    def evaluation(self) -> Evaluation:
        """All figures by class name."""
        iou = [None if math.isnan(value) else float(value) for value in self.iou()]
        return Evaluation(
            miou=self.miou(),
            iou=dict(zip(self.classes, iou, strict=True)),
            pixel_accuracy=self.pixel_accuracy(),
            images=self.images,
        )

    def _count(self, predicted: Tensor, truth: Tensor) -> Tensor:
        size = len(self.classes)
        labelled = truth != IGNORE
        truth, predicted = truth[labelled].long(), predicted[labelled].long()
        _check_ids("label", truth, size)
        _check_ids("prediction", predicted, size)
        return torch.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)


def iou(matrices: NDArray[Any]) -> NDArray[np.float64]:
    """Intersection over union in percent, (… c), of pixels by true and predicted class, (… c c); NaN for a class that
    neither labels nor predictions hold."""
    hit = np.diagonal(matrices, axis1=-2, axis2=-1)
    return _percent(hit, matrices.sum(axis=-1) + matrices.sum(axis=-2) - hit)


def _tensor(pixels: Pixels) -> Tensor:
    if isinstance(pixels, Tensor):
        return pixels
    # torch warns about arrays that may not be written and refuses mirrored ones.
    return torch.from_numpy(np.require(pixels, requirements=["C", "W"]))


def _check_ids(name: str, ids: Tensor, size: int) -> None:
    if not ids.numel():
        return
    low, high = map(int, torch.aminmax(ids))
    if low < 0 or high >= size:
        raise ValueError(f"{name} holds the id {low if low < 0 else high}; expected classes 0 to {size - 1}")


def _percent(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """100 part / whole; NaN where the whole is 0."""
    return 100 * np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def rounded(value: float | None) -> float | None:
    """A percentage as files have it; None for NaN."""
    return None if value is None or math.isnan(value) else round(value, 2)


def _table_line(name: str, value: float | None, wide: int) -> str:
    shown = rounded(value)
    if shown is None:
        return f"{name:<{wide}}  {'-':>6}"
    return f"{name:<{wide}}  {shown:6.2f}  {'#' * round(shown / 100 * _BAR)}".rstrip()
