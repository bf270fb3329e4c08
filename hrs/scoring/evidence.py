"""What a network leaves of one frame for the question why, on its way to the disk. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrs.runs.names import CorpusFolder
from hrs.scoring.areas import FrameAreas, find_areas
from hrs.scoring.reasons import FrameReasons
from hrs.selection.scale import Maps


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Of one frame.

    label, regions: classes and superpixels (h w). raw: raw maps (h w) by name. likely: how likely each class is,
    (c h' w'). scores: what each level expects of each signal, (h w) by LEVEL/SIGNAL. planted: departures (h w), None
    where nothing is known of them.
    """

    label: NDArray[np.uint8]
    regions: NDArray[np.int32]
    raw: Maps
    likely: NDArray[np.float32]
    scores: Maps
    planted: NDArray[np.uint8] | None

    def write(self, folder: CorpusFolder, row: int, stem: str) -> FrameAreas:
        """Write the frame's reasons; its areas, which go into a table with those of others."""
        values = {**self.raw, **self.scores}
        areas = find_areas(row, self.label, self.regions, self.likely, values, self.planted)
        FrameReasons.of(self.likely, areas.ids, self.planted).write(folder.reasons_file(stem))
        return areas
