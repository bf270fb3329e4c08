"""The areas of a photo that a person labels at one touch: superpixels, and what they grow into, coarser and coarser."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from hrs.data.regions import compact_regions, superpixels
from hrs.errors import HRSError
from hrs.system.photographs import Image

COUNTS = (3200, 1600, 800, 400, 200, 100, 50, 25)
"""Areas a photo, about, from the finest grain to the coarsest."""
_BORDER = 225.0  # squared units of CIELAB that two classes of the model are apart, beside their colours


@dataclass(frozen=True, kw_only=True)
class Areas:
    """regions: the finest areas, int32 (h w), ids 0..r-1. grains: for each grain from fine to coarse, which of its
    areas each region belongs to, int32 (r,). An area of a coarser grain is whole areas of the finer ones."""

    regions: NDArray[np.int32]
    grains: tuple[NDArray[np.int32], ...]

    def at(self, grain: int) -> NDArray[np.int32]:
        """The areas of one grain, int32 (h w)."""
        return self.grains[grain][self.regions]


def find_areas(image: Image, guess: NDArray[np.uint8] | None = None, *, counts: tuple[int, ...] = COUNTS) -> Areas:
    """Cut a photo into superpixels, and merge neighbours of like colour, the least different first.

    Two areas are as different as their merging would blur: Ward's distance of their mean colours in CIELAB,
    n m / (n + m) d^2 (Ward 1963), over neighbours alone.

    Args:
        image: RGB, uint8 (h w 3).
        guess: what a model takes the pixels for, uint8 (h w): no superpixel crosses its borders, and areas do so late.
        counts: areas of each grain, about, falling; a small photo has fewer.

    Raises:
        HRSError: counts that do not fall.
    """
    if list(counts) != sorted(counts, reverse=True) or min(counts, default=0) < 1:
        raise HRSError(f"counts is {counts}; expected falling numbers of areas, 1 and up")
    regions = superpixels(image, guess, segments=counts[0])
    if guess is not None:
        regions = _without_crumbs(regions, guess, image.shape[0] * image.shape[1] // (8 * counts[0]))
    merges = _merges(regions, rgb2lab(image), guess)
    grains, parent = [], np.arange(regions.max() + 1)
    left = len(parent)
    for count in counts:
        while left > count and merges:
            one, other = merges.pop()
            parent[_root(parent, one)] = _root(parent, other)
            left -= 1
        roots = np.array([_root(parent, i) for i in range(len(parent))])
        grains.append(np.unique(roots, return_inverse=True)[1].astype(np.int32))
    return Areas(regions=regions, grains=tuple(grains))


def _without_crumbs(regions: NDArray[np.int32], guess: NDArray[np.uint8], least: int) -> NDArray[np.int32]:
    """Regions of fewer pixels than ``least`` fall to the largest neighbour, of their own class if there is one: where a
    border cuts superpixels it leaves crumbs."""
    sizes = np.bincount(regions.ravel())
    label = _commonest(regions.ravel(), guess.ravel(), len(sizes))
    parent = np.arange(len(sizes))
    near = _near(regions)
    for small in np.argsort(sizes, kind="stable").tolist():
        if sizes[small] >= least:
            break
        own = _root(parent, small)
        others = {_root(parent, each) for each in near[small]} - {own}
        if others:
            parent[own] = max(others, key=lambda each: (label[each] == label[own], sizes[each], -each))
    return compact_regions(np.array([_root(parent, i) for i in range(len(parent))])[regions])[0]


def _near(regions: NDArray[np.int32]) -> list[set[int]]:
    """For each region those that it touches along a side."""
    count = int(regions.max()) + 1
    pairs = [(regions[:, :-1], regions[:, 1:]), (regions[:-1], regions[1:])]
    codes = np.unique(np.concatenate([(a.astype(np.int64) * count + b).ravel() for a, b in pairs]))
    near: list[set[int]] = [set() for _ in range(count)]
    for one, other in zip((codes // count).tolist(), (codes % count).tolist(), strict=True):
        if one != other:
            near[one].add(other)
            near[other].add(one)
    return near


def _merges(
    regions: NDArray[np.int32], lab: NDArray[np.float64], guess: NDArray[np.uint8] | None
) -> list[tuple[int, int]]:
    """The order in which areas merge until one is left, as pairs of regions; the last entry is the first merge."""
    count = int(regions.max()) + 1
    flat = regions.ravel()
    size = np.bincount(flat, minlength=count).astype(float)
    mean = np.stack([np.bincount(flat, lab[..., i].ravel(), count) for i in range(3)], axis=1) / size[:, None]
    label = np.zeros(count, int) if guess is None else _commonest(flat, guess.ravel(), count)
    near = _near(regions)

    def distance(one: int, other: int) -> float:
        apart = float(((mean[one] - mean[other]) ** 2).sum()) + _BORDER * (label[one] != label[other])
        return float(size[one] * size[other] / (size[one] + size[other]) * apart)

    alive, version = np.ones(count, bool), np.zeros(count, int)
    heap = [(distance(one, other), one, other, 0, 0) for one in range(count) for other in near[one] if one < other]
    heapq.heapify(heap)
    order = []
    while heap:
        _, one, other, seen, seen_other = heapq.heappop(heap)
        if not (alive[one] and alive[other]) or (version[one], version[other]) != (seen, seen_other):
            continue
        order.append((one, other))
        total = size[one] + size[other]
        mean[other] = (size[one] * mean[one] + size[other] * mean[other]) / total
        label[other] = label[one] if size[one] > size[other] else label[other]
        size[other], alive[one] = total, False
        version[other] += 1
        near[other] = {each for each in near[one] | near[other] if alive[each] and each != other}
        for each in near[other]:
            near[each].discard(one)
            near[each].add(other)
            a, b = min(each, other), max(each, other)
            heapq.heappush(heap, (distance(a, b), a, b, int(version[a]), int(version[b])))
    return order[::-1]


def _commonest(regions: NDArray[np.int32], values: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    """The value that most pixels of each region have, (count,)."""
    table = np.bincount(regions.astype(np.int64) * 256 + values, minlength=count * 256).reshape(count, 256)
    return np.asarray(table.argmax(axis=1))


def _root(parent: NDArray[np.int64], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = int(parent[node])
    return node
