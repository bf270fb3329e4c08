"""Work in the background as a folder: its status, its log, and how it is asked to stop.

A training run is such work, and so is whatever else takes its time. The files are the truth and are replaced by atomic
rename: a reader in another process, or on another machine that shares the disk, never sees half a status.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil
from pydantic import ValidationError

from hrs.errors import HRSError
from hrs.runs.records import plain, tail
from hrs.runs.status import ACTIVE, KILLED, Status, lives
from hrs.system.files import atomic_write
from hrs.system.processes import process_alive, process_identity


@dataclass(frozen=True)
class WorkFolder:
    """A folder with status.json and log.txt. The constructor neither reads nor checks anything."""

    path: Path

    kind: ClassVar[str] = "work"
    """What such a folder is called in messages."""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def cancel_mark(self) -> Path:
        """Names the process that is to stop: [pid, its start time]."""
        return self.path / "cancel.json"

    def read_status(self) -> Status:
        """The status, corrected where its process is gone: queued or running work becomes failed (or cancelled, if that
        was asked for). The file is left as it is.

        Raises:
            HRSError: there is no status.
        """
        status = self._stored_status()
        if status.state not in ACTIVE or lives(status):
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

    def active(self) -> bool:
        """Whether it waits or runs; False where there is no such work."""
        return self.status.is_file() and self.read_status().state in ACTIVE

    def claim(self) -> bool:
        """Make this process the one that queued work waits in; False where it was cancelled or has a process.

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

    def stop_requested(self) -> bool:
        """Whether the process that does this work was asked to stop. Cheap enough for every step: one look for a file
        that is not there. A request to an earlier process, before a resume, does not count."""
        return self.cancel_mark.exists() and self._cancel_asked(self._stored_status())

    def log_tail(self, lines: int = 20) -> list[str]:
        """The last lines of log.txt, oldest first; of a progress bar only its last state. Empty without a log."""
        return tail(self.log, lines)

    def _stored_status(self) -> Status:
        try:
            return Status.model_validate_json(self.status.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise HRSError(
                f"{self.path} is not a {self.kind}: it has no status.json; give the folder of a {self.kind}"
            ) from None
        except ValidationError:
            return Status(state="failed", error=f"{self.status} is damaged and cannot be read")

    def _cancel_asked(self, status: Status) -> bool:
        try:
            return bool(json.loads(self.cancel_mark.read_bytes()) == [status.pid, status.pid_started])
        except (OSError, ValueError):
            return False


def cancel(work: WorkFolder, *, force: bool = False) -> None:
    """Stop queued or running work. Returns at once: it says "cancelled" when its process has ended.

    A file asks for it, which the process looks for at every step, wherever it runs. On this machine it gets SIGTERM
    too, so that it need not come to a step first; it alone, so that it can save and close its data workers in order.
    With ``force`` it and all its children get SIGKILL.

    Raises:
        HRSError: it has ended already, belongs to another user, or is to be killed on another machine.
    """
    status = work.read_status()
    if status.state not in ACTIVE:
        raise HRSError(f"{work.kind} {work.name} is {status.state}; only a queued or running one can be cancelled")
    here = status.host in (None, socket.gethostname())
    if force and not here:
        raise HRSError(
            f"{work.kind} {work.name} runs on {status.host}; it can be killed there alone, or cancelled here"
        )
    atomic_write(work.cancel_mark, json.dumps([status.pid, status.pid_started]))
    if status.state == "queued" or status.pid is None:
        work.write_status(state="cancelled")
    own = status.pid == os.getpid()  # work in a thread: the file has to do
    if here and not own and status.pid is not None and process_alive(status.pid, status.pid_started):
        _signal(status.pid, force)


def requeue(work: WorkFolder) -> None:
    """Have work that stopped wait for a new process; that it was once cancelled is forgotten.

    Raises:
        HRSError: it is queued or running already.
    """
    refuse_active(work, "wait until it ends, or cancel it")
    work.cancel_mark.unlink(missing_ok=True)
    work.write_status(state="queued", pid=None, pid_started=None, host=None)


def refuse_active(work: WorkFolder, remedy: str) -> None:
    """Raises HRSError, with what to do, where it is queued or running."""
    state = work.read_status().state
    if state in ACTIVE:
        raise HRSError(f"{work.kind} {work.name} is {state}; {remedy}")


def _signal(pid: int, force: bool) -> None:
    try:
        process = psutil.Process(pid)  # holds the creation time too, so a reused pid is never hit
        for each in [*process.children(recursive=True), process] if force else [process]:
            each.send_signal(signal.SIGKILL if force else signal.SIGTERM)
    except psutil.NoSuchProcess:  # it ended by itself
        return
    except psutil.AccessDenied:
        raise HRSError(f"process {pid} belongs to another user, who alone can cancel this run") from None
