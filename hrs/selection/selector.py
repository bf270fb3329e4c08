"""The weighting networks at work: they learn from the signals, and turn scores into weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pkgutil import resolve_name
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hrs.selection import combine
from hrs.selection.levels.base import Level, Units
from hrs.selection.levels.table import LEVELS
from hrs.selection.scale import MapScale, Scale
from hrs.selection.signals.base import AddsInputs, Recognises, Signal
from hrs.selection.signals.table import SIGNALS, SeenBy
from hrs.selection.statistics import ClassMoments, ClassStatistics, read
from hrs.selection.view import View
from hrs.settings import SelectionConfig

RawScores = dict[str, Tensor]
"""What each level's forward gives, by level."""


@dataclass(frozen=True, kw_only=True)
class WeightMaps:
    """combined and every level's own map, (b h w)."""

    combined: Tensor
    levels: dict[str, Tensor]

    def maps(self, i: int) -> dict[str, NDArray[np.float32]]:
        """All maps of image ``i``, (h w) each, by name."""
        return {name: values[i].float().cpu().numpy() for name, values in self.named().items()}

    def named(self) -> dict[str, Tensor]:
        return {"combined": self.combined, **self.levels}


class RawWeights(WeightMaps):
    """In [floor, 1], as the scores give them. Classes differ in these even where nothing is wrong with them."""


class Weights(WeightMaps):
    """At least 0, with mean 1 within every class over training: what the loss is multiplied by."""


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """Why synthetic pixels weigh what they do.

    raw: their weights. seen: how likely each class is to `Selector.seen_by`, (b c h' w') with sum 1. scores: what each
    level expects of each signal, (b h w) by level and signal, above 0 for more than their class is worth on average.
    """

    raw: RawWeights
    seen: Tensor
    scores: dict[str, dict[str, Tensor]]


class Selector(nn.Module):
    """Weights for synthetic pixels from any subset of levels and signals.

    Args:
        config: levels, signals and how scores become weights.
        num_classes: c of the segmentation network.
        feature_dim: d of its last features.
    """

    def __init__(self, config: SelectionConfig, num_classes: int, feature_dim: int) -> None:
        super().__init__()
        self.config, self.num_classes = config, num_classes
        kinds: dict[str, type[Signal]] = {name: resolve_name(SIGNALS[name].made_by) for name in config.signals}
        predictions = num_classes * (1 + sum(issubclass(kind, AddsInputs) for kind in kinds.values()))
        self.levels = nn.ModuleDict(
            {
                name: resolve_name(LEVELS[name].made_by)(num_classes, feature_dim, predictions, len(kinds))
                for name in config.levels
            }
        )
        self.signals = nn.ModuleDict({name: kind(config, num_classes, feature_dim) for name, kind in kinds.items()})
        self.statistics = nn.ModuleDict(
            {
                level: nn.ModuleDict({name: ClassStatistics(num_classes, config.momentum) for name in kinds})
                for level in config.levels
            }
        )
        self.moments = nn.ModuleDict(
            {name: ClassMoments(num_classes, config.momentum) for name in (*config.levels, "combined")}
        )

    @property
    def compares(self) -> bool:
        """Whether the levels look at real images too."""
        return any(signal.compares for _, signal in self._signals())

    # Learning

    def learn(self, source: View, target: View) -> tuple[dict[str, Tensor], RawScores]:
        """The losses of the signals' own networks and of each level, by name, and the synthetic frames' scores.

        The signals' running statistics move. Nothing reaches the segmentation network: views are detached.
        """
        losses = {name: loss for name, signal in self._signals() if (loss := signal.observe(target)) is not None}
        source = self._seen(source.coarse())
        goals = {name: signal.goal(source) for name, signal in self._signals()}
        real = self._seen(target.coarse()) if self.compares else None
        scores = {name: level(source) for name, level in self._levels()}
        for name, level in self._levels():
            beside = level.units(level(real), real) if real is not None else None
            losses[name] = self._level_loss(level, scores[name], source, goals, beside)
        return losses, {name: score.detach() for name, score in scores.items()}

    @torch.no_grad()
    def _seen(self, view: View) -> View:
        """The view with what the signals add to look at."""
        return replace(
            view,
            extra={
                name: signal.inputs(view.images) for name, signal in self._signals() if isinstance(signal, AddsInputs)
            },
        )

    def _level_loss(
        self, level: Level, scores: Tensor, source: View, goals: dict[str, Tensor | None], real: Units | None
    ) -> Tensor:
        units = level.units(scores, source)
        loss = scores.new_zeros(())
        for column, (name, signal) in enumerate(self._signals()):
            goal = goals[name]
            pooled = None if goal is None else level.pool(goal, source)
            beside = None if real is None else replace(real, scores=real.scores[:, column])
            loss = loss + signal.loss(units.scores[:, column], units.labels, pooled, beside)
        return loss

    # Weighing

    @property
    def drawing(self) -> tuple[str, ...]:
        """The levels that say how often a frame is drawn: the image level, or none."""
        return ("image",) if self.config.image_acts == "sampling" else ()

    @property
    def acting(self) -> tuple[str, ...]:
        """The levels that act in the loss: all others."""
        return tuple(name for name in self.config.levels if name not in self.drawing)

    @torch.no_grad()
    def image_weights(self, view: View) -> Tensor:
        """The image level's raw weights of a batch of synthetic frames, (b,) in [floor, 1]; it needs no regions."""
        level = cast(Level, self.levels["image"])
        seen = self._seen(view)
        weights = self._level_map("image", level, level(seen), view)[:, 0, 0]
        return combine.above_floor(weights, self.config.floor)

    @torch.no_grad()
    def raw(self, view: View, scores: RawScores | None = None) -> RawWeights:
        """Raw weights of a batch of synthetic frames. In training mode the scores' running statistics move with it.

        Args:
            scores: what `learn` gave for this view; computed where left out.
        """
        if scores is None:
            seen = self._seen(view)
            scores = {name: level(seen) for name, level in self._levels()}
        levels = {name: self._level_map(name, level, scores[name], view) for name, level in self._levels()}
        acting = [values for name, values in levels.items() if name in self.acting]
        if acting:
            together = combine.combine(acting, self.config.combination)
        else:
            together = torch.ones_like(view.labels, dtype=torch.float32)
        floor = self.config.floor
        return RawWeights(
            combined=combine.above_floor(together, floor),
            levels={name: combine.above_floor(values, floor) for name, values in levels.items()},
        )

    @torch.no_grad()
    def weigh(self, view: View, scores: RawScores | None = None, *, strength: float = 1.0) -> Weights:
        """Weights of a batch of synthetic frames. In training mode the running moments move with it.

        They are taken over what training has seen of late, so a frame weighs the same in any company.

        Args:
            scores: what `learn` gave for this view; computed where left out.
            strength: the ramp in [0, 1]; at 0 every weight is exactly 1.
        """
        raw = self.raw(view, scores)
        if self.training:
            self._moments("combined").update(raw.combined, view.labels)
            for name, values in raw.levels.items():  # these are only looked at, so a part of their pixels is enough
                self._moments(name).update(view.thin(values), view.thin(view.labels))
        levels = {} if self.training else raw.levels  # in training the combined weights alone act
        return Weights(
            combined=self._scaled("combined", raw.combined, view.labels, strength),
            levels={name: self._scaled(name, values, view.labels, strength) for name, values in levels.items()},
        )

    @property
    def seen_by(self) -> SeenBy:
        """Whose opinion `reasons` gives."""
        return "network" if self._witness() is None else "real images"

    @torch.no_grad()
    def reasons(self, view: View) -> Reasons:
        """Raw weights of a batch of synthetic frames and why they are so; in evaluation mode, as it moves nothing."""
        seen, witness = self._seen(view), self._witness()
        scores = {name: level(seen) for name, level in self._levels()}
        opinion = None if witness is None else witness.opinion(seen)
        return Reasons(
            raw=self.raw(view, scores),
            seen=view.logits.softmax(dim=1) if opinion is None else opinion,
            scores={name: self._spread_scores(name, level, scores[name], view) for name, level in self._levels()},
        )

    def scale(self, strength: float = 1.0) -> Scale:
        """What makes weights of raw ones at this moment, with the ramp in [0, 1] in it."""
        names = (*self.config.levels, "combined")
        return Scale(
            maps={
                name: MapScale(means=tuple(self._means(name).tolist()), strength=float(self._strength(name)) * strength)
                for name in names
            }
        )

    def _scaled(self, name: str, raw: Tensor, labels: Tensor, strength: float) -> Tensor:
        """1 + strength (v / mean_class - 1): see `hrs.selection.scale`."""
        factor = (1 / self._means(name)).to(raw.dtype)
        return 1 + self._strength(name).to(raw.dtype) * strength * (raw * read(factor, labels, 1.0) - 1)

    def _means(self, name: str) -> Tensor:
        """What a map's raw weights are taken over, (c,): their class's mean, or that of all classes where they say how
        often a frame is drawn, which is one number of all that it shows."""
        moments = self._moments(name)
        return moments.overall_mean() if name in self.drawing else moments.mean()

    def _strength(self, name: str) -> Tensor:
        """The most that keeps the effective sample size; the levels' own maps, which do not act, go all the way."""
        moments = self._moments(name)
        if name != "combined":
            return torch.ones_like(moments.sums[:1]).squeeze(0)
        return combine.strength_for(moments.spread(), self.config.min_effective)

    def _level_map(self, name: str, level: Level, scores: Tensor, view: View) -> Tensor:
        """A level's weight of every pixel in (0, 1), (b h w)."""
        if self.training:
            self._move_statistics(name, level.units(scores, view.coarse()))
        units = level.units(scores, view)
        total = torch.zeros_like(units.scores[:, 0])
        for each in self._compared(name, units).values():
            total += each
        score = total / len(self.config.signals) ** 0.5
        weight = combine.level_weight(score, centre=self.config.centre, temperature=self.config.temperature)
        return level.spread(weight, view).expand(view.labels.shape)

    def _spread_scores(self, name: str, level: Level, scores: Tensor, view: View) -> dict[str, Tensor]:
        """What `_compared` says of every pixel, (b h w) by signal."""
        compared = self._compared(name, level.units(scores, view))
        return {signal: level.spread(each, view).expand(view.labels.shape) for signal, each in compared.items()}

    def _compared(self, level: str, units: Units) -> dict[str, Tensor]:
        """A level's scores beside those of their own class, (n,) by signal."""
        return {
            name: signal.compare(signal.read(units.scores[:, column]), units.labels, self._statistics(level, name))
            for column, (name, signal) in enumerate(self._signals())
        }

    def _move_statistics(self, level: str, units: Units) -> None:
        for column, (name, signal) in enumerate(self._signals()):
            self._statistics(level, name).update(signal.read(units.scores[:, column]), units.labels)

    def _statistics(self, level: str, signal: str) -> ClassStatistics:
        return cast(ClassStatistics, cast(nn.ModuleDict, self.statistics[level])[signal])

    def _witness(self) -> Recognises | None:
        """The first signal that has an opinion."""
        return next((signal for _, signal in self._signals() if isinstance(signal, Recognises)), None)

    def _levels(self) -> Iterator[tuple[str, Level]]:
        return ((name, cast(Level, level)) for name, level in self.levels.items())

    def _signals(self) -> Iterator[tuple[str, Signal]]:
        return ((name, cast(Signal, signal)) for name, signal in self.signals.items())

    def _moments(self, name: str) -> ClassMoments:
        return cast(ClassMoments, self.moments[name])
