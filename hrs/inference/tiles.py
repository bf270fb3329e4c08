"""How a photo of any size and shape meets a network that was trained at one size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrs.networks.segmenter import upsample

Size = tuple[int, int]
"""(height, width) in pixels."""

CELL = 4
"""Pixels a side of a cell in the grid on which tiles are blended: the finest stride of the networks."""
_UNIT = 32  # tiles and their steps: every network's grid of features fits into multiples of it
_SAME_SHAPE = 1.2  # aspect ratios that differ by less are squeezed into the training shape, as in training
_ONE_PASS = 2.0  # images of at most so many times the training area are seen whole: context helps more than scale
_MOST = 16.0  # times the training area; a longer panorama is made smaller
_OVERLAP = 0.25  # of a tile
_STRIP = 64  # rows of an answer that are made at a time


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size a photo is resized to, and the tiles (top, left) of one size that cover it."""

    size: Size
    tile: Size
    corners: tuple[tuple[int, int], ...]

    @property
    def whole(self) -> bool:
        return self.tile == self.size


def plan(photo: Size, training: Size, *, zoom: float = 1.0) -> Plan:
    """Show things at the scale they had in training, times ``zoom``.

    A photo of about the training shape is squeezed into it. One that is up to twice as wide or as high takes the
    training area, in about its own shape: both sides are multiples of the networks' coarsest stride, since on others
    they see shifted and stretched features. A panorama keeps its shape with its shorter side as long as the shorter
    one in training, since it shows more, not smaller things; what comes out far larger than a training image is cut
    into overlapping tiles of the training size.
    """
    size = _working_size(photo, training, zoom)
    if size[0] * size[1] <= _ONE_PASS * training[0] * training[1]:
        size = size if _squeezed(photo, training) else (_nearest(size[0]), _nearest(size[1]))
        return Plan(size=size, tile=size, corners=((0, 0),))
    high, wide = (_multiple(side) for side in size)
    tile = min(high, _multiple(training[0])), min(wide, _multiple(training[1]))
    corners = tuple((top, left) for top in _starts(high, tile[0]) for left in _starts(wide, tile[1]))
    return Plan(size=(high, wide), tile=tile, corners=corners)


def _ratio(photo: Size, training: Size) -> float:
    return (photo[0] / photo[1]) / (training[0] / training[1])


def _squeezed(photo: Size, training: Size) -> bool:
    return 1 / _SAME_SHAPE <= _ratio(photo, training) <= _SAME_SHAPE


def _nearest(side: int) -> int:
    return max(_UNIT, round(side / _UNIT) * _UNIT)


def _working_size(photo: Size, training: Size, zoom: float) -> Size:
    ratio = _ratio(photo, training)
    if _squeezed(photo, training):
        factors = training[0] / photo[0], training[1] / photo[1]
    elif 1 / _ONE_PASS <= ratio <= _ONE_PASS:
        factors = (math.sqrt(training[0] * training[1] / (photo[0] * photo[1])),) * 2
    else:
        factors = (min(training) / min(photo),) * 2
    sides = [side * factor * zoom for side, factor in zip(photo, factors, strict=True)]
    most = max(_MOST, zoom**2) * training[0] * training[1]
    shrink = min(1.0, math.sqrt(most / (sides[0] * sides[1])))
    longest = int(most) // _UNIT  # with the other side at its least
    high, wide = (min(longest, max(_UNIT, round(side * shrink))) for side in sides)
    return high, wide


def _multiple(side: int) -> int:
    return math.ceil(side / _UNIT) * _UNIT


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin so that they cover ``length`` and overlap by about a quarter, in steps of _UNIT."""
    count = 1 if length <= tile else math.ceil((length - tile) / (tile * (1 - _OVERLAP))) + 1
    slots = (length - tile) // _UNIT
    return [i * slots // max(1, count - 1) * _UNIT for i in range(count)]


def ramp(tile: Size) -> Tensor:
    """How much a cell of a tile counts in the blend, (tile / CELL): 1 / n at its rim, rising linearly inwards."""
    rows, columns = (_ramp(side // CELL) for side in tile)
    return torch.outer(rows, columns)


def _ramp(cells: int) -> Tensor:
    rise = max(1, round(cells * _OVERLAP))
    place = torch.arange(1, cells + 1)
    return torch.minimum(place, cells + 1 - place).clamp(max=rise) / rise


def blend(pieces: Iterable[tuple[tuple[int, int], Tensor]], plan: Plan) -> Tensor:
    """Logits of a whole photo (c, h / CELL, w / CELL) from those of its tiles, ((top, left), (c h' w'))."""
    rows, columns = (side // CELL for side in plan.tile)
    weight = ramp(plan.tile)
    total: Tensor | None = None
    share = torch.zeros(plan.size[0] // CELL, plan.size[1] // CELL)
    for (top, left), logits in pieces:
        if total is None:
            total = logits.new_zeros(len(logits), *share.shape)
            weight, share = weight.to(logits.device), share.to(logits.device)
        place = slice(top // CELL, top // CELL + rows), slice(left // CELL, left // CELL + columns)
        total[:, *place] += upsample(logits.unsqueeze(0), (rows, columns))[0] * weight
        share[place] += weight
    assert total is not None  # a plan has at least one tile
    return total / share


def decide(logits: Tensor, size: Size) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The answer at ``size`` from logits (c h' w'): class ids and their probability, (h w).

    What `upsample`, softmax and max give; on a CPU by OpenCV, which takes a fifth to a third of their time.
    """
    if logits.device.type == "cpu":
        return _decide(logits.numpy(), size)
    confidence, labels = upsample(logits.unsqueeze(0), size)[0].softmax(dim=0).max(dim=0)
    return labels.to(torch.uint8).cpu().numpy(), confidence.cpu().numpy()


def _decide(logits: NDArray[np.float32], size: Size) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    labels, total = np.zeros(size, np.uint8), np.zeros(size, np.float32)
    tall = [cv2.resize(plane, (plane.shape[1], size[0]), interpolation=cv2.INTER_LINEAR) for plane in logits]
    for first in range(0, size[0], _STRIP):
        rows = slice(first, first + _STRIP)
        strip = [cv2.resize(plane[rows], (size[1], len(plane[rows]))) for plane in tall]
        best = _best(strip, labels[rows])
        for plane in strip:
            cv2.subtract(plane, best, dst=plane)
            cv2.exp(plane, dst=plane)
            cv2.add(total[rows], plane, dst=total[rows])
    return labels, np.reciprocal(total, out=total)


def _best(strip: list[NDArray[np.float32]], labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The largest of the classes' planes (h w); its class is written to ``labels``, which are 0."""
    best = strip[0].copy()
    for c, plane in enumerate(strip[1:], 1):
        above = np.asarray(cv2.compare(plane, best, cv2.CMP_GT), dtype=np.uint8)  # 255 or 0
        np.maximum(labels, above & c, out=labels)
        cv2.max(plane, best, dst=best)
    return best
