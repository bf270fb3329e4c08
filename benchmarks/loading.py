"""Whether the loaders keep up: frames read and augmented a second over images trained on a second.

python -m benchmarks.loading [--source render:synthetic?frames=64] [--workers 2] [--network compact]

Training batches go through the loader processes as in a run and are dropped at once; training is method hrs on batches
that wait in memory. Above 1 the loader is not what limits training. ``cold`` computes every frame's superpixels, as in
the first epoch of a corpus; ``warm`` finds them in the cache, as in all later ones. The two sides are measured one
after the other: where loaders and training share the cores, a ratio of 1 is not enough.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from benchmarks.common import TrainingStep, config_of, empty_region_cache, print_table, step_data, step_options, told
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.loaders import AHEAD, FrameReader, TrainingSteps, step_batches

FRAMES = 4
"""Frames a loader step holds; few, so that a small corpus still gives many steps."""


def loader_rate(reader: FrameReader, first: int, last: int, workers: int) -> float:
    """Frames a second over loader steps first..last-1.

    The clock starts when every process has handed over a batch and all that it may load ahead: neither their start is
    counted nor what the others had done by the time that the last of them began.
    """
    steps = TrainingSteps(reader, reader, lambda _: (FRAMES, 0), seed=0)
    skipped = begun(workers)
    start = time.perf_counter()
    for index, _ in enumerate(step_batches(steps, first, last, workers=workers), 1):
        if index == skipped:
            start = time.perf_counter()
    return (last - first - skipped) * FRAMES / (time.perf_counter() - start)


def begun(workers: int) -> int:
    """Batches that loader processes may have begun before the last of them hands over its first; at least 1."""
    return max(1, workers * (1 + AHEAD))


def cold_and_warm(dataset: Dataset, options: argparse.Namespace) -> dict[str, float]:
    """Frames a second of the first epoch and of the ``--epochs`` after it."""
    with empty_region_cache():
        reader = FrameReader([dataset], config_of(options).data, regions=True)
        epoch = len(reader) // FRAMES
        least = begun(options.workers) + 2
        if epoch < least:
            raise SystemExit(f"{options.source} has {len(reader)} frames; {FRAMES * least} are needed")
        cold = loader_rate(reader, 0, epoch, options.workers)
        loader_rate(reader, epoch, epoch + least, options.workers)  # the frames that a remainder left out
        warm = loader_rate(reader, epoch, (1 + options.epochs) * epoch, options.workers)
    return {"cold": cold, "warm": warm}


def training_rate(options: argparse.Namespace) -> float:
    """Images a second of hrs steps on batches in memory."""
    config = config_of(options)
    batches, classes = step_data(config)
    step = TrainingStep(config, batches, classes, torch.device(options.device))
    for _ in range(3):
        step()
    return step.images / statistics.median(step.seconds() for _ in range(options.repeats))


def main() -> None:
    parser = step_options(__doc__)
    parser.add_argument("--source", default="render:synthetic?frames=64")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2, help="warm passes over the source")
    parser.add_argument("--repeats", type=int, default=8, help="training steps that are timed")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loading = cold_and_warm(open_dataset(options.source), options)
    training = training_rate(options)
    print(f"{options.source}, {options.workers} workers; {options.network}, {options.size}, {options.device}")
    rows = [[name, f"{rate:.1f}", f"{training:.1f}", f"{rate / training:.2f}"] for name, rate in loading.items()]
    print_table(["regions", "loaded frames/s", "trained images/s", "ratio"], rows)


if __name__ == "__main__":
    told(main)
