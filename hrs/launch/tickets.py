"""The line of a machine's queue: a ticket, which is a small file, for all work that goes on or waits.

They lie in HRS_CACHE/queue/HOST. The ticket of work whose process is gone, however it went, counts for nothing: the
work's own status says so. Who reads a ticket and then writes one holds the lock, `alone_in_line`.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hrs.errors import HRSError
from hrs.runs.work import WorkFolder
from hrs.system.cache import cache_root
from hrs.system.documents import read_json
from hrs.system.files import atomic_write, locked


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A place in the line.

    folder: absolute path of the work's folder.
    since: Unix time in nanoseconds; the order of the line.
    devices: what it may take; the UUIDs of GPUs, or "cpu". Empty for work that needs none.
    taken: what it has; empty while it waits.
    owner: work of one owner may be side by side on a device; by default its own folder.
    """

    folder: str
    since: int
    devices: tuple[str, ...]
    taken: tuple[str, ...] = ()
    owner: str


@contextmanager
def alone_in_line() -> Iterator[None]:
    """The line for this process alone."""
    with locked(_queue() / "lock"):
        yield


def enter(folder: str, devices: tuple[str, ...], *, taken: tuple[str, ...] = (), owner: str | None = None) -> Ticket:
    """Put work at the end of the line, in place of a ticket that it had."""
    ticket = Ticket(folder=folder, since=time.time_ns(), devices=devices, taken=taken, owner=owner or folder)
    keep(ticket)
    return ticket


def keep(ticket: Ticket) -> None:
    """Write a ticket, in place of the one that its work has."""
    atomic_write(_file(ticket.folder), json.dumps(asdict(ticket)) + "\n")


def ticket_of(folder: str) -> Ticket | None:
    """What work has, whether it counts or not."""
    return _read(_file(folder))


def tickets(*, tidy: bool = False) -> list[Ticket]:
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


def before(mine: Ticket, others: Sequence[Ticket]) -> tuple[Path, ...]:
    """What a ticket waits for: what is at work on its devices, then what came before it."""
    rivals = [ticket for ticket in others if set(ticket.devices) & set(mine.devices) and ticket != mine]
    ahead = [ticket for ticket in rivals if ticket.taken or ticket.since < mine.since]
    return tuple(Path(ticket.folder) for ticket in sorted(ahead, key=lambda ticket: not ticket.taken))


def _queue() -> Path:
    return cache_root() / "queue" / socket.gethostname()


def _file(folder: str) -> Path:
    return _queue() / f"{hashlib.sha256(folder.encode()).hexdigest()[:32]}.json"


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
