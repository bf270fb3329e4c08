"""Areas of a frame: connected pieces of one label in which one class is seen, and what they weigh and why.

Superpixels are what is asked, so that an opinion is one of a piece of surface and not of single pixels. An area is what
is left after neighbours of the same label and the same opinion were joined. Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.sparse import csr_array
from skimage.measure import label as connected

from hrs.labels import IGNORE
from hrs.scoring.areatable import FIXED
from hrs.street import harmful_mask

LEAST_SHARE = 0.0005
"""Of a frame's pixels that an area has at least; less says little."""
NONE = 0
"""Where a map of areas has none; the areas count from 1."""


@dataclass(frozen=True, kw_only=True)
class FrameAreas:
    """ids (h w) uint16, NONE outside of every area; columns (n,) by name, a value an area, those of FIXED first."""

    ids: NDArray[np.uint16]
    columns: Mapping[str, NDArray[Any]]


def find_areas(
    row: int,
    label: NDArray[np.uint8],
    regions: NDArray[np.int32],
    seen: NDArray[np.float32],
    values: Mapping[str, NDArray[np.float32]],
    planted: NDArray[np.uint8] | None = None,
) -> FrameAreas:
    """The areas of one frame.

    Args:
        row: of the frame, for the column of that name.
        label: classes (h w), IGNORE for none.
        regions: superpixels (h w), cut along label borders, -1 for none.
        seen: how likely each class is, (c h' w'), at the features' resolution.
        values: maps (h w) whose means become further columns of the same names.
        planted: departures (h w); None where nothing is known of them.
    """
    opinion = _opinions(regions, seen)
    which, sure = opinion.argmax(axis=1), opinion.max(axis=1)
    inside = (label != IGNORE) & (regions >= 0)
    known = np.where(inside, regions, 0)
    ids = _joined(np.where(inside, label.astype(np.int32) * seen.shape[0] + which[known] + 1, NONE))
    count = int(ids.max())
    pixels = np.bincount(ids.ravel(), minlength=count + 1)[1:]
    first = np.unique(ids, return_index=True)[1][-count:] if count else np.zeros(0, np.int64)
    flat = ids.ravel()

    def mean(each: NDArray[Any]) -> NDArray[np.float32]:
        sums = np.bincount(flat, weights=each.ravel(), minlength=count + 1)[1:]
        return (sums / np.maximum(pixels, 1)).astype(np.float32)

    boxes = _boxes(ids, count)
    columns: dict[str, NDArray[Any]] = {
        "row": np.full(count, row, np.int32),
        "area": np.arange(1, count + 1, dtype=np.uint16),
        "label": label.ravel()[first],
        "seen": which[known.ravel()[first]].astype(np.uint8),
        "confidence": mean(sure[known]),
        "pixels": pixels.astype(np.int32),
        **{name: boxes[:, i] for i, name in enumerate(("left", "top", "right", "bottom"))},
    }
    if planted is not None:
        harmful = harmful_mask(planted)
        columns |= {"harm": mean(harmful), "planted": _commonest(np.where(harmful, planted, 0).ravel(), flat, count)}
    return FrameAreas(ids=ids, columns=columns | {name: mean(each) for name, each in values.items()})


def to_table(parts: list[FrameAreas]) -> pa.Table:
    """The columns of several frames, at least one, one below another; what FIXED has and a frame lacks is null."""

    def column(name: str, kind: pa.DataType) -> pa.ChunkedArray:
        pieces = [(part.columns.get(name), len(part.columns["row"])) for part in parts]
        return pa.chunked_array([pa.nulls(n, kind) if each is None else pa.array(each, kind) for each, n in pieces])

    others = [name for name in parts[0].columns if name not in FIXED.names]
    fixed = {field.name: column(field.name, field.type) for field in FIXED}
    return pa.table({**fixed, **{name: column(name, pa.float32()) for name in others}})


def _opinions(regions: NDArray[np.int32], seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean probabilities of each region's pixels, (r c), each pixel asked at the cell it falls in."""
    (height, width), (rows, columns) = regions.shape, seen.shape[1:]
    cells = (np.arange(height) * rows // height)[:, None] * columns + np.arange(width) * columns // width
    inside = regions >= 0
    ids, count = regions[inside], int(regions.max(initial=-1)) + 1
    ones = np.ones(len(ids), np.float32)
    share = csr_array((ones, (ids, cells[inside])), shape=(max(count, 1), rows * columns))
    total: NDArray[np.float32] = share @ np.ascontiguousarray(seen.reshape(len(seen), -1).T)
    size = np.maximum(np.bincount(ids, minlength=max(count, 1)), 1).astype(np.float32)
    return total / size[:, None]


def _joined(keys: NDArray[np.int32]) -> NDArray[np.uint16]:
    """Connected pieces of equal keys, those of a few pixels left out, numbered from 1 in the order of their sizes."""
    pieces = connected(keys, background=NONE, connectivity=1)
    sizes = np.bincount(pieces.ravel())
    sizes[NONE] = 0
    order = np.argsort(-sizes, kind="stable")
    kept = order[sizes[order] >= max(1, LEAST_SHARE * keys.size)][: np.iinfo(np.uint16).max]
    numbers = np.zeros(len(sizes), np.uint16)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[pieces]


def _boxes(ids: NDArray[np.uint16], count: int) -> NDArray[np.uint16]:
    """Left, top, right, bottom of every area, (n 4)."""
    found = find_objects(ids, count)
    return np.array([(x.start, y.start, x.stop, y.stop) for y, x in found], np.uint16).reshape(-1, 4)


def _commonest(planted: NDArray[np.uint8], ids: NDArray[np.uint16], count: int) -> NDArray[np.uint8]:
    """The departure that most pixels of each area show, of those that show one; 0 where none does: (n,)."""
    kinds = int(planted.max(initial=0)) + 1
    table = np.bincount(ids.astype(np.int64) * kinds + planted, minlength=(count + 1) * kinds)
    shown = table.reshape(-1, kinds)[1:]
    shown[:, 0] = 0
    return shown.argmax(axis=1).astype(np.uint8)
