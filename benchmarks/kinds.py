"""Does each level find the wrong labels that it is made for? The same mistakes, of three extents.

    python -m benchmarks.kinds --source 'render:synthetic?faults=none&frames=1200' \\
        --target camvid:settings/camvid-0016E5 --out kinds.csv [--shares 20 40]

A share of the labels of true synthetic frames is made wrong. What is wrong is the same each time: every class is called
another one, always the same. How far a mistake extends differs:

- pixel: spots of 3x3 pixels;
- region: a class of a frame, all of it;
- frame: a frame, all of it;
- mixed: a third of the share of each.

Arms, from `benchmarks.rivals`: joint, hrs, each of its levels alone, and *left out*, without the labels that are wrong.
With the encoder frozen (`benchmarks.frozen`), whose features do not change with the labels; superpixels do. A row a
run; rows that are there are kept. The table: what each wins over joint on the same seeds, *left out* first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.common import print_table, told
from benchmarks.frozen import Setting, Views, parser, regions_of, run
from benchmarks.pairs import Key, Scores, pairs, read
from benchmarks.rivals import arms
from hrs.labels import IGNORE
from hrs.street import WRONG_CLASS

SPOT = 3
EXTENTS = ("pixel", "region", "frame")
ARMS = ("left out", "hrs", *(f"hrs, {level}" for level in ("pixel", "region", "image")))


def wrong_names(classes: int) -> Tensor:
    """Another class for each, (c,): a permutation that leaves none in its place."""
    order = np.random.default_rng(0).permutation(classes)
    wrong = np.empty(classes, np.int64)
    wrong[order] = np.roll(order, 1)
    return torch.from_numpy(wrong)


def chosen(views: Views, extent: str, share: float, classes: int, seed: int) -> Tensor:
    """Which pixels are made wrong, bool (n h w). A frame's views agree in what of its regions, and of it, is wrong."""
    draw = torch.Generator().manual_seed(seed)
    count, (height, width) = int(views.image.max()) + 1, views.labels.shape[1:]
    if extent == "frame":
        return (torch.rand(count, generator=draw) < share)[views.image][:, None, None].expand(views.labels.shape)
    if extent == "region":
        drawn = torch.rand(count, classes, generator=draw) < share
        known = views.labels.long().clamp(max=classes - 1)
        return drawn[views.image].gather(1, known.flatten(1)).view(views.labels.shape)
    spots = torch.rand(len(views), 1, -(-height // SPOT), -(-width // SPOT), generator=draw) < share
    grown = F.interpolate(spots.to(torch.uint8), scale_factor=SPOT, mode="nearest")
    return grown[:, 0, :height, :width].bool()


def spoiled(views: Views, extent: str, share: float, classes: int) -> Views:
    """The views with that share of their labels made wrong, and a mask of them."""
    parts = EXTENTS if extent == "mixed" else (extent,)
    masks = [chosen(views, part, share / len(parts), classes, seed) for seed, part in enumerate(parts)]
    spoils = torch.stack(masks).any(dim=0) & (views.labels != IGNORE)
    wrong = wrong_names(classes)[views.labels.long().clamp(max=classes - 1)].to(views.labels.dtype)
    labels = torch.where(spoils, wrong, views.labels)
    images = views.images.permute(0, 2, 3, 1).numpy()
    regions = torch.stack([regions_of(*each) for each in zip(images, labels.numpy(), strict=True)])
    planted = views.planted.masked_fill(spoils, WRONG_CLASS.id)
    return replace(views, labels=labels, planted=planted, regions=regions)


def gains(found: Mapping[Key, Scores], arm: str) -> Iterator[float]:
    """What an arm has over joint, run by run."""
    for places in pairs(found, arm, "joint").values():
        for both in places.values():
            yield from (own - other for own, other in both)


def report(options: argparse.Namespace) -> None:
    """Means over the seeds that both have."""
    found, rows = read([options.out]), []
    for source in dict.fromkeys(key.source for key in found):
        own = {key: scores for key, scores in found.items() if key.source == source}
        joint = [score for key, scores in own.items() if key.arm == "joint" for score in scores.values()]
        cells = [f"{np.mean(values):+.1f}" if (values := list(gains(own, arm))) else "" for arm in ARMS]
        rows.append([source, f"{np.mean(joint):.1f}", *cells])
    print_table(["wrong", "joint", *ARMS], rows)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--shares", type=int, nargs="+", default=[20, 40], help="percent of the labels made wrong")
    made.set_defaults(only=["joint", *ARMS], seeds=[0])
    options = made.parse_args()
    setting = Setting.load(options, regions=True)
    classes = len(setting.space)
    run(replace(setting, name="nothing"), arms(setting), options)
    for share in options.shares:
        for extent in (*EXTENTS, "mixed"):
            source = spoiled(setting.source, extent, share / 100, classes)
            own = replace(setting, source=source, name=f"{extent} {share} %")
            run(own, arms(own), options)
    report(options)


if __name__ == "__main__":
    told(main)
