"""The few synthetic frames that a run watches while it trains: their weights at every step that was kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.labels import IGNORE, LabelSpace
from hrs.scoring.corpus import ScoredCorpus, ScoredFrame

_STEP = re.compile(r"step_(\d+)")


def panel_steps(weights: Path) -> dict[int, Path]:
    """The kept steps of a run's weights/ folder, in order; empty where there are none."""
    found = {int(m[1]): path for path in weights.glob("step_*") if (m := _STEP.fullmatch(path.name)) and path.is_dir()}
    return dict(sorted(found.items()))


def open_panel(weights: Path, step: int, space: LabelSpace | None) -> ScoredCorpus:
    """The panel at one step, with the statistics that a scored corpus has.

    Args:
        weights: a run's weights/ folder.
        step: one of `panel_steps`.
        space: the run's classes; without them there are no statistics by class.

    Raises:
        HRSError: a map cannot be read.
    """
    folder = panel_steps(weights)[step]
    frames = [
        ScoredFrame(id=file.stem, maps=file, pictures=weights / "frames") for file in sorted(folder.glob("*.npz"))
    ]
    rows = [{"map": f"{folder.name}/{frame.id}.npz", **_row(frame, space)} for frame in frames]
    return ScoredCorpus.of_rows(weights, rows, space)


def frame_statistics(
    maps: Mapping[str, NDArray[np.float32]], label: NDArray[np.uint8], space: LabelSpace | None
) -> dict[str, float | None]:
    """Weight, effective share, mean and spread by level, and mean by class, as scoring writes them for a frame."""
    combined = maps["combined"]
    kept = combined[label != IGNORE]
    square = float(np.square(kept).sum())
    row: dict[str, float | None] = {
        "weight": float(combined.mean()),
        "effective_share": float(kept.sum()) ** 2 / (kept.size * square) if square else 0.0,
    }
    for name in maps.keys() - {"combined"}:
        row |= {f"{name}/mean": float(maps[name].mean()), f"{name}/std": float(maps[name].std(ddof=1))}
    for name, values in maps.items():
        row |= {f"{name}/{each}": mean for each, mean in class_means(values, label, space).items()}
    return row


def class_means(
    values: NDArray[np.float32], label: NDArray[np.uint8], space: LabelSpace | None
) -> dict[str, float | None]:
    """Mean weight by class name, None where the class is absent; without a space, nothing."""
    if space is None:
        return {}
    counts = np.bincount(label.ravel(), minlength=IGNORE + 1)
    sums = np.bincount(label.ravel(), weights=values.ravel(), minlength=IGNORE + 1)
    return {name: float(sums[i] / counts[i]) if counts[i] else None for i, name in enumerate(space.classes)}


def _row(frame: ScoredFrame, space: LabelSpace | None) -> dict[str, Any]:
    maps = frame.read_maps()
    if frame.picture.is_file():
        label = frame.read_frame()[1]
    else:  # written by an older version
        label, space = np.zeros(maps["combined"].shape, np.uint8), None
    return {"frame": frame.id, **frame_statistics(maps, label, space)}
