"""Training on features that are computed once: many small experiments with the encoder of `lite0` frozen.

The encoder keeps its ImageNet weights; several augmented views of each image go through it once, and the decoder alone
is trained. So a run takes about a minute on one core.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.counts import Counts, by_image
from benchmarks.pairs import Key
from hrs.data.draw import draw_real
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.regions import superpixels
from hrs.data.transforms import compact_regions
from hrs.evaluation import iou
from hrs.labels import IGNORE, LabelSpace
from hrs.methods.base import class_weights
from hrs.networks.lite import LITES, Lite
from hrs.networks.segmenter import SegmenterOutput, build_segmenter, upsample
from hrs.selection.combine import weighted_cross_entropy
from hrs.selection.view import View
from hrs.settings import DataConfig
from hrs.trial.views import Views, see

BATCH = 32
BALANCE = 0.4
"""As `train.class_balance`."""
REAL, SOURCE = 6, 3
"""Views a step: of the photos, and of the synthetic frames or what else comes on top."""


@dataclass(frozen=True, eq=False)
class Side:
    """Views that one step sees: their numbers, (b,)."""

    views: Views
    drawn: Tensor

    @classmethod
    def draw(cls, views: Views, count: int, generator: torch.Generator, chances: Tensor | None = None) -> Side:
        if chances is None:
            return cls(views, torch.randint(len(views), (count,), generator=generator))
        return cls(views, torch.multinomial(chances, count, generator=generator))

    @property
    def labels(self) -> Tensor:
        return self.views.labels[self.drawn]

    @property
    def image(self) -> Tensor:
        """Which image each view shows, (b,)."""
        return self.views.image[self.drawn]

    def taps(self) -> list[Tensor]:
        return self.views.take(self.drawn).features()

    def view(self, output: SegmenterOutput) -> View:
        """As weighting networks see them."""
        return View(
            features=output.features.detach(),
            logits=output.logits.detach(),
            labels=self.labels,
            regions=(regions := self.views.regions[self.drawn]),
            regions_per_image=int(regions.max()) + 1,
            images=self.views.images[self.drawn],
        )


@dataclass(frozen=True, eq=False)
class Step:
    """What a weigher sees before each step. progress: share of the ``steps`` that is done. average: the network's
    running mean, in evaluation mode."""

    progress: float
    steps: int
    real: Side
    source: Side
    real_view: View
    source_view: View
    average: Lite


class Weigher(Protocol):
    """What weighs synthetic pixels while the network learns.

    chances: how likely each synthetic view is drawn, (n,); None for evenly.
    """

    chances: Tensor | None

    def weigh(self, step: Step) -> Tensor:
        """The weight of every synthetic pixel, (b h w)."""
        ...


@dataclass(eq=False)
class Given:
    """Weights that are known beforehand, (n h w)."""

    weights: Tensor
    chances: Tensor | None = None

    def weigh(self, step: Step) -> Tensor:
        return self.weights[step.source.drawn].float()


def lite0(classes: int) -> Lite:
    """With random weights: of it only what reads the encoder is trained and asked."""
    return Lite(LITES["lite0"], classes)


class Bench:
    """Training and judging decoders on features that are computed once."""

    def __init__(self, options: argparse.Namespace, classes: int) -> None:
        self.options, self.classes = options, classes
        network = build_segmenter("lite0", classes, pretrained=True)
        assert isinstance(network, Lite)
        self.features = network.classifier.in_channels
        self.encoder = network.encoder.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def views(
        self,
        dataset: Dataset,
        count: int,
        *,
        seed: int,
        regions: bool = False,
        styles: NDArray[np.float32] | None = None,
    ) -> Views:
        """``count`` augmented views of each image; 0: the image as it is. With superpixels where ``regions``, in the
        colours of photos whose moments ``styles`` are."""
        data, cpu = DataConfig(height=self.options.height, width=self.options.width), torch.device("cpu")
        return see(dataset, data, self.encoder, cpu, views=count, seed=seed, regions=regions, styles=styles)

    def source_views(
        self, frames: Sequence[Dataset], *, regions: bool, styles: NDArray[np.float32] | None = None
    ) -> Views:
        """Two views of each frame of every source."""
        return joined([self.views(each, 2, seed=2, regions=regions, styles=styles) for each in frames])

    def train(
        self,
        real: Views,
        source: Views | None,
        *,
        seed: int,
        weigher: Weigher | None = None,
        photo_weigher: Callable[[Tensor], Tensor] | None = None,
        unlabelled: Views | None = None,
        steps: int | None = None,
        class_balance: float = BALANCE,
        photos: int = REAL,
        build: Callable[[int], Lite] = lite0,
    ) -> Lite:
        """A decoder after training, averaged. ``weigher``: of the source's pixels. ``photo_weigher``: of those of
        photos, by their labels (b h w). ``unlabelled``: real images under labels that a teacher gave them.
        ``class_balance``: as `train.class_balance`. ``photos``: views of them a step. ``build``: the network of that
        many classes."""
        torch.manual_seed(seed)
        network = build(self.classes)
        average, steps = copy.deepcopy(network).eval(), steps or self.options.steps
        balance = rare_classes_more(real.labels, self.classes, class_balance)
        # One for each side, so that every arm sees the same photos in the same order.
        draws = [torch.Generator().manual_seed(3 * seed + side) for side in range(3)]
        parameters = [p for name, p in network.named_parameters() if not name.startswith("encoder.")]
        optimiser = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=1e-2)
        network.train()
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = 2e-3 * rate(step / steps, steps)
            sides = [Side.draw(real, photos, draws[0])]
            if source is not None:
                sides.append(Side.draw(source, SOURCE, draws[1], None if weigher is None else weigher.chances))
            if unlabelled is not None:
                sides.append(Side.draw(unlabelled, SOURCE, draws[2]))
            output = network.decode([torch.cat(taps) for taps in zip(*(side.taps() for side in sides), strict=True)])
            outputs = output.split([len(side.drawn) for side in sides])
            weights: list[Tensor | None] = [None] * len(sides)
            if photo_weigher is not None:
                weights[0] = photo_weigher(sides[0].labels)
            if weigher is not None:
                real_view, source_view = (side.view(out) for side, out in zip(sides[:2], outputs, strict=False))
                weights[1] = weigher.weigh(
                    Step(step / steps, steps, sides[0], sides[1], real_view, source_view, average)
                )
            losses = [
                weighted_cross_entropy(out.logits, side.labels, weight, balance)
                for out, side, weight in zip(outputs, sides, weights, strict=True)
            ]
            optimiser.zero_grad()
            sum(losses[1:], start=losses[0]).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 5.0)
            optimiser.step()
            _move(average, network, min(0.99, (step + 1) / (step + 10)))
        return average

    @torch.no_grad()
    def logits(self, network: Lite, views: Views) -> Iterator[tuple[Tensor, Tensor]]:
        """Full-size logits and labels, some views at a time."""
        for first in range(0, len(views), BATCH):
            part = slice(first, first + BATCH)
            shown = views.take(part)
            logits = network.decode(shown.features()).logits
            yield upsample(logits, shown.labels.shape[-2:]), shown.labels

    def score(self, network: Lite, views: Views) -> list[float]:
        """mIoU and the IoU of every class, in percent; NaN where a class does not occur."""
        return scores(self.count(network, views))

    def count(self, network: Lite, views: Views) -> NDArray[np.int64]:
        """Pixels of each view by true and predicted class, (n c c)."""
        parts = ((labels.numpy(), logits.argmax(dim=1).numpy()) for logits, labels in self.logits(network, views))
        return by_image(((label, seen) for part in parts for label, seen in zip(*part, strict=True)), self.classes)


def scores(matrices: NDArray[np.int64]) -> list[float]:
    """mIoU and the IoU of every class, in percent, from the pixels of all images together; NaN where a class does not
    occur."""
    by_class = iou(matrices.sum(axis=0))
    return [float(np.nanmean(by_class)), *map(float, by_class)]


def regions_of(image: NDArray[np.uint8], label: NDArray[np.uint8]) -> Tensor:
    """Superpixels cut along the label's borders, int32 (h w), as training has them."""
    found = superpixels(image, label, segments=DataConfig.model_fields["segments"].default)
    return torch.from_numpy(compact_regions(found)[0]).int()


def rate(progress: float, steps: int) -> float:
    """The learning rate as a share of its peak: a rise over 5 % of the steps below the line that falls to 0 at the end,
    nearly as `poly_with_warmup` has it."""
    return min((progress * steps + 1) / (0.05 * steps), (1 - progress) ** 0.9)


@torch.no_grad()
def _move(average: Lite, network: Lite, decay: float) -> None:
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    for own, other in pairs:
        if own.is_floating_point():
            own.lerp_(other, 1 - decay)


def rare_classes_more(labels: Tensor, classes: int, power: float) -> Tensor:
    """Class weights frequency^-power with mean 1 over pixels, (c,), as `train.class_balance` has them."""
    share = torch.bincount(labels[labels != IGNORE].long(), minlength=classes)[:classes].float()
    return class_weights(share / share.sum(), power)


def within_class(weights: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Brought to mean 1 over each class's pixels, (n h w), half precision."""
    result = torch.zeros_like(weights, dtype=torch.half)
    for c in range(classes):
        own = labels == c
        if own.any():
            result[own] = (weights[own] / weights[own].mean().clamp(min=1e-6)).half()
    return result


Arm = Callable[[Views, int], Lite]
"""From views of drawn photos and a seed to a trained network."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """Data to train and judge on. frames, source: all synthetic frames, and views of them. images: ids of those that
    are judged on, in the order of ``val``."""

    name: str
    target: Dataset
    space: LabelSpace
    bench: Bench
    frames: tuple[Dataset, ...]
    source: Views
    val: Views
    images: NDArray[np.str_]

    @cached_property
    def everything(self) -> Views:
        """Views of all real images."""
        return self.bench.views(self.target, 4, seed=1)

    @classmethod
    def load(cls, options: argparse.Namespace, *, regions: bool = False) -> Setting:
        """``regions``: with the superpixels of synthetic frames."""
        torch.set_num_threads(1)
        target = open_dataset(options.target, split="train")
        space = target.space
        assert space is not None
        bench = Bench(options, len(space))
        frames = tuple(open_dataset(each).map_to(space) for each in options.source)
        val = open_dataset(options.target, split="val")
        return cls(
            name=" + ".join(Path(each).name for each in options.source),
            target=target,
            space=space,
            bench=bench,
            frames=frames,
            source=bench.source_views(frames, regions=regions),
            val=bench.views(val, 0, seed=0),
            images=np.array([frame.id for frame in val.frames]),
        )


def joined(parts: Sequence[Views]) -> Views:
    """Several sets of views as one; their images are numbered on."""
    firsts = np.cumsum([0, *(int(part.image.max()) + 1 for part in parts[:-1])]).tolist()
    return Views.joined([part.numbered_from(first) for part, first in zip(parts, firsts, strict=True)])


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that such experiments share."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--source", nargs="+", required=True)
    made.add_argument("--target", required=True, help="its splits train and val are used")
    made.add_argument("--out", type=Path, required=True, help="CSV; rows that it has are kept")
    made.add_argument("--counts", type=Path, help="also write what each run sees in every image: benchmarks.drives")
    made.add_argument("--n-real", type=int, default=20)
    made.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    made.add_argument("--steps", type=int, default=1000)
    made.add_argument("--height", type=int, default=112)
    made.add_argument("--width", type=int, default=160)
    made.add_argument("--only", nargs="*", help="arms of these names, with * and ?; all by default")
    return made


def run(setting: Setting, arms: Mapping[str, Arm], options: argparse.Namespace) -> None:
    """Train what the CSV lacks, seed by seed, and add a row each."""
    if options.only:
        arms = {name: arm for name, arm in arms.items() if any(fnmatch(name, each) for each in options.only)}
    head = ["source", "target", "arm", "n_real", "seed", "steps", "miou", *setting.space.classes]
    have = set()
    if options.out.exists():
        rows = list(csv.DictReader(options.out.read_text().splitlines()))
        have = {tuple(row[name] for name in head[:6]) for row in rows}
    else:
        options.out.write_text(",".join(head) + "\n")
    target = Path(options.target).name
    for seed in options.seeds:
        drawn = draw_real(setting.target, options.n_real, seed=seed)
        real = setting.bench.views(drawn, max(4, math.ceil(800 / len(drawn))), seed=7 + seed)
        for name, arm in arms.items():
            key = (setting.name, target, name, str(options.n_real), str(seed), str(options.steps))
            if key in have:
                continue
            began = time.monotonic()
            torch.manual_seed(seed)
            counted = setting.bench.count(arm(real, seed), setting.val)
            found = scores(counted)
            if options.counts:
                about = Key(setting.name, str(options.n_real), str(options.steps), target, name)
                Counts(key=about, seed=seed, images=setting.images, matrices=counted).write(options.counts)
            with options.out.open("a") as file:
                csv.writer(file, lineterminator="\n").writerow([*key, *(f"{score:.2f}" for score in found)])
            print(f"seed {seed}, {name}: {found[0]:.2f} ({time.monotonic() - began:.0f} s)", flush=True)
