"""Runs as processes of their own: one at a time on each device, the others wait in the order they were started.

There is no daemon. A run that trains or waits has a ticket, a small file in the machine's queue folder
(HRS_CACHE/queue/HOST), which says since when it stands in line and which device it has. Every waiting process looks at
the tickets, under a file lock, and takes a device when its turn has come. The ticket of a run whose process is gone,
however it went, counts for nothing: the run's own status says so. So the queue outlives whoever started a run.

Nothing here imports torch, so that waiting costs little and a process sees only the GPU that it was given.
"""

from __future__ import annotations

import fcntl
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.progress import Progress
from hrs.runs.folder import RunFolder
from hrs.runs.work import requeue
from hrs.system.cache import cache_root
from hrs.system.files import atomic_write, disk_errors

CPU = "cpu"
_PAUSE = 0.5  # seconds between two looks at the queue, for each place in it; so many waiting runs cost no more than few
_LONGEST_PAUSE = 10.0
_LAST_WORDS = 5  # lines of the log that tell why a process did not start


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A place in the queue.

    run: absolute path of its folder.
    since: Unix time in nanoseconds; the order of the queue.
    devices: what it may train on; the UUIDs of GPUs, or "cpu".
    taken: what it trains on; empty while it waits.
    """

    run: str
    since: int
    devices: tuple[str, ...]
    taken: tuple[str, ...] = ()


def start(config: RunConfig, root: Path, name: str | None = None) -> RunFolder:
    """Make a run and a process that trains it as soon as a device is free; returns at once.

    Raises:
        HRSError: the name is unfit or taken, or the folder cannot be written.
    """
    run = RunFolder.create(root.resolve(), name, config.to_yaml(), prefix=config.method)
    with _locked():
        run.write_status(steps=config.train.steps)
        ticket = _enter(run, config)
    _spawn(run, ticket)
    return run


def resume(run: RunFolder) -> None:
    """Queue a run that stopped; it goes on from its last checkpoint, or from the start if it has none.

    Raises:
        HRSError: it is queued, running or finished, or its config cannot be read.
    """
    run = RunFolder(run.path.resolve())
    config = load_config(run.config)
    if run.read_status().state == "finished":
        raise HRSError(f"run {run.name} has finished; start a new run from its config.yaml")
    with _locked():
        requeue(run)
        ticket = _enter(run, config)
    _spawn(run, ticket)


def work(run: RunFolder, *, progress: Progress | None = None) -> None:
    """What the process of a queued run does: wait for a device, then train.

    Raises:
        HRSError: the run is not queued, was cancelled, or training failed; its status says so.
    """
    run = RunFolder(run.path.resolve())
    with _locked():
        if not run.claim():
            raise HRSError(f"run {run.name} is {run.read_status().state}; nothing waits to be started")
    try:
        config = load_config(run.config)
        _use(_await_turn(run, config))
        run.write_status(state="running", steps=config.train.steps)
        from hrs.training.trainer import train  # not before its turn: torch is large, and reads which GPU it may see
    except Exception as error:
        if run.read_status().state in ("queued", "running"):
            run.write_status(state="failed", error=str(error))
        raise
    train(config, run, resume=run.last.is_dir(), progress=progress)


def occupy(run: RunFolder, config: RunConfig) -> None:
    """Tell the queue that this process trains a run at once, so that queued runs wait until it ends.

    Under ``accelerate launch`` the main process speaks for all processes of this machine.
    """
    usable = devices(config)
    count = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    with _locked():
        ticket = Ticket(run=str(run.path.resolve()), since=time.time_ns(), devices=usable, taken=usable[:count])
        _write(ticket)


def waiting() -> tuple[Path, ...]:
    """Folders of the runs of this machine that wait for a device, next one first."""
    return tuple(Path(ticket.run) for ticket in _tickets() if not ticket.taken)


def devices(config: RunConfig) -> tuple[str, ...]:
    """What a run may train on here: the UUIDs of the visible GPUs, else "cpu", which is the whole machine."""
    return (() if config.train.device == CPU else visible_gpus()) or (CPU,)


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


def _use(device: str) -> None:
    """Let torch, once it is imported, see this device alone."""
    if device != CPU:
        os.environ["CUDA_VISIBLE_DEVICES"] = device


# The process of a run


def _spawn(run: RunFolder, ticket: Ticket) -> None:
    """Start the process of a queued run, in a session of its own so that no closed terminal or server ends it.

    Its log lines go to log.txt by themselves; what else it says (progress, warnings, a trace) is on stderr.
    """
    command = [sys.executable, "-m", "hrs", "runs", "work", run.name, "--runs", str(run.path.parent)]
    with disk_errors(run.log), open(run.log, "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
    threading.Thread(target=_collect, args=(process, run, ticket), daemon=True).start()


def _collect(process: subprocess.Popen[bytes], run: RunFolder, ticket: Ticket) -> None:
    """Wait for a process, so that it does not stay a zombie, and speak for it if it ended before it could.

    The ticket tells whether the run has been queued again meanwhile, with another process.
    """
    code = process.wait()
    with _locked():
        if _read(_ticket_file(ticket.run)) != ticket or not run.exists():
            return
        status = run.read_status()
        if status.state == "queued" and status.pid is None:
            words = " ".join(run.log_tail(_LAST_WORDS)) or "it said nothing"
            run.write_status(state="failed", error=f"the process ended with exit code {code} before it began: {words}")


def _await_turn(run: RunFolder, config: RunConfig) -> str:
    """Wait in line; returns the device to train on."""
    told = ""
    while True:
        with _locked():
            place, device = _look(run, config)
        if run.read_status().state == "cancelled":
            raise HRSError(f"run {run.name} was cancelled while it waited")
        if device is not None:
            return device
        if told != (told := f"waiting for a device: place {place} in the queue"):
            print(f"{datetime.now():%Y-%m-%d %H:%M:%S} {told}", file=sys.stderr, flush=True)
        time.sleep(min(_PAUSE * place, _LONGEST_PAUSE))


def _look(run: RunFolder, config: RunConfig) -> tuple[int, str | None]:
    """A run's place in the line for its devices, from 1, and its device if its turn has come."""
    tickets = _tickets(tidy=True)
    mine = next((ticket for ticket in tickets if ticket.run == str(run.path)), None)
    if mine is None:  # someone emptied the cache
        mine = _enter(run, config)
    busy = {device for ticket in tickets for device in ticket.taken}
    free = [device for device in mine.devices if device not in busy]
    ahead = [t for t in tickets if not t.taken and t.since < mine.since and set(t.devices) & set(mine.devices)]
    if len(ahead) >= len(free):
        return len(ahead) + 1, None
    _write(replace(mine, taken=(free[0],)))
    return 1, free[0]


# Tickets


def _queue() -> Path:
    return cache_root() / "queue" / socket.gethostname()


@contextmanager
def _locked() -> Iterator[None]:
    """The queue for this process alone; the system frees it when a process dies."""
    path = _queue() / "lock"
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "wb")  # noqa: SIM115 - closed below; opened here so that the error above is only its own
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _ticket_file(run: str) -> Path:
    return _queue() / f"{hashlib.sha256(run.encode()).hexdigest()[:32]}.json"


def _enter(run: RunFolder, config: RunConfig) -> Ticket:
    """Put a run at the end of the line."""
    ticket = Ticket(run=str(run.path), since=time.time_ns(), devices=devices(config))
    _write(ticket)
    return ticket


def _write(ticket: Ticket) -> None:
    atomic_write(_ticket_file(ticket.run), json.dumps(asdict(ticket)) + "\n")


def _tickets(*, tidy: bool = False) -> list[Ticket]:
    """Tickets of runs that wait or train, in order. With ``tidy`` the others are removed, for which the caller holds
    the lock."""
    found = []
    for file in _queue().glob("*.json"):
        ticket = _read(file)
        if ticket is not None and _counts(ticket):
            found.append(ticket)
        elif tidy:
            file.unlink(missing_ok=True)
    return sorted(found, key=lambda ticket: (ticket.since, ticket.run))


def _read(file: Path) -> Ticket | None:
    try:
        values: dict[str, Any] = json.loads(file.read_bytes())
        lists = {key: tuple(values[key]) for key in ("devices", "taken")}
        return Ticket(run=values["run"], since=values["since"], **lists)
    except (OSError, ValueError, KeyError, TypeError):  # removed at this moment, or not ours
        return None


def _counts(ticket: Ticket) -> bool:
    try:
        return RunFolder(Path(ticket.run)).read_status().state in ("queued", "running")
    except HRSError:  # the folder is gone
        return False
