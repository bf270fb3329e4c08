"""Who looks after a run or task on a cluster: a small process of its own, which no lost driver or node ends.

The keeper is a detached, named actor of Ray without processors or GPUs, so it starts at once, and Ray starts it again
elsewhere when its node is lost. It has Ray queue and place a task, in which the work's process (``python -m hrs work``)
trains; when that is lost with its node, the keeper puts the work back into the queue, and its next process goes on from
the last checkpoint. All the while it gives the work's heartbeat, so that the status may be believed anywhere.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from hrs.cluster.connection import Portion
from hrs.cluster.training import free_places, train_together
from hrs.errors import HRSError
from hrs.launch.process import spawn
from hrs.launch.task import Task
from hrs.runs.work import WorkFolder, put_back

_PAUSE = 1.0  # seconds between two looks at the work
_CLOSING = 15.0  # seconds that a process may take to end after it has said so
_FRUITLESS = 3  # processes lost one after the other without a step forward, after which it is the work that kills them


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work for a cluster.

    folder: absolute, on storage that all nodes share. cwd: where relative paths of its settings start. portion: what
    each process gets. workers: how many processes train a run together.
    """

    folder: Path
    cwd: Path
    portion: Portion
    workers: int = 1

    @property
    def work(self) -> WorkFolder:
        task = Task(self.folder)
        return task if task.exists() else WorkFolder(self.folder)


class Keeper:
    """The actor. Its folder names it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        threading.Thread(target=self._keep, name="keeper", daemon=True).start()

    def sees(self) -> bool:
        """Whether the work's folder is there on this node."""
        return self.job.work.status.is_file()

    def _keep(self) -> None:
        if not self.sees():
            return  # whoever asked for it asks for this, too, and ends it
        try:
            keep(self.job)
        finally:
            ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


def keep(job: Job) -> None:
    """Have work done until it has ended, by as many processes as that takes."""
    work, furthest, fruitless = job.work, -1, 0
    with work.beating():
        put_back(work)  # the process of an earlier keeper ended with it
        while work.active():
            lost = _attempt(job)
            if not work.active():
                return
            step = work.read_status().step
            fruitless = 1 if step > furthest else fruitless + 1
            furthest = max(step, furthest)
            if fruitless >= _FRUITLESS:
                work.write_status(state="failed", error=f"given up after {fruitless} processes were lost: {lost}")
            else:
                put_back(work)


def _attempt(job: Job) -> str:
    """Have Ray place a process and wait for its end; how it ended, in a line."""
    ended: float | None = None
    way, part = (work_here, job.portion) if job.workers == 1 else (train_together, Portion())
    if job.workers > 1:
        free_places()
    task = ray.remote(way).options(max_retries=0, **part.options()).remote(job)
    try:
        while not ray.wait([task], timeout=_PAUSE)[0]:
            if job.work.active():
                ended = None
            elif time.monotonic() - (ended := ended or time.monotonic()) > _CLOSING:
                ray.cancel(task, force=True)  # it was cancelled before it had a place
        return str(ray.get(task))
    except (RayError, HRSError) as error:  # Ray raises its own, of what the task raised
        return str(error).strip().splitlines()[-1]


def work_here(job: Job) -> str:
    """Do work in a process of this node, with what Ray gave to this one; how it ended, in a line.

    Raises:
        HRSError: this node does not see the folders.
    """
    for folder in (job.folder, job.cwd):
        if not folder.is_dir():
            raise HRSError(f"node {ray.util.get_node_ip_address()} has no {folder}; all nodes must share that storage")
    address: Any = ray.get_runtime_context().gcs_address
    process = spawn(
        ["work", str(job.folder)],
        errors=job.work.log,
        output=isinstance(job.work, Task),
        tied=True,
        environment={"RAY_ADDRESS": str(address)},
        cwd=job.cwd,
    )
    code = process.wait()
    return f"it ended with exit code {code}: {' '.join(job.work.log_tail(1))}"
