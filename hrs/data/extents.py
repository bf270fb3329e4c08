"""What outlines tell before any is drawn: whether they are in pixels, enclose anything, and are more than boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hrs.data.classlist import listed
from hrs.data.outlines import FARTHEST_SHARE, Points
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.system.photographs import Size

_SEVERAL = 8  # outlines, from which what all have in common is no chance
_HUNDRED, _NEARLY = 100, 90  # percent; some outline of several reaches nearly to the border
_TWICE = 2  # so much larger than a hundred pixels is an image whose percents are no pixels
_SKEW = 0.005  # of an outline's longer side, by which a box may be none


@dataclass(frozen=True, kw_only=True)
class Outlined:
    """An object of a list, before it is drawn.

    name: its class. called: what a message calls it. parts: its outlines, each (n 2) in pixels; None where it is a
    mask. size: (width, height) of its picture, None where nothing says it.
    """

    name: str
    called: str
    parts: Sequence[Points] | None
    size: Size | None


@dataclass(frozen=True, kw_only=True)
class Extents:
    """The objects of a list and how far they reach. between: as of a `Shape`."""

    objects: Sequence[Outlined]
    between: bool

    def refuse_shares(self, spec: DatasetSpec) -> None:
        """Raises HRSError where all outlines lie within a pixel or two, as shares of width and height do."""
        if 0 < self._farthest <= FARTHEST_SHARE:
            raise HRSError(
                f"data set {spec}: its outlines are in shares of the image, since no corner is farther than "
                f"{self._farthest:g}; expected pixels: multiply x by the width and y by the height, or export it anew"
            )

    def notes(self) -> Iterator[str]:
        """What is left out, in words."""
        if self._empty:
            yield (
                f"{len(self._empty)} of {len(self.objects)} objects draw nothing, the first is "
                f"{listed([self._empty[0].called])}: their outlines have fewer than three corners, enclose no pixel or "
                "lie outside of the image"
            )

    def doubts(self) -> Iterator[str]:
        """What is likely wrong, in words."""
        counts, empty = (Counter(each.name for each in some) for some in (self.objects, self._empty))
        if lost := [f"{name} ({count})" for name, count in empty.items() if count == counts[name]]:
            yield f"classes all of whose objects draw nothing, and how many these are: {listed(lost)}; export them anew"
        if self._are_percents:
            yield (
                f"no corner of any outline is farther than {self._farthest:g}, however large the images are; if these "
                "are percent of the image, export pixels"
            )
        parts = [each.parts for each in self.objects]
        if None not in parts:
            yield from box_doubts([part for each in parts for part in each or ()])

    @cached_property
    def _outlines(self) -> list[tuple[int, Points]]:
        """Outlines that have corners, and the place of the object that each is of."""
        return [(i, part) for i, each in enumerate(self.objects) for part in each.parts or () if len(part)]

    @cached_property
    def _reach(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The least and the largest x and y of each outline (n 2)."""
        if not self._outlines:
            return np.empty((0, 2)), np.empty((0, 2))
        corners = np.concatenate([part for _, part in self._outlines])
        starts = np.cumsum([0, *(len(part) for _, part in self._outlines[:-1])])
        return np.minimum.reduceat(corners, starts), np.maximum.reduceat(corners, starts)

    @property
    def _farthest(self) -> float:
        return float(max(np.abs(ends).max(initial=0) for ends in self._reach))

    @cached_property
    def _empty(self) -> list[Outlined]:
        """Objects that colour no pixel."""
        if not self._outlines:
            return [each for each in self.objects if each.parts is not None]
        sizes = np.array([self.objects[i].size or (np.inf, np.inf) for i, _ in self._outlines])
        low, high = self._reach
        if self.between:
            first, last = np.ceil(low - 0.5), np.ceil(high - 0.5)
        else:
            first, last = np.rint(low), np.rint(high) + 1
        within = (first.clip(0) < np.minimum(last, sizes)).all(axis=1)
        drawn = {i for (i, part), fits in zip(self._outlines, within.tolist(), strict=True) if fits and len(part) >= 3}
        return [each for i, each in enumerate(self.objects) if each.parts is not None and i not in drawn]

    @property
    def _are_percents(self) -> bool:
        sides = [min(each.size) for each in self.objects if each.size]
        large = bool(sides) and min(sides) >= _TWICE * _HUNDRED
        return large and len(self._outlines) >= _SEVERAL and _NEARLY <= self._farthest <= _HUNDRED


def box_doubts(outlines: Sequence[Points]) -> Iterator[str]:
    """What is said where several outlines are nothing but boxes, upright or turned."""
    if len(outlines) >= _SEVERAL and all(map(_is_box, outlines)):
        yield (
            "all outlines are boxes of four corners, as for detection; if they are around things and not of them, what "
            "is beside a thing in its box is learned as it: export or draw outlines"
        )


def _is_box(corners: Points) -> bool:
    """Whether an outline, closed or not, has two pairs of parallel sides; shares of an image do where pixels do."""
    closed = len(corners) == 5 and bool((corners[0] == corners[-1]).all())
    if len(corners) != 4 + closed:
        return False
    skew = corners[0] - corners[1] + corners[2] - corners[3]
    return float(np.abs(skew).max()) <= _SKEW * float(np.ptp(corners, axis=0).max())
