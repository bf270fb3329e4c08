"""Commands of hrs as processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

INTERRUPTED = 130
"""What a command returns that was asked to end."""

TELL_EVERY = "HRS_PROGRESS_SECONDS"
"""Environment variable: how often a command without a terminal says how far it is, beside at every tenth."""


def spawn(
    arguments: Sequence[str],
    *,
    errors: Path,
    output: bool = False,
    detached: bool = False,
    tied: bool = False,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``python -m hrs`` with these words.

    Args:
        errors: gets what it says on stderr (progress, warnings, a trace), behind what is there.
        output: whether what it prints goes there too; else it is dropped.
        detached: in a session of its own, so that no closed terminal or server ends it.
        tied: it can tell by its stdin when this process is gone; see `end_with_parent`.
        environment: added to that of this process.
        cwd: the folder it works in; by default that of this process.
    """
    with open(errors, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hrs", *arguments],
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=log if output else subprocess.DEVNULL,
            stderr=log,
            start_new_session=detached,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
        )


def end_with_parent() -> None:
    """Have this process killed when the one that spawned it ``tied`` is gone, in whatever way: somebody else goes on
    with its work then, and it must not write a word more."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="parent", daemon=True).start()
