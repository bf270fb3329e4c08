"""Processes killed in the middle of what they write: python -m tests.faults.kills --kills 200

A process writes a run's folder as training does, and is killed by SIGKILL at its nth call to the system that opens,
writes, syncs, renames or removes something, for every n in turn. After each kill the run must read as it did before
some write or after it, never in between, and what it had said it had saved must be there.
"""

from __future__ import annotations

import argparse
import builtins
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hrs.runs.folder import RunFolder
from hrs.runs.registry import delete, list_runs
from hrs.system.files import atomic_folder, recover, sweep
from tests.runs.metrics import read_metrics

STEPS = 3
_MEMORY = Path("/dev/shm")  # where syncing costs nothing
CALLS = ("open", "replace", "rename", "unlink", "fsync", "mkdir", "rmdir")


def write_a_run(root: Path, said: Callable[[int], None]) -> None:
    """As a run of a few steps writes; ``said`` is told of each step that is saved."""
    run = RunFolder.create(root, "run", "method: joint\n")
    for step in range(1, STEPS + 1):
        run.append_metrics({"step": step, "split": "train", "loss": 1.0})
        run.append_result({"step": step, "miou": 40.0 + step})
        with atomic_folder(run.last) as folder:
            for name in ("model.safetensors", "config.json"):
                (folder / name).write_text(str(step) * 2000)
        run.write_status(state="running", step=step, steps=STEPS, best={"step": step, "miou": 40.0 + step})
        said(step)
    run.write_status(state="finished")
    spare = RunFolder.create(root, "spare", "{}")
    spare.write_status(state="finished")
    delete(spare)


def killed_at(number: int, root: Path) -> tuple[bool, int]:
    """Whether a process that writes a run was killed at its nth call, or ended before; and the last step it saved."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        _arm(number)
        write_a_run(root, lambda step: os.write(tell, bytes([step])) and None)
        os._exit(0)
    os.close(tell)
    _, status = os.waitpid(child, 0)
    steps = os.read(told, 100)
    os.close(told)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        raise AssertionError(f"the writer failed by itself: {status}")
    return os.WIFSIGNALED(status), steps[-1] if steps else 0


def _arm(number: int) -> None:
    """Have this process killed at its nth call, before the call or, for every other one, after it."""
    left = number

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*words: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0 and number % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*words, **named)
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    for name in CALLS:
        setattr(os, name, deadly(getattr(os, name)))
    builtins.open = deadly(builtins.open)


def check(root: Path, saved: int) -> None:
    """Raises AssertionError where something is lost, half there, or left behind."""
    found = {each.name: each for each in list_runs(root)}
    run = RunFolder(root / "run")
    if saved:
        assert "run" in found, "the run is gone"
    if "run" in found:
        assert found["run"].damage is None, found["run"].damage
        status = run.read_status()
        assert "damaged" not in (status.error or ""), status
        assert status.step >= saved, f"status says {status.step}, {saved} was saved"
        assert len(read_metrics(run.metrics)) >= saved
        assert len(run.read_results()) >= saved
        if saved:
            assert recover(run.last), "the checkpoint is gone"
            texts = {(run.last / name).read_text() for name in ("model.safetensors", "config.json")}
            assert len(texts) == 1 and len(texts.pop()) == 2000, "half a checkpoint"
    sweep(root)
    left = [path for path in root.rglob(".*") if path.suffix in (".tmp", ".old", ".gone")]
    assert not left, f"left behind: {left}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    wanted = parser.parse_args(arguments).kills
    kills, number, lost = 0, 0, 0
    while kills < wanted:
        number += 1
        with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
            killed, saved = killed_at(number, Path(folder))
            try:
                check(Path(folder), saved)
            except AssertionError as error:
                lost += 1
                print(f"killed at call {number}: {error}", file=sys.stderr)
        kills += killed
        number = 0 if not killed else number  # it ended before: from the start again
    print(f"{kills} kills, {lost} with something lost")
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
