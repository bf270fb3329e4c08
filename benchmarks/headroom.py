"""How much is there to win by selection: what leaving parts of the synthetic frames out, or a judge that saw all real
labels, brings over all of them.

    python -m benchmarks.headroom --source folder:settings/airsim --target folder:settings/idd-dev --out headroom.csv

With the encoder frozen (`benchmarks.frozen`). Arms:

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

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from benchmarks.common import told
from benchmarks.frozen import Arm, Bench, Given, Setting, Views, parser, run, within_class
from hrs.data.regions import superpixels
from hrs.labels import IGNORE
from hrs.networks.lite import Lite

CLUSTERS = 4
JUDGE_STEPS = 3000


def without(source: Views, left_out: Tensor) -> Views:
    return replace(source, labels=source.labels.masked_fill(left_out, IGNORE))


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


def arms(setting: Setting) -> dict[str, Arm]:
    """Every arm by name."""
    bench, source, everything, names = setting.bench, setting.source, setting.everything, setting.space.classes

    def on(views: Views | None, weights: Tensor | None = None) -> Arm:
        weigher = None if weights is None else Given(weights)
        return lambda real, seed: bench.train(real, views, seed=seed, weigher=weigher)

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
        weigher = None if weights is None else Given(weights)
        return bench.train(real, views, seed=seed, weigher=weigher, unlabelled=undrawn(teacher))

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
    found |= {f"half of the frames {i}": on(source.take(odd == bool(i))) for i in (0, 1)}
    found["half of the regions"] = on(without(source, half_of_regions(source)))
    found |= {f"without {name}": on(without(source, source.labels == c)) for c, name in enumerate(names)}
    found |= {f"without cluster {k}": on(source.take(group != k)) for k in range(CLUSTERS)}
    return found


def main() -> None:
    options = parser(__doc__).parse_args()
    setting = Setting.load(options)
    run(setting, arms(setting), options)


if __name__ == "__main__":
    told(main)
