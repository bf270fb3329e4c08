"""How a photo of any size and shape meets a network that was trained at one size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

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

    A photo of about the training shape is squeezed into it. One that is up to twice as wide or as high keeps its shape
    and takes the training area. A panorama keeps its shape with its shorter side as long as the shorter one in
    training, since it shows more, not smaller things; what comes out far larger than a training image is cut into
    overlapping tiles of the training size.
    """
    size = _working_size(photo, training, zoom)
    if size[0] * size[1] <= _ONE_PASS * training[0] * training[1]:
        return Plan(size=size, tile=size, corners=((0, 0),))
    high, wide = (_multiple(side) for side in size)
    tile = min(high, _multiple(training[0])), min(wide, _multiple(training[1]))
    corners = tuple((top, left) for top in _starts(high, tile[0]) for left in _starts(wide, tile[1]))
    return Plan(size=(high, wide), tile=tile, corners=corners)


def _working_size(photo: Size, training: Size, zoom: float) -> Size:
    ratio = (photo[0] / photo[1]) / (training[0] / training[1])
    if 1 / _SAME_SHAPE <= ratio <= _SAME_SHAPE:
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


def decide(logits: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """The answer at ``size`` from logits (c h' w'): class ids uint8 and their probability float32, (h w).

    As `upsample`, softmax and argmax would give it, a strip of rows at a time, so that memory does not grow with the
    number of classes.
    """
    labels = torch.empty(size, dtype=torch.uint8, device=logits.device)
    confidence = torch.empty(size, device=logits.device)
    for first in range(0, size[0], _STRIP):
        last = min(first + _STRIP, size[0])
        strip = _rows(logits, torch.arange(first, last, device=logits.device), size[0])
        strip = F.interpolate(strip.unsqueeze(0), (last - first, size[1]), mode="bilinear", align_corners=False)[0]
        best = _best(strip, labels[first:last])
        torch.reciprocal(strip.sub_(best).exp_().sum(dim=0), out=confidence[first:last])
    return labels, confidence


def _best(strip: Tensor, labels: Tensor) -> Tensor:
    """The largest of logits (c h w), (h w); its class is written to ``labels``. On a CPU twice as fast as `max`."""
    best = strip[0].clone()
    labels.zero_()
    for c in range(1, len(strip)):
        labels.masked_fill_(strip[c] > best, c)
        torch.maximum(best, strip[c], out=best)
    return best


def _rows(maps: Tensor, wanted: Tensor, height: int) -> Tensor:
    """Rows ``wanted`` of maps (c h' w') resized bilinearly to ``height`` rows."""
    place = ((wanted + 0.5) * (maps.shape[1] / height) - 0.5).clamp(min=0)
    above = place.long().clamp(max=maps.shape[1] - 1)
    below = (above + 1).clamp(max=maps.shape[1] - 1)
    part = (place - above)[:, None]
    return torch.lerp(maps[:, above], maps[:, below], part)
