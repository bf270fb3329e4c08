"""All runs below a folder: list, find, rename and delete them, and find the checkpoint that a user means."""

from __future__ import annotations

import difflib
import filecmp
import os
import shlex
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hrs.errors import HRSError
from hrs.runs.folder import NAME, RunFolder, make_named
from hrs.runs.names import CONFIG, MODEL, STUDIES, is_checkpoint
from hrs.runs.records import Row, last_result
from hrs.runs.status import ACTIVE, ENDED, Status
from hrs.runs.work import WorkFolder, refuse_active
from hrs.system.documents import read_bounded, shortened, usable_path
from hrs.system.files import atomic_folder, disk_errors, recover, remove, sweep

SHIPPED = Path(os.environ.get("HRS_SHIPPED", Path(__file__).resolve().parents[2] / "checkpoints"))
"""Runs that come with hrs, packed; HRS_SHIPPED names another folder of such runs."""
_LONGEST = 100  # characters of a name that are compared with others


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One line of a list of runs. ``last`` is the newest row of results.csv, None before the first validation.
    ``damage`` says in a line which of its files cannot be read; None where all can."""

    name: str
    run: RunFolder
    status: Status
    last: Row | None
    damage: str | None = None


def list_runs(root: Path) -> list[RunSummary]:
    """All runs below ``root``, newest first; anything else there is passed over, and no folder is no runs."""
    folders = [RunFolder(path) for path in _inside(root) if NAME.fullmatch(path.name)]
    dated = [(run, created) for run in folders if (created := _created(run)) is not None]
    dated.sort(key=lambda pair: (pair[1], pair[0].name), reverse=True)
    return [summary for run, _ in dated if (summary := summarise(run)) is not None]


def shipped_runs(root: Path) -> list[RunSummary]:
    """The runs that come with hrs, but for those whose name one below ``root`` has."""
    return [summary for summary in list_runs(SHIPPED) if not RunFolder(root / summary.name).exists()]


def is_shipped(run: RunFolder) -> bool:
    """Whether it comes with hrs: only to be read."""
    return run.path.resolve().parent == SHIPPED.resolve()


def came_with_hrs(run: RunFolder) -> bool:
    """Whether it is a run that comes with hrs, or a copy of one such as `adopt` makes: what is said of its scores holds
    of both."""
    if is_shipped(run):
        return True
    with suppress(OSError, HRSError):
        own = read_bounded(run.config)
        return any(own == read_bounded(other.config) for other in map(RunFolder, _inside(SHIPPED)) if other.exists())
    return False


def summarise(run: RunFolder) -> RunSummary | None:
    """One run's line as it is now; None for one that was deleted."""
    try:
        status = run.read_status()
    except HRSError:
        return None
    try:
        last, damage = last_result(run.results_csv), None
    except HRSError as error:
        last, damage = None, str(error)
    return RunSummary(name=run.name, run=run, status=status, last=last, damage=damage)


def study_folders(root: Path) -> list[Path]:
    """The folders of all studies beside the runs of ``root``, by name."""
    studies = root / STUDIES
    found = studies.iterdir() if studies.is_dir() else ()
    return sorted(folder for folder in found if folder.is_dir() and NAME.fullmatch(folder.name))


def find_run(root: Path, name: str, *, shipped: bool = False) -> RunFolder:
    """The run called ``name`` below ``root``.

    Args:
        shipped: whether it may be one that comes with hrs, where there is none below ``root``: only to be read.

    Raises:
        HRSError: there is none; names the nearest ones.
    """
    named = [RunFolder(place / name) for place in (root, SHIPPED)] if NAME.fullmatch(name) else []
    found = [run for run in named if run.exists()]
    if found and (shipped or found[0].path.parent == root):
        return found[0]
    if found:
        raise HRSError(f"{name} comes with hrs and stays as it is; no run of that name is in {root}")
    raise HRSError(f"no run named {shortened(name)} in {root}; {_nearest_runs(root, name, shipped=shipped)}")


def rename(run: RunFolder, name: str) -> RunFolder:
    """Give a run that has ended another name in the same folder; returns it.

    Raises:
        HRSError: it is queued or running, is not a run, is a link, or the name is unfit or taken.
    """
    _refuse_busy(run, "renaming")
    _refuse_links(run, "rename")
    with disk_errors(run.path):
        new = make_named(run.path.parent, name)
        try:
            os.rename(run.path, new)  # over the empty folder just made, which kept the name free
        except OSError:
            new.rmdir()
            raise
    return RunFolder(new)


def delete(run: RunFolder) -> None:
    """Remove a run with all its files. It vanishes from lists at once, whatever happens during the removal.

    Raises:
        HRSError: it is running, is not a run, is a link, or may not be removed.
    """
    _refuse_busy(run, "deleting")
    _refuse_links(run, "remove")
    remove(run.path)
    sweep(run.path.parent, below=False)  # of those that were killed while they did this


def adopt(run: RunFolder, root: Path) -> RunFolder:
    """A copy of a run among one's own, to work with where the original is not to be changed; it is made once.

    Raises:
        HRSError: another run has its name there, or one with other weights, or the folder cannot be written.
    """
    own = RunFolder(root / run.name)
    if not own.exists():
        with atomic_folder(own.path) as folder:
            shutil.copytree(run.path, folder, dirs_exist_ok=True)
    elif read_bounded(own.config) != read_bounded(run.config):
        raise HRSError(f"{own.path} is another run of that name; rename it, and {run.name} can be copied there")
    elif not _same_weights(own, run):
        raise HRSError(
            f"{own.path} is a copy of {run.name} with other weights, such as an earlier version's; "
            f"rename it, and {run.name} can be copied there anew"
        )
    return own


def _same_weights(one: RunFolder, other: RunFolder) -> bool:
    own, theirs = one.best / MODEL, other.best / MODEL
    if own.is_file() and theirs.is_file():
        return filecmp.cmp(own, theirs, shallow=False)
    return own.is_file() == theirs.is_file()


def resolve_checkpoint(text: str, runs_root: Path) -> Path:
    """The checkpoint folder (with model.safetensors and config.json) that a user means.

    Args:
        text: in this order: such a folder; the folder of a run; the name of a run below ``runs_root``; the name of a
            run that comes with hrs. Of a run, checkpoints/best is meant, else checkpoints/last.

    Raises:
        HRSError: nothing fits; lists what was tried and the nearest runs. A run of that name holds no model.
    """
    given = usable_path(text)
    named = [RunFolder(root / text) for root in (runs_root, SHIPPED)] if NAME.fullmatch(text) else []
    runs = (RunFolder(given), *named)
    folders = [given, *(folder for run in runs for folder in (run.best, run.last)), SHIPPED / text]
    tried = list(dict.fromkeys(folders))
    for folder in tried:
        if has_checkpoint(folder):
            return folder
    for run in runs:
        if run.exists():
            raise HRSError(_no_model(run))
    places = ", ".join(str(folder) for folder in tried)
    raise HRSError(
        f"no checkpoint {shortened(text)}: expected a folder with {MODEL} and {CONFIG}; tried {places}; "
        f"{_nearest_runs(runs_root, text, shipped=True)}"
    )


def _no_model(run: RunFolder) -> str:
    status = run.read_status()
    if status.state in ACTIVE:
        return f"run {run.name} is {status.state} and has saved no model yet; wait until it has"
    word = "show" if status.state == "failed" else "resume"
    return f"run {run.name} {ENDED[status.state]} and holds no model; {run.command('runs', word)}"


def _refuse_busy(run: RunFolder, doing: str) -> None:
    """Raises HRSError while the run, or any work with it, waits or goes on."""
    refuse_active(run, f"cancel it before {doing} it")
    for task in map(WorkFolder, _inside(run.tasks)):
        if task.active():
            raise HRSError(f"{task.name} works with run {run.name}; wait, or cancel it, before {doing} the run")


def _refuse_links(run: RunFolder, doing: str) -> None:
    if run.path.is_symlink() or not run.exists():
        raise HRSError(f"{run.path} is a link or not a run; {doing} it by hand")


def _inside(root: Path) -> list[Path]:
    """What lies in a folder; nothing where there is none or it is closed to reading."""
    try:
        return list(root.iterdir())
    except OSError:
        return []


def _created(run: RunFolder) -> float | None:
    """When the run was made, in Unix seconds (its config is written once); None for what is not a run."""
    try:
        return run.config.stat().st_mtime if run.exists() else None
    except OSError:  # deleted at this moment
        return None


def nearest(name: str, names: Collection[str]) -> list[str]:
    """Up to three of the names, the one most like ``name`` first; none where none is much like it."""
    return difflib.get_close_matches(Path(name).name[:_LONGEST], names, n=3, cutoff=0.5)


def _nearest_runs(root: Path, name: str, *, shipped: bool) -> str:
    names = [path.name for path in _inside(root) if RunFolder(path).exists()]
    others = [path.name for path in _inside(SHIPPED)] if shipped else []
    near = nearest(name, list(dict.fromkeys([*names, *others])))
    if near:
        return f"did you mean {' or '.join(near)}?"
    there = "is 1 run" if len(names) == 1 else f"are {len(names)} runs"
    return f"there {there} in {root}; list with: python -m hrs runs list --runs {shlex.quote(str(root))}"


def has_checkpoint(folder: Path) -> bool:
    """Whether there is a checkpoint now; one that is being replaced at this moment is waited for."""
    for _ in range(2):
        if is_checkpoint(folder):
            return True
        if not recover(folder):  # else it was being replaced at this moment: look again
            return False
    return False
