"""Part d: a study with the time that is left: photos alone, joint and hrs, seed by seed, as `hrs study` does it."""

from __future__ import annotations

import json
import shutil
import signal
import time
from functools import partial
from types import FrameType
from typing import Any

import torch

from benchmarks.gpu.part import Part
from hrs.errors import HRSError
from hrs.study.plan import Study, plan
from hrs.study.run import report, run_study
from hrs.system.processes import cores

GIBIBYTES = 6
"""Of the device's memory for each run that trains beside others."""
MOST = 4
"""Runs side by side at most: where all begin together, none is finished when the time is up."""


class TimeIsUp(Exception):
    """The part's seconds are over."""


def examine(part: Part) -> None:
    """Of frames and photos that nobody here made, where the pack has them."""
    pairs = json.loads((part.pack / "pack.json").read_text(encoding="utf-8"))["pairs"]
    pair = "airsim" if "airsim" in pairs else "street"
    part.measure(f"{pair}, mIoU", partial(compare, pair=pair))


def compare(part: Part, pair: str) -> list[dict[str, Any]]:
    """The table of the runs that finished in time; their CSV goes to study-PAIR.csv."""
    study, folder = study_of(part, pair), part.out / f"study-{pair}"
    previous = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, max(0.1, part.ends - time.monotonic()))
    try:
        run_study(study, folder)
    except TimeIsUp:
        print("the time is up: what was not finished is left out", flush=True)
    except HRSError as error:
        print(f"{error}", flush=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    lines = report(plan(study), folder, study.against)
    shutil.copy(folder / "results.csv", part.out / f"study-{pair}.csv")
    return [
        {"method": line.method, "photos": line.n_real, "seeds": line.score.count, "mIoU": str(line.score)}
        | {f"less {name}": "" if difference is None else str(difference) for name, difference in line.against.items()}
        for line in lines
    ]


def study_of(part: Part, pair: str) -> Study:
    base = part.config("joint", pair=pair).model_dump(mode="json", include={"data"})
    steps = 3 if part.miniature else 400
    train: dict[str, Any] = {"steps": steps, "validate_every": steps, "save_every": steps, "panel": 0, "previews": 0}
    train |= {"precision": "no" if part.device.type == "cpu" else "bf16"}
    train |= {"device": "cpu"} if part.device.type == "cpu" else {}
    train |= {"batch_source": 1, "batch_target": 1} if part.miniature else {}
    base["data"]["workers"] = 0 if part.miniature else 2
    if pair == "airsim":  # photographs: what ImageNet taught is of use there
        base["network"] = {"name": "lite0", "pretrained": True}
    methods = ("hrs",) if part.miniature else ("joint", "target_only", "hrs")
    return Study(
        base={**base, "train": train},
        methods=[{"method": name} for name in methods],
        n_real=(2,) if part.miniature else (20,),
        seeds=(0,) if part.miniature else (0, 1, 2, 3, 4),
        against=tuple(name for name in ("joint", "target_only") if name in methods),
        parallel=at_once(part),
    )


def at_once(part: Part) -> int:
    """Runs side by side: as many as memory and processors allow."""
    if part.device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(part.device)
    return max(1, min(MOST, free // (GIBIBYTES * 2**30), cores() // 2))


def _ring(number: int, frame: FrameType | None) -> None:
    raise TimeIsUp
