"""How many actions it takes to label a photo, and what asking for the right photos is worth.

    python -m benchmarks.labelling actions camvid:data/camvid?split=val --model street
    python -m benchmarks.labelling choice camvid:data/camvid --seeds 0 1 2 3 4

`actions` plays a person who always makes the move that helps most, on photos whose labels are known and that the model
did not train on: paint one area of any size with one class, or recolour one connected piece. It counts moves until 95 %
of the labelled pixels agree, from what the model sees and from nothing; and, for comparison, corners of polygons
that reach the same agreement, outline by outline.

`choice` chooses 10 photos of the train split by "what to label next", and 10 at random, trains on either, and scores on
the val split. The model that chooses starts from 3 random photos, the same for both. The encoder of `lite0` is frozen
(see `benchmarks.frozen`).
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.common import print_table, told
from benchmarks.frozen import Bench
from hrs.data.draw import spread_indices
from hrs.data.layouts import Dataset, open_dataset
from hrs.inference import Predictor
from hrs.inference.realism import summarise
from hrs.labelling.areas import Areas, find_areas
from hrs.labelling.ask import Outlook, advise
from hrs.labelling.guess import guess
from hrs.labels import IGNORE
from hrs.runs.registry import resolve_checkpoint

AGREEMENT = 0.95
MOST = 400  # moves after which a photo counts as not reached
FIRST, CHOSEN = 3, 10

Labels = NDArray[np.uint8]


def agreement(label: Labels, truth: Labels) -> float:
    known = truth != IGNORE
    return float((label == truth)[known].mean())


def moves(label: Labels, truth: Labels, areas: Areas) -> int:
    """Moves of the best kind until AGREEMENT."""
    label = label.copy()
    for count in range(MOST):
        if agreement(label, truth) >= AGREEMENT:
            return count
        found = [best_area(areas.at(grain), label, truth) for grain in range(len(areas.grains))]
        found.append(best_area(pieces(label), label, truth))
        _, where, value = max(found, key=lambda each: each[0])
        label[where] = value
    return MOST


def best_area(ids: NDArray[np.int32], label: Labels, truth: Labels) -> tuple[int, NDArray[np.bool_], int]:
    """The area that gains most pixels by being painted in one class: that gain, where it is, the class."""
    known = truth != IGNORE
    count = int(ids.max()) + 1
    votes = np.bincount(ids[known].astype(np.int64) * 256 + truth[known], minlength=count * 256).reshape(count, 256)
    right = np.bincount(ids[known & (label == truth)], minlength=count)
    gain = votes.max(axis=1) - right
    best = int(gain.argmax())
    return int(gain[best]), ids == best, int(votes[best].argmax())


def pieces(label: Labels) -> NDArray[np.int32]:
    """The connected pieces of one class each."""
    ids, total = np.zeros(label.shape, np.int32), 0
    for value in np.unique(label):
        found, count = ndimage.label(label == value)
        ids[found > 0] = found[found > 0] + total - 1
        total += count
    return ids


def corners(truth: Labels) -> int:
    """Corners of polygons, one for each piece of the truth, largest first, until AGREEMENT; see `polygon`."""
    label, total = np.full_like(truth, IGNORE), 0
    outlines = []
    for value in np.unique(truth[truth != IGNORE]):
        found, count = ndimage.label(truth == value)
        outlines += [(found == i, int(value)) for i in range(1, count + 1)]
    for mask, value in sorted(outlines, key=lambda each: -int(each[0].sum())):
        if agreement(label, truth) >= AGREEMENT:
            break
        shape, used = polygon(mask)
        label[shape & (label == IGNORE)] = value
        total += used
    return total


def polygon(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    """The coarsest outline whose overlap with the mask is 95 % (IoU of the filled outline and the mask without its
    holes), and its corners."""
    filled = ndimage.binary_fill_holes(mask)
    contours, _ = cv2.findContours(filled.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    line = max(contours, key=len)
    for tolerance in (16, 12, 8, 6, 4, 3, 2, 1.5, 1, 0.5):
        rough = cv2.approxPolyDP(line, tolerance, closed=True)
        drawn = cv2.fillPoly(np.zeros(mask.shape, np.uint8), [rough], 1).astype(bool)
        if (drawn & filled).sum() >= AGREEMENT * (drawn | filled).sum():
            break
    return drawn, len(rough)


def actions(options: argparse.Namespace) -> None:
    data = open_dataset(options.data)
    predictor = Predictor.load(resolve_checkpoint(options.model, Path("runs")))
    assert data.space is not None
    counts: dict[str, list[int]] = {"from the model's view": [], "from nothing": [], "corners of polygons": []}
    for i in spread_indices(len(data), options.photos):
        image, truth = data.read_image(i), data.read_label(i)
        seen = guess(predictor, image, data.space).labels
        counts["from the model's view"].append(moves(seen, truth, find_areas(image, seen)))
        counts["from nothing"].append(moves(np.full_like(truth, IGNORE), truth, find_areas(image)))
        counts["corners of polygons"].append(corners(truth))
        print(data.frames[i].image.stem, {name: each[-1] for name, each in counts.items()}, flush=True)
    rows = [[name, f"{statistics.median(each):g}", str(min(each)), str(max(each))] for name, each in counts.items()]
    print_table([f"{options.photos} photos, to {100 * AGREEMENT:.0f} %", "median", "least", "most"], rows)


def choice(options: argparse.Namespace) -> None:
    target = open_dataset(options.data, split="train")
    space = target.space
    assert space is not None
    bench = Bench(options, len(space))
    val = bench.views(open_dataset(options.data, split="val"), 0, seed=0)
    plain = bench.views(target, 0, seed=0)
    rows = []
    for seed in options.seeds:
        order = np.random.default_rng(seed).permutation(len(target)).tolist()
        first, rest = order[:FIRST], order[FIRST:]
        judge = bench.train(bench.views(target.take(first), 200, seed=seed), None, seed=seed)
        outlooks = {}
        with torch.no_grad():
            for i in range(len(target)):
                output = judge.decode(plain.take(slice(i, i + 1)).features())
                chance = output.logits.softmax(dim=1)[0]
                share = np.bincount(chance.argmax(dim=0).numpy().ravel(), minlength=len(space)) / chance[0].numel()
                doubt = float(1 - chance.max(dim=0).values.mean())
                outlooks[i] = Outlook(name=str(i), doubt=doubt, share=share, summary=summarise([output.features]))
        known = np.bincount(plain.labels[first].numpy().ravel(), minlength=256)[: len(space)].astype(float)
        advised = advise([outlooks[i] for i in rest], [outlooks[i] for i in first], known, space)
        ways = {
            "asked for": [int(each.name) for each in advised[:CHOSEN]],
            "at random": rest[:CHOSEN],
            "the most doubtful": sorted(rest, key=lambda i: -outlooks[i].doubt)[:CHOSEN],
        }
        scores = [mean_score(bench, target, [*first, *own], val, seed) for own in ways.values()]
        rows.append([str(seed), *(f"{score:.1f}" for score in scores)])
        print(rows[-1], flush=True)
    print_table(["seed", *ways], rows)


def mean_score(bench: Bench, target: Dataset, chosen: list[int], val: object, seed: int) -> float:
    real = bench.views(target.take(sorted(chosen)), 60, seed=7 + seed)
    return bench.score(bench.train(real, None, seed=seed), val)[0]  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("actions")
    one.add_argument("data")
    one.add_argument("--model", default="street")
    one.add_argument("--photos", type=int, default=20)
    one.set_defaults(run=actions)
    two = commands.add_parser("choice")
    two.add_argument("data")
    two.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    two.add_argument("--steps", type=int, default=600)
    two.add_argument("--height", type=int, default=144)
    two.add_argument("--width", type=int, default=192)
    two.set_defaults(run=choice)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.run(options)


if __name__ == "__main__":
    told(main)
