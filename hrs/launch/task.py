"""Work in the background that is no training run: scoring, copying a data set, a study.

A task is a command of hrs and a folder:

    task.json     the command, the device that it needs, and where its result will lie
    status.json   as of a run; step and steps count what the command counts, such as frames
    log.txt       what the command printed
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hrs.errors import HRSError
from hrs.progress import Pace
from hrs.runs.names import STUDIES
from hrs.runs.work import WorkFolder, refuse_active
from hrs.system.documents import read_json
from hrs.system.files import atomic_write, disk_errors

_TOLD = 1.0  # seconds between two writes of the status at most


class Order(BaseModel):
    """What a task is to do.

    command: words after ``python -m hrs``.
    device: "auto" or "cpu": it takes one and waits for it; None needs none.
    out: the file or folder that it makes.
    """

    model_config = ConfigDict(frozen=True)

    command: tuple[str, ...]
    device: str | None
    out: Path


_CURRENT: ContextVar[Task | None] = ContextVar("task", default=None)


class Stopped(Exception):
    """A task was asked to stop."""


@dataclass(frozen=True)
class Task(WorkFolder):
    """One task's folder. The constructor neither reads nor checks anything: see `Task.create`."""

    kind: ClassVar[str] = "task"

    @classmethod
    def create(cls, path: Path, command: Sequence[str], *, out: Path, device: str | None = None) -> Task:
        """Make a task, queued; what an earlier one left in its folder goes.

        Raises:
            HRSError: the earlier one still waits or runs, or the folder cannot be written.
        """
        task = cls(path.resolve())
        if task.exists():
            refuse_active(task, "wait until it ends, or cancel it")
        with disk_errors(task.path):
            with suppress(FileNotFoundError):
                shutil.rmtree(task.path)
            try:
                task.path.mkdir(parents=True)
            except FileExistsError:
                raise HRSError(f"task {task.name} in {task.path.parent} was started at this very moment") from None
        order = Order(command=tuple(command), device=device, out=out.expanduser().resolve())
        atomic_write(task._order, order.model_dump_json(indent=2) + "\n")
        task.write_status(state="queued")
        return task

    def exists(self) -> bool:
        """Whether this is a task at all."""
        return self.status.is_file() and self._order.is_file()

    def read_order(self) -> Order:
        """What it is to do. Raises HRSError where that cannot be read."""
        try:
            return Order.model_validate(read_json(self._order))
        except (FileNotFoundError, HRSError, ValidationError) as error:
            raise HRSError(f"{self._order} cannot be read; start the task anew") from error

    @staticmethod
    def current() -> Task | None:
        """The task that this process, or this thread of it, is doing."""
        return _CURRENT.get()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Do the task in this block: says that this process does it, and how it ended.

        Raises:
            HRSError: it was asked to stop, by `Stopped` or by a KeyboardInterrupt; or another process does it.
        """
        with self.held(), self._told():
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        self.write_status(state="running")
        token = _CURRENT.set(self)
        try:
            yield
        except (Stopped, KeyboardInterrupt) as error:
            self.write_status(state="cancelled")
            raise HRSError(f"task {self.name} was cancelled") from error
        except BaseException as error:
            self.write_status(state="failed", error=str(error) or type(error).__name__)
            raise
        finally:
            _CURRENT.reset(token)
        self.write_status(state="finished", eta=0)

    @property
    def _order(self) -> Path:
        return self.path / "task.json"


class Teller:
    """A `Progress` that keeps a task's status up to date, now and then; a call raises `Stopped` when the task was asked
    to stop."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.pace = Pace()
        self.said: tuple[int, int] | None = None
        self.written = 0.0

    def __call__(self, done: int, total: int) -> None:
        if self.task.stop_requested():
            raise Stopped
        now, moved = time.monotonic(), self.said != (done, total)
        left = self.pace.left(done, total, now)
        if moved and (self.said is None or now - self.written > _TOLD or done == total):
            self.task.write_status(step=done, steps=total, eta=left)
            self.said, self.written = (done, total), now


def tasks_below(root: Path) -> list[Task]:
    """The tasks of all runs and studies below ``root``, the one that said something last first."""
    found = [Task(path) for pattern in ("*", f"{STUDIES}/*") for path in root.glob(f"{pattern}/tasks/*")]
    dated = []
    for task in found:
        with suppress(HRSError):  # no task, or removed at this moment
            dated.append((task.read_status().updated or 0, task))
    return [task for _, task in sorted(dated, key=lambda pair: pair[0], reverse=True)]
