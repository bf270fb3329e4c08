"""Where work in the background is handed in: this interface, whatever stands behind it.

Pages and commands see nothing else. A queue on this machine does the work (`hrs.launch.queue`), or a cluster
(`hrs.cluster`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.launch.task import Task
from hrs.runs.folder import RunFolder
from hrs.runs.work import WorkFolder


@dataclass(frozen=True, kw_only=True)
class Share:
    """Runs of one owner that may train side by side on a device.

    owner: who hands them in, such as the folder of a study; it sees to it that they are not too many.
    at_once: how many that is; each gets so large a part of the processors.
    """

    owner: str
    at_once: int


@dataclass(frozen=True)
class Line:
    """A queue as it stands at one moment. before: by the folder of what waits, what is at work on the devices that it
    may take, then what waits before it."""

    before: Mapping[Path, tuple[Path, ...]] = field(default_factory=dict)

    def ahead(self, work: WorkFolder) -> tuple[Path, ...]:
        """Folders of what a run or a task waits for; empty for what does not wait."""
        return self.before.get(work.path.resolve(), ())


class Launcher(Protocol):
    """Does work in the background; each call returns at once. The work's folder tells how it goes."""

    def start(self, config: RunConfig, root: Path, name: str | None = None, *, share: Share | None = None) -> RunFolder:
        """Make a run that trains as soon as a device is free.

        Raises:
            HRSError: the name is unfit or taken, or the folder cannot be written.
        """

    def resume(self, run: RunFolder, *, share: Share | None = None) -> None:
        """Have a run that stopped go on from its last checkpoint, or from the start if it has none.

        Raises:
            HRSError: it is queued, running or finished, its config cannot be read, or its data is not found from here.
        """

    def submit(self, task: Task) -> None:
        """Have a new task done as soon as a device that it needs is free."""

    def cancel(self, work: WorkFolder, *, force: bool = False) -> None:
        """Stop a run or a task, wherever it waits or runs; with ``force`` without letting it save.

        Raises:
            HRSError: it has ended already, or may not be stopped from here.
        """

    def waiting(self) -> tuple[Path, ...]:
        """Folders of the runs and tasks that wait for a device, next one first."""

    def line(self) -> Line:
        """What waits now, and for what."""

    def occupy(self, work: WorkFolder, device: str | None, *, again: bool = False) -> None:
        """Say that this process does work at once, so that what was handed in waits until it has ended.

        Args:
            device: "cpu", or anything else for a GPU where there is one; None for work that needs none.
            again: the work stopped, and this process goes on with it. Of several that want to, one may.

        Raises:
            HRSError: ``again``, but it waits or runs.
        """


def launcher(on: str | None = None, *, workers: int = 1) -> Launcher:
    """Where work goes.

    Args:
        on: the address of a Ray cluster, HOST:PORT, ray://HOST:PORT, or "auto" for the one that this machine is part
            of; None for the queue of this machine.
        workers: how many processes of the cluster train a run together.

    Raises:
        HRSError: several workers, but no cluster.
    """
    if on is None and workers > 1:
        raise HRSError("--workers are of a cluster, and need --on; on one machine: accelerate launch -m hrs train ...")
    if on is None:
        from hrs.launch.queue import LocalQueue

        return LocalQueue()
    from hrs.cluster.launcher import RayLauncher

    return RayLauncher(on, workers)


def check_unfinished(run: RunFolder) -> RunConfig:
    """The settings of a run that is to go on. Raises HRSError where it has finished, or they cannot be read."""
    config = load_config(run.config)
    if run.read_status().state == "finished":
        raise HRSError(f"run {run.name} has finished; start a new run from its config.yaml")
    return config
