"""Control: as much of every class as the learned weights leave, all its pixels alike."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hrs.labels import IGNORE
from hrs.methods.hrs import HierarchicalSelection
from hrs.networks.segmenter import upsample
from hrs.selection.selector import RawScores
from hrs.selection.statistics import class_sums, read, summed
from hrs.selection.view import View


class Evened(HierarchicalSelection):
    """HRS with its weights evened out within every class of a batch. What HRS gains over this it gains by which pixels
    count, and what this gains over joint training by how much each class does.

    Frames that are drawn by weight (`Trainer.often`) change places, as those of `Shuffled` do.
    """

    def weights(self, view: View, scores: RawScores | None, strength: float) -> Tensor:
        return even_within_class(super().weights(view, scores, strength), view)


@torch.no_grad()
def even_within_class(weights: Tensor, view: View) -> Tensor:
    """One weight for each class of a batch, all processes' parts of it: the one under which the class has the loss that
    it has under ``weights`` (b h w). 1 where it has none."""
    labels, logits = view.labels, upsample(view.logits, view.labels.shape[-2:])
    loss = F.cross_entropy(logits, labels.long(), ignore_index=IGNORE, reduction="none")
    weighed, plain = (class_sums(each, labels, logits.shape[1])[0] for each in (weights * loss, loss))
    weighed, plain = summed(weighed, plain)
    return read((weighed / plain.clamp(min=1e-12)).masked_fill(plain == 0, 1.0), labels, 1.0)
