"""A study at work: every run that is missing is trained, then one table with intervals, one plot.

Runs are ordinary run folders; finished ones are kept, so a study goes on where it stopped, and may grow. One that was
trained with other settings than the study has now stops it before anything is trained.
"""

from __future__ import annotations

import csv
import io
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from hrs.errors import HRSError
from hrs.launch.launcher import Launcher, Share, launcher
from hrs.progress import Progress
from hrs.runs.folder import RunFolder
from hrs.runs.registry import delete
from hrs.study.plan import FILE, Job, Study, load_study, plan, to_yaml
from hrs.study.plot import draw
from hrs.study.table import COMPARED_WITH, Line, study_table, to_markdown, unlike
from hrs.system.documents import as_cell
from hrs.system.files import alone, atomic_write, make_folder, recover

_PAUSE = 0.5  # seconds between two looks at the runs
LOCK = ".lock"
"""Of a study's folder; held by the process that works on it."""


def run_study(
    study: Study,
    folder: Path,
    *,
    on: str | None = None,
    progress: Progress | None = None,
) -> list[Line]:
    """Train what is missing and write results.csv, table.md and plot.png into ``folder``, anew after every run, and
    print a line for people.

    Args:
        folder: gets a run folder for each run.
        on: the cluster that trains them; see `launcher`.
        progress: called with (runs ended, runs to train), every second or so.

    Raises:
        HRSError: the study makes no sense, another process works on it, a run that is there had other settings or saw
            other real images, or runs failed (the others are finished first).
    """
    jobs = plan(study)
    make_folder(folder)
    with alone(folder / LOCK, f"another process works on the study {folder}; wait until it ends, or cancel it"):
        return _run(study, jobs, folder, on=on, progress=progress)


def _run(
    study: Study,
    jobs: Sequence[Job],
    folder: Path,
    *,
    on: str | None,
    progress: Progress | None,
) -> list[Line]:
    for job in jobs:
        job.check(folder)
    keep_plan(study, folder)
    missing = [job for job in jobs if job.outcome(folder) is None]
    print(f"{len(jobs)} runs, {len(jobs) - len(missing)} finished, {study.parallel} at once")
    lines, failed = report(jobs, folder, study.against), []
    began = time.monotonic()
    with closing(_train(missing, folder, study.parallel, launcher(on), progress)) as ended:
        for done, (job, state) in enumerate(ended, 1):
            outcome = job.outcome(folder)
            failed += [] if outcome else [job.name]
            lines = report(jobs, folder, study.against)
            left = (time.monotonic() - began) / done * (len(missing) - done)
            said = f"mIoU {outcome.score:.1f}" if outcome else state
            print(f"{done}/{len(missing)} {job.name}: {said}, {left / 60:.0f} min left")
    if failed:
        log = RunFolder(folder / failed[0]).log
        raise HRSError(f"{len(failed)} of {len(jobs)} runs failed; see {log}, mend it and start again")
    return lines


def keep_plan(study: Study, folder: Path) -> None:
    """Beside its runs, what the study compares: whoever shows them later calls them what it calls them."""
    file = folder / FILE
    try:
        there = file.is_file() and load_study(file) == study
    except HRSError:  # damaged
        there = False
    if not there:
        atomic_write(file, to_yaml(study))


def report(jobs: Sequence[Job], folder: Path, against: Sequence[str] = COMPARED_WITH) -> list[Line]:
    """Write results.csv (a row a run), table.md and plot.png from what is finished; returns the table."""
    outcomes = [outcome for job in jobs if (outcome := job.outcome(folder)) is not None]
    if pair := unlike(outcomes):
        one, other = pair
        of = f"n_real {'all' if one.n_real is None else one.n_real}, seed {one.seed}"
        raise HRSError(
            f"{one.method} and {other.method} ({of}) saw other real images, since the data set changed between them; "
            f"delete the older runs in {folder}, and the study trains them anew"
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "n_real", "seed", "miou"])
    writer.writerows([as_cell(o.method), "all" if o.n_real is None else o.n_real, o.seed, o.score] for o in outcomes)
    atomic_write(folder / "results.csv", text.getvalue())
    lines = study_table(outcomes, against)
    if lines:
        atomic_write(folder / "table.md", to_markdown(lines) + "\n")
        atomic_write(folder / "plot.png", draw(lines))
    return lines


def _train(
    jobs: Sequence[Job], folder: Path, at_once: int, place: Launcher, progress: Progress | None
) -> Generator[tuple[Job, str], None, None]:
    """Keep so many runs going until all have ended; yields (job, state) as they end.

    Whoever leaves early, by an error or Ctrl-C, stops what still goes on; it saves, and can be resumed.
    """
    share = Share(owner=str(folder.resolve()), at_once=at_once)
    line, going = deque(jobs), dict[str, Job]()
    try:
        while line or going:
            while line and len(going) < at_once:
                job = line.popleft()
                going[job.name] = job
                _begin(job, folder, place, share)
            for name in [name for name in going if not RunFolder(folder / name).active()]:
                yield going.pop(name), RunFolder(folder / name).read_status().state
            if progress:
                progress(len(jobs) - len(line) - len(going), len(jobs))
            time.sleep(_PAUSE)
    finally:
        _stop([RunFolder(folder / name) for name in going], place)


def _begin(job: Job, folder: Path, place: Launcher, share: Share) -> None:
    """Have a run trained, from where it stopped if it has; one that is at it already, for an earlier call, goes on."""
    run = RunFolder(folder / job.name)
    if run.exists() and run.active():
        return
    if run.exists() and recover(run.last, sole=True):
        place.resume(run, share=share)
        return
    if run.exists():
        delete(run)
    place.start(job.config, folder, job.name, share=share)


def _stop(runs: Sequence[RunFolder], place: Launcher) -> None:
    for run in runs:
        with suppress(HRSError):  # it ended by itself
            place.cancel(run)
    while any(run.active() for run in runs):
        time.sleep(_PAUSE)
