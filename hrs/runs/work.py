"""Work in the background as a folder: its status, its log, and how it is asked to stop.

A training run is such work, and so is whatever else takes its time. The files are the truth and are replaced by atomic
rename: a reader in another process, or on another machine that shares the disk, never sees half a status.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import psutil

from hrs.errors import HRSError
from hrs.runs.records import plain, tail
from hrs.runs.status import ACTIVE, BEAT, KILLED, NOBODY, Status, lives
from hrs.system.documents import parse_json, read_bounded
from hrs.system.files import DiskFull, atomic_write
from hrs.system.processes import process_alive, process_identity

_RESERVE = bytes(range(256)) * 128  # 32 kB, of which a status takes a few
_ENDING = 10.0  # seconds that the helpers of a killed process may take to end


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
        """There where the work is to stop, whichever process does it: it may change hands at this very moment."""
        return self.path / ".cancel"

    @property
    def reserve(self) -> Path:
        """Space that work keeps while it waits or runs, so that it can say how it ended when the disk is full."""
        return self.path / ".reserve"

    @property
    def lock(self) -> Path:
        """Held by the process that does the work."""
        return self.path / ".lock"

    @property
    def pulse(self) -> Path:
        """Touched every few seconds by whoever waits with the work or does it: its heartbeat."""
        return self.path / ".pulse"

    def read_status(self) -> Status:
        """The status, corrected where its process is gone: queued or running work becomes failed (or cancelled, if that
        was asked for). The file is left as it is.

        Raises:
            HRSError: there is no status.
        """
        status = self._stored_status()
        if status.state not in ACTIVE or lives(status, self._last_beat()):
            return status
        if self.stop_requested():
            return status.model_copy(update={"state": "cancelled", "eta": None, "phase": None})
        return status.model_copy(update={"state": "failed", "error": KILLED, "eta": None, "phase": None})

    def write_status(self, status: Status | None = None, /, **changes: Any) -> Status:
        """Replace the status: ``status`` (default: the stored one) with ``changes``.

        ``updated`` is set to now. A new state clears an old error, ETA and phase. ``state="running"`` without a pid
        means this process. Non-finite numbers are written as null.

        Returns:
            What was written.

        Raises:
            HRSError: the disk is full or the folder may not be written.
            pydantic.ValidationError: a field of the wrong type.
        """
        if status is None:
            status = self._stored_status() if self.status.exists() else Status()
        if "state" in changes:
            changes = {"error": None, "eta": None, "phase": None, **changes}
        if changes.get("state") == "running" and "pid" not in changes:
            changes = {**process_identity(), "started": status.started or time.time(), **changes}
        fields = {**status.model_dump(), **changes, "updated": time.time()}
        written = Status.model_validate(plain(fields))
        text = written.model_dump_json(indent=2) + "\n"
        if written.state in ACTIVE:
            if not self.reserve.exists():
                atomic_write(self.reserve, _RESERVE)
            atomic_write(self.status, text)
            return written
        try:
            atomic_write(self.status, text)
        except DiskFull:
            self.reserve.unlink(missing_ok=True)
            atomic_write(self.status, text)
        self.reserve.unlink(missing_ok=True)
        return written

    @contextmanager
    def held(self, *, patience: float | None = None) -> Iterator[None]:
        """Do the work in this block, alone and with a heartbeat: the system keeps the folder for this process and its
        children until they have ended, whatever the files say.

        Args:
            patience: seconds to wait for another process to end; by default a few.

        Raises:
            HRSError: it did not.
        """
        deadline = time.monotonic() + (_ENDING if patience is None else patience)
        while (file := _locked(self.lock)) is None:
            if time.monotonic() > deadline:
                raise HRSError(
                    f"{self.kind} {self.name} is at work in another process; wait until it ends, or cancel it"
                )
            time.sleep(0.1)
        with file, self.beating():
            try:
                yield
            finally:
                self.lock.unlink(missing_ok=True)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Give signs of life during this block, whatever it does; those are how other machines know of it."""
        ended = threading.Event()

        def beat() -> None:
            while True:
                with suppress(OSError):  # the next one may reach the disk; if none does, the work counts as lost
                    self.pulse.touch()
                if ended.wait(BEAT):
                    return

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.pulse.unlink(missing_ok=True)

    def active(self) -> bool:
        """Whether it waits or runs; False where there is no such work."""
        return self.status.is_file() and self.read_status().state in ACTIVE

    def mine(self) -> bool:
        """Whether the status names this process: it may have been given to another one meanwhile."""
        status = self._stored_status()
        return status.pid == os.getpid() and status.host in (None, socket.gethostname())

    def claim(self) -> bool:
        """Make this process the one that queued work waits in; False where it was cancelled or has a process.

        Not for two processes at once: the caller holds a lock.
        """
        status = self._stored_status()
        if status.state != "queued" or status.pid is not None:
            return False
        self.write_status(state="queued", **process_identity())
        if self.stop_requested():  # at this very moment
            self.write_status(state="cancelled")
            return False
        return True

    def stop_requested(self) -> bool:
        """Whether the work was asked to stop since it was last begun anew. Cheap enough for every step: one look for a
        file."""
        return self.cancel_mark.exists()

    def forget_request(self) -> None:
        """For who begins work anew that has ended, or ends it as it was asked: the request no longer counts."""
        self.cancel_mark.unlink(missing_ok=True)

    def log_tail(self, lines: int = 20) -> list[str]:
        """The last lines of log.txt, oldest first; of a progress bar only its last state. Empty without a log."""
        return tail(self.log, lines)

    def _last_beat(self) -> float | None:
        try:
            return self.pulse.stat().st_mtime
        except FileNotFoundError:
            return None

    def _stored_status(self) -> Status:
        try:
            return Status.model_validate(parse_json(read_bounded(self.status)))
        except FileNotFoundError:
            raise HRSError(
                f"{self.path} is not a {self.kind}: it has no status.json; give the folder of a {self.kind}"
            ) from None
        except (HRSError, ValueError):  # pydantic's ValidationError among them
            return Status(state="failed", error=f"{self.status} is damaged and cannot be read")


def _locked(path: Path) -> IO[bytes] | None:
    """A file, made if missing, for this process alone; None where another process has it."""
    file = open(path, "wb")  # noqa: SIM115 - the caller closes it
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_ino == os.stat(path).st_ino:  # else who had it has removed it meanwhile
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None


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
    own = status.pid == os.getpid()  # work in a thread: the file has to do
    pid = status.pid if here and not own and status.pid is not None and _is_at_work(work, status) else None
    try:
        atomic_write(work.cancel_mark, "")
    except DiskFull:  # the signal has to do
        if pid is None:
            raise
    now = work._stored_status()  # a process may have begun or been lost since; from here on such a one sees the mark
    if now.state == "queued" or (now.state == "running" and now.pid is None):
        work.write_status(state="cancelled")
    if pid is not None:
        _signal(pid, force)


def requeue(work: WorkFolder, *, keeper: str | None = None) -> None:
    """Have work that stopped wait for a new process; that it was once cancelled is forgotten.

    Args:
        keeper: the cluster that will have it done; None for this machine.

    Raises:
        HRSError: it is queued or running already.
    """
    refuse_active(work, "wait until it ends, or cancel it")
    work.forget_request()
    work.write_status(state="queued", keeper=keeper, **NOBODY)


def put_back(work: WorkFolder) -> None:
    """Have work whose process is lost wait for another one; cancelled if that was asked for. For its keeper alone."""
    status = work._stored_status()
    if status.state not in ACTIVE:
        return
    if work.stop_requested():
        work.write_status(state="cancelled")
    else:
        work.write_status(state="queued", **NOBODY)


def may_be_lost(work: WorkFolder, error: BaseException) -> bool:
    """Whether an error in one of several processes of a cluster may come of another that is gone. The keeper knows, and
    tries again; a user's mistake would be one again."""
    together = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return together and work.read_status().keeper is not None and not isinstance(error, HRSError)


def refuse_active(work: WorkFolder, remedy: str) -> None:
    """Raises HRSError, with what to do, where it is queued or running."""
    state = work.read_status().state
    if state in ACTIVE:
        raise HRSError(f"{work.kind} {work.name} is {state}; {remedy}")


def _is_at_work(work: WorkFolder, status: Status) -> bool:
    """Whether the process that a status names does this work indeed: it has the folder's lock open, or was started
    with the folder's name. The file alone proves nothing, whoever wrote it."""
    if status.pid is None or status.pid_started is None:
        return False
    if not process_alive(status.pid, status.pid_started, status.boot):
        return False
    try:
        process = psutil.Process(status.pid)
        queued = process.cmdline()[1:] == ["-m", "hrs", "work", str(work.path.resolve())]
        return queued or any(Path(file.path) == work.lock.resolve() for file in process.open_files())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        raise _stranger(status.pid) from None


def _stranger(pid: int) -> HRSError:
    return HRSError(f"process {pid} belongs to another user, who alone can cancel this run")


def _signal(pid: int, force: bool) -> None:
    try:
        process = psutil.Process(pid)  # holds the creation time too, so a reused pid is never hit
        for each in [*process.children(recursive=True), process] if force else [process]:
            each.send_signal(signal.SIGKILL if force else signal.SIGTERM)
    except psutil.NoSuchProcess:  # it ended by itself
        return
    except psutil.AccessDenied:
        raise _stranger(pid) from None
