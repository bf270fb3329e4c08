"""The three weighting networks at work: they learn from the signals, and turn scores into weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hrs.config import SelectionConfig
from hrs.labels import IGNORE
from hrs.selection import combine, signals
from hrs.selection.appearance import Appearance
from hrs.selection.image import ImageLevel
from hrs.selection.pixel import PixelLevel
from hrs.selection.region import RegionLevel
from hrs.selection.statistics import ClassStatistics, class_sums, read
from hrs.selection.view import View

Scores = dict[str, Tensor]
"""Raw scores by level, as each level's forward gives them."""
LEVELS = {"pixel": PixelLevel, "region": RegionLevel, "image": ImageLevel}


class LevelModule(Protocol):
    """What each level offers; a unit is a pixel, a region or an image."""

    def __call__(self, view: View) -> Tensor: ...
    def units(self, scores: Tensor, view: View) -> tuple[Tensor, Tensor]: ...
    def pool(self, values: Tensor, view: View) -> Tensor: ...
    def spread(self, values: Tensor, view: View) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Weights:
    """combined and every level's own weights, (b h w), at least 0; mean about 1 within every class over a corpus.

    A selector in training mode leaves ``levels`` empty: only the combined weights act.
    """

    combined: Tensor
    levels: dict[str, Tensor]

    def maps(self, i: int) -> dict[str, NDArray[np.float32]]:
        """All maps of image ``i``, (h w) each, by name."""
        return {name: values[i].float().cpu().numpy() for name, values in self.named().items()}

    def named(self) -> dict[str, Tensor]:
        return {"combined": self.combined, **self.levels}


class Selector(nn.Module):
    """Weights for synthetic pixels from any subset of levels and signals.

    Args:
        config: levels, signals and how scores become weights.
        num_classes: c of the segmentation network.
        feature_dim: d of its last features.
    """

    gradient: Tensor

    def __init__(self, config: SelectionConfig, num_classes: int, feature_dim: int) -> None:
        super().__init__()
        self.config, self.num_classes = config, num_classes
        count = len(config.signals)
        predictions = num_classes * (2 if "appearance" in config.signals else 1)
        self.levels = nn.ModuleDict(
            {name: LEVELS[name](num_classes, feature_dim, predictions, count) for name in config.levels}
        )
        self.scores = nn.ModuleDict({name: self._statistics(count) for name in config.levels})
        self.raw = self._statistics(count)
        self.means = nn.ModuleDict({name: self._statistic() for name in (*config.levels, "combined")})
        self.overall = ClassStatistics(1, config.momentum)
        self.probe = nn.Conv2d(feature_dim, num_classes, 1) if "agreement" in config.signals else None
        self.appearance = Appearance(num_classes) if "appearance" in config.signals else None
        self.register_buffer("gradient", torch.zeros(num_classes, feature_dim))

    def _statistic(self) -> ClassStatistics:
        return ClassStatistics(self.num_classes, self.config.momentum)

    def _statistics(self, count: int) -> nn.ModuleList:
        return nn.ModuleList(self._statistic() for _ in range(count))

    def strength(self, progress: float) -> float:
        """How far weights may leave 1 at ``progress`` in [0, 1] of training: 0 in the warm-up, then a linear ramp."""
        since = progress - self.config.warmup
        if since <= 0:
            return 0.0
        return min(1.0, since / self.config.ramp) if self.config.ramp else 1.0

    # Learning

    def learn(self, source: View, target: View) -> tuple[dict[str, Tensor], Scores]:
        """One loss per weighting network (and the probe's), and the synthetic frames' scores for `weigh`.

        The running statistics of the signals move. Nothing reaches the segmentation network: views are detached.
        """
        if self.appearance is not None:
            self.appearance.remember(target.images, target.labels)
        source, target = source.coarse(), target.coarse()
        losses: dict[str, Tensor] = {}
        if self.probe is not None:
            losses["probe"] = combine.weighted_cross_entropy(self.probe(target.features), target.labels)
        self._remember_gradient(target)
        source = self._seen(source)
        if "similarity" in self.config.signals:  # the one signal for which the levels look at real images
            target = self._seen(target)
        wanted = self._wanted(source)
        scores = {name: level(source) for name, level in self._each_level()}
        for name, level in self._each_level():
            losses[name] = self._level_loss(level, scores[name], source, target, wanted)
        return losses, {name: score.detach() for name, score in scores.items()}

    @torch.no_grad()
    def _seen(self, view: View) -> View:
        """The view with how much its images resemble the real ones, if anything remembers those."""
        return view if self.appearance is None else replace(view, appearance=self.appearance(view.images))

    @torch.no_grad()
    def _remember_gradient(self, target: View) -> None:
        if "usefulness" not in self.config.signals:
            return
        new = signals.target_gradient(target.logits, target.features, target.labels)
        first = not bool(self.gradient.any())
        self.gradient.lerp_(new, 1.0 if first else 1 - self.config.momentum)

    @torch.no_grad()
    def _wanted(self, source: View) -> list[Tensor | None]:
        """Each signal per pixel (b h w), standardised within its class; None for similarity, which has none."""
        wanted: list[Tensor | None] = []
        for signal, statistics in zip(self.config.signals, self.raw, strict=True):
            if signal == "similarity":
                wanted.append(None)
                continue
            value = self._signal(signal, source)
            table = cast(ClassStatistics, statistics)
            table.update(value, source.labels)
            wanted.append(table.standardise(value, source.labels))
        return wanted

    def _signal(self, signal: str, view: View) -> Tensor:
        if signal == "usefulness":
            return signals.usefulness(view.logits, view.features, view.labels, self.gradient)
        if signal == "appearance":
            assert view.appearance is not None
            return signals.appearance(view.appearance, view.labels)
        assert self.probe is not None
        return signals.agreement(self.probe(view.features), view.labels)

    def _level_loss(
        self, level: LevelModule, scores: Tensor, source: View, target: View, wanted: list[Tensor | None]
    ) -> Tensor:
        scores, labels = level.units(scores, source)
        kept = labels != IGNORE
        loss = scores.new_zeros(())
        for column, value in enumerate(wanted):
            if value is None:
                real, real_labels = level.units(level(target), target)
                loss = loss + self._domain_loss(scores[:, column], labels, real[:, column], real_labels)
            else:
                goal = level.pool(value, source)
                loss = loss + F.smooth_l1_loss(scores[kept, column], goal[kept])
        return loss

    def _domain_loss(self, source: Tensor, source_labels: Tensor, target: Tensor, target_labels: Tensor) -> Tensor:
        """Smoothed binary cross-entropy, synthetic 0, real 1; every class that both batches hold counts alike."""
        smoothing = self.config.smoothing
        losses, shared = [], torch.ones(self.num_classes, dtype=torch.bool, device=source.device)
        for score, labels, truth in ((source, source_labels, 0.0), (target, target_labels, 1.0)):
            goal = torch.full_like(score, truth * (1 - smoothing) + (1 - truth) * smoothing)
            each = F.binary_cross_entropy_with_logits(score, goal, reduction="none")
            sums, counts = class_sums(each, labels, self.num_classes)
            losses.append(sums / counts.clamp(min=1))
            shared &= counts > 0
        return ((losses[0] + losses[1]) * shared).sum() / (2 * shared.sum().clamp(min=1))

    def _each_level(self) -> list[tuple[str, LevelModule]]:
        return [(name, cast(LevelModule, level)) for name, level in self.levels.items()]

    # Weighing

    @torch.no_grad()
    def weigh(self, view: View, scores: Scores | None = None, *, strength: float = 1.0) -> Weights:
        """Weights of a batch of synthetic frames. In training mode the running statistics move with it.

        Args:
            scores: what `learn` gave for this view; computed where left out.
            strength: the ramp in [0, 1]; at 0 every weight is exactly 1.
        """
        if scores is None:
            seen = self._seen(view)
            scores = {name: level(seen) for name, level in self._each_level()}
        maps = {name: self._level_map(name, level, scores[name], view) for name, level in self._each_level()}
        if not maps:
            return Weights(combined=torch.ones_like(view.labels, dtype=torch.float32), levels={})
        together = combine.combine(list(maps.values()), self.config.combination)
        if self.training:
            for name, values in {**maps, "combined": together}.items():
                self._mean(name).update(values, view.labels)
        levels = {} if self.training else {n: self._within_class(n, values, view.labels) for n, values in maps.items()}
        combined, variance = self._around_one(self._within_class("combined", together, view.labels), view.labels)
        combined = combine.temper(combined, variance, min_effective=self.config.min_effective, strength=strength)
        return Weights(combined=combined, levels=levels)

    def _level_map(self, name: str, level: LevelModule, scores: Tensor, view: View) -> Tensor:
        scores, labels = level.units(scores, view)
        total = torch.zeros_like(scores[:, 0])
        for column, signal in enumerate(self.config.signals):
            score = scores[:, column]
            statistics = cast(ClassStatistics, cast(nn.ModuleList, self.scores[name])[column])
            if signal == "similarity":
                score = signals.relative_density_ratio(score, self.config.relative)
            if self.training:
                statistics.update(score, labels)
            # A ratio has its own unit. What levels regress has one that they share, deviations of pixels: taken over
            # each level's own deviation, frames that hardly differ would weigh as differently as good and bad pixels.
            compare = statistics.standardise if signal == "similarity" else statistics.centre
            total += compare(score, labels)
        config = self.config
        score = total / len(config.signals) ** 0.5
        weight = combine.level_weight(score, centre=config.centre, temperature=config.temperature, floor=config.floor)
        return level.spread(weight, view).expand(view.labels.shape)

    def _around_one(self, weights: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of mean 1 and their variance: over the batch in training, which keeps the effective sample size of
        every step; afterwards over what training saw, so that a frame's weights do not depend on its company."""
        if self.training:
            self.overall.update(weights, torch.where(labels == IGNORE, labels, 0))
            return combine.spread_around_one(weights, labels)
        mean = torch.where(self.overall.seen, self.overall.mean, 1.0)
        return weights / mean, (self.overall.variance / mean.square()).squeeze(0)

    def _within_class(self, name: str, weights: Tensor, labels: Tensor) -> Tensor:
        """Weights over their class's running mean: selection shall not shift the mix of classes."""
        statistics = self._mean(name)
        return weights * read(torch.where(statistics.seen, 1 / statistics.mean, 1.0), labels, 1.0)

    def _mean(self, name: str) -> ClassStatistics:
        return cast(ClassStatistics, self.means[name])
