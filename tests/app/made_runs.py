"""Run folders without training: what a finished run leaves behind, in small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hrs.config import load_config
from hrs.labels import LabelSpace
from hrs.pictures import write_picture
from hrs.runs.folder import RunFolder

SPACE = LabelSpace(name="yard", classes=("sky", "road", "car"), palette=((120, 170, 230), (90, 90, 95), (190, 40, 40)))


def make_run(root: Path, name: str, *overrides: str, miou: float = 40.0, state: str = "finished") -> RunFolder:
    """A run of 100 steps with training rows every 10 and validations, previews and space at 50 and 100."""
    config = load_config(None, ("train.steps=100", *overrides))
    run = RunFolder.create(root, name, config.to_yaml())
    run.write_space(SPACE)
    for step in range(10, 101, 10):
        run.append_metrics(training_row(step))
    for step, score in ((50, miou - 5), (100, miou)):
        run.append_metrics(validation_row(step, score))
        run.append_result({"step": step, "miou": score})
        for kind in ("val", "weights"):
            write_picture(run.preview(kind, step), np.full((24, 32, 3), step, np.uint8))
    run.log.write_text("step 90/100 loss 1.2\nstep 100/100 loss 1.1\n")
    run.write_status(state=state, step=100, steps=100, best={"step": 100, "miou": miou})
    return run


def training_row(step: int, **values: Any) -> dict[str, Any]:
    row = {"loss": 100 / step, "learning_rate": 0.001, "effective_share": 0.5, "loss_share": 0.8}
    row |= {"class_weight": [1.0, 0.9, 1.1]}
    return {"step": step, "split": "train", **row, **values}


def validation_row(step: int, miou: float) -> dict[str, Any]:
    iou = {"sky": miou + 20, "road": miou - 20, "car": None}
    counts = [[80, 20, 0], [10, 90, 0], [0, 0, 0]]
    return {"step": step, "split": "val", "miou": miou, "pixel_accuracy": 80.0, "iou": iou, "confusion": counts}


def make_runs(root: Path, count: int) -> None:
    """Runs of two methods and many seeds, run-0 to run-(count - 1); all but their settings is linked to the first."""
    for i in range(count):
        overrides = (f"method={('hrs', 'joint')[i % 2]}", f"seed={i // 2}")
        if i == 0:
            first = make_run(root, "run-0", *overrides)
            continue
        run = RunFolder.create(root, f"run-{i}", load_config(None, ("train.steps=100", *overrides)).to_yaml())
        for name in ("metrics.jsonl", "results.csv", "log.txt", "space.json", "status.json"):
            (run.path / name).unlink(missing_ok=True)
            (run.path / name).hardlink_to(first.path / name)
        (run.path / "previews").symlink_to(first.previews)
