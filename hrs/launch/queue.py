"""Work as processes of this machine: one at a time on each device, the rest waits in the order it was handed in.

There is no daemon. A run or task that goes on or waits has a ticket (`hrs.launch.tickets`), which says since when it
stands in line and which device it has. Every waiting process looks at the tickets, under a file lock, and takes a
device when its turn has come. So the queue outlives whoever handed it in.

Nothing here imports torch, so that waiting costs little and a process sees only the GPU that it was given.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.launch.devices import devices, use
from hrs.launch.launcher import Line, Share, check_unfinished
from hrs.launch.process import end_with_parent, spawn
from hrs.launch.task import Task
from hrs.launch.tickets import Ticket, alone_in_line, before, enter, keep, ticket_of, tickets
from hrs.progress import Progress
from hrs.runs.folder import RunFolder
from hrs.runs.status import ACTIVE
from hrs.runs.work import WorkFolder, cancel, may_be_lost, put_back, refuse_active, requeue
from hrs.system.files import disk_errors, only_if_done
from hrs.system.processes import cores, interrupting

_PAUSE = 0.5  # seconds between two looks at the queue, for each place in it; so many waiting runs cost no more than few
_LONGEST_PAUSE = 10.0
_TAKEOVER = 120.0  # seconds after which the lock of a machine that is lost is free, on a network disk too
_LAST_WORDS = 5  # lines of the log that tell why a process did not start


class LocalQueue:
    """The `hrs.launch.launcher.Launcher` of this machine."""

    def start(self, config: RunConfig, root: Path, name: str | None = None, *, share: Share | None = None) -> RunFolder:
        run = RunFolder.create(root.resolve(), name, config.to_yaml(), prefix=config.method)
        with only_if_done(run.path):
            with alone_in_line():
                run.write_status(steps=config.train.steps)
                ticket = _enter(run, share)
            _spawn(run, ticket, share)
        return run

    def resume(self, run: RunFolder, *, share: Share | None = None) -> None:
        run = RunFolder(run.path.resolve())
        from hrs.data.glance import look_at_all  # here: what waits needs no reader of images

        look_at_all(check_unfinished(run))  # relative paths may start elsewhere than when it was made
        with alone_in_line():
            requeue(run)
            ticket = _enter(run, share)
        _spawn(run, ticket, share)

    def submit(self, task: Task) -> None:
        with alone_in_line():
            ticket = _enter(task)
        _spawn(task, ticket)

    def cancel(self, work: WorkFolder, *, force: bool = False) -> None:
        cancel(work, force=force)

    def waiting(self) -> tuple[Path, ...]:
        return tuple(Path(ticket.folder) for ticket in tickets() if ticket.devices and not ticket.taken)

    def line(self) -> Line:
        found = tickets()
        return Line({Path(each.folder): before(each, found) for each in found if not each.taken})

    def occupy(self, work: WorkFolder, device: str | None, *, again: bool = False) -> None:
        """Under ``accelerate launch`` the main process speaks for all processes of this machine."""
        usable = devices(device)
        count = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        folder = str(work.path.resolve())
        with alone_in_line():
            if again:
                refuse_active(work, "cancel it first, or wait until it ends")
                work.forget_request()
                work.write_status(state="running", keeper=None)
            enter(folder, usable, taken=usable[:count])


# What the process of queued work does


def train_in_turn(run: RunFolder, *, progress: Progress | None = None) -> None:
    """Wait for a device, then train.

    Raises:
        HRSError: the run is not queued, was cancelled, or training failed; its status says so.
    """
    run = RunFolder(run.path.resolve())
    with interrupting():
        with _turn(run):
            config = load_config(run.config)
            run.write_status(state="running", steps=config.train.steps, phase={"what": "starting"})
            # Not before its turn: torch is large, and reads which GPU it may see.
            from hrs.training.trainer import train
        train(config, run, resume=True, progress=progress)


@contextmanager
def task_in_turn(task: Task) -> Iterator[None]:
    """Wait for the device that a task needs; the block then does the task. SIGTERM ends either.

    Raises:
        HRSError: the task is not queued or was cancelled; its status says so.
    """
    with interrupting(), _turn(task), task.at_work():
        yield


@contextmanager
def _turn(work: WorkFolder) -> Iterator[None]:
    """Claim queued work, wait for its device and have torch see that alone; where this or the block fails, the work's
    status says so. Work of a cluster has its device, and its process ends with the one that started it."""
    if work.read_status().keeper is not None:
        end_with_parent()
        with placed(work):
            yield
        return
    with alone_in_line():
        _claim(work)
    with _speaking_for(work):
        with work.beating():
            use(_await_turn(work))
        yield


@contextmanager
def placed(work: WorkFolder) -> Iterator[None]:
    """Claim work of a cluster, which has given this process what it needs, from a process that is lost; where the block
    fails, its status says so."""
    with work.held(patience=_TAKEOVER):
        put_back(work)
        _claim(work)
    with _speaking_for(work):
        yield


def _claim(work: WorkFolder) -> None:
    if not work.claim():
        raise HRSError(f"{work.kind} {work.name} is {work.read_status().state}; nothing waits to be started")


@contextmanager
def _speaking_for(work: WorkFolder) -> Iterator[None]:
    def ours() -> bool:
        """Else it was cancelled and begun anew meanwhile, by another process."""
        return work.read_status().state in ACTIVE and work.mine()

    try:
        yield
    except KeyboardInterrupt as error:
        if ours():
            work.write_status(state="cancelled")
        raise HRSError(f"{work.kind} {work.name} was cancelled") from error
    except BaseException as error:
        if ours() and not may_be_lost(work, error):
            work.write_status(state="failed", error=str(error) or type(error).__name__)
        raise


def _usable(work: WorkFolder) -> tuple[str, ...]:
    if isinstance(work, Task):
        return devices(work.read_order().device)
    return devices(load_config(RunFolder(work.path).config).train.device)


def _enter(work: WorkFolder, share: Share | None = None) -> Ticket:
    """Put work at the end of the line."""
    return enter(str(work.path), _usable(work), owner=share.owner if share else None)


# Processes


def _spawn(work: WorkFolder, ticket: Ticket, share: Share | None = None) -> None:
    """Start the process of queued work, detached from this one.

    A run writes its log by itself; of a task, which does not, everything printed goes there.
    """
    threads = max(1, cores() // share.at_once) if share else None
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ} if threads else None
    with disk_errors(work.log):
        process = spawn(
            ["work", str(work.path)],
            errors=work.log,
            output=isinstance(work, Task),
            detached=True,
            environment=environment,
        )
    threading.Thread(target=_collect, args=(process, work, ticket), daemon=True).start()


def _collect(process: subprocess.Popen[bytes], work: WorkFolder, ticket: Ticket) -> None:
    """Wait for a process, so that it does not stay a zombie, and speak for it if it ended before it could.

    The ticket tells whether the work has been queued again meanwhile, with another process.
    """
    code = process.wait()
    with alone_in_line():
        if ticket_of(ticket.folder) != ticket or not work.status.is_file():
            return
        status = work.read_status()
        if status.state == "queued" and status.pid is None:
            words = " ".join(work.log_tail(_LAST_WORDS)) or "it said nothing"
            work.write_status(state="failed", error=f"the process ended with exit code {code} before it began: {words}")


def _await_turn(work: WorkFolder) -> str | None:
    """Wait in line; returns the device to work on, at once None where none is needed."""
    told, needed = "", bool(_usable(work))
    while needed:
        with alone_in_line():
            place, device = _look(work)
        if work.read_status().state == "cancelled" or not work.mine():
            raise HRSError(f"{work.kind} {work.name} was cancelled while it waited")
        if device is not None:
            return device
        if told != (told := f"waiting for a device: place {place} in the queue"):
            print(f"{datetime.now():%Y-%m-%d %H:%M:%S} {told}", file=sys.stderr, flush=True)
        time.sleep(min(_PAUSE * place, _LONGEST_PAUSE))
    return None


def _look(work: WorkFolder) -> tuple[int, str | None]:
    """The work's place in the line for its devices, from 1, and its device if its turn has come.

    A device is free that nobody has, or only work of the same owner; who stands ahead gets the first ones.
    """
    line = tickets(tidy=True)
    mine = next((ticket for ticket in line if ticket.folder == str(work.path)), None)
    if mine is None:  # someone emptied the cache
        mine = _enter(work)
    holders = {device: {ticket.owner for ticket in line if device in ticket.taken} for device in mine.devices}
    free = [device for device in mine.devices if not holders[device]]
    free += [device for device in mine.devices if holders[device] == {mine.owner}]
    ahead = [t for t in line if not t.taken and t.since < mine.since and set(t.devices) & set(mine.devices)]
    if len(ahead) >= len(free):
        return len(ahead) + 1, None
    device = free[len(ahead)]
    keep(replace(mine, taken=(device,)))
    return 1, device
