"""What weighs synthetic pixels, frame by frame, while the network of `benchmarks.frozen` learns: `benchmarks.rivals`
compares them and says what each is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.frozen import Step, Weigher, rate
from hrs.labels import IGNORE
from hrs.methods.evened import even_within_class
from hrs.methods.shuffled import level_classes, shuffle_within_class
from hrs.selection.combine import above_floor, level_weight, strength_for, weighted_cross_entropy
from hrs.selection.selector import RawScores, Selector
from hrs.selection.signals.agreement import FLOOR, Agreement, agreement
from hrs.selection.signals.usefulness import target_gradient, usefulness
from hrs.selection.statistics import ClassMoments, ClassStatistics
from hrs.settings import SelectionConfig

WARMUP = RAMP = 0.1
PEAK = SelectionConfig().learning_rate
FOLDS = 4
TRIMMED, POWER = 0.2, 0.7
Value = Callable[[Step], Tensor]
"""What each synthetic pixel is worth, (b h w), of any scale."""


class Scaled:
    """Raw weights in [floor, 1] brought to mean 1 within every class over training, after a warm-up and a ramp."""

    def __init__(self, raw: Callable[[Step], Tensor], classes: int, config: SelectionConfig) -> None:
        self.raw, self.config = raw, config
        self.moments = ClassMoments(classes, config.momentum)
        self.chances: Tensor | None = None

    @torch.no_grad()
    def weigh(self, step: Step) -> Tensor:
        raw, labels = above_floor(self.raw(step), self.config.floor), step.source.labels
        self.moments.update(raw, labels)
        mean = torch.cat([self.moments.mean().float(), torch.ones(1)])[labels.long().clamp(max=len(self.moments.sums))]
        ramp = min(1.0, max(0.0, (step.progress - WARMUP) / RAMP))
        return 1 + float(strength_for(self.moments.spread(), self.config.min_effective)) * ramp * (raw / mean - 1)


def slow_down(optimiser: torch.optim.Optimizer, peak: float, step: Step) -> None:
    """Give a judge's or a weighting network's optimiser the rate that it has at this step."""
    for group in optimiser.param_groups:
        group["lr"] = peak * rate(step.progress, step.steps)


class Learned:
    """The weighting networks of `hrs`, taught step by step."""

    def __init__(self, classes: int, features: int, config: SelectionConfig) -> None:
        self.selector = Selector(config, classes, features).train()
        self.optimiser = torch.optim.AdamW(self.selector.parameters(), lr=config.learning_rate, weight_decay=1e-2)
        self.every, self.steps, self.peak = config.every, 0, config.learning_rate
        self.chances: Tensor | None = None

    def weigh(self, step: Step) -> Tensor:
        scores, strength = self._learn(step), self.selector.config.strength(step.progress)
        return self.selector.weigh(step.source_view, scores, strength=strength).combined

    def raw(self, step: Step) -> Tensor:
        """Raw weights in [floor, 1], in place of `weigh`."""
        return self.selector.raw(step.source_view, self._learn(step)).combined

    @torch.enable_grad()
    def _learn(self, step: Step) -> RawScores | None:
        self.steps += 1
        if self.steps % self.every:
            return None
        slow_down(self.optimiser, self.peak, step)
        losses, scores = self.selector.learn(step.source_view, step.real_view)
        self.optimiser.zero_grad()
        sum(losses.values(), start=torch.zeros(())).backward()
        torch.nn.utils.clip_grad_norm_(self.selector.parameters(), 5.0)
        self.optimiser.step()
        return scores


def together(raws: Sequence[Callable[[Step], Tensor]]) -> Callable[[Step], Tensor]:
    """The product of several raw weights, to be scaled once: a product of weights of mean 1 has another mean."""
    return lambda step: torch.stack([raw(step) for raw in raws]).prod(dim=0)


@dataclass(eq=False)
class Faded:
    """A weigher, or none, whose synthetic pixels as a whole count less and less."""

    weigher: Weigher | None = None
    until: float = 0.7
    chances: Tensor | None = None

    def weigh(self, step: Step) -> Tensor:
        own = torch.ones(step.source.labels.shape) if self.weigher is None else self.weigher.weigh(step)
        return own * (1 + math.cos(math.pi * min(1.0, step.progress / self.until))) / 2


class Compared:
    """A value beside those of its own class, as a raw weight; of a frame, or of pixel, neighbours and frame."""

    def __init__(self, value: Value, classes: int, config: SelectionConfig, how: str = "pixel") -> None:
        self.value, self.config, self.how = value, config, how
        self.statistics = ClassStatistics(classes, config.momentum)

    def __call__(self, step: Step) -> Tensor:
        value, labels = self.value(step), step.source.labels
        self.statistics.update(value, labels)
        scores = self.statistics.standardise(value, labels)
        if self.how == "pixel":
            return self._weight(scores)
        known = (labels != IGNORE).float()
        frame = ((scores * known).sum((1, 2)) / known.sum((1, 2)).clamp(min=1))[:, None, None].expand_as(scores)
        if self.how == "frame":
            return self._weight(frame)
        return self._weight(scores) * self._weight(nearby(scores, labels)) * self._weight(frame)

    def _weight(self, scores: Tensor) -> Tensor:
        return level_weight(scores, centre=self.config.centre, temperature=self.config.temperature)


class Probed:
    """A signal's value, its own network taught step by step."""

    def __init__(self, signal: nn.Module, value: Callable[[Step], tuple[Tensor, Tensor]]) -> None:
        self.optimiser = torch.optim.AdamW(signal.parameters(), lr=PEAK, weight_decay=1e-2)
        self.value = value

    def __call__(self, step: Step) -> Tensor:
        slow_down(self.optimiser, PEAK, step)
        with torch.enable_grad():
            loss, value = self.value(step)
            self.optimiser.zero_grad()
            loss.backward()
        self.optimiser.step()
        return value.detach()


def agreeing(classes: int, features: int, config: SelectionConfig) -> Probed:
    signal = Agreement(config, classes, features)

    def value(step: Step) -> tuple[Tensor, Tensor]:
        return signal.observe(step.real_view), signal.value(step.source_view)

    return Probed(signal, value)


class HeldOut(nn.Module):
    """One probe a fold, taught by the photos of the others, and the mean gradient of its own fold's photos under it."""

    gradients: Tensor

    def __init__(self, classes: int, features: int, momentum: float) -> None:
        super().__init__()
        self.probes = nn.ModuleList(nn.Conv2d(features, classes, 1) for _ in range(FOLDS))
        self.momentum = momentum
        self.register_buffer("gradients", torch.zeros(FOLDS, classes, features))

    def forward(self, step: Step) -> tuple[Tensor, Tensor]:
        """The probes' loss and the value of every synthetic pixel, (b h w)."""
        real, source = step.real_view.coarse(), step.source_view
        fold, losses, values = step.real.image % FOLDS, [], []
        for k, probe in enumerate(self.probes):
            others, own = fold != k, fold == k
            if others.any():
                losses.append(weighted_cross_entropy(probe(real.features[others]), real.labels[others]))
            with torch.no_grad():
                if own.any():
                    logits = probe(real.features[own])
                    new = target_gradient(logits, real.features[own], real.labels[own])
                    self.gradients[k].lerp_(new, 1 - self.momentum if self.gradients[k].any() else 1.0)
                scale = self.gradients[k].norm().clamp(min=1e-12)
                values.append(
                    usefulness(probe(source.features), source.features, source.labels, self.gradients[k] / scale)
                )
        return torch.stack(losses).mean(), torch.stack(values).mean(dim=0)


def held_out(classes: int, features: int, config: SelectionConfig) -> Probed:
    signal = HeldOut(classes, features, config.momentum)
    return Probed(signal, signal)


class Folded(nn.Module):
    """A probe a fold, taught by the photos of the others: agreement out of sample, on photos too."""

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.probes = nn.ModuleList(nn.Conv2d(features, classes, 1) for _ in range(FOLDS))
        self.optimiser = torch.optim.AdamW(self.parameters(), lr=PEAK, weight_decay=1e-2)

    def forward(self, step: Step) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the given labels of photos and of synthetic frames, (b h w) each."""
        fold, features, labels = step.real.image % FOLDS, step.real_view.features, step.real.labels
        small, thin = step.real_view.coarse(), fold[:, None, None] == torch.arange(FOLDS)[:, None, None, None]
        slow_down(self.optimiser, PEAK, step)
        with torch.enable_grad():
            known = [small.labels.masked_fill(own, IGNORE) for own in thin]
            losses = [
                weighted_cross_entropy(probe(small.features), each)
                for probe, each in zip(self.probes, known, strict=True)
            ]
            self.optimiser.zero_grad()
            torch.stack(losses).mean().backward()
        self.optimiser.step()
        with torch.no_grad():
            logits = torch.stack([probe(features) for probe in self.probes])[fold, torch.arange(len(fold))]
            likely = torch.stack([probe(step.source_view.features).log_softmax(dim=1) for probe in self.probes])
            return agreement(logits, labels), agreement(likely.logsumexp(dim=0), step.source.labels)


class Tail:
    """Raw weights min(1, F_real(v) / F_synthetic(v)), F being how often a class's pixels are agreed with at most so
    much, over what training has seen of late."""

    BINS, MOMENTUM = 60, 0.98

    def __init__(self, classes: int, features: int, *, near: bool = False) -> None:
        self.folded, self.classes, self.near = Folded(classes, features), classes, near
        self.real, self.source = torch.zeros(classes, self.BINS), torch.zeros(classes, self.BINS)

    def __call__(self, step: Step) -> Tensor:
        real, source = self.folded(step)
        if self.near:
            real, source = nearby(real, step.real.labels), nearby(source, step.source.labels)
        self.real.mul_(self.MOMENTUM).add_(self._counts(real, step.real.labels))
        self.source.mul_(self.MOMENTUM).add_(self._counts(source, step.source.labels))
        below = [
            (each.cumsum(dim=1) + 1) / (each.sum(dim=1, keepdim=True) + self.BINS) for each in (self.real, self.source)
        ]
        ratio = (below[0] / below[1]).clamp(max=1.0)
        return ratio[step.source.labels.long().clamp(max=self.classes - 1), self._bins(source)]

    def _bins(self, values: Tensor) -> Tensor:
        return ((values / FLOOR).neg().add(1) * (self.BINS - 1)).round().long().clamp(0, self.BINS - 1)

    def _counts(self, values: Tensor, labels: Tensor) -> Tensor:
        known = labels != IGNORE
        index = labels[known].long() * self.BINS + self._bins(values[known])
        return torch.bincount(index, minlength=self.classes * self.BINS).view(self.classes, self.BINS).float()


def nearby(values: Tensor, labels: Tensor) -> Tensor:
    """The mean over 9x9 labelled neighbours, (b h w)."""
    known = (labels != IGNORE).float()
    return F.avg_pool2d(values * known, 9, 1, 4) / F.avg_pool2d(known, 9, 1, 4).clamp(min=1e-6)


class Summed:
    """Two values, each in deviations of its class, over the root of two."""

    def __init__(self, values: tuple[Value, Value], classes: int, config: SelectionConfig) -> None:
        self.values = values
        self.statistics = [ClassStatistics(classes, config.momentum) for _ in values]

    def __call__(self, step: Step) -> Tensor:
        total, labels = torch.zeros(step.source.labels.shape), step.source.labels
        for find, statistics in zip(self.values, self.statistics, strict=True):
            value = find(step)
            statistics.update(value, labels)
            total += statistics.standardise(value, labels)
        return total / 2**0.5


def likelihood(step: Step) -> Tensor:
    """Log-probability of the given label under the network that is trained, (b h w)."""
    return agreement(step.source_view.logits, step.source.labels)


def own_average(step: Step) -> Tensor:
    return agreement(step.average.decode(step.source.taps()).logits, step.source.labels)


def generalised(step: Step) -> Tensor:
    """Raw weights p^POWER."""
    return (POWER * likelihood(step)).exp()


def trimmed(classes: int) -> Callable[[Step], Tensor]:
    def raw(step: Step) -> Tensor:
        likely, labels = likelihood(step), step.source.labels
        kept = torch.ones_like(likely)
        for c in range(classes):
            own = labels == c
            if own.any():
                kept[own] = (likely[own] > likely[own].quantile(TRIMMED)).float()
        return kept

    return raw


class DrawsFrames:
    """Frames drawn by the mean of their weights when they were last seen; pixels count alike."""

    def __init__(self, raw: Callable[[Step], Tensor], views: int) -> None:
        self.raw = raw
        self.seen = torch.full((views,), torch.nan)
        self.chances: Tensor | None = None

    @torch.no_grad()
    def weigh(self, step: Step) -> Tensor:
        raw = self.raw(step)
        self.seen[step.source.drawn] = raw.mean(dim=(1, 2))
        if step.progress > WARMUP:
            self.chances = self.seen.nan_to_num(float(self.seen.nanmean())).clamp(min=0.05)
        return torch.ones_like(raw)


@dataclass(eq=False)
class Shuffled:
    """A weigher whose weights change places among the regions of a class, as the control of that name has it."""

    weigher: Weigher
    classes: int
    chances: Tensor | None = None

    def weigh(self, step: Step) -> Tensor:
        elsewhere = shuffle_within_class(self.weigher.weigh(step), step.source_view)
        return level_classes(elsewhere, step.source.labels, self.classes)


@dataclass(eq=False)
class Evened:
    """A weigher whose weights are evened out within every class of a step, as the control of that name has it."""

    weigher: Weigher
    chances: Tensor | None = None

    def weigh(self, step: Step) -> Tensor:
        return even_within_class(self.weigher.weigh(step), step.source_view)


@dataclass(eq=False)
class Lowered:
    """One weight for all pixels of a step, under which it has the loss that it has under a weigher's: of what that
    wins, how much the frames count in all. balance: of the classes, (c,)."""

    weigher: Weigher
    balance: Tensor
    chances: Tensor | None = None

    def weigh(self, step: Step) -> Tensor:
        weights, given = self.weigher.weigh(step), (step.source_view.logits, step.source.labels)
        weighed, plain = (weighted_cross_entropy(*given, each, self.balance) for each in (weights, None))
        return torch.full_like(weights, float(weighed / plain.clamp(min=1e-12)))


NEAR, MORE = 2, 3.0
"""Pixels that count as a border's on either side of it, and how much more they count than others."""


def bordering(labels: Tensor) -> Tensor:
    """Weights of pixels (b h w), larger where another class is near, with mean 1 over labelled ones: a loss that heeds
    borders and what is thin, as the weight maps of U-Net do (Ronneberger et al., MICCAI 2015, section 3), in steps."""
    known = labels != IGNORE
    size = 2 * NEAR + 1

    def largest(values: Tensor) -> Tensor:
        return F.max_pool2d(values.float()[:, None], size, stride=1, padding=NEAR)[:, 0]

    highest, lowest = largest(labels.masked_fill(~known, 0)), -largest(-labels.short())  # IGNORE is above all classes
    weights = torch.where(known & (highest != lowest), torch.tensor(MORE), torch.tensor(1.0))
    return weights / weights[known].mean().clamp(min=1e-6)


class Borders:
    """`bordering`, of synthetic frames."""

    chances: Tensor | None = None

    def weigh(self, step: Step) -> Tensor:
        return bordering(step.source.labels)
