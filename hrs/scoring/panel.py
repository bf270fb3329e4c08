"""The few synthetic frames that a run watches while it trains: their weights at every step that was kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.labels import IGNORE, LabelSpace
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus, ScoredFrame


def open_panel(run: RunFolder, step: int, space: LabelSpace | None) -> ScoredCorpus:
    """The panel at one step, with the statistics that a scored corpus has.

    Args:
        step: one of `RunFolder.panel_steps`.
        space: the run's classes; without them there are no statistics by class.

    Raises:
        HRSError: a map cannot be read.
    """
    folder = run.panel_step(step).path
    frames = [ScoredFrame(id=file.stem, maps=file, pictures=run.panel_frames) for file in sorted(folder.glob("*.npz"))]
    rows = [{"map": f"{folder.name}/{frame.id}.npz", **_row(frame, space)} for frame in frames]
    return ScoredCorpus.of_rows(run.weights, rows, space)


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
