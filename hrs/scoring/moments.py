"""What is kept of raw weight maps while frames stream by: enough for their scale and for every statistic of a frame.

Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hrs.labels import IGNORE
from hrs.scoring.maps import PackedMap
from hrs.selection.scale import MapScale, Scale

Array = NDArray[np.float64]

COMBINED = "combined"
"""The map that acts on the loss; the others are its levels."""
MEAN, STD = "mean", "std"
"""What statistics of a level are called behind its name, as its classes are."""
PIXELS = "pixels"
"""The column of class sizes, which every table of moments has."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Of n frames, over labelled pixels by class: their number (n c), and by map sum and sum of squares of the raw
    weights (n c)."""

    pixels: Array
    sums: Mapping[str, Array]
    squares: Mapping[str, Array]

    @classmethod
    def of(cls, maps: Mapping[str, PackedMap], label: NDArray[np.uint8], classes: int) -> Moments:
        """Those of one frame, of its maps as they are stored: a scale made of them fits what readers see."""
        row = label.astype(np.int64) * 256
        counts = {name: _histogram(row + each.codes, classes) for name, each in maps.items()}
        return cls(
            pixels=next(iter(counts.values())).sum(axis=1, dtype=np.float64)[None],
            sums={name: (counts[name] @ _exact(each))[None] for name, each in maps.items()},
            squares={name: (counts[name] @ _exact(each) ** 2)[None] for name, each in maps.items()},
        )

    @classmethod
    def join(cls, parts: Sequence[Moments]) -> Moments:
        """All frames of at least one part, in order."""
        names = parts[0].sums
        return cls(
            pixels=np.concatenate([part.pixels for part in parts]),
            sums={name: np.concatenate([part.sums[name] for part in parts]) for name in names},
            squares={name: np.concatenate([part.squares[name] for part in parts]) for name in names},
        )

    def fit(self, *, min_effective: float, drawing: Collection[str] = ()) -> Scale:
        """The scale that gives every class a mean of 1 over these frames; ``min_effective`` holds for what acts in the
        loss. Maps that say how often a frame is drawn, ``drawing``, have a mean of 1 over all classes."""
        pixels = self.pixels.sum(axis=0)
        return Scale(
            maps={
                name: MapScale.fit(
                    pixels,
                    self.sums[name].sum(axis=0),
                    self.squares[name].sum(axis=0),
                    min_effective=min_effective if name == COMBINED else None,
                    alike=name in drawing,
                )
                for name in self.sums
            }
        )

    def statistics(self, scale: Scale, classes: Sequence[str]) -> dict[str, Array]:
        """Columns (n,) of final weights over labelled pixels; NaN where a frame has no such pixel.

        Returns:
            effective_share, (sum w)^2 / (n sum w^2), and weight, the mean, of the combined map; LEVEL/mean and
            LEVEL/std of the others; of all, the mean by class under its `class_statistic`.
        """
        scaled = {
            name: scale.maps[name].moments(self.pixels, sums, self.squares[name]) for name, sums in self.sums.items()
        }
        count = self.pixels.sum(axis=1)
        columns: dict[str, Array] = {}
        for name, (sums, squares) in scaled.items():
            total, square = sums.sum(axis=1), squares.sum(axis=1)
            if name == COMBINED:
                columns["effective_share"] = _over(total**2, count * square)
                columns["weight"] = _over(total, count)
            else:
                columns[f"{name}/{MEAN}"] = _over(total, count)
                spread = np.maximum(square - _over(total**2, count), 0)
                columns[f"{name}/{STD}"] = np.sqrt(_over(spread, count - 1))
        for name, (sums, _) in scaled.items():
            means = _over(sums, self.pixels)
            columns |= {class_statistic(name, each): means[:, c] for c, each in enumerate(classes)}
        return columns

    def to_columns(self) -> dict[str, pa.Array]:
        """As columns of lists, for `from_table`."""
        columns = {PIXELS: _lists(self.pixels)}
        for name in self.sums:
            columns |= {f"{name}/sums": _lists(self.sums[name]), f"{name}/squares": _lists(self.squares[name])}
        return columns

    @classmethod
    def from_table(cls, table: pa.Table) -> Moments:
        """What `to_columns` gave, from a table that may hold other columns too."""
        names = [name.removesuffix("/sums") for name in table.column_names if name.endswith("/sums")]
        return cls(
            pixels=_matrix(table[PIXELS]),
            sums={name: _matrix(table[f"{name}/sums"]) for name in names},
            squares={name: _matrix(table[f"{name}/squares"]) for name in names},
        )


def class_statistic(name: str, label: str) -> str:
    """The column of a class's mean weight on a map: MAP/CLASS, with one more slash before a class that is called as a
    statistic is."""
    apart = "/" if label.lstrip("/") in (MEAN, STD) else ""
    return f"{name}/{apart}{label}"


def _histogram(cells: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How often each class has each code, (c 256); a cell is 256 label + code."""
    return np.bincount(cells.ravel(), minlength=256 * (IGNORE + 1)).reshape(-1, 256)[:classes]


def _exact(packed: PackedMap) -> Array:
    return packed.weights.astype(np.float64)


def _over(top: Array, bottom: Array) -> Array:
    """top / bottom, NaN where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def _lists(values: Array) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _matrix(column: pa.ChunkedArray) -> Array:
    values: Array = column.combine_chunks().flatten().to_numpy().reshape(len(column), -1)
    return values
