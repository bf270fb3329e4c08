"""What the benchmarks share: a training step like the trainer's, its data, region caches that start empty, tables."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from hrs.config import RunConfig, load_config
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.loaders import FrameReader, Step, TrainingSteps
from hrs.errors import HRSError
from hrs.methods.base import Method, StepResult
from hrs.methods.build import build_method
from hrs.runs.folder import RunFolder
from hrs.street import shipped_frames
from hrs.study.plan import Study, plan
from hrs.system.cache import cache_root
from hrs.system.files import atomic_write
from hrs.training.optimiser import build_optimiser, step_unless

PRECISIONS = {"no": torch.float32, "bf16": torch.bfloat16}
LATE = 0.9
"""Share of training done at a measured step: the weights are at full strength."""


def step_options(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that say what a training step is."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="compact")
    parser.add_argument("--size", default="256x192", help="training size, WIDTHxHEIGHT")
    parser.add_argument("--batch-source", type=int, default=6)
    parser.add_argument("--batch-target", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=list(PRECISIONS), default="no")
    return parser


def config_of(options: argparse.Namespace, method: str = "hrs") -> RunConfig:
    """The run that the options of `step_options` describe, on the frames that come with hrs."""
    width, height = (int(side) for side in options.size.split("x"))
    values = {
        "method": method,
        "data": {
            "sources": [f"folder:{shipped_frames('synthetic')}"],
            "target": f"folder:{shipped_frames('camera')}",
            "height": height,
            "width": width,
        },
        "network": {"name": options.network},
        "train": {
            "batch_source": options.batch_source,
            "batch_target": options.batch_target,
            "precision": options.precision,
        },
    }
    return load_config(values)


def step_data(config: RunConfig) -> tuple[Step, int]:
    """One step's batches, augmented as in training, and the number of classes."""
    target = open_dataset(config.data.target)
    if target.space is None:
        raise SystemExit(f"{config.data.target} has no labels")
    source = open_dataset(config.data.sources[0]).map_to(target.space)
    counts = config.train.batch_source, config.train.batch_target
    sides = (_first(source, counts[0]), _first(target, counts[1]))
    readers = [FrameReader([side], config.data, regions=True) for side in sides]
    return TrainingSteps(readers[0], readers[1], lambda _: counts, seed=0)[0], len(target.space)


def _first(dataset: Dataset, count: int) -> Dataset:
    return dataset.take(range(min(count, len(dataset))))


class TrainingStep:
    """Forward, backward, gradient clipping and AdamW of one method, over and over on the same batches."""

    def __init__(self, config: RunConfig, batches: Step, classes: int, device: torch.device) -> None:
        torch.manual_seed(0)
        method = build_method(config, classes)
        if config.train.channels_last:
            method.segmenter.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.method: Method = method.to(device).train()
        self.config, self.device, self.batches = config, device, batches.to(device)
        self.optimiser = build_optimiser(self.method, config, fused=device.type == "cuda")
        self.images = config.train.batch_source + config.train.batch_target
        self.step = round(LATE * config.train.steps)

    def forward(self) -> StepResult:
        dtype = PRECISIONS[self.config.train.precision]
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype != torch.float32):
            result: StepResult = self.method(self.batches.source, self.batches.target, self.step)
        return result

    def __call__(self) -> None:
        result = self.forward()
        result.loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.method.parameters(), self.config.train.clip)
        finite = torch.isfinite(norm) & torch.isfinite(result.loss)
        if self.device.type == "cuda":  # as the trainer does
            step_unless(self.optimiser, ~finite)
        elif bool(finite):
            self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1

    def seconds(self) -> float:
        """Mean time of a step, the device's work included, over as many as it takes for each kind of step to occur."""
        count = self.config.selection.every
        synchronise(self.device)
        start = time.perf_counter()
        for _ in range(count):
            self()
        synchronise(self.device)
        return (time.perf_counter() - start) / count


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def in_turns(works: Mapping[str, Callable[[], object]], repeats: int, *, warm: int = 1) -> dict[str, float]:
    """Median seconds of each work after ``warm`` rounds; they take turns, so that a busy moment meets all."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(warm + repeats):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(each[warm:]) for name, each in times.items()}


@contextlib.contextmanager
def cache_at(folder: Path) -> Iterator[None]:
    """The cache of regions and frames is this folder meanwhile."""
    before = os.environ.get("HRS_CACHE")
    os.environ["HRS_CACHE"] = str(folder)
    try:
        yield
    finally:
        del os.environ["HRS_CACHE"]
        if before is not None:
            os.environ["HRS_CACHE"] = before


@contextlib.contextmanager
def empty_region_cache() -> Iterator[None]:
    """Regions are computed anew and thrown away afterwards; frames that are drawn stay in the user's cache."""
    drawn = cache_root() / "render"
    drawn.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "render").symlink_to(drawn.resolve())
        with cache_at(Path(folder)):
            yield


def told(main: Callable[[], None]) -> None:
    """Run a command; what its user can mend is a line, as `python -m hrs` says it."""
    try:
        main()
    except (HRSError, OSError) as error:
        raise SystemExit(f"error: {error}") from error


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table: first column to the left, the others to the right."""
    print(f"| {' | '.join(head)} |")
    print(f"| --- |{' ---: |' * (len(head) - 1)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def finished(study: Study, root: Path, said: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for every finished run of a study: what is said of all of them, its arm and draw, and its last scores."""
    for job in plan(study):
        if (found := job.outcome(root)) is not None:
            scores = RunFolder(root / job.name).read_results()[-1]
            draw = {"arm": job.label, "n_real": found.n_real or "all", "seed": found.seed}
            yield {**said, **draw} | {key.removeprefix("iou/"): value for key, value in scores.items()}


def write_rows(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A CSV of rows that all have the first one's names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(file, text.getvalue())


def write_runs(file: Path, runs: Sequence[Mapping[str, Any]]) -> None:
    """A row a run as CSV, after those of earlier runs that the file has, and a Markdown table of what is said of each
    and its scores, without those by class. Raises HRSError where the file's columns are others."""
    if not runs:
        return
    head = list(runs[0])
    write_rows(file, [*_others(file, runs), *runs])
    shown = head[: head.index("pixel_accuracy") + 1]
    print_table(shown, [[str(row[key]) for key in shown] for row in runs])


def _others(file: Path, runs: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Rows of the file whose setting, arm, number of photos and seed none of the runs has."""
    if not file.exists():
        return []
    head = list(runs[0])
    about, reader = head[: head.index("step")], csv.DictReader(file.read_text().splitlines())
    if reader.fieldnames != head:
        raise HRSError(f"{file} has other columns than these runs: {reader.fieldnames}; name another --out")
    new = {tuple(str(row[key]) for key in about) for row in runs}
    return [row for row in reader if tuple(row[key] for key in about) not in new]
