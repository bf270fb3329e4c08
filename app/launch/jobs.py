"""Commands of hrs that a page has done by a process of its own: it stays quick, and survives whatever they meet."""

from __future__ import annotations

import atexit
import json
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from hrs.launch.process import INTERRUPTED, TELL_EVERY, spawn
from hrs.progress import Pace

_ANSWER = "answer.json"
_PATIENCE = 5.0  # seconds for a command that was asked to end
_TOLD = "2"  # seconds between two words of a command on how far it is
_PROGRESS = re.compile(r"(\d+)/(\d+)(, .* left)?\s*$")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command and the folder that it writes to. ``close`` ends both, at the end of this process at the latest."""

    process: subprocess.Popen[bytes]
    folder: tempfile.TemporaryDirectory[str]
    pace: Pace = field(default_factory=Pace)

    @classmethod
    def start(cls, command: Callable[[Path], list[str]]) -> Self:
        """Start ``python -m hrs`` with the words that ``command`` gives for a new folder."""
        folder = tempfile.TemporaryDirectory(prefix="hrs-job-")
        out = Path(folder.name)
        process = spawn(command(out), errors=out / "stderr.txt", environment={TELL_EVERY: _TOLD})
        job = cls(process=process, folder=folder)
        atexit.register(job.close)
        return job

    @classmethod
    def on_settings(cls, name: str, yaml: str) -> Self:
        """Start a command of that name on a run's settings; its ``answer`` is what it writes."""

        def command(out: Path) -> list[str]:
            (out / "run.yaml").write_text(yaml, encoding="utf-8")
            return [name, str(out / "run.yaml"), "--json", str(out / _ANSWER)]

        return cls.start(command)

    def answer(self) -> Any:
        """What a command on settings found."""
        return json.loads((self.out / _ANSWER).read_text(encoding="utf-8"))

    @property
    def out(self) -> Path:
        return Path(self.folder.name)

    @property
    def done(self) -> bool:
        return self.process.poll() is not None

    @property
    def progress(self) -> tuple[int, int] | None:
        """(done, total) as the command last said; None before."""
        found = _PROGRESS.search(self._last_line())
        return (int(found[1]), int(found[2])) if found else None

    @property
    def left(self) -> float | None:
        """Seconds to the end at the pace since it was first asked; None before there is one."""
        return self.pace.left(*found, time.monotonic()) if (found := self.progress) else None

    @property
    def error(self) -> str | None:
        """What went wrong, in one line; None while it runs and where it went well."""
        code = self.process.poll()
        if not code:
            return None
        if code in (INTERRUPTED, -signal.SIGTERM):  # the second where it came before anything was open
            return "stopped"
        return self._last_line().removeprefix("error: ") or f"ended with exit code {code}"

    def stop(self) -> None:
        self.process.terminate()

    def close(self) -> None:
        """End the command, if it still runs, and remove what it wrote."""
        self.stop()
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()
        atexit.unregister(self.close)

    def _last_line(self) -> str:
        lines = (self.out / "stderr.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else ""
