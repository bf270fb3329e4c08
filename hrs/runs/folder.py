"""One run's folder: what its files are called, its status and records, and how it is stopped.

The files are the truth. They are replaced by atomic rename, and metrics are appended a line at a time, so that a reader
in another process never sees half a file, and a killed process leaves a folder that can be read and resumed.
"""

from __future__ import annotations

import itertools
import json
import re
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import ValidationError

from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.runs.names import CorpusFolder
from hrs.runs.records import Row, append_line, append_result, plain, read_results, tail
from hrs.runs.status import KILLED, Status, lives
from hrs.system.files import atomic_write, disk_errors
from hrs.system.processes import process_alive, process_identity

PreviewKind = Literal["val", "weights"]
"""Pictures of a run: predictions on validation images, and the panel's weight maps."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a run may be called."""


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
            run = cls(_make_automatic(root, prefix) if name is None else make_named(root, name))
        atomic_write(run.config, config_yaml)
        run.write_status(state="queued")
        return run

    @classmethod
    def of_checkpoint(cls, folder: Path) -> RunFolder | None:
        """The run whose best or last checkpoint this is; None for a checkpoint that stands alone."""
        run = cls(folder.parent.parent)
        return run if run.exists() and folder in (run.best, run.last) else None

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
        """The panel: a few synthetic frames that the run watches while it trains."""
        return self.path / "weights"

    @property
    def panel_frames(self) -> Path:
        """Their pictures and labels, as the network sees them."""
        return self.weights / "frames"

    def panel_step(self, step: int) -> CorpusFolder:
        """Their weights at one step."""
        return CorpusFolder(self.weights / f"step_{step:06d}")

    def panel_steps(self) -> list[int]:
        """The steps that were kept, in order."""
        return _steps(self.weights, r"step_(\d+)")

    @property
    def scores(self) -> CorpusFolder:
        """The weights of the whole synthetic corpus under the finished run."""
        return CorpusFolder(self.path / "scores")

    @property
    def scoring_log(self) -> Path:
        """What scoring said that was started for this run in the background."""
        return self.path / "scoring.log"

    @property
    def scoring_mark(self) -> Path:
        """Which process that is."""
        return self.path / "scoring.json"

    @property
    def previews(self) -> Path:
        return self.path / "previews"

    def preview(self, kind: PreviewKind, step: int) -> Path:
        """A picture made at one step."""
        return self.previews / f"{kind}_{step:06d}.jpg"

    def preview_steps(self, kind: PreviewKind) -> list[int]:
        """The steps at which such a picture was made, in order."""
        return _steps(self.previews, rf"{kind}_(\d+)\.jpg")

    @property
    def space(self) -> Path:
        return self.path / "space.json"

    @property
    def cancel_mark(self) -> Path:
        """Which process of this run was asked to stop."""
        return self.path / "cancel.json"

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
        if status.state not in ("queued", "running") or lives(status):
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

    def _cancel_asked(self, status: Status) -> bool:
        try:
            return bool(json.loads(self.cancel_mark.read_bytes()) == [status.pid, status.pid_started])
        except (OSError, ValueError):
            return False


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
    atomic_write(run.cancel_mark, json.dumps([status.pid, status.pid_started]))
    if status.state == "queued" or status.pid is None:
        run.write_status(state="cancelled")
    if status.pid is not None and process_alive(status.pid, status.pid_started):
        _signal(status.pid, force)


def requeue(run: RunFolder) -> None:
    """Have a run that stopped wait for a new process; that it was once cancelled is forgotten.

    Raises:
        HRSError: it is queued or running already.
    """
    refuse_active(run, "wait until it ends, or cancel it")
    run.cancel_mark.unlink(missing_ok=True)
    run.write_status(state="queued", pid=None, pid_started=None, host=None)


def _steps(folder: Path, pattern: str) -> list[int]:
    """The numbers in the names that fit the pattern whole, in order; no folder is no names."""
    return sorted(int(found[1]) for path in folder.glob("*") if (found := re.fullmatch(pattern, path.name)))


def make_named(root: Path, name: str) -> Path:
    """An empty folder for a run of this name. Raises HRSError where the name is unfit or taken."""
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


def _make(root: Path, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise HRSError(
            f"run name {name!r}; expected up to 100 letters, digits, dots, _ or -, not starting with . _ or -"
        )
    (root / name).mkdir()  # fails where it exists, so two processes never share a folder
    return root / name


def refuse_active(run: RunFolder, remedy: str) -> None:
    """Raise HRSError where a run is queued or running; ``remedy`` says what to do first."""
    state = run.read_status().state
    if state in ("queued", "running"):
        raise HRSError(f"run {run.name} is {state}; {remedy}")


def _signal(pid: int, force: bool) -> None:
    try:
        process = psutil.Process(pid)  # holds the creation time too, so a reused pid is never hit
        for each in [*process.children(recursive=True), process] if force else [process]:
            each.send_signal(signal.SIGKILL if force else signal.SIGTERM)
    except psutil.NoSuchProcess:  # it ended by itself
        return
    except psutil.AccessDenied:
        raise HRSError(f"process {pid} belongs to another user, who alone can cancel this run") from None
