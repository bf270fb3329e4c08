"""A study at work: every run that is missing is trained, then one table with intervals, one plot.

Runs are ordinary run folders; finished ones are kept, so a study goes on where it stopped, and may grow. One that was
trained with other settings than the study has now stops it before anything is trained.
"""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.runs.names import is_checkpoint
from hrs.runs.registry import delete
from hrs.study.plan import Job, Study, plan
from hrs.study.plot import draw
from hrs.study.table import Line, study_table, to_markdown
from hrs.system.files import atomic_write, disk_errors


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
        if run.exists() and is_checkpoint(run.last):
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
