"""Selection within mixing: weighting networks say how much each pasted synthetic pixel counts."""

from __future__ import annotations

from dataclasses import replace

from hrs.data.loaders import Batch
from hrs.labels import IGNORE
from hrs.methods.hrs import HierarchicalSelection
from hrs.methods.joint import Weighing
from hrs.methods.mixing import Mixing, is_pasted
from hrs.networks.segmenter import SegmenterOutput


class SelectiveMixing(Mixing, HierarchicalSelection):
    """`Mixing` with weights that are learned on M's synthetic pixels and 1 on its real ones."""

    def weigh(self, shown: Batch, output: SegmenterOutput, target: Batch, real: SegmenterOutput, step: int) -> Weighing:
        pasted = is_pasted(shown)
        only = replace(shown, labels=shown.labels.masked_fill(~pasted, IGNORE))
        weighing = super().weigh(only, output, target, real, step)
        return replace(weighing, weights=weighing.weights.masked_fill(~pasted, 1.0))
