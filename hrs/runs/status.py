"""What a run says of itself, and whether it may be believed."""

from __future__ import annotations

import socket
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from hrs.system.processes import process_alive

State = Literal["queued", "running", "finished", "failed", "cancelled"]
ACTIVE: tuple[State, ...] = ("queued", "running")
KILLED = "killed: the process ended without saying so"

_SILENCE = 900.0  # seconds without an update after which a run of another machine, whose pid says nothing here, is dead
_STARTING = 120.0  # seconds that the process of a queued run may take until it says which one it is


class Status(BaseModel):
    """What a run says of itself in status.json. Times are Unix seconds; ``eta`` is in seconds, None while unknown.

    ``pid``, ``pid_started`` (creation time of that process) and ``host`` tell whether the process still lives.
    ``best`` holds the best validation so far, such as {"step": 500, "miou": 41.3}.
    """

    model_config = ConfigDict(frozen=True)

    state: State = "queued"
    pid: int | None = None
    pid_started: float | None = None
    host: str | None = None
    step: NonNegativeInt = 0
    steps: NonNegativeInt = 0
    eta: float | None = None
    error: str | None = None
    started: float | None = None
    updated: float | None = None
    best: dict[str, Any] | None = None


def lives(status: Status) -> bool:
    """Whether a run that says it is queued or running may be believed."""
    silent = time.time() - (status.updated or 0)
    if status.pid is None:
        return status.state == "running" or silent < _STARTING
    if status.host not in (None, socket.gethostname()):
        return status.state == "queued" or silent < _SILENCE
    return process_alive(status.pid, status.pid_started)
