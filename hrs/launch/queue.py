"""Work as processes of this machine: one at a time on each device, the rest waits in the order it was handed in.

There is no daemon. A run or task that goes on or waits has a ticket, a small file in the machine's queue folder
(HRS_CACHE/queue/HOST), which says since when it stands in line and which device it has. Every waiting process looks at
the tickets, under a file lock, and takes a device when its turn has come. The ticket of work whose process is gone,
however it went, counts for nothing: the work's own status says so. So the queue outlives whoever handed it in.

Nothing here imports torch, so that waiting costs little and a process sees only the GPU that it was given.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.launch.launcher import Line, Share, check_unfinished
from hrs.launch.process import end_with_parent, spawn
from hrs.launch.task import Task
from hrs.progress import Progress
from hrs.runs.folder import RunFolder
from hrs.runs.status import ACTIVE
from hrs.runs.work import WorkFolder, cancel, may_be_lost, put_back, refuse_active, requeue
from hrs.system.cache import cache_root
from hrs.system.documents import read_json
from hrs.system.files import atomic_write, disk_errors, locked, only_if_done
from hrs.system.processes import cores, interrupting

CPU = "cpu"
_PAUSE = 0.5  # seconds between two looks at the queue, for each place in it; so many waiting runs cost no more than few
_LONGEST_PAUSE = 10.0
_TAKEOVER = 120.0  # seconds after which the lock of a machine that is lost is free, on a network disk too
_LAST_WORDS = 5  # lines of the log that tell why a process did not start


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A place in the queue.

    folder: absolute path of the work's folder.
    since: Unix time in nanoseconds; the order of the queue.
    devices: what it may take; the UUIDs of GPUs, or "cpu". Empty for work that needs none.
    taken: what it has; empty while it waits.
    owner: work of one owner may be side by side on a device; by default its own folder.
    """

    folder: str
    since: int
    devices: tuple[str, ...]
    taken: tuple[str, ...] = ()
    owner: str


class LocalQueue:
    """The `hrs.launch.launcher.Launcher` of this machine."""

    def start(self, config: RunConfig, root: Path, name: str | None = None, *, share: Share | None = None) -> RunFolder:
        run = RunFolder.create(root.resolve(), name, config.to_yaml(), prefix=config.method)
        with only_if_done(run.path):
            with _locked():
                run.write_status(steps=config.train.steps)
                ticket = _enter(run, share)
            _spawn(run, ticket, share)
        return run

    def resume(self, run: RunFolder, *, share: Share | None = None) -> None:
        run = RunFolder(run.path.resolve())
        from hrs.data.glance import look_at_all  # here: what waits needs no reader of images

        look_at_all(check_unfinished(run))  # relative paths may start elsewhere than when it was made
        with _locked():
            requeue(run)
            ticket = _enter(run, share)
        _spawn(run, ticket, share)

    def submit(self, task: Task) -> None:
        with _locked():
            ticket = _enter(task)
        _spawn(task, ticket)

    def cancel(self, work: WorkFolder, *, force: bool = False) -> None:
        cancel(work, force=force)

    def waiting(self) -> tuple[Path, ...]:
        return tuple(Path(ticket.folder) for ticket in _tickets() if ticket.devices and not ticket.taken)

    def line(self) -> Line:
        tickets = _tickets()
        return Line({Path(each.folder): _before(each, tickets) for each in tickets if not each.taken})

    def occupy(self, work: WorkFolder, device: str | None, *, again: bool = False) -> None:
        """Under ``accelerate launch`` the main process speaks for all processes of this machine."""
        usable = devices(device)
        count = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        folder = str(work.path.resolve())
        with _locked():
            if again:
                refuse_active(work, "cancel it first, or wait until it ends")
                work.forget_request()
                work.write_status(state="running", keeper=None)
            taken = usable[:count]
            _write(Ticket(folder=folder, since=time.time_ns(), devices=usable, taken=taken, owner=folder))


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
    with _locked():
        _claim(work)
    with _speaking_for(work):
        with work.beating():
            _use(_await_turn(work))
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


def devices(device: str | None) -> tuple[str, ...]:
    """What work may take here: the UUIDs of the visible GPUs, else "cpu", which is the whole machine; nothing for None.

    Args:
        device: "cpu", None, or anything else for a GPU where there is one.
    """
    if device is None:
        return ()
    return (() if device == CPU else visible_gpus()) or (CPU,)


def visible_gpus() -> tuple[str, ...]:
    """UUIDs of the NVIDIA GPUs that torch could use, without importing it: nvidia-smi lists them,
    CUDA_VISIBLE_DEVICES chooses, and a torch without CUDA uses none."""
    command = shutil.which("nvidia-smi")
    if command is None or not _torch_has_cuda():
        return ()
    query = [command, "--query-gpu=uuid", "--format=csv,noheader"]
    listed = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    found = tuple(listed.stdout.split()) if listed.returncode == 0 else ()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found if chosen is None else tuple(_named_gpus(found, chosen))


def _named_gpus(found: tuple[str, ...], chosen: str) -> Iterator[str]:
    """As CUDA reads the variable: numbers or beginnings of UUIDs, up to the first that fits nothing."""
    for entry in (part.strip() for part in chosen.split(",")):
        fits = [uuid for i, uuid in enumerate(found) if entry == str(i) or (entry and uuid.startswith(entry))]
        if entry.startswith("MIG-"):  # a part of a GPU, which this query does not list
            fits = [entry]
        if not fits:
            return
        yield fits[0]


def _torch_has_cuda() -> bool:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    return any((Path(spec.origin).parent / "lib").glob("*torch_cuda*"))


def _use(device: str | None) -> None:
    """Let torch, once it is imported, see this device alone."""
    if device not in (None, CPU):
        os.environ["CUDA_VISIBLE_DEVICES"] = device


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
    with _locked():
        if _read(_ticket_file(ticket.folder)) != ticket or not work.status.is_file():
            return
        status = work.read_status()
        if status.state == "queued" and status.pid is None:
            words = " ".join(work.log_tail(_LAST_WORDS)) or "it said nothing"
            work.write_status(state="failed", error=f"the process ended with exit code {code} before it began: {words}")


def _await_turn(work: WorkFolder) -> str | None:
    """Wait in line; returns the device to work on, at once None where none is needed."""
    told, needed = "", bool(_usable(work))
    while needed:
        with _locked():
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
    tickets = _tickets(tidy=True)
    mine = next((ticket for ticket in tickets if ticket.folder == str(work.path)), None)
    if mine is None:  # someone emptied the cache
        mine = _enter(work)
    holders = {device: {ticket.owner for ticket in tickets if device in ticket.taken} for device in mine.devices}
    free = [device for device in mine.devices if not holders[device]]
    free += [device for device in mine.devices if holders[device] == {mine.owner}]
    ahead = [t for t in tickets if not t.taken and t.since < mine.since and set(t.devices) & set(mine.devices)]
    if len(ahead) >= len(free):
        return len(ahead) + 1, None
    device = free[len(ahead)]
    _write(replace(mine, taken=(device,)))
    return 1, device


# Tickets


def _queue() -> Path:
    return cache_root() / "queue" / socket.gethostname()


@contextmanager
def _locked() -> Iterator[None]:
    """The queue for this process alone."""
    with locked(_queue() / "lock"):
        yield


def _ticket_file(folder: str) -> Path:
    return _queue() / f"{hashlib.sha256(folder.encode()).hexdigest()[:32]}.json"


def _enter(work: WorkFolder, share: Share | None = None) -> Ticket:
    """Put work at the end of the line."""
    folder, usable = str(work.path), _usable(work)
    ticket = Ticket(folder=folder, since=time.time_ns(), devices=usable, owner=share.owner if share else folder)
    _write(ticket)
    return ticket


def _write(ticket: Ticket) -> None:
    atomic_write(_ticket_file(ticket.folder), json.dumps(asdict(ticket)) + "\n")


def _tickets(*, tidy: bool = False) -> list[Ticket]:
    """Tickets of what waits or goes on, in order. With ``tidy`` the others are removed, for which the caller holds
    the lock."""
    found = []
    for file in _queue().glob("*.json"):
        ticket = _read(file)
        if ticket is not None and _counts(ticket):
            found.append(ticket)
        elif tidy:
            file.unlink(missing_ok=True)
    return sorted(found, key=lambda ticket: (ticket.since, ticket.folder))


def _before(mine: Ticket, tickets: Sequence[Ticket]) -> tuple[Path, ...]:
    """What a ticket waits for: what is at work on its devices, then what came before it."""
    rivals = [ticket for ticket in tickets if set(ticket.devices) & set(mine.devices) and ticket != mine]
    before = [ticket for ticket in rivals if ticket.taken or ticket.since < mine.since]
    return tuple(Path(ticket.folder) for ticket in sorted(before, key=lambda ticket: not ticket.taken))


def _read(file: Path) -> Ticket | None:
    try:
        values: dict[str, Any] = read_json(file)
        lists = {key: tuple(values[key]) for key in ("devices", "taken")}
        return Ticket(folder=values["folder"], since=values["since"], owner=values["owner"], **lists)
    except (OSError, HRSError, KeyError, TypeError):  # removed at this moment, or not ours
        return None


def _counts(ticket: Ticket) -> bool:
    try:
        return WorkFolder(Path(ticket.folder)).active()
    except HRSError:  # the folder is gone
        return False
