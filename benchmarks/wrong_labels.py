"""Who finds planted harm better: learned weights, or cleanlab, the tool that people use for wrong labels?

    pip install cleanlab    # AGPL; this script alone uses it
    python -m benchmarks.wrong_labels HRS_RUN PHOTOS_RUN [--data 'render:synthetic?frames=200'] [--out wrong_labels.csv]

HRS_RUN learned weights; PHOTOS_RUN is `target_only` on the same photos, so what it predicts for synthetic frames is out
of sample. cleanlab (2.9, `cleanlab.segmentation`) is given those predictions, and for fairness also those of HRS_RUN's
own segmentation network, which has seen the frames. Its pixel score is the probability of the given label; regions take
the mean; frames take its own image score. *hrs, judge* is what the weighting networks learn from, read directly. Rows:

- AUROC of low weight or score for harm, over pixels, regions and frames; a region or frame is harmful where more than
  half of its labelled pixels are;
- of the 1 % and the 5 % of pixels of lowest weight, the share that is harmful;
- seconds of CPU time for all frames, read and cut into regions already, predictions included; and the memory at most of
  a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from benchmarks.common import print_table, told, write_rows
from benchmarks.planted import Tally
from hrs.checkpoint import load_checkpoint
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.loaders import Batch, Chunks, FrameReader
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.methods.hrs import HierarchicalSelection, at_rest, weigh_frames
from hrs.networks.segmenter import normalise, upsample
from hrs.runs.registry import resolve_checkpoint
from hrs.scoring.score import chunks
from hrs.selection.signals.agreement import Agreement
from hrs.selection.validity import auroc
from hrs.selection.view import View
from hrs.street import harmful_mask

LOWEST = (1, 5)
"""Percent of pixels that a person would look at."""
Row = dict[str, Any]


def batches(data: str, checkpoint: Path, size: int) -> list[Batch]:
    loaded, dataset = load_checkpoint(checkpoint), open_dataset(data)
    reader = FrameReader([dataset.map_to(loaded.space)], loaded.config.data, regions=True)
    return list(DataLoader(Chunks(reader, chunks(0, len(reader), size)), batch_size=None, num_workers=0))


def selection(checkpoint: Path) -> HierarchicalSelection:
    """A run's method. Raises HRSError where it learned no weights from agreement."""
    method = load_checkpoint(checkpoint).method
    if not isinstance(method, HierarchicalSelection) or "agreement" not in method.selector.signals:
        raise HRSError(f"{checkpoint} learned no weights from agreement; give a run of hrs")
    return method


@torch.no_grad()
def by_weights(checkpoint: Path, options: argparse.Namespace) -> list[Row]:
    """The rows of a run's weights, level by level."""
    method, seen = selection(checkpoint), batches(options.data, checkpoint, options.batch)
    names, began = ("combined", *method.selector.config.levels), time.process_time()
    found = [weigh_frames(method, batch) for batch in seen]
    paid = cost(began)
    maps = [torch.stack([each.combined, *(each.levels[name] for name in names[1:])]).numpy() for each in found]
    tally = tallied(maps, seen, options)
    return [{"who": f"hrs, {name}", **judged(tally, index), **paid} for index, name in enumerate(names)]


@torch.no_grad()
def by_judge(checkpoint: Path, options: argparse.Namespace) -> list[Row]:
    """The row of a run's judge, the probe that its photos taught."""
    method, seen = selection(checkpoint), batches(options.data, checkpoint, options.batch)
    judge, maps, began = cast(Agreement, method.selector.signals["agreement"]), [], time.process_time()
    with at_rest(method):
        for batch in seen:
            (output,) = method.segment(batch)
            maps.append(judge.value(View.of(output, batch))[None].numpy())
    paid = cost(began)
    return [{"who": "hrs, judge", **judged(tallied(maps, seen, options), 0), **paid}]


@torch.no_grad()
def by_cleanlab(checkpoint: Path, who: str, options: argparse.Namespace) -> list[Row]:
    """cleanlab's row, on a run's predictions."""
    from cleanlab.segmentation.rank import get_label_quality_scores

    segmenter, seen = load_checkpoint(checkpoint).method.segmenter, batches(options.data, checkpoint, options.batch)
    likely, began = [], time.process_time()
    for batch in seen:
        logits = upsample(segmenter(normalise(batch.images)).logits, batch.labels.shape[-2:])
        likely.append(logits.softmax(dim=1).numpy())
    probabilities, labels = np.concatenate(likely), torch.cat([batch.labels for batch in seen]).numpy().astype(np.int64)
    labels = np.where(labels == IGNORE, probabilities.argmax(axis=1), labels)  # it knows no ignored pixels
    images, pixels = get_label_quality_scores(labels, probabilities, verbose=False)
    paid = cost(began)
    ends = np.cumsum([len(batch) for batch in seen])[:-1]
    tally = tallied([part[None] for part in np.split(pixels, ends)], seen, options)
    _, harmful, _ = tally.units["frames"].joined()
    return [{"who": who, **judged(tally, 0), **paid} | {"frames": auroc(-images, harmful)}]


def tallied(maps: list[NDArray[np.float32]], seen: list[Batch], options: argparse.Namespace) -> Tally:
    """maps: of a batch each, (maps b h w)."""
    tally = Tally(options.pixels, 0)
    for own, batch in zip(maps, seen, strict=True):
        for i in range(len(batch)):
            planted = batch.planted[i].numpy()
            tally.add(own[:, i], batch.labels[i].numpy(), batch.regions[i].numpy(), planted)
    return tally


def judged(tally: Tally, index: int) -> Row:
    found: Row = {unit: tally.row(index)[unit] for unit in ("pixels", "regions", "frames")}
    weights, harmful, _ = tally.units["pixels"].joined()
    order = np.argsort(weights[index], kind="stable")
    for percent in LOWEST:
        found[f"lowest {percent} %"] = float(harmful[order[: max(1, len(order) * percent // 100)]].mean())
    return found


def cost(began: float) -> Row:
    """Of this process: seconds since then, and megabytes at most."""
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": time.process_time() - began, "MB": megabytes}


def share_of_harm(dataset: Dataset) -> float:
    masks = [dataset.read_planted(i) for i in range(len(dataset))]
    if any(mask is None for mask in masks):
        raise HRSError(f"{dataset.spec} has frames without a planted mask; use render:synthetic")
    return float(np.mean([harmful_mask(mask).mean() for mask in masks if mask is not None]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hrs_run")
    parser.add_argument("photos_run")
    parser.add_argument("--data", default="render:synthetic?frames=200")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--pixels", type=int, default=4000, help="pixels drawn from a frame")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=Path, help="also write the rows to this CSV")
    options = parser.parse_args()
    try:
        ours, photos = (resolve_checkpoint(name, options.runs) for name in (options.hrs_run, options.photos_run))
        dataset = open_dataset(options.data)
        print(f"{len(dataset)} frames, {100 * share_of_harm(dataset):.1f} % of their pixels planted to mislead")
        scorers: list[Callable[[argparse.Namespace], list[Row]]] = [
            partial(by_weights, ours),
            partial(by_judge, ours),
            partial(by_cleanlab, photos, "cleanlab, photos' network"),
            partial(by_cleanlab, ours, "cleanlab, hrs's network"),
        ]
        # A process each, so that none has another's memory.
        with ProcessPoolExecutor(
            1, get_context("spawn"), partial(torch.set_num_threads, 1), max_tasks_per_child=1
        ) as own:
            rows = [row for scorer in scorers for row in own.submit(scorer, options).result()]
    except (HRSError, ImportError) as error:
        raise SystemExit(str(error)) from error
    print_table(list(rows[0]), [[shown(value) for value in row.values()] for row in rows])
    if options.out:
        write_rows(options.out, rows)


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if value <= 1 else f"{value:.0f}"
    return str(value)


if __name__ == "__main__":
    told(main)
