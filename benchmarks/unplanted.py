"""Every method on frames that nobody planted faults in, with a pretrained network, by the number of photos.

    python -m benchmarks.settings DATA --out settings
    python -m benchmarks.unplanted settings --out unplanted [--pairs airsim-idd ...] [--n-real 20 200] [--seeds 0 1]

One study for each pair of frames and photos, as the product runs it (`hrs study`), its encoder frozen: AirSim's
neighbourhood and the built-in street to IDD-Lite, scored on drives taken out of its train split, and the street to
CamVid, scored on the sequence left out. Every method sees six photos a step, and three frames on top; a teacher labels
six of the photos that were not drawn beside. Goes on where it stopped. Writes results.csv (a row a run) into --out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.common import finished, told, write_runs
from hrs.study.plan import Study
from hrs.study.run import run_study

PAIRS = {
    "airsim-idd": ("folder:{}/airsim", "folder:{}/idd-dev", 112),
    "street-idd": ("folder:{}/street", "folder:{}/idd-dev", 112),
    "street-camvid": ("render:synthetic?faults=none&frames=1200", "camvid:{}/camvid-0006R0", 120),
}
"""Synthetic frames, photos and height by the name of a pair; {} is the folder of the settings."""
SHOWN = ("pair", "arm", "n_real", "seed", "step", "miou", "pixel_accuracy")
SHARES = (0.2, 0.5)
TAUGHT = {"data": {"unlabelled": "undrawn"}, "train": {"batch_unlabelled": 6}}
BESIDE = (("target_only", "photos"), ("hrs", "hrs"))
METHODS: tuple[Any, ...] = (
    {"method": "target_only", "label": "photos"},
    "joint",
    "hrs",
    "mixing",
    *({"method": method, "label": f"{label} + teacher", **TAUGHT} for method, label in BESIDE),
    *({"method": "finetune", "label": f"finetune {share}", "finetune": {"source_share": share}} for share in SHARES),
)


def study(options: argparse.Namespace, pair: str) -> Study:
    source, target, height = PAIRS[pair]
    place = options.settings.resolve()
    base = {
        "data": {
            "sources": [source.format(place)],
            "target": target.format(place),
            "height": height,
            "width": 160,
            "workers": 1,
        },
        "network": {"name": "lite0", "pretrained": True},
        "train": {
            "steps": options.steps,
            "batch_source": 3,
            "batch_target": 6,
            "encoder_rate": 0.0,
            "ema": 0.99,
            "class_balance": 0.4,
            "precision": "bf16",
            "validate_every": options.steps,
            "save_every": 400,
            "panel": 0,
            "previews": 0,
        },
    }
    return Study(
        base=base,
        methods=METHODS,
        n_real=tuple(options.n_real),
        seeds=tuple(options.seeds),
        against=("photos", "joint"),
        parallel=1,
    )


def rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What finished runs have, without their scores by class, which are of other classes from pair to pair."""
    found = (row for pair in PAIRS for row in finished(study(options, pair), options.out / pair, {"pair": pair}))
    return [{key: row[key] for key in SHOWN} for row in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--out", type=Path, default=Path("unplanted"))
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--n-real", nargs="+", type=int, default=[20, 200])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    for pair in options.pairs:
        run_study(study(options, pair), options.out / pair)
        write_runs(options.out / "results.csv", rows(options))


if __name__ == "__main__":
    told(main)
