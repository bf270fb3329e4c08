"""CamVid by left-out sequence: what each part of the shipped model's recipe brings on streets that it never saw.

    python -m benchmarks.settings DATA --out settings
    python -m benchmarks.leftout settings --out leftout [--sequences 0001TP ...] [--arms photos joint ...]
        [--unlabelled images:PHOTOS]: for arms + teacher, such as "joint + teacher", which learn from these, too

One study for each of the three sequences: trained on the other two, with CamVid's val where its sequence is, and scored
after the last step on the one left out. Goes on where it stopped. Writes results.csv (a row a run) into --out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.common import finished, told, write_runs
from benchmarks.settings import SEQUENCES
from hrs.errors import HRSError
from hrs.study.plan import Study
from hrs.study.run import run_study

SYNTHETIC = {"batch_source": 2, "source_schedule": "cosine", "source_until": 0.7}
CONSTANT = {"batch_source": 2, "source_schedule": "constant"}
FROZEN = {"encoder_rate": 0.0}
STRONG = {"scale_min": 0.5, "scale_max": 2.0, "jitter": 0.5}
ROBUST = {"rare_classes": 1.0, "corruption": 0.5}
UNBALANCED = {"class_balance": 0.0}
PLANTED = ["render:synthetic?frames=1200"]
ARMS: dict[str, dict[str, Any]] = {
    "photos": {"method": "target_only"},
    "joint": {"method": "joint", "train": SYNTHETIC},
    "hrs": {"method": "hrs", "train": SYNTHETIC},
    "joint constant": {"method": "joint", "train": CONSTANT},
    "hrs constant": {"method": "hrs", "train": CONSTANT},
    "photos frozen": {"method": "target_only", "train": FROZEN},
    "joint constant frozen": {"method": "joint", "train": CONSTANT | FROZEN},
    "hrs constant frozen": {"method": "hrs", "train": CONSTANT | FROZEN},
    "mixing": {"method": "mixing", "train": SYNTHETIC},
    "joint planted": {"method": "joint", "data": {"sources": PLANTED}, "train": SYNTHETIC},
    "hrs planted": {"method": "hrs", "data": {"sources": PLANTED}, "train": SYNTHETIC},
    "unbalanced": {"method": "target_only", "train": UNBALANCED},
    "strong": {"method": "target_only", "data": STRONG},
    "unbalanced strong": {"method": "target_only", "data": STRONG, "train": UNBALANCED},
    "lite2": {"method": "target_only", "network": {"name": "lite2"}},
    "joint more balanced": {"method": "joint", "train": SYNTHETIC | {"class_balance": 0.6}},
    "joint strong": {"method": "joint", "data": STRONG, "train": SYNTHETIC},
    "joint unbalanced strong": {"method": "joint", "data": STRONG, "train": UNBALANCED | SYNTHETIC},
    "joint constant corrupted": {"method": "joint", "data": {"corruption": 1.0}, "train": CONSTANT},
    "joint constant half corrupted": {"method": "joint", "data": {"corruption": 0.5}, "train": CONSTANT},
    "joint constant rare frozen": {"method": "joint", "data": {"rare_classes": 1.0}, "train": CONSTANT | FROZEN},
    "joint constant robust frozen": {"method": "joint", "data": ROBUST, "train": CONSTANT | FROZEN},
    "joint constant lite2": {"method": "joint", "network": {"name": "lite2"}, "train": CONSTANT},
}
"""What goes over `base`. The synthetic frames have no planted faults unless the name says so."""
TAUGHT = " + teacher"
"""What the name of an arm ends with that has a teacher on unlabelled photos beside."""


def base(options: argparse.Namespace, sequence: str) -> dict[str, Any]:
    return {
        "data": {
            "sources": ["render:synthetic?faults=none&frames=1200"],
            "target": f"camvid:{(options.settings / f'camvid-{sequence}').resolve()}",
            "height": options.height,
            "width": options.height * 4 // 3,
            "workers": 1,
        },
        "network": {"name": "lite0", "pretrained": True},
        "train": {
            "steps": options.steps,
            "batch_target": 6,
            "ema": 0.99,
            "class_balance": 0.4,
            "precision": "bf16",
            "validate_every": options.steps,
            "save_every": 200,
            "panel": 0,
            "previews": 4,
        },
    }


def settings_of(arm: str, unlabelled: str | None) -> dict[str, Any]:
    """Raises HRSError for an arm with a teacher where there are no photos for it."""
    own = ARMS[arm.removesuffix(TAUGHT)]
    if arm in ARMS:
        return own
    if unlabelled is None:
        raise HRSError(f"{arm!r} needs unlabelled photos; name some with --unlabelled images:FOLDER")
    return own | {"data": own.get("data", {}) | {"unlabelled": unlabelled}}


def study(options: argparse.Namespace, sequence: str) -> Study:
    methods = [{"label": arm, **settings_of(arm, options.unlabelled)} for arm in options.arms]
    return Study(
        base=base(options, sequence),
        methods=methods,
        n_real=(options.n_real,),
        seeds=tuple(options.seeds),
        against=tuple(arm for arm in ("photos", "joint") if arm in options.arms),
        parallel=1,
    )


def rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What finished runs have on the sequence left out, class by class."""
    return [
        row
        for sequence in SEQUENCES
        for row in finished(
            study(options, sequence), options.out / sequence, {"sequence": sequence, "height": options.height}
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--out", type=Path, default=Path("leftout"))
    parser.add_argument("--sequences", nargs="*", choices=SEQUENCES, default=list(SEQUENCES))
    parser.add_argument(
        "--arms",
        nargs="+",
        choices=[*ARMS, *(arm + TAUGHT for arm in ARMS)],
        default=["photos", "joint", "hrs", "strong"],
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--n-real", type=int, help="photos to draw; all by default")
    parser.add_argument("--unlabelled", help="for arms with a teacher")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--height", type=int, default=240)
    options = parser.parse_args()
    for sequence in options.sequences:
        run_study(study(options, sequence), options.out / sequence)
    write_runs(options.out / "results.csv", rows(options))


if __name__ == "__main__":
    told(main)
