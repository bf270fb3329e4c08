"""What a run says of itself, and whether it may be believed."""

from __future__ import annotations

import socket
import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hrs.system.processes import process_alive

State = Literal["queued", "running", "finished", "failed", "cancelled"]
ACTIVE: tuple[State, ...] = ("queued", "running")
ENDED: dict[State, str] = {"finished": "has finished", "failed": "failed", "cancelled": "was cancelled"}
"""How a run ended, after its name."""
KILLED = "killed: the process ended without saying so"

BEAT = 15.0  # seconds between two heartbeats of work that waits or goes on
_SILENCE = 150.0  # seconds without one after which work is dead whose pid says nothing here; network disks show it late
_STARTING = 120.0  # seconds that the process of a queued run may take until it says which one it is


# A file may hold any number; beyond these no page can show a time, a duration or a share.
Count = Annotated[int, Field(ge=0, le=10**12)]
Seconds = Annotated[float, Field(ge=0, le=9e9, allow_inf_nan=False)]


class Best(BaseModel):
    """The best validation so far; ``miou`` in percent, None where no class was there to score."""

    model_config = ConfigDict(frozen=True)

    step: Count = 0
    miou: float | None = Field(None, allow_inf_nan=False)


class Phase(BaseModel):
    """What a run is at where it takes no steps, such as rendering; ``done`` of ``total`` frames, 0 where none count."""

    model_config = ConfigDict(frozen=True)

    what: str = Field(max_length=100)
    done: Count = 0
    total: Count = 0

    def in_words(self) -> str:
        return f"{self.what} {self.done:,}/{self.total:,}" if self.total else self.what


class Status(BaseModel):
    """What a run says of itself in status.json. Times are Unix seconds; ``eta`` is in seconds, None while unknown.

    ``pid``, ``pid_started``, ``boot`` (see `process_identity`) and ``host`` tell whether the process still lives.
    ``keeper`` is the address of a cluster that has the work done, and replaces a process that is lost.
    """

    model_config = ConfigDict(frozen=True)

    state: State = "queued"
    pid: int | None = Field(None, gt=0, lt=2**31)
    pid_started: Seconds | None = None
    boot: str | None = None
    host: str | None = None
    keeper: str | None = None
    step: Count = 0
    steps: Count = 0
    eta: Seconds | None = None
    error: str | None = None
    started: Seconds | None = None
    updated: Seconds | None = None
    best: Best | None = None
    phase: Phase | None = None


NOBODY = {"pid": None, "pid_started": None, "boot": None, "host": None}
"""The fields of a status that name no process."""


def lives(status: Status, beat: float | None = None) -> bool:
    """Whether a run that says it is queued or running may be believed.

    Args:
        beat: Unix time of its last heartbeat; None where there is none.
    """
    silent = time.time() - max(status.updated or 0, beat or 0)
    if status.keeper is not None:  # a lost process is not the end of it
        return silent < _SILENCE
    if status.pid is None:
        return status.state == "running" or silent < _STARTING
    if status.host not in (None, socket.gethostname()):
        return silent < _SILENCE
    return process_alive(status.pid, status.pid_started, status.boot)
