"""Tasks: what their folder says while they work and when they have ended, and that they wait for devices as runs do."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hrs.cli import main
from hrs.config import RunConfig
from hrs.errors import HRSError
from hrs.launch import queue
from hrs.launch.launcher import Share, launcher
from hrs.launch.task import Task, Teller, tasks_below
from hrs.runs.folder import RunFolder
from hrs.runs.status import KILLED
from tests.conftest import until, write_frames

FRAMES = 10_000  # more than are looked at before a test says stop


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of runs and a queue of its own; what was started there ends with the test."""
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(queue, "_PAUSE", 0.1)
    yield tmp_path / "runs"
    for task in tasks_below(tmp_path / "runs"):
        if task.active() and task.read_status().pid not in (None, os.getpid()):
            launcher().cancel(task, force=True)


@pytest.fixture
def run(root: Path, tiny: RunConfig) -> RunFolder:
    made = RunFolder.create(root, "mine", tiny.to_yaml())
    made.write_status(state="finished")
    return made


@pytest.fixture
def task(run: RunFolder) -> Task:
    return Task.create(run.tasks / "score", ["score", "nothing"], out=run.scores.path, device="cpu")


def test_a_task_says_how_far_it_is_and_how_it_ended(task: Task) -> None:
    assert (task.read_status().state, task.read_order().command) == ("queued", ("score", "nothing"))
    with task.at_work():
        assert Task.current() == task
        tell = Teller(task)
        for done in range(1, 5):
            tell(done, 4)
            assert task.read_status().steps == 4
        status = task.read_status()
        assert (status.state, status.pid, status.step) == ("running", os.getpid(), 4)
    assert Task.current() is None and task.read_status().state == "finished"


def test_the_time_left_is_told_at_the_pace_so_far(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    tell = Teller(task)
    tell(20, 100)
    assert task.read_status().eta is None
    tell(40, 100)
    assert task.read_status().eta == pytest.approx(30)


def test_what_goes_wrong_is_in_the_status(task: Task) -> None:
    with pytest.raises(ZeroDivisionError), task.at_work():
        print(1 / 0)
    assert (task.read_status().state, task.read_status().error) == ("failed", "division by zero")


def test_a_task_that_was_asked_stops_where_it_tells_of_its_progress(task: Task) -> None:
    def work() -> None:
        with task.at_work():
            tell = Teller(task)
            tell(1, 9)
            launcher().cancel(task)  # of this very process: no signal
            tell(2, 9)

    with pytest.raises(HRSError, match="task score was cancelled"):
        work()
    assert (task.read_status().state, task.read_status().step) == ("cancelled", 1)


def test_a_new_task_takes_the_place_of_one_that_ended(run: RunFolder, task: Task) -> None:
    with pytest.raises(HRSError, match="task score is queued; wait until it ends"):
        Task.create(task.path, ["score", "other"], out=run.scores.path)
    task.write_status(state="failed", error="no")
    task.log.write_text("old")
    task.cancel_mark.touch()
    again = Task.create(task.path, ["score", "other"], out=run.scores.path)
    assert (again.read_status().error, again.log.exists(), again.cancel_mark.exists()) == (None, False, False)


def test_a_folder_that_may_not_be_written_is_said_to_be_one(
    run: RunFolder, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    task.write_status(state="finished")

    def closed(path: Path, **_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("os.rmdir", closed)
    monkeypatch.setattr("os.unlink", closed)
    with pytest.raises(HRSError, match=r"cannot write .*score \(Permission denied\); choose a folder"):
        Task.create(task.path, ["score", "other"], out=run.scores.path)


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of queued runs are threads here; a run that has its turn runs until the test says otherwise."""
    spawn = queue._spawn

    def start(work: RunFolder | Task, *about: Any) -> None:
        if isinstance(work, Task):
            spawn(work, *about)
        else:
            threading.Thread(target=queue.train_in_turn, args=(work,)).start()

    monkeypatch.setattr("hrs.training.trainer.train", lambda *_, **__: None)
    monkeypatch.setattr(queue, "_spawn", start)


def goes(run: RunFolder) -> bool:
    return run.read_status().state == "running"


def names() -> list[str]:
    return [path.name for path in launcher().waiting()]


def occupied(root: Path, tiny: RunConfig) -> RunFolder:
    """A run that has the device."""
    busy = RunFolder.create(root, "busy", tiny.to_yaml())
    launcher().occupy(busy, "cpu")
    busy.write_status(state="running")
    return busy


@pytest.mark.usefixtures("in_threads")
def test_a_task_waits_behind_a_run_and_a_run_behind_it(root: Path, run: RunFolder, tiny: RunConfig) -> None:
    busy = occupied(root, tiny)
    task = Task.create(run.tasks / "score", ["check", "folder:nowhere"], out=run.scores.path, device="cpu")
    launcher().submit(task)
    until(lambda: "place 1" in "".join(task.log_tail(3)))
    other = launcher().start(tiny, root, "other")
    time.sleep(0.3)
    assert names() == ["score", "other"] and task.read_status().state == "queued"
    busy.write_status(state="finished")
    until(lambda: goes(other))
    status = task.read_status()
    assert status.state == "failed" and "nowhere does not exist" in str(status.error)
    until(lambda: "error: " in task.log_tail(1)[0])  # said once the status is written
    assert (other.read_status().started or 0) >= (status.updated or 0) > (busy.read_status().updated or 0)


def test_a_task_that_needs_no_device_does_not_wait(root: Path, run: RunFolder, tiny: RunConfig) -> None:
    occupied(root, tiny)
    task = Task.create(run.tasks / "prune", ["--help"], out=run.scores.path)
    launcher().submit(task)
    assert launcher().waiting() == ()
    until(lambda: not task.active())
    assert task.read_status().state == "finished" and "Semantic segmentation" in task.log.read_text()


def hrs(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit):
        main(["tasks", *words])
    return capsys.readouterr().out


@pytest.fixture
def looking(run: RunFolder, tmp_path: Path) -> Task:
    """A task of a process of its own, that will look at frames for long."""
    many = write_frames(tmp_path / "many", 1, seed=1)
    for folder in ("images", "labels"):
        for i in range(1, FRAMES):
            (many / folder / f"{i:06d}.png").symlink_to("000.png")
    task = Task.create(run.tasks / "check", ["check", f"folder:{many}"], out=many)
    launcher().submit(task)
    until(lambda: task.read_status().step > 0)
    assert task.read_status().steps == FRAMES
    return task


def test_a_task_is_cancelled(looking: Task, run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert "running" in hrs(capsys, "list", "--runs", str(run.path.parent))
    assert "will stop" in hrs(capsys, "cancel", str(looking.path))
    until(lambda: not looking.active())
    assert looking.read_status().state == "cancelled" and looking.read_status().step < FRAMES


def test_a_signal_cancels_a_task_which_says_so(looking: Task) -> None:
    pid = looking.read_status().pid
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    until(lambda: not looking.active())
    assert looking.read_status().state == "cancelled" and looking.read_status().step < FRAMES
    until(lambda: "error: task check was cancelled" in looking.log_tail(1)[0])  # said once the status is written


@pytest.mark.usefixtures("in_threads")
def test_a_killed_task_has_failed_and_frees_its_device(root: Path, task: Task, tiny: RunConfig) -> None:
    launcher().occupy(task, "cpu")
    task.write_status(state="running")
    waits = launcher().start(tiny, root, "waits")
    time.sleep(0.3)
    assert names() == ["waits"]
    task.write_status(pid_started=1.0)  # another process has its number now
    assert task.read_status().error == KILLED
    until(lambda: goes(waits))


@pytest.mark.usefixtures("in_threads")
def test_runs_of_one_owner_share_a_device_but_do_not_pass_who_waits(root: Path, tiny: RunConfig) -> None:
    share = Share(owner="study", at_once=2)
    one, two = (launcher().start(tiny, root, name, share=share) for name in ("one", "two"))
    until(lambda: goes(one) and goes(two))
    other = launcher().start(tiny, root, "other")
    three = launcher().start(tiny, root, "three", share=share)
    one.write_status(state="finished")
    time.sleep(0.3)
    assert names() == ["other", "three"]
    two.write_status(state="finished")
    until(lambda: goes(other))
    time.sleep(0.3)
    assert names() == ["three"]
    other.write_status(state="finished")
    until(lambda: goes(three))


def test_a_process_that_cannot_begin_is_a_failed_task(
    run: RunFolder, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho no such library\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    launcher().submit(task)
    until(lambda: task.read_status().state == "failed")
    assert task.read_status().error == "the process ended with exit code 3 before it began: no such library"
