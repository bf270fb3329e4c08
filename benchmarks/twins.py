"""How often does a trial call two ways different that are one? Photos alone against photos alone, other seeds.

    python -m benchmarks.twins --target folder:settings/idd-dev --n-real 100 --seeds 6

Every pair of seeds is compared as `hrs trial` compares two ways, on the same photos and parts; only the networks' luck
differs. Of the pairs one in twenty should come out as surely different. Pairs share runs, so they are not independent.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch

from benchmarks.common import told
from hrs.config import load_config
from hrs.training.task import open_real
from hrs.trial.compare import compare
from hrs.trial.findings import PHOTOS, surely, uses
from hrs.trial.trial import FOLDS, STEPS, Bench, small


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", required=True)
    parser.add_argument("--n-real", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--height", type=int, default=112)
    parser.add_argument("--width", type=int, default=160)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sides = {"height": options.height, "width": options.width}
    data = {"target": options.target, "n_real": options.n_real, "sources": [options.target], **sides}
    config = small(load_config({"data": data}), options.steps)
    real = open_real(config)
    bench = Bench(config, real.target, [real.target.take([0])], len(real.space), FOLDS, None)
    alone = uses(config)[0]
    found = []
    for seed in range(options.seeds):
        bench.config = config.model_copy(update={"seed": seed})
        found.append(bench.judged(alone))
        print(f"seed {seed}", flush=True)
    twin = replace(alone, name="twin")
    over = [compare({alone: a, twin: b}, bench.parts)[1].over[PHOTOS] for a, b in combinations(found, 2)]
    means, halves = (np.array([getattr(each, name) for each in over]) for name in ("mean", "half"))
    sure = sum(map(abs, map(surely, over)))
    print(f"{len(over)} pairs, {sure} surely different")
    print(f"differences {means.std():.2f} (deviation), intervals ± {halves.mean():.2f}")


if __name__ == "__main__":
    told(main)
