"""How fast a corpus is scored: frames a second, from files to weight maps and table on disk.

python -m benchmarks.scoring [--source render:synthetic?frames=64] [--workers 2] [--network compact] [--device cpu]

The checkpoint holds an untrained method hrs: weights do not change the speed. ``cold`` computes every frame's
superpixels, ``warm`` finds them in the cache. ``of forward`` is the rate over that of the segmentation network alone on
the same batches in memory: what reading, weighing and writing leave of it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.common import config_of, empty_region_cache, print_table, step_options, synchronise, told
from hrs.checkpoint import load_checkpoint, save_checkpoint
from hrs.data.layouts import open_dataset
from hrs.data.loaders import Batch
from hrs.labels import LabelSpace
from hrs.methods.build import build_method
from hrs.scoring.score import score


def untrained(folder: Path, options: argparse.Namespace, space: LabelSpace) -> Path:
    """A checkpoint of method hrs with random weights."""
    torch.manual_seed(0)
    config = config_of(options)
    save_checkpoint(folder, method=build_method(config, len(space)), config=config, space=space, step=0, metrics={})
    return folder


def scoring_rates(checkpoint: Path, out: Path, options: argparse.Namespace) -> dict[str, float]:
    """Frames a second with regions computed (cold) and read (warm)."""
    frames = len(open_dataset(options.source))
    rates = {}
    with empty_region_cache():
        for name in ("cold", "warm"):
            start = time.perf_counter()
            score(
                checkpoint,
                options.source,
                out / name,
                batch=options.batch,
                workers=options.workers,
                device=options.device,
            )
            rates[name] = frames / (time.perf_counter() - start)
    return rates


@torch.inference_mode()
def forward_rate(checkpoint: Path, options: argparse.Namespace, repeats: int = 5) -> float:
    """Frames a second of the segmentation network alone."""
    loaded, device = load_checkpoint(checkpoint, device=options.device), torch.device(options.device)
    size = (loaded.config.data.height, loaded.config.data.width)
    images = torch.randint(256, (options.batch, 3, *size), dtype=torch.uint8, device=device)
    nothing = torch.zeros(options.batch, *size, dtype=torch.uint8, device=device)
    shown = Batch(images=images, labels=nothing, regions=nothing.int(), planted=nothing)
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        loaded.method.segment(shown)
        synchronise(device)
        times.append(time.perf_counter() - start)
    return options.batch / statistics.median(times[2:])


def main() -> None:
    parser = step_options(__doc__)
    parser.add_argument("--source", default="render:synthetic?frames=64")
    parser.add_argument("--batch", type=int, default=8, help="frames at a time, a divisor of 64")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    space = open_dataset(options.source).space
    if space is None:
        raise SystemExit(f"{options.source} has no labels")
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = untrained(Path(folder) / "checkpoint", options, space)
        rates = scoring_rates(checkpoint, Path(folder), options)
        forward = forward_rate(checkpoint, options)
    print(f"{options.source}, {options.workers} workers; {options.network}, {options.size}, {options.device}")
    rows = [[name, f"{rate:.1f}", f"{rate / forward:.2f}"] for name, rate in rates.items()]
    print_table(["regions", "scored frames/s", "of forward"], rows)


if __name__ == "__main__":
    told(main)
