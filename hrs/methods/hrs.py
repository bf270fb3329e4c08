"""Hierarchical region selection: weighting networks say how much each synthetic pixel, region and image counts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult
from hrs.networks.segmenter import Segmenter, SegmenterOutput
from hrs.selection.combine import effective_share
from hrs.selection.selector import Scores, Selector
from hrs.selection.statistics import class_sums
from hrs.selection.view import View


class HierarchicalSelection(Method):
    """L = CE(T) + lambda sum_i w_i CE_i(S) / sum_i w_i, plus the weighting networks' own losses.

    After Sun et al., CVPR 2019. The weighting networks see detached features, so their losses move them alone.
    """

    needs_regions = True

    def __init__(self, config: RunConfig, segmenter: Segmenter) -> None:
        super().__init__(config, segmenter)
        self.selector: Selector = Selector(config.selection, self.num_classes, self.segmenter.feature_dim)

    def auxiliary(self) -> list[tuple[nn.Module, float]]:
        return [(self.selector, self.config.selection.learning_rate)]

    def forward(self, source: Batch | None, target: Batch | None, step: int) -> StepResult:
        assert source is not None and target is not None
        real, synthetic = self.segment(target.images, source.images)
        weights, losses, logs = self.select(source, synthetic, target, real, step)
        target_loss = self.cross_entropy(real.logits, target.labels)
        source_loss = self.cross_entropy(synthetic.logits, source.labels, weights)
        loss = target_loss + self.config.train.source_weight * source_loss + losses
        return StepResult(loss, {"loss_target": target_loss.detach(), "loss_source": source_loss.detach(), **logs})

    def select(
        self, source: Batch, synthetic: SegmenterOutput, target: Batch, real: SegmenterOutput, step: int
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The weight of every synthetic pixel (b h w), the sum of the weighting networks' losses, and what to log.

        Args:
            source: labels and regions of the synthetic pixels; IGNORE and -1 elsewhere.
            synthetic, real: what the segmentation network made of both batches.
        """
        with torch.autocast(source.images.device.type, enabled=False):
            view = View.of(synthetic, source)
            losses, scores = self._learn(view, real, target, step)
            weights = self.weights(view, scores, self.selector.strength(step / self.config.train.steps))
        logs = {f"loss_{name}": value.detach() for name, value in losses.items()}
        logs["effective_share"] = effective_share(weights, source.labels)
        logs["class_weight"] = mean_per_class(weights, source.labels, self.num_classes)
        return weights, sum(losses.values(), start=weights.new_zeros(())), logs

    def _learn(
        self, view: View, real: SegmenterOutput, target: Batch, step: int
    ) -> tuple[dict[str, Tensor], Scores | None]:
        """The weighting networks' losses and scores at every ``selection.every``-th step; between them, neither."""
        if (step + 1) % self.config.selection.every:
            return {}, None
        return self.selector.learn(view, View.of(real, target))

    def weights(self, view: View, scores: Scores | None, strength: float) -> Tensor:
        """The weight of every synthetic pixel, (b h w). The controls replace this one thing."""
        return self.selector.weigh(view, scores, strength=strength).combined


def mean_per_class(weights: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Mean weight per class of a batch, (c,); NaN where the class does not occur."""
    sums, counts = class_sums(weights, labels, num_classes)
    return sums / counts
