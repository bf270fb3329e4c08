"""Methods x number of real images x seeds: every run, one table with intervals, one plot.

A study is a YAML file:

    base:                      # settings that all runs share, as in a run's config
      data: {sources: ["render:synthetic"], target: "camvid:/data/camvid"}
      train: {steps: 1000}
    methods:                   # a name, or settings that go over base; label: what the table calls it
      - joint
      - hrs
      - {method: hrs, selection: {levels: [region]}}
      - {method: joint, label: joint half as long, train: {steps: 500}}
    n_real: [10, 20, null]     # null: all
    seeds: [0, 1, 2]
    against: [joint]           # methods that the others are compared with, seed by seed; by default joint and mixing
    parallel: 2                # runs at once on this machine

Runs are ordinary run folders; finished ones are kept, so a study goes on where it stopped, and may grow. One that was
trained with other settings than the study has now stops it before anything is trained.
"""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field, ValidationError, field_validator

from hrs.config import RunConfig, Section, load_config
from hrs.errors import HRSError
from hrs.runs.folder import RunFolder, delete
from hrs.study.table import ENOUGH, Estimate, Line, Outcome, differences, method_label, study_table, to_markdown
from hrs.system.files import atomic_write, disk_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Study(Section):
    """What to compare. ``methods`` holds names, or settings that go over ``base``; ``against`` the table's names of
    those that the others are compared with."""

    base: dict[str, Any] = Field(default_factory=dict)
    methods: tuple[dict[str, Any], ...] = Field(min_length=1)
    n_real: tuple[int | None, ...] = Field((20,), min_length=1)
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    against: tuple[str, ...] = ("joint", "mixing")
    parallel: int = Field(1, ge=1, le=64)

    @field_validator("methods", mode="before")
    @classmethod
    def _names(cls, values: Any) -> Any:
        return [{"method": value} if isinstance(value, str) else value for value in values]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a study. ``label``: what the table calls its method."""

    name: str
    label: str
    config: RunConfig

    def outcome(self, folder: Path) -> Outcome | None:
        """Its last validation; None while there is none."""
        run = RunFolder(folder / self.name)
        if not run.exists() or run.read_status().state != "finished":
            return None
        score = run.read_results()[-1]["miou"]
        return Outcome(method=self.label, n_real=self.config.data.n_real, seed=self.config.seed, score=score)

    def check(self, folder: Path) -> None:
        """Raises HRSError where the run of its name was trained with settings other than the study's."""
        run = RunFolder(folder / self.name)
        if run.exists() and (differ := differences(load_config(run.config), self.config)):
            raise HRSError(
                f"{run.path} was trained with another {', '.join(differ)} than the study has now; "
                "delete that folder to train it anew, or write the study elsewhere with --out"
            )


def load_study(path: Path) -> Study:
    """Read a study. Raises HRSError where it cannot be read or says something unknown."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Study.model_validate(values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise HRSError(f"study {path} cannot be read: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise HRSError(f"study {path}: {wrong}") from error


def plan(study: Study) -> list[Job]:
    """All runs, seed by seed, so that a study that stops early still compares like with like.

    Raises HRSError for settings that no run could have, or two methods that are the same.
    """
    jobs = [_job(study, own, n_real, seed) for seed in study.seeds for n_real in study.n_real for own in study.methods]
    names = [job.name for job in jobs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise HRSError(f"the study holds {twice[0]} more than once; give each method, number and seed once")
    return jobs


def _job(study: Study, own: dict[str, Any], n_real: int | None, seed: int) -> Job:
    settings = {key: value for key, value in own.items() if key != "label"}
    config = load_config(_over(_over(study.base, settings), {"seed": seed, "data": {"n_real": n_real}}))
    label = str(own.get("label") or method_label(config))
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", label).strip("-")
    return Job(name=f"{plain}-n{'all' if n_real is None else n_real}-s{seed}", label=label, config=config)


def _over(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """``more`` put over ``base``, section by section."""
    both = dict(base)
    for key, value in more.items():
        below = both.get(key)
        both[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return both


def run_study(study: Study, folder: Path, *, say: Callable[[str], None] = print) -> list[Line]:
    """Train what is missing and write results.csv, table.md and plot.png into ``folder``, anew after every run.

    Args:
        folder: gets a run folder for each run.
        say: called with a line for people after every run.

    Raises:
        HRSError: the study makes no sense, a run that is there had other settings, or runs failed (the others are
            finished first).
    """
    jobs = plan(study)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for job in jobs:
        job.check(folder)
    missing = [job for job in jobs if job.outcome(folder) is None]
    say(f"{len(jobs)} runs, {len(jobs) - len(missing)} finished, {study.parallel} at once")
    lines, failed = report(jobs, folder, study.against), []
    began = time.monotonic()
    with _Workers(study.parallel, folder) as workers:
        for done, (job, ended_well) in enumerate(workers.train(missing), 1):
            failed += [] if ended_well else [job.name]
            lines = report(jobs, folder, study.against)
            left = (time.monotonic() - began) / done * (len(missing) - done)
            say(f"{done}/{len(missing)} {job.name}: {_result(job, folder)}, {left / 60:.0f} min left")
    if failed:
        raise HRSError(
            f"{len(failed)} of {len(jobs)} runs failed; see {folder / failed[0]}.log, mend it and start again"
        )
    return lines


def _result(job: Job, folder: Path) -> str:
    outcome = job.outcome(folder)
    return "failed" if outcome is None else f"mIoU {outcome.score:.1f}"


def report(jobs: Sequence[Job], folder: Path, against: Sequence[str] = ("joint", "mixing")) -> list[Line]:
    """Write results.csv (a row a run), table.md and plot.png from what is finished; returns the table."""
    outcomes = [outcome for job in jobs if (outcome := job.outcome(folder)) is not None]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "n_real", "seed", "miou"])
    writer.writerows([o.method, "all" if o.n_real is None else o.n_real, o.seed, o.score] for o in outcomes)
    atomic_write(folder / "results.csv", text.getvalue())
    lines = study_table(outcomes, against)
    if lines:
        atomic_write(folder / "table.md", to_markdown(lines) + "\n")
        atomic_write(folder / "plot.png", draw(lines))
    return lines


def draw(lines: Sequence[Line]) -> bytes:
    """Over the number of real images, a line a method, as PNG: mIoU, and beside it the paired difference to the first
    baseline. Bars are 95 % intervals, where there are seeds enough for one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    baseline = next(iter(lines[0].against), None)
    figure = Figure(figsize=(10 if baseline else 6, 4.2), layout="constrained")
    panels = figure.subplots(1, 2 if baseline else 1, squeeze=False)[0]
    _panel(panels[0], [(line, line.score) for line in lines], "mIoU, percent")
    panels[0].legend(frameon=False, fontsize=8)
    if baseline:
        differences = [(line, line.against[baseline]) for line in lines]
        _panel(panels[1], differences, f"mIoU over {baseline} on the same images and seeds")
        panels[1].axhline(0, color="0.4", linewidth=0.8)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _panel(axes: Axes, points: Sequence[tuple[Line, Estimate | None]], title: str) -> None:
    """One value a line of the table; the same method has the same colour in every panel."""
    numbers = sorted({line.n_real for line, _ in points if line.n_real is not None})
    ticks: list[int | None] = [*numbers, *([None] if any(line.n_real is None for line, _ in points) else [])]
    methods = list(dict.fromkeys(line.method for line, _ in points))
    for i, method in enumerate(methods):
        own = [(line.n_real, value) for line, value in points if line.method == method and value is not None]
        shift = 0.06 * (i - (len(methods) - 1) / 2)  # so that bars stand beside each other
        places = [ticks.index(n_real) + shift for n_real, _ in own]
        halves = [(value.half or 0) if value.count >= ENOUGH else 0 for _, value in own]
        means = [value.mean for _, value in own]
        axes.errorbar(places, means, yerr=halves, label=method, marker="o", markersize=4, capsize=3, linewidth=1.2)
    axes.set_xticks(range(len(ticks)), ["all" if n is None else str(n) for n in ticks])
    axes.set(xlabel="labelled real images", ylabel=title)
    axes.grid(axis="y", alpha=0.3)


class _Workers:
    """So many training processes at once; leaving the block stops what still runs (it can be resumed)."""

    def __init__(self, count: int, folder: Path) -> None:
        self.count, self.folder = count, folder
        self.running: set[subprocess.Popen[bytes]] = set()
        self.stopped = threading.Event()

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for process in list(self.running):
            process.terminate()

    def train(self, jobs: Sequence[Job]) -> Any:
        """Yields (job, whether it ended well) as they end."""
        with ThreadPoolExecutor(self.count) as pool:
            futures = {pool.submit(self._train, job): job for job in jobs}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            finally:
                self.__exit__()

    def _train(self, job: Job) -> bool:
        if self.stopped.is_set():
            return False
        run = RunFolder(self.folder / job.name)
        arguments = ["--name", job.name, "--runs", str(self.folder)]
        if run.exists() and (run.last / "model.safetensors").is_file():
            arguments.append("--resume")
        elif run.exists():
            delete(run)
        config = self.folder / f"{job.name}.yaml"
        atomic_write(config, job.config.to_yaml())
        threads = max(1, (os.cpu_count() or 1) // self.count)
        command = [sys.executable, "-m", "hrs", "train", str(config), *arguments]
        with open(self.folder / f"{job.name}.log", "ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env={"OMP_NUM_THREADS": str(threads), **os.environ}
            )
            self.running.add(process)
            code = process.wait()
            self.running.discard(process)
        if code == 0:
            config.unlink()
            (self.folder / f"{job.name}.log").unlink()
        return code == 0
