"""Which process something belongs to, and whether it still runs."""

from __future__ import annotations

import socket
from typing import Any

import psutil

_CLOCK_SLACK = 2.0  # seconds; the creation time that the system reports moves when the clock is set


def process_identity(pid: int | None = None) -> dict[str, Any]:
    """What tells a process of this machine (default: this one) from all others: ``pid``, ``pid_started`` (when it was
    created, Unix seconds) and ``host``."""
    process = psutil.Process(pid)
    return {"pid": process.pid, "pid_started": process.create_time(), "host": socket.gethostname()}


def process_alive(pid: int, started: float | None) -> bool:
    """Whether the process ``pid`` created at ``started`` (Unix seconds; None asks for the pid alone) still runs.

    An ended child that its parent has not collected yet (a zombie) does not run.
    """
    try:
        process = psutil.Process(pid)
        same = started is None or abs(process.create_time() - started) <= _CLOCK_SLACK
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return False
