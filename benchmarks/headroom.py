"""How much is there to win by selection: what leaving parts of the synthetic frames out, or a judge that saw all real
labels, brings over all of them.

    python -m benchmarks.headroom --source folder:settings/airsim --target folder:settings/idd-dev --out headroom.csv

The encoder of `lite0` keeps its ImageNet weights and its features are computed once, for several augmented views of
each image; the decoder alone is trained. So a run takes about a minute on one core, and many can be afforded. Arms:

- photos, joint: without and with all synthetic frames;
- half of the frames (two halves), half of the regions: what chance does;
- without CLASS: one class's synthetic pixels left out; without cluster K: frames that look alike left out (k-means over
  their mean features);
- judge weights: pixels weighted by the probability that a judge, taught by *all* real images, gives their label, mean 1
  within each class: what selection by agreement could bring at most;
- judge drops: pixels to whose label it gives less than a half left out;
- judge labels: its own labels on the synthetic frames, which is more than selection can do;
- own judge weights, drops, labels: the same by a judge that a user can have, trained jointly on drawn photos and the
  frames;
- photos + teacher, joint + teacher: beside them the real images that were not drawn, under the labels that a network
  trained without them is sure of (0.9 and more); teacher's weights, drops: joint + teacher, and the judge is a
  joint + teacher of before.

Rows that are in the CSV already are not computed again.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hrs.data.draw import draw_real
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.regions import superpixels
from hrs.data.transforms import Sample, augment, fit
from hrs.evaluation import ConfusionMatrix
from hrs.labels import IGNORE
from hrs.networks.lite import Lite
from hrs.networks.segmenter import build_segmenter, normalise, upsample
from hrs.selection.combine import weighted_cross_entropy

CLUSTERS = 4
JUDGE_STEPS = 3000
BATCH = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Views:
    """taps: features in half precision, (n d h w) a stride; labels uint8 (n h w); image: which one a view shows, (n,).
    images: the views themselves, uint8 (n 3 h w)."""

    taps: list[Tensor]
    labels: Tensor
    image: Tensor
    images: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def features(self, chosen: Tensor | slice) -> list[Tensor]:
        return [tap[chosen].float() for tap in self.taps]


class Bench:
    """Training and judging decoders on features that are computed once."""

    def __init__(self, options: argparse.Namespace, classes: int) -> None:
        self.options, self.classes = options, classes
        network = build_segmenter("lite0", classes, pretrained=True)
        assert isinstance(network, Lite)
        self.encoder = network.encoder.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def views(self, dataset: Dataset, count: int, *, seed: int) -> Views:
        """``count`` augmented views of each image; 0: the image as it is."""
        samples = list(self._samples(dataset, count, seed))
        images = torch.stack([torch.from_numpy(sample.image).permute(2, 0, 1) for sample in samples])
        taps: list[list[Tensor]] = [[], [], [], []]
        for part in images.split(BATCH):
            shown = normalise(part).contiguous(memory_format=torch.channels_last)
            for kept, tap in zip(taps, self.encoder(shown), strict=True):
                kept.append(tap.half())
        return Views(
            taps=[torch.cat(parts) for parts in taps],
            labels=torch.stack([torch.from_numpy(sample.label) for sample in samples]),
            image=torch.arange(len(dataset)).repeat_interleave(max(1, count)),
            images=images,
        )

    def _samples(self, dataset: Dataset, count: int, seed: int) -> Iterator[Sample]:
        height, width = self.options.height, self.options.width
        for i in range(len(dataset)):
            whole = fit(Sample(image=dataset.read_image(i), label=dataset.read_label(i)), height, width)
            for view in range(count):
                yield augment(whole, np.random.default_rng((seed, i, view)), height=height, width=width)
            if not count:
                yield whole

    def train(
        self,
        real: Views,
        source: Views | None,
        *,
        seed: int,
        weights: Tensor | None = None,
        unlabelled: Views | None = None,
        steps: int | None = None,
    ) -> Lite:
        """A decoder after training, averaged. ``weights`` (n h w): of the source's pixels. ``unlabelled``: real images
        under labels that a teacher gave them."""
        torch.manual_seed(seed)
        network = build_segmenter("lite0", self.classes)
        assert isinstance(network, Lite)
        average, steps = copy.deepcopy(network), steps or self.options.steps
        balance = rare_classes_more(real.labels, self.classes)
        draw = torch.Generator().manual_seed(seed)
        parameters = [p for name, p in network.named_parameters() if not name.startswith("encoder.")]
        optimiser = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=1e-2)
        network.train()
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = 2e-3 * min((step + 1) / (0.05 * steps), (1 - step / steps) ** 0.9)
            chosen = torch.randint(len(real), (6,), generator=draw)
            taps, sides = real.features(chosen), [(real.labels[chosen], None)]
            for views, own in ((source, weights), (unlabelled, None)):
                if views is not None:
                    drawn = torch.randint(len(views), (3,), generator=draw)
                    taps = [torch.cat(pair) for pair in zip(taps, views.features(drawn), strict=True)]
                    sides.append((views.labels[drawn], None if own is None else own[drawn].float()))
            logits = network.decode(taps).logits.split([len(labels) for labels, _ in sides])
            losses = [
                weighted_cross_entropy(each, labels, own, balance)
                for each, (labels, own) in zip(logits, sides, strict=True)
            ]
            optimiser.zero_grad()
            sum(losses[1:], start=losses[0]).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 5.0)
            optimiser.step()
            _move(average, network, min(0.99, (step + 1) / (step + 10)))
        return average.eval()

    @torch.no_grad()
    def logits(self, network: Lite, views: Views) -> Iterator[tuple[Tensor, Tensor]]:
        """Full-size logits and labels, some views at a time."""
        for first in range(0, len(views), BATCH):
            part = slice(first, first + BATCH)
            logits = network.decode(views.features(part)).logits
            yield upsample(logits, views.labels.shape[-2:]), views.labels[part]

    def score(self, network: Lite, views: Views) -> list[float]:
        """mIoU and the IoU of every class, in percent; NaN where a class does not occur."""
        matrix = ConfusionMatrix(self.classes)
        for logits, labels in self.logits(network, views):
            matrix.update(logits.argmax(dim=1).numpy(), labels.numpy())
        iou = matrix.iou()
        return [matrix.miou(), *map(float, iou)]


@torch.no_grad()
def _move(average: Lite, network: Lite, decay: float) -> None:
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    for own, other in pairs:
        if own.is_floating_point():
            own.lerp_(other, 1 - decay)


def rare_classes_more(labels: Tensor, classes: int) -> Tensor:
    """Class weights frequency^-0.4 with mean 1 over pixels, (c,), as `train.class_balance` has them."""
    share = torch.bincount(labels[labels != IGNORE].long(), minlength=classes)[:classes].float()
    share = (share / share.sum()).clamp(min=1e-3)
    weights = share.pow(-0.4)
    return weights / (share * weights).sum() * share.sum()


def within_class(weights: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Brought to mean 1 over each class's pixels, (n h w), half precision."""
    result = torch.zeros_like(weights, dtype=torch.half)
    for c in range(classes):
        own = labels == c
        if own.any():
            result[own] = (weights[own] / weights[own].mean().clamp(min=1e-6)).half()
    return result


def without(source: Views, left_out: Tensor) -> Views:
    return replace(source, labels=source.labels.masked_fill(left_out, IGNORE))


def keep(source: Views, kept: Tensor) -> Views:
    """Only these views, bool (n,)."""
    return Views(
        taps=[tap[kept] for tap in source.taps],
        labels=source.labels[kept],
        image=source.image[kept],
        images=source.images[kept],
    )


def half_of_regions(source: Views) -> Tensor:
    """A random half of the superpixels of each view, bool (n h w)."""
    rng = np.random.default_rng(0)
    chosen = np.zeros(source.labels.shape, bool)
    for i, image in enumerate(source.images):
        regions = superpixels(image.permute(1, 2, 0).numpy(), None, segments=250)
        chosen[i] = (rng.random(regions.max() + 1) < 0.5)[regions]
    return torch.from_numpy(chosen)


def clusters(source: Views) -> Tensor:
    """Which of CLUSTERS a view's image belongs to, by k-means over mean features at stride 32, (n,)."""
    from scipy.cluster.vq import kmeans2, whiten

    means = source.taps[3].float().mean(dim=(2, 3))
    first = torch.stack([means[source.image == i].mean(dim=0) for i in range(int(source.image.max()) + 1)])
    _, own = kmeans2(whiten(first.numpy()), CLUSTERS, seed=0, minit="++")
    return torch.from_numpy(own)[source.image]


def judged(bench: Bench, judge: Lite, source: Views) -> tuple[Tensor, Tensor]:
    """The judge's probability of each given label, and its own label: (n h w) each."""
    likely, own = [], []
    for logits, labels in bench.logits(judge, source):
        known = labels.long().masked_fill(labels == IGNORE, 0).unsqueeze(1)
        likely.append(logits.softmax(dim=1).gather(1, known).squeeze(1).half())
        own.append(logits.argmax(dim=1).to(torch.uint8))
    return torch.cat(likely), torch.cat(own)


def pseudo_labelled(bench: Bench, teacher: Lite, views: Views, least: float = 0.9) -> Views:
    """The views under the teacher's labels, where it is as sure as ``least``; IGNORE elsewhere."""
    labels = []
    for logits, _ in bench.logits(teacher, views):
        sure, own = logits.softmax(dim=1).max(dim=1)
        labels.append(own.to(torch.uint8).masked_fill(sure < least, IGNORE))
    return replace(views, labels=torch.cat(labels))


Arm = Callable[[Views, int], Lite]


def arms(bench: Bench, source: Views, everything: Views, names: tuple[str, ...]) -> dict[str, Arm]:
    """Every arm by name: from real views and a seed to a trained network. ``everything``: views of all real images."""

    def on(views: Views | None, weights: Tensor | None = None) -> Arm:
        return lambda real, seed: bench.train(real, views, seed=seed, weights=weights)

    @lru_cache(maxsize=1)
    def judge() -> Lite:
        return bench.train(everything, None, seed=0, steps=JUDGE_STEPS)

    def relabelled(judge: Lite) -> Views:
        return replace(source, labels=judged(bench, judge, source)[1].masked_fill(source.labels == IGNORE, IGNORE))

    def weighted(judge: Lite) -> Tensor:
        return within_class(judged(bench, judge, source)[0].float(), source.labels, len(names))

    def dropped(judge: Lite, least: float = 0.5) -> Views:
        return without(source, judged(bench, judge, source)[0] < least)

    @lru_cache(maxsize=1)
    def taught_by_few(real: Views, seed: int) -> Lite:
        return bench.train(real, source, seed=1000 + seed)

    @lru_cache(maxsize=1)
    def undrawn(teacher: Lite) -> Views:
        return pseudo_labelled(bench, teacher, everything)

    @lru_cache(maxsize=1)
    def taught_by_many(real: Views, seed: int) -> Lite:
        return bench.train(real, source, seed=2000 + seed, unlabelled=undrawn(taught_by_few(real, seed)))

    def with_teacher(real: Views, seed: int, views: Views | None, weights: Tensor | None = None) -> Lite:
        teacher = taught_by_few(real, seed) if views is not None else bench.train(real, None, seed=1000 + seed)
        return bench.train(real, views, seed=seed, weights=weights, unlabelled=undrawn(teacher))

    odd = source.image % 2 == 1
    group = clusters(source)
    found: dict[str, Arm] = {"photos": on(None), "joint": on(source)}
    found["judge weights"] = lambda real, seed: on(source, weighted(judge()))(real, seed)
    found["judge drops"] = lambda real, seed: on(dropped(judge()))(real, seed)
    found["judge labels"] = lambda real, seed: on(relabelled(judge()))(real, seed)
    found["own judge weights"] = lambda real, seed: on(source, weighted(taught_by_few(real, seed)))(real, seed)
    found["own judge drops"] = lambda real, seed: on(dropped(taught_by_few(real, seed)))(real, seed)
    found["own judge drops the worst"] = lambda real, seed: on(dropped(taught_by_few(real, seed), 0.1))(real, seed)
    found["own judge labels"] = lambda real, seed: on(relabelled(taught_by_few(real, seed)))(real, seed)
    found["photos + teacher"] = lambda real, seed: with_teacher(real, seed, None)
    found["joint + teacher"] = lambda real, seed: with_teacher(real, seed, source)
    found["teacher's weights"] = lambda real, seed: with_teacher(
        real, seed, source, weighted(taught_by_many(real, seed))
    )
    found["teacher's drops"] = lambda real, seed: with_teacher(real, seed, dropped(taught_by_many(real, seed)))
    found |= {f"half of the frames {i}": on(keep(source, odd == bool(i))) for i in (0, 1)}
    found["half of the regions"] = on(without(source, half_of_regions(source)))
    found |= {f"without {name}": on(without(source, source.labels == c)) for c, name in enumerate(names)}
    found |= {f"without cluster {k}": on(keep(source, group != k)) for k in range(CLUSTERS)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True, help="its splits train and val are used")
    parser.add_argument("--out", type=Path, required=True, help="CSV; rows that it has are kept")
    parser.add_argument("--n-real", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--height", type=int, default=112)
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--only", nargs="*", help="arms whose names begin so; all by default")
    options = parser.parse_args()
    torch.set_num_threads(1)
    target = open_dataset(options.target, split="train")
    space = target.space
    assert space is not None
    bench = Bench(options, len(space))
    val = bench.views(open_dataset(options.target, split="val"), 0, seed=0)
    source = bench.views(open_dataset(options.source).map_to(space), 2, seed=2)
    everything = bench.views(target, 4, seed=1)
    wanted = arms(bench, source, everything, space.classes)
    if options.only:
        wanted = {name: arm for name, arm in wanted.items() if name.startswith(tuple(options.only))}
    run(bench, wanted, target, val, space.classes, options)


def run(
    bench: Bench,
    wanted: dict[str, Arm],
    target: Dataset,
    val: Views,
    names: tuple[str, ...],
    options: argparse.Namespace,
) -> None:
    """Train what the CSV lacks, seed by seed, and add a row each."""
    head = ["source", "target", "arm", "n_real", "seed", "steps", "miou", *names]
    have = set()
    if options.out.exists():
        rows = list(csv.DictReader(options.out.read_text().splitlines()))
        have = {(row["source"], row["arm"], row["n_real"], row["seed"], row["steps"]) for row in rows}
    else:
        options.out.write_text(",".join(head) + "\n")
    source = Path(options.source).name
    for seed in options.seeds:
        drawn = draw_real(target, options.n_real, seed=seed)
        real = bench.views(drawn, max(4, math.ceil(800 / len(drawn))), seed=7 + seed)
        for name, arm in wanted.items():
            key = (source, name, str(options.n_real), str(seed), str(options.steps))
            if key in have:
                continue
            began = time.monotonic()
            scores = bench.score(arm(real, seed), val)
            with options.out.open("a") as file:
                told = [source, Path(options.target).name, *key[1:], *(f"{score:.2f}" for score in scores)]
                csv.writer(file, lineterminator="\n").writerow(told)
            print(f"seed {seed}, {name}: {scores[0]:.2f} ({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
