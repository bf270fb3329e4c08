"""Planted departures from reality: some harm a network that learns from them, some only look odd.

They are planted on whole objects (a house, a car, a stretch of road) or on whole frames, and every pixel whose label or
looks were altered is recorded, so that learned weights can be judged against truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.street.domains import Cls
from hrs.street.world import Scene

Label = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Departure:
    """One kind of departure; ``id`` is its value in the planted mask."""

    id: int
    name: str
    harmful: bool
    level: Literal["region", "frame"]


def _region(number: int, name: str, *, harmful: bool) -> Departure:
    return Departure(id=number, name=name, harmful=harmful, level="region")


def _frame(number: int, name: str, *, harmful: bool) -> Departure:
    return Departure(id=number, name=name, harmful=harmful, level="frame")


SURFACE_AS_WALL = _region(1, "surface drawn like a wall", harmful=True)
FACADE_AS_SKY = _region(2, "facade drawn like sky", harmful=True)
FACADE_AS_FOLIAGE = _region(3, "facade drawn like foliage", harmful=True)
WRONG_CLASS = _region(4, "labelled as another class", harmful=True)
SHIFTED = _region(5, "label shifted", harmful=True)
ERASED = _region(6, "label erased", harmful=True)
OTHER_FRAME = _frame(7, "label of another frame", harmful=True)
MIRRORED = _frame(8, "label mirrored", harmful=True)
SWAPPED = _frame(9, "classes swapped", harmful=True)
FLAT = _region(10, "flat colour", harmful=False)
NEON = _region(11, "neon colour", harmful=False)
CHECKER = _region(12, "checkerboard", harmful=False)
TINTED = _region(13, "strange light", harmful=False)
CLAY = _region(14, "no texture", harmful=False)
FRAME_TINT = _frame(15, "frame in strange light", harmful=False)

DEPARTURES = (
    SURFACE_AS_WALL, FACADE_AS_SKY, FACADE_AS_FOLIAGE, WRONG_CLASS, SHIFTED, ERASED, OTHER_FRAME, MIRRORED, SWAPPED,
    FLAT, NEON, CHECKER, TINTED, CLAY, FRAME_TINT,
)  # fmt: skip
"""Every kind of departure that the synthetic domain plants."""

_ODD_KINDS = (FLAT, NEON, CHECKER, TINTED, CLAY)
_LABEL_KINDS = (WRONG_CLASS, SHIFTED, ERASED)

# The wrong conventions are systematic: a network that believes them learns something definite and false.
_WRONG: Mapping[Cls, tuple[Cls, ...]] = {
    Cls.SKY: (Cls.BUILDING, Cls.TREE),
    Cls.BUILDING: (Cls.TREE, Cls.FENCE, Cls.SKY),
    Cls.POLE: (Cls.BUILDING, Cls.TREE),
    Cls.ROAD: (Cls.PAVEMENT, Cls.PAVEMENT, Cls.CAR),
    Cls.PAVEMENT: (Cls.ROAD, Cls.ROAD, Cls.FENCE),
    Cls.TREE: (Cls.FENCE, Cls.BUILDING),
    Cls.SIGN: (Cls.BUILDING, Cls.POLE),
    Cls.FENCE: (Cls.BUILDING, Cls.PAVEMENT),
    Cls.CAR: (Cls.BUILDING, Cls.ROAD, Cls.FENCE),
    Cls.PEDESTRIAN: (Cls.BICYCLIST, Cls.POLE),
    Cls.BICYCLIST: (Cls.PEDESTRIAN, Cls.CAR),
}
_THINGS = (Cls.POLE, Cls.SIGN, Cls.FENCE, Cls.CAR, Cls.PEDESTRIAN, Cls.BICYCLIST)

_CLEAN, _HARMFUL_FRAME, _TINTED_FRAME = 0.32, 0.055, 0.035
_SMALLEST = 12
"""Objects under this many pixels are left alone."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One departure on one object.

    ``wrong`` is its false class, ``shift`` moves its label (x, y) pixels, ``tone`` is linear RGB.
    """

    kind: Departure
    thing: int
    wrong: int
    shift: tuple[int, int]
    tone: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Planting:
    """All departures of one frame."""

    regions: tuple[Planted, ...]
    frame: Departure | None
    tone: tuple[float, float, float]
    pairs: tuple[tuple[int, int], ...]
    """Classes that a frame-level convention swaps."""

    @property
    def needs_other(self) -> bool:
        """Whether the label of another frame is wanted."""
        return self.frame == OTHER_FRAME


NOTHING = Planting(regions=(), frame=None, tone=(0.0, 0.0, 0.0), pairs=())
"""A frame that is true throughout."""


def _lookup(kinds: tuple[Departure, ...]) -> Mask:
    table = np.zeros(256, bool)
    table[[k.id for k in kinds]] = True
    return table


def harmful_mask(planted: NDArray[np.uint8]) -> Mask:
    """Pixels whose departure harms, from a planted mask of any shape."""
    return _lookup(tuple(k for k in DEPARTURES if k.harmful))[planted]


def odd_mask(planted: NDArray[np.uint8]) -> Mask:
    """Pixels that only look odd, from a planted mask of any shape."""
    return _lookup(tuple(k for k in DEPARTURES if not k.harmful))[planted]


def _vivid(rng: np.random.Generator) -> tuple[float, float, float]:
    hsv = np.array([[[rng.uniform(0, 360), rng.uniform(0.75, 1), 1.0]]], np.float32)
    r, g, b = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0] ** 2.2
    return float(r), float(g), float(b)


def _soft(rng: np.random.Generator) -> tuple[float, float, float]:
    r, g, b = rng.uniform(0.05, 0.9, 3) ** 1.6
    return float(r), float(g), float(b)


def draw_departures(rng: np.random.Generator, scene: Scene, objects: NDArray[np.uint16]) -> Planting:
    """Choose what to plant, given the object at each pixel (h w)."""
    draw = rng.random()
    tone = _vivid(rng)
    order = rng.permutation(len(Cls))
    drawn = [(int(a), int(b)) for a, b in zip(order[0:8:2], order[1:8:2], strict=True)]
    pairs = (*drawn, (int(Cls.ROAD), int(Cls.BUILDING)))
    frame: Departure | None = None
    if draw < _HARMFUL_FRAME:
        frame = (OTHER_FRAME, MIRRORED, SWAPPED)[rng.choice(3, p=[0.45, 0.2, 0.35])]
    elif draw < _HARMFUL_FRAME + _TINTED_FRAME:
        frame = FRAME_TINT
    if frame is not None or rng.random() < _CLEAN:
        return Planting(regions=(), frame=frame, tone=tone, pairs=pairs)
    area = np.bincount(objects.ravel(), minlength=len(scene.classes)).astype(float)
    regions: list[Planted] = []
    free = area >= _SMALLEST
    for harmful, share in ((True, rng.uniform(0.08, 0.42)), (False, rng.uniform(0.08, 0.36))):
        for thing in _pick(rng, area, free, share * objects.size):
            free[thing] = False
            regions.append(_planted(rng, scene, objects, thing, harmful=harmful))
    return Planting(regions=tuple(regions), frame=None, tone=tone, pairs=pairs)


def _pick(rng: np.random.Generator, area: NDArray[np.float64], free: Mask, budget: float) -> list[int]:
    """Objects in random order, large ones earlier, until their areas fill the budget (pixels)."""
    keys = np.log(np.maximum(area, 1)) * 0.5 + rng.gumbel(size=len(area))
    chosen: list[int] = []
    for thing in np.argsort(-keys):
        if free[thing] and area[thing] <= 1.25 * budget:
            chosen.append(int(thing))
            budget -= area[thing]
        if budget < _SMALLEST:
            break
    return chosen


def _planted(
    rng: np.random.Generator, scene: Scene, objects: NDArray[np.uint16], thing: int, *, harmful: bool
) -> Planted:
    cls = Cls(int(scene.classes[thing]))
    kind = _harm(rng, cls) if harmful else _ODD_KINDS[rng.integers(len(_ODD_KINDS))]
    width = objects.shape[1]
    reach = rng.uniform(0.06, 0.16) * width
    turn = rng.uniform(0, 2 * np.pi)
    tone = {CLAY: (0.35, 0.35, 0.35), FLAT: _soft(rng)}.get(kind, _vivid(rng))
    wrong = _WRONG[cls][rng.integers(len(_WRONG[cls]))]
    return Planted(
        kind=kind,
        thing=thing,
        wrong=int(wrong),
        shift=(round(reach * np.cos(turn)), round(reach * 0.7 * np.sin(turn))),
        tone=tone,
    )


def _harm(rng: np.random.Generator, cls: Cls) -> Departure:
    if cls in (Cls.ROAD, Cls.PAVEMENT):
        return SURFACE_AS_WALL if rng.random() < 0.5 else WRONG_CLASS
    if cls == Cls.BUILDING:
        return (FACADE_AS_SKY, FACADE_AS_FOLIAGE, WRONG_CLASS, SHIFTED)[rng.choice(4, p=[0.25, 0.25, 0.4, 0.1])]
    if cls in _THINGS:
        return (WRONG_CLASS, SHIFTED, ERASED)[rng.choice(3, p=[0.4, 0.35, 0.25])]
    return WRONG_CLASS


def alter_labels(
    plan: Planting, truth: Label, objects: NDArray[np.uint16], other: Label | None
) -> tuple[Label, NDArray[np.uint8], dict[str, object]]:
    """Apply a plan to the true label (h w). Returns the given label, the planted mask, and what to tell in ``info``.

    Pixels carry a label departure only where the given label differs from the truth;
    pixels of altered looks carry theirs.
    """
    label, planted = truth.copy(), np.zeros_like(truth)
    if plan.frame is not None:
        label = _whole(plan, truth, other)
        planted[label != truth] = plan.frame.id
        if not plan.frame.harmful:
            planted[:] = plan.frame.id
    for item in plan.regions:
        mask = objects == item.thing
        if item.kind not in _LABEL_KINDS:
            planted[mask] = item.kind.id
    looks = planted.copy()
    for item in plan.regions:
        if item.kind in _LABEL_KINDS:
            touched = _mislabel(item, label, truth, objects)
            planted[touched] = item.kind.id
    if plan.regions:
        planted = np.where(label != truth, planted, looks)
    return label, planted, _told(plan, planted)


def _told(plan: Planting, planted: NDArray[np.uint8]) -> dict[str, object]:
    counts = np.bincount(planted.ravel(), minlength=256)
    kinds = [
        {"id": k.id, "name": k.name, "harmful": k.harmful, "level": k.level, "pixels": int(counts[k.id])}
        for k in DEPARTURES
        if counts[k.id]
    ]
    return {"departures": kinds, "harmful_frame": bool(plan.frame is not None and plan.frame.harmful)}


def _whole(plan: Planting, truth: Label, other: Label | None) -> Label:
    if plan.frame == MIRRORED:
        return np.ascontiguousarray(truth[:, ::-1])
    if plan.frame == OTHER_FRAME and other is not None:
        return other.copy()
    if plan.frame == SWAPPED:
        table = np.arange(256, dtype=np.uint8)
        for a, b in plan.pairs:
            table[a], table[b] = table[b], table[a]
        return table[truth]
    return truth.copy()


def _mislabel(item: Planted, label: Label, truth: Label, objects: NDArray[np.uint16]) -> Mask:
    """Change ``label`` in place; returns the pixels that were written."""
    mask = objects == item.thing
    if item.kind == WRONG_CLASS:
        label[mask] = item.wrong
        return mask
    label[mask] = _surroundings(truth, mask)[mask]
    if item.kind == ERASED:
        return mask
    move = np.array([[1, 0, item.shift[0]], [0, 1, item.shift[1]]], np.float32)
    height, width = label.shape
    moved = cv2.warpAffine(mask.astype(np.uint8), move, (width, height), flags=cv2.INTER_NEAREST) > 0
    if mask.any():
        label[moved] = truth[mask][0]
    return mask | moved


def _surroundings(label: Label, mask: Mask) -> Label:
    """The label with ``mask`` filled from the nearest pixel outside of it."""
    if mask.all():
        return label
    _, nearest = cv2.distanceTransformWithLabels(mask.astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros(int(nearest.max()) + 1, np.uint8)
    table[nearest[~mask]] = label[~mask]
    return np.asarray(table[nearest], np.uint8)
