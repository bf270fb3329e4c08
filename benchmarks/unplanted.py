"""Every method on frames that nobody planted faults in, with a pretrained network, by the number of photos.

    python -m benchmarks.settings DATA --out settings
    python -m benchmarks.unplanted settings --out unplanted [--pairs airsim-idd ...] [--n-real 20 200 all]
        [--seeds 0 1] [--only joint hrs ...]

A study for each pair of frames and photos, as the product runs it (`hrs study`), its encoder frozen: AirSim's
neighbourhood, the built-in street and both together to IDD-Lite, scored on drives taken out of its train split, and the
street to CamVid, scored on the sequence left out; and what is reported, not chosen by, where --pairs names it: AirSim
and the street to IDD-Lite's own val. Every method sees six photos a step, and three frames on top; a teacher labels six
of the photos that were not drawn beside, of which there are none with all. "photos rare", "joint rare" and "hrs rare",
which --only can name, see photos with rare classes more often. Goes on where it stopped.
Writes results.csv (a row a run) into --out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import finished, told, write_runs
from hrs.errors import HRSError
from hrs.study.plan import Study
from hrs.study.run import run_study

AIRSIM, STREET = "folder:{}/airsim", "folder:{}/street"
PAIRS = {
    "airsim-idd": ([AIRSIM], "folder:{}/idd-dev", 112),
    "street-idd": ([STREET], "folder:{}/idd-dev", 112),
    "both-idd": ([AIRSIM, STREET], "folder:{}/idd-dev", 112),
    "street-camvid": (["render:synthetic?faults=none&frames=1200"], "camvid:{}/camvid-0006R0", 120),
}
"""Synthetic frames, photos and height by the name of a pair; {} is the folder of the settings."""
REPORTED = {
    "airsim-idd-val": ([AIRSIM], "folder:{}/idd", 112),
    "street-idd-val": ([STREET], "folder:{}/idd", 112),
}
"""The same, of what no setting is chosen by."""
SHOWN = ("pair", "arm", "n_real", "seed", "step", "miou", "pixel_accuracy")
SHARES = (0.2, 0.5)
TAUGHT = {"data": {"unlabelled": "undrawn"}, "train": {"batch_unlabelled": 6}}
PLAIN: dict[str, dict[str, Any]] = {
    "photos": {"method": "target_only"},
    "joint": {"method": "joint"},
    "hrs": {"method": "hrs"},
    "mixing": {"method": "mixing"},
    **{f"finetune {share}": {"method": "finetune", "finetune": {"source_share": share}} for share in SHARES},
}
WITH_TEACHER = {f"{name} + teacher": PLAIN[name] | TAUGHT for name in ("photos", "joint", "hrs")}
RARE = {f"{name} rare": PLAIN[name] | {"data": {"rare_classes": 1.0}} for name in ("photos", "joint", "hrs")}
"""What goes over the settings by the name of a method; these last are run where they are asked for."""


def studies(options: argparse.Namespace) -> Iterator[tuple[str, Path, Study]]:
    """Pair, folder and study: one for the numbers of photos, and one for all of them."""
    numbers = tuple(number for number in options.n_real if number is not None)
    for pair in options.pairs:
        if numbers:
            yield pair, options.out / pair, study(options, pair, numbers, PLAIN | WITH_TEACHER | RARE)
        if None in options.n_real:
            yield pair, options.out / f"{pair}-all", study(options, pair, (None,), PLAIN | RARE)


def study(
    options: argparse.Namespace, pair: str, n_real: tuple[int | None, ...], methods: dict[str, dict[str, Any]]
) -> Study:
    """Raises HRSError where none of the methods is wanted."""
    sources, target, height = (PAIRS | REPORTED)[pair]
    place = options.settings.resolve()
    wanted = [name for name in methods if name in (options.only or methods.keys() - RARE)]
    if not wanted:
        raise HRSError(f"--only names no method of {', '.join(methods)}")
    base = {
        "data": {
            "sources": [source.format(place) for source in sources],
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
        methods=tuple(methods[name] | {"label": name} for name in wanted),
        n_real=n_real,
        seeds=tuple(options.seeds),
        against=tuple(name for name in ("photos", "joint") if name in wanted) or (wanted[0],),
        parallel=1,
    )


def rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What finished runs have, without their scores by class, which are of other classes from pair to pair."""
    found = (row for pair, folder, each in studies(options) for row in finished(each, folder, {"pair": pair}))
    return [{key: row[key] for key in SHOWN} for row in found]


def number_or_all(text: str) -> int | None:
    return None if text == "all" else int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--out", type=Path, default=Path("unplanted"))
    parser.add_argument("--pairs", nargs="+", choices=[*PAIRS, *REPORTED], default=list(PAIRS))
    parser.add_argument("--n-real", nargs="+", type=number_or_all, default=[20, 200], metavar="NUMBER|all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--only", nargs="+", choices=[*PLAIN, *WITH_TEACHER, *RARE], metavar="METHOD")
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    for _, folder, each in studies(options):
        run_study(each, folder)
        write_runs(options.out / "results.csv", rows(options))


if __name__ == "__main__":
    told(main)
