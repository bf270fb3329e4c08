"""Run folders: create, status, metrics, list, cancel, rename, delete, and find a checkpoint.

The files are the truth. They are replaced by atomic rename, and metrics are appended a line at a time, so that a reader
in another process never sees half a file, and a killed process leaves a folder that can be read and resumed.
"""

from __future__ import annotations

import difflib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.runs.records import MetricsReader as MetricsReader
from hrs.runs.records import Row, append_line, append_result, last_result, plain, read_results, tail
from hrs.runs.records import read_metrics as read_metrics
from hrs.system.files import atomic_folder as atomic_folder
from hrs.system.files import atomic_write as atomic_write
from hrs.system.files import disk_errors
from hrs.system.files import recover as recover
from hrs.system.processes import process_alive, process_identity

State = Literal["queued", "running", "finished", "failed", "cancelled"]
KILLED = "killed: the process ended without saying so"
SHIPPED = Path(os.environ.get("HRS_SHIPPED", Path(__file__).resolve().parents[2] / "checkpoints"))
"""Runs that come with hrs, packed; HRS_SHIPPED names another folder of such runs."""
CHECKPOINT_FILES = ("model.safetensors", "config.json")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SILENCE = 900.0  # seconds without an update after which a run of another machine, whose pid says nothing here, is dead
_STARTING = 120.0  # seconds that the process of a queued run may take until it says which one it is


class Status(BaseModel):
    """What a run says of itself in status.json. Times are Unix seconds; ``eta`` is in seconds, None while unknown.

    ``pid``, ``pid_started`` (creation time of that process) and ``host`` tell whether the process still lives.
    ``best`` holds the best validation so far, such as {"step": 500, "miou": 41.3}.
    """

    model_config = ConfigDict(frozen=True)

    state: State = "queued"
    pid: int | None = None
    pid_started: float | None = None
    host: str | None = None
    step: NonNegativeInt = 0
    steps: NonNegativeInt = 0
    eta: float | None = None
    error: str | None = None
    started: float | None = None
    updated: float | None = None
    best: dict[str, Any] | None = None


@dataclass(frozen=True)
class RunFolder:
    """One run's folder. The constructor neither reads nor checks anything: see `RunFolder.create` and `find_run`."""

    path: Path

    @classmethod
    def create(cls, root: Path, name: str | None, config_yaml: str, *, prefix: str = "hrs") -> RunFolder:
        """Make a new run, queued, with its config.

        Args:
            root: folder of all runs, made if missing.
            name: letters, digits and ``. _ -``, starting with a letter or digit, not taken; None makes one from
                ``prefix`` and the time, such as hrs-20261122-153012.
            config_yaml: the resolved configuration, text of config.yaml.

        Raises:
            HRSError: the name is unfit or taken, or the folder cannot be written.
        """
        with disk_errors(root):
            root.mkdir(parents=True, exist_ok=True)
            run = cls(_make_automatic(root, prefix) if name is None else _make_named(root, name))
        atomic_write(run.config, config_yaml)
        run.write_status(state="queued")
        return run

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def results_csv(self) -> Path:
        return self.path / "results.csv"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def best(self) -> Path:
        return self.path / "checkpoints" / "best"

    @property
    def last(self) -> Path:
        return self.path / "checkpoints" / "last"

    @property
    def weights(self) -> Path:
        return self.path / "weights"

    @property
    def scores(self) -> Path:
        return self.path / "scores"

    @property
    def previews(self) -> Path:
        return self.path / "previews"

    @property
    def space(self) -> Path:
        return self.path / "space.json"

    def exists(self) -> bool:
        """Whether this is a run at all: a folder with a status and a config."""
        return self.status.is_file() and self.config.is_file()

    def read_status(self) -> Status:
        """The run's status, corrected where its process is gone: a queued or running run becomes failed (or cancelled,
        if that was asked for). The file is left as it is.

        Raises:
            HRSError: the folder is not a run.
        """
        status = self._stored_status()
        if status.state not in ("queued", "running") or _lives(status):
            return status
        if self._cancel_asked(status):
            return status.model_copy(update={"state": "cancelled", "eta": None})
        return status.model_copy(update={"state": "failed", "error": KILLED, "eta": None})

    def write_status(self, status: Status | None = None, /, **changes: Any) -> Status:
        """Replace the status: ``status`` (default: the stored one) with ``changes``.

        ``updated`` is set to now. A new state clears an old error and ETA. ``state="running"`` without a pid means this
        process. Non-finite numbers are written as null.

        Returns:
            What was written.

        Raises:
            HRSError: the disk is full or the folder may not be written.
            pydantic.ValidationError: a field of the wrong type.
        """
        if status is None:
            status = self._stored_status() if self.status.exists() else Status()
        if "state" in changes:
            changes = {"error": None, "eta": None, **changes}
        if changes.get("state") == "running" and "pid" not in changes:
            changes = {**process_identity(), "started": status.started or time.time(), **changes}
        fields = {**status.model_dump(), **changes, "updated": time.time()}
        written = Status.model_validate(plain(fields))
        atomic_write(self.status, written.model_dump_json(indent=2) + "\n")
        return written

    def claim(self) -> bool:
        """Make this process the one that a queued run waits in; False where the run was cancelled or has a process.

        Not for two processes at once: the caller holds a lock.
        """
        status = self._stored_status()
        if status.state != "queued" or status.pid is not None:
            return False
        self.write_status(state="queued", **process_identity())
        if self._cancel_asked(status):  # at this very moment
            self.write_status(state="cancelled")
            return False
        return True

    def append_metrics(self, row: Row) -> None:
        """Add one line to metrics.jsonl: "step" (int), "split" ("train" or "val") and values, which may be numpy or
        torch scalars; non-finite ones become null. Raises HRSError where the disk is full or closed to writing."""
        append_line(self.metrics, row)

    def append_result(self, row: Row) -> None:
        """Add one validation, with its "step", to results.csv; rows of this or a later step, which a resumed run
        repeats, give way. Raises HRSError where the disk is full or closed to writing."""
        append_result(self.results_csv, row)

    def read_results(self) -> list[Row]:
        """The validations in results.csv, by step: numbers as int or float, an empty cell as None."""
        return read_results(self.results_csv)

    def log_tail(self, lines: int = 20) -> list[str]:
        """The last lines of log.txt, oldest first; of a progress bar only its last state. Empty without a log."""
        return tail(self.log, lines)

    def write_space(self, space: LabelSpace) -> None:
        """Say what this run calls its classes, and their colours."""
        atomic_write(self.space, json.dumps(space.to_dict(), indent=2) + "\n")

    def read_space(self) -> LabelSpace | None:
        """What `write_space` wrote; None for a run that stopped before it opened its data. HRSError where damaged."""
        try:
            return LabelSpace.from_dict(json.loads(self.space.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise HRSError(f"{self.space} cannot be read ({error}); resume the run or copy the file anew") from error

    def _stored_status(self) -> Status:
        try:
            return Status.model_validate_json(self.status.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise HRSError(f"{self.path} is not a run: it has no status.json; give the folder of a run") from None
        except ValidationError:
            return Status(state="failed", error=f"{self.status} is damaged and cannot be read")

    @property
    def _cancel_mark(self) -> Path:
        return self.path / "cancel.json"

    def _cancel_asked(self, status: Status) -> bool:
        try:
            return bool(json.loads(self._cancel_mark.read_bytes()) == [status.pid, status.pid_started])
        except (OSError, ValueError):
            return False


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One line of a list of runs. ``last`` is the newest row of results.csv, None before the first validation."""

    name: str
    run: RunFolder
    status: Status
    last: Row | None


def list_runs(root: Path) -> list[RunSummary]:
    """All runs below ``root``, newest first; anything else there is passed over, and no folder is no runs."""
    folders = [RunFolder(path) for path in root.iterdir() if _NAME.fullmatch(path.name)] if root.is_dir() else []
    dated = [(run, created) for run in folders if (created := _created(run)) is not None]
    dated.sort(key=lambda pair: (pair[1], pair[0].name), reverse=True)
    return [summary for run, _ in dated if (summary := _summary(run)) is not None]


def find_run(root: Path, name: str) -> RunFolder:
    """The run called ``name`` below ``root``.

    Raises:
        HRSError: there is none; names the nearest ones.
    """
    run = RunFolder(root / name)
    if _NAME.fullmatch(name) and run.exists():
        return run
    raise HRSError(f"no run named {name!r} in {root}; {_nearest_runs(root, name)}")


def cancel(run: RunFolder, *, force: bool = False) -> None:
    """Stop a queued or running run. Returns at once: the run says "cancelled" when its process has ended.

    Only the run's own process gets SIGTERM, so that it can save and close its data workers in order; with ``force`` it
    and all its children get SIGKILL.

    Raises:
        HRSError: the run has ended already, or it runs on another machine.
    """
    status = run.read_status()
    if status.state not in ("queued", "running"):
        raise HRSError(f"run {run.name} is {status.state}; only a queued or running one can be cancelled")
    if status.host not in (None, socket.gethostname()):
        raise HRSError(f"run {run.name} runs on {status.host}; cancel it there")
    atomic_write(run._cancel_mark, json.dumps([status.pid, status.pid_started]))
    if status.state == "queued" or status.pid is None:
        run.write_status(state="cancelled")
    if status.pid is not None and process_alive(status.pid, status.pid_started):
        _signal(status.pid, force)


def requeue(run: RunFolder) -> None:
    """Have a run that stopped wait for a new process; that it was once cancelled is forgotten.

    Raises:
        HRSError: it is queued or running already.
    """
    _refuse_active(run, "wait until it ends, or cancel it")
    run._cancel_mark.unlink(missing_ok=True)
    run.write_status(state="queued", pid=None, pid_started=None, host=None)


def rename(run: RunFolder, name: str) -> RunFolder:
    """Give a run that has ended another name in the same folder; returns it.

    Raises:
        HRSError: it is queued or running, is not a run, or the name is unfit or taken.
    """
    _refuse_active(run, "cancel it before renaming it")
    with disk_errors(run.path):
        new = _make_named(run.path.parent, name)
        os.rename(run.path, new)  # over the empty folder just made, which kept the name free
    return RunFolder(new)


def delete(run: RunFolder) -> None:
    """Remove a run with all its files. It vanishes from lists at once, whatever happens during the removal.

    Raises:
        HRSError: it is running, is not a run, is a link, or may not be removed.
    """
    _refuse_active(run, "cancel it before deleting it")
    if run.path.is_symlink() or not run.exists():
        raise HRSError(f"{run.path} is a link or not a run; remove it by hand")
    with disk_errors(run.path):
        doomed = run.path.with_name(f".{run.name}.deleted-{time.time_ns()}")
        os.rename(run.path, doomed)
        shutil.rmtree(doomed)


def resolve_checkpoint(text: str, runs_root: Path) -> Path:
    """The checkpoint folder (with model.safetensors and config.json) that a user means.

    Args:
        text: in this order: such a folder; the folder of a run; the name of a run below ``runs_root``; the name of a
            run that comes with hrs. Of a run, checkpoints/best is meant, else checkpoints/last.

    Raises:
        HRSError: nothing fits; lists what was tried and the nearest runs.
    """
    given = Path(text).expanduser()
    named = [RunFolder(root / text) for root in (runs_root, SHIPPED)] if _NAME.fullmatch(text) else []
    runs = (RunFolder(given), *named)
    folders = [given, *(folder for run in runs for folder in (run.best, run.last)), SHIPPED / text]
    tried = list(dict.fromkeys(folders))
    for folder in tried:
        if _is_checkpoint(folder):
            return folder
    places = ", ".join(str(folder) for folder in tried)
    raise HRSError(
        f"no checkpoint {text!r}: expected a folder with {' and '.join(CHECKPOINT_FILES)}; tried {places}; "
        f"{_nearest_runs(runs_root, text)}"
    )


def _make(root: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise HRSError(
            f"run name {name!r}; expected up to 100 letters, digits, dots, _ or -, not starting with . _ or -"
        )
    (root / name).mkdir()  # fails where it exists, so two processes never share a folder
    return root / name


def _make_named(root: Path, name: str) -> Path:
    try:
        return _make(root, name)
    except FileExistsError:
        raise HRSError(f"run {name} exists in {root}; choose another name, resume it, or delete it") from None


def _make_automatic(root: Path, prefix: str) -> Path:
    stem = f"{prefix}-{datetime.now():%Y%m%d-%H%M%S}"
    for suffix in itertools.chain([""], (f"-{number}" for number in itertools.count(2))):
        with suppress(FileExistsError):
            return _make(root, stem + suffix)
    raise AssertionError("unreachable: the numbers do not end")


def _refuse_active(run: RunFolder, remedy: str) -> None:
    state = run.read_status().state
    if state in ("queued", "running"):
        raise HRSError(f"run {run.name} is {state}; {remedy}")


def _lives(status: Status) -> bool:
    """Whether a run that says it is queued or running may be believed."""
    silent = time.time() - (status.updated or 0)
    if status.pid is None:
        return status.state == "running" or silent < _STARTING
    if status.host not in (None, socket.gethostname()):
        return status.state == "queued" or silent < _SILENCE
    return process_alive(status.pid, status.pid_started)


def _created(run: RunFolder) -> float | None:
    """When the run was made, in Unix seconds (its config is written once); None for what is not a run."""
    try:
        return run.config.stat().st_mtime if run.exists() else None
    except OSError:  # deleted at this moment
        return None


def _summary(run: RunFolder) -> RunSummary | None:
    try:
        status, last = run.read_status(), last_result(run.results_csv)
    except HRSError:  # deleted at this moment
        return None
    return RunSummary(name=run.name, run=run, status=status, last=last)


def _nearest_runs(root: Path, name: str) -> str:
    names = [path.name for path in root.iterdir() if RunFolder(path).exists()] if root.is_dir() else []
    near = difflib.get_close_matches(Path(name).name, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {len(names)} runs in {root}; list them with: python -m hrs runs list"


def _is_checkpoint(folder: Path) -> bool:
    for _ in range(2):
        if all((folder / name).is_file() for name in CHECKPOINT_FILES):
            return True
        if not recover(folder):  # else it was being replaced at this moment: look again
            return False
    return False


def _signal(pid: int, force: bool) -> None:
    try:
        process = psutil.Process(pid)  # holds the creation time too, so a reused pid is never hit
        for each in [*process.children(recursive=True), process] if force else [process]:
            each.send_signal(signal.SIGKILL if force else signal.SIGTERM)
    except psutil.NoSuchProcess:  # it ended by itself
        return
    except psutil.AccessDenied:
        raise HRSError(f"process {pid} belongs to another user, who alone can cancel this run") from None
