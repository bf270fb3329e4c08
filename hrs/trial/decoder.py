"""Training of a method whose network's encoder is frozen, on what that makes of the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hrs.config import RunConfig
from hrs.evaluation import ConfusionMatrix
from hrs.labels import IGNORE
from hrs.methods.base import Method
from hrs.methods.build import method_class
from hrs.networks.lite import Lite
from hrs.networks.segmenter import SegmenterOutput, build_segmenter, upsample
from hrs.training.average import Average
from hrs.training.optimiser import build_optimiser
from hrs.training.schedule import poly_with_warmup
from hrs.training.steps import step_seed
from hrs.trial.views import Views

NETWORK = "lite0"
DECAY = 0.99
"""Of the averaged network, which is judged."""
BATCH = 32
REAL, SOURCE = 0, 1
"""Sides of a step."""


class Decoding(Method):
    """A method that sees `Views`: its network's decoder begins where the frozen encoder ended."""

    segmenter: Lite

    def segment(self, *batches: Views) -> list[SegmenterOutput]:  # type: ignore[override]
        sizes = [len(batch) for batch in batches]
        taps = [torch.cat(each).float() for each in zip(*(batch.taps for batch in batches), strict=True)]
        return self.segmenter.decode(taps).split(sizes)


def decoding(config: RunConfig, num_classes: int) -> Decoding:
    """The method of a config, on views."""
    kind = method_class(config.method)
    network = build_segmenter(NETWORK, num_classes)
    network.encoder = nn.Identity()  # so that nothing of it is copied, averaged or trained
    return cast(Decoding, type(f"Decoding{kind.__name__}", (Decoding, kind), {})(config, network))


def train(
    config: RunConfig, num_classes: int, real: Views, source: Views, device: torch.device, *, after: Callable[[], None]
) -> Lite:
    """Train to the end of ``config.train.steps``; the averaged network.

    Args:
        real, source: what each side draws from; the source may be empty for a method that does not ask for it.
        after: called after each step.
    """
    torch.manual_seed(config.seed)
    method = decoding(config, num_classes).to(device).train()
    method.balance(frequency(real.labels, num_classes))
    optimiser = build_optimiser(method, config)
    average = Average(method.segmenter, DECAY)
    for step in range(config.train.steps):
        torch.manual_seed(step_seed(config.seed, step))
        for group in optimiser.param_groups:
            group["lr"] = poly_with_warmup(step, config.train) * group["peak"]
        counts = method.counts(config, step)
        shown, photos = (
            drawn(views, count, (config.seed, side, step)).to(device)
            for views, count, side in zip((source, real), counts, (SOURCE, REAL), strict=True)
        )
        method(shown, photos, step).loss.backward()
        for network in (method.segmenter, *(each for each, _ in method.auxiliary())):
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.train.clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        average.update(method.segmenter)
        after()
    return cast(Lite, average.module.eval())


def drawn(views: Views, count: int, seed: tuple[int, ...]) -> Views:
    """Views at random, a function of the seed alone: methods of one seed see the same photos in the same order."""
    if not count:
        return views.take(torch.zeros(0, dtype=torch.long))
    return views.take(torch.from_numpy(np.random.default_rng(seed).integers(len(views), size=count)))


def frequency(labels: Tensor, num_classes: int) -> Tensor:
    """Share of the labelled pixels that each class has, (c,)."""
    counts = torch.bincount(labels[labels != IGNORE].long(), minlength=num_classes)
    return counts / counts.sum().clamp(min=1)


@torch.no_grad()
def judge(network: Lite, views: Views, num_classes: int, device: torch.device) -> NDArray[np.int64]:
    """Pixels of each view by true and predicted class, (b c c)."""
    return np.stack(list(_judged(network, views, num_classes, device)))


def _judged(network: Lite, views: Views, num_classes: int, device: torch.device) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(views), BATCH):
        part = views.take(slice(first, first + BATCH)).to(device)
        logits = network.decode(part.features()).logits
        found = upsample(logits, part.labels.shape[-2:]).argmax(dim=1)
        for seen, label in zip(found, part.labels, strict=True):
            matrix = ConfusionMatrix(num_classes)
            matrix.update(seen, label)
            yield matrix.matrix
