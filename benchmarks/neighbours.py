"""The two ways to the mean of neighbouring regions, by their number: a table of all pairs, or pair by pair of pixels.

python -m benchmarks.neighbours [--height 192] [--width 256] [--batch 6] [--channels 67]

Processor time of forward and backward on one thread, the median of --repeats, at half of the size, as where features
are coarse. Where the second becomes the faster one is what `PAIRS_A_PIXEL` of hrs/selection/levels/region.py says.
"""

from __future__ import annotations

import argparse
import statistics
import time
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.common import print_table, told
from hrs.selection.levels import region

SIDES = (16, 12, 10, 8, 7, 6, 5, 4, 3)
"""Of square regions, in pixels of the coarse image."""


def squares(height: int, width: int, side: int, batch: int) -> tuple[Tensor, int]:
    """Ids of `batch_ids` (b h w) of square regions, and how many an image has."""
    columns = -(-width // side)
    own = torch.arange(height)[:, None] // side * columns + torch.arange(width) // side
    count = int(own.max()) + 1
    return own + 1 + torch.arange(batch)[:, None, None] * count, count


def seconds(ids: Tensor, values: Tensor, pairs_a_pixel: float, repeats: int) -> float:
    """Of one `neighbour_mean` and its gradient."""
    taken = []
    with patch.object(region, "PAIRS_A_PIXEL", pairs_a_pixel):
        for _ in range(repeats):
            values.grad, start = None, time.process_time()
            region.neighbour_mean(values, ids).sum().backward()
            taken.append(time.process_time() - start)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("height", 192), ("width", 256), ("batch", 6), ("channels", 67), ("repeats", 9)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for side in SIDES:
        ids, count = squares(options.height // 2, options.width // 2, side, options.batch)
        values = torch.rand(options.batch * count + 1, options.channels, requires_grad=True)
        ways = [1000 * seconds(ids, values, most, options.repeats) for most in (float("inf"), 0)]
        rows.append([str(count), f"{count**2 / ids[0].numel():.0f}", *(f"{each:.0f}" for each in ways)])
    print_table(["regions", "pairs a pixel", "table, ms", "pair by pair, ms"], rows)


if __name__ == "__main__":
    told(main)
