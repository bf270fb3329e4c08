"""Which process something belongs to, and whether it still runs."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

_CLOCK_SLACK = 2.0  # seconds; the creation time that the system reports moves when the clock is set
_TICK = 0.005  # seconds; half a tick of the kernel's count


def cores() -> int:
    """Processors that this process may use; all of them where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def process_identity(pid: int | None = None) -> dict[str, Any]:
    """What tells a process of this machine (default: this one) from all others: ``pid``, ``pid_started`` (seconds from
    the start of the machine to its own), ``boot`` (which start of the machine that was) and ``host``.

    None of them moves when the clock is set. Where the system does not say them, ``boot`` is None and ``pid_started``
    the creation time, in Unix seconds.
    """
    own = os.getpid() if pid is None else pid
    boot, started = boot_id(), _since_boot(own)
    if boot is None or started is None:
        boot, started = None, psutil.Process(own).create_time()
    return {"pid": own, "pid_started": started, "boot": boot, "host": socket.gethostname()}


def process_alive(pid: int, started: float | None, boot: str | None = None) -> bool:
    """Whether the process that `process_identity` told of still runs; ``started`` None asks for the pid alone.

    An ended child that its parent has not collected yet (a zombie) does not run.
    """
    try:
        process = psutil.Process(pid)
        return _is_same(process, started, boot) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return False


def _is_same(process: psutil.Process, started: float | None, boot: str | None) -> bool:
    if started is None:
        return True
    if boot is None:  # the clock is all there is, or all that an earlier version wrote down
        return abs(process.create_time() - started) <= _CLOCK_SLACK
    now = _since_boot(process.pid)
    return boot == boot_id() and now is not None and abs(now - started) < _TICK


@cache
def boot_id() -> str | None:
    """Names this start of the machine; None where the system has no such name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _since_boot(pid: int) -> float | None:
    """When a process started, in seconds after the machine did; None where there is no such process or count."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    ticks = stat.rpartition(b")")[2].split()[19]  # starttime, proc(5); the name before it may hold anything
    return int(ticks) / os.sysconf("SC_CLK_TCK")


@contextmanager
def interrupting() -> Iterator[Callable[[], None]]:
    """Have SIGTERM and a closed terminal end the block as Ctrl-C does, by KeyboardInterrupt, so that what is open is
    closed in order.

    Libraries that are being loaded may swallow an exception. What the block is given raises it again where a signal
    came before. A thread gets no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in ending_signals()}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ending_signals() -> tuple[int, ...]:
    """By which a process is asked to end: SIGTERM, and those of Ctrl-C and of a closed terminal unless they are
    ignored, as a shell has the one ignored by what works in the background, and nohup the other."""
    heard = (each for each in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN)
    return signal.SIGTERM, *heard
