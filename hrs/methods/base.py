"""What every training method is: a module that holds the segmentation network and turns batches into a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from math import cos, pi
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from hrs.config import RunConfig
from hrs.data.loaders import Batch
from hrs.methods.teacher import Teacher
from hrs.networks.segmenter import Segmenter, SegmenterOutput, normalise
from hrs.selection.combine import cross_entropies

RARE = 1e-3
"""Share of the pixels below which a class weighs no more."""


def source_weight(config: RunConfig, step: int) -> float:
    """The weight of the synthetic loss at training step ``step``, counted from 0: lambda and its schedule."""
    train = config.train
    if step >= train.steps_within(train.source_until):
        return 0.0
    progress = step / (train.source_until * train.steps)
    return train.source_weight * (1.0 if train.source_schedule == "constant" else (1 + cos(pi * progress)) / 2)


def class_weights(frequency: Tensor, power: float) -> Tensor:
    """Weights frequency^-power with mean 1 over the pixels, (c,).

    Args:
        frequency: (c,) share of the pixels. Classes rarer than RARE weigh as if they were not.
    """
    frequency = frequency.clamp(min=RARE)
    weights = frequency.pow(-power)
    return weights / (frequency * weights).sum() * frequency.sum()


class Shown(Protocol):
    """What has images, uint8 (b 3 h w)."""

    @property
    def images(self) -> Tensor: ...


class StepResult(NamedTuple):
    """loss: the scalar to minimise. logs: scalars and per-class vectors for the metrics, detached. apart: of the loss,
    what moves other networks than the segmentation network alone, and is there at some steps only."""

    loss: Tensor
    logs: dict[str, Tensor]
    apart: Tensor | float = 0.0


class Method(nn.Module, ABC):
    """Base of all methods. Network, schedule, augmentation and images per step are the same for all of them."""

    class_weights: Tensor
    compares_regions: bool = False
    """Whether it looks at regions of the real images too."""

    def __init__(self, config: RunConfig, segmenter: Segmenter) -> None:
        super().__init__()
        self.config, self.num_classes = config, segmenter.num_classes
        self.segmenter = segmenter
        self.teacher: Teacher | None = None
        self.register_buffer("class_weights", torch.ones(self.num_classes), persistent=False)

    def balance(self, frequency: Tensor) -> None:
        """Weigh classes by `class_weights`, the power being ``train.class_balance``.

        Args:
            frequency: (c,) share of the labelled real pixels.
        """
        self.class_weights.copy_(class_weights(frequency.to(self.class_weights), self.config.train.class_balance))

    def cross_entropy(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Cross-entropy over labelled pixels, weighted by pixel (b h w) and by class: see
        `hrs.selection.combine.weighted_cross_entropy`."""
        return self.cross_entropies(logits, labels, weights)[0]

    def cross_entropies(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        """`cross_entropy`, and what it would be with every pixel alike, without gradient."""
        class_weights = self.class_weights if self.config.train.class_balance else None
        return cross_entropies(logits, labels, weights, class_weights)

    @staticmethod
    def counts(config: RunConfig, step: int) -> tuple[int, int]:
        """Synthetic and real images wanted by a step. Synthetic frames come on top: they never take a photo's place."""
        return config.train.batch_source if source_weight(config, step) else 0, config.train.batch_target

    def forward(self, source: Batch, target: Batch, step: int, unlabelled: Batch | None = None) -> StepResult:
        """The loss of training step ``step``, counted from 0; a side that `counts` does not ask for is empty.

        Args:
            unlabelled: photos for the teacher, where there is one.
        """
        result = self.learn(source, target, step)
        if self.teacher is None or unlabelled is None or not len(unlabelled):
            return result
        weight = self.teacher.weight(step / self.config.train.steps)
        if not weight:
            self.teacher.look(unlabelled)  # so that it knows how sure it is of each class when it begins
            return result
        lesson = self.teacher.lesson(unlabelled)
        with statistics_kept(self.segmenter):  # strange colours are not what it will see
            (output,) = self.segment(lesson)
        # Unsure pixels count as 0 in a mean over all: an unsure teacher teaches little.
        loss = self.cross_entropy(output.logits, lesson.labels, lesson.sure.float())
        logs = {"loss_unlabelled": loss.detach(), "teacher_sure": lesson.sureness()}
        return result._replace(loss=result.loss + weight * loss, logs=result.logs | logs)

    @abstractmethod
    def learn(self, source: Batch, target: Batch, step: int) -> StepResult:
        """The loss on what has labels."""

    def frame_weights(self, frames: Batch) -> Tensor | None:
        """How often synthetic frames shall be drawn, (b,) above 0 in any unit; None where all come equally often."""
        return None

    def auxiliary(self) -> list[tuple[nn.Module, float]]:
        """Networks trained beside the segmentation network, each with its learning rate."""
        return []

    def segment(self, *batches: Shown) -> list[SegmenterOutput]:
        """One forward pass over several batches: they share normalisation statistics."""
        sizes = [len(batch.images) for batch in batches]
        images = normalise(torch.cat([batch.images for batch in batches]))
        if self.config.train.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        output: SegmenterOutput = self.segmenter(images)
        return output.split(sizes)


def real_alone(method: Method, target: Batch) -> StepResult:
    """L = CE(T)."""
    (real,) = method.segment(target)
    loss = method.cross_entropy(real.logits, target.labels)
    return StepResult(loss, {"loss_target": loss.detach()})


@contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """Batch normalisation takes a batch's own statistics, as in training, but its running ones do not move."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
