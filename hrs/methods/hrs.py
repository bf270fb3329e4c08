"""Hierarchical region selection: weighting networks say how much each synthetic pixel, region and image counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.joint import Joint, Weighing
from hrs.networks.segmenter import Segmenter, SegmenterOutput
from hrs.selection.combine import effective_share
from hrs.selection.selector import RawScores, RawWeights, Reasons, Selector, Weights
from hrs.selection.statistics import class_sums
from hrs.selection.view import View


class HierarchicalSelection(Joint):
    """Joint training with the weights of a `Selector`, plus the weighting networks' own losses.

    After Sun et al., CVPR 2019. The weighting networks see detached features, so their losses move them alone.
    """

    def __init__(self, config: RunConfig, segmenter: Segmenter) -> None:
        super().__init__(config, segmenter)
        self.selector = Selector(config.selection, self.num_classes, self.segmenter.feature_dim)
        self.compares_regions = self.selector.compares and "region" in config.selection.levels

    def frame_weights(self, frames: Batch) -> Tensor | None:
        if self.config.selection.image_acts != "sampling":
            return None
        with torch.no_grad(), at_rest(self):
            (output,) = self.segment(frames)
            return self.selector.image_weights(View.of(output, frames))

    def auxiliary(self) -> list[tuple[nn.Module, float]]:
        return [(self.selector, self.config.selection.learning_rate)]

    def weigh(self, shown: Batch, output: SegmenterOutput, target: Batch, real: SegmenterOutput, step: int) -> Weighing:
        with torch.autocast(shown.images.device.type, enabled=False):
            view = View.of(output, shown)
            losses, scores = self._learn(view, real, target, step)
            weights = self.weights(view, scores, self.config.selection.strength(step / self.config.train.steps))
        logs = {f"loss_{name}": value.detach() for name, value in losses.items()}
        logs["effective_share"] = effective_share(weights, shown.labels)
        logs["class_weight"] = mean_per_class(weights, shown.labels, self.num_classes)
        return Weighing(weights=weights, loss=sum(losses.values(), start=weights.new_zeros(())), logs=logs)

    def _learn(
        self, view: View, real: SegmenterOutput, target: Batch, step: int
    ) -> tuple[dict[str, Tensor], RawScores | None]:
        """The weighting networks' losses and scores at every ``selection.every``-th step; between them, neither."""
        if (step + 1) % self.config.selection.every:
            return {}, None
        return self.selector.learn(view, View.of(real, target))

    def weights(self, view: View, scores: RawScores | None, strength: float) -> Tensor:
        """The weight of every synthetic pixel, (b h w). The controls replace this one thing."""
        return self.selector.weigh(view, scores, strength=strength).combined


@torch.no_grad()
def raw_weights(method: HierarchicalSelection, batch: Batch) -> RawWeights:
    """Raw weights of synthetic frames under a trained method; `Selector.scale`, or a fit over a corpus, scales them."""
    with at_rest(method):
        (output,) = method.segment(batch)
        return method.selector.raw(View.of(output, batch))


@torch.no_grad()
def weight_reasons(method: HierarchicalSelection, batch: Batch) -> Reasons:
    """What `raw_weights` gives, and why it is so."""
    with at_rest(method):
        (output,) = method.segment(batch)
        return method.selector.reasons(View.of(output, batch))


@torch.no_grad()
def weigh_frames(method: HierarchicalSelection, batch: Batch) -> Weights:
    """Full-strength weights of synthetic frames under a trained method, with mean 1 over what it saw in training."""
    with at_rest(method):
        (output,) = method.segment(batch)
        return method.selector.weigh(View.of(output, batch))


@contextmanager
def at_rest(method: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, and afterwards in the one that it was in."""
    was_training = method.training
    method.eval()
    try:
        yield
    finally:
        method.train(was_training)


def mean_per_class(weights: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Mean weight per class of a batch, (c,); NaN where the class does not occur."""
    sums, counts = class_sums(weights, labels, num_classes)
    return sums / counts
