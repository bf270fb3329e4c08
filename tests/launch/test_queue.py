"""Runs as processes of their own: order, one a device, and every way in which one of them can end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hrs.cli import main
from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.launch import queue
from hrs.launch.launcher import launcher
from hrs.runs.folder import RunFolder
from hrs.runs.registry import list_runs
from hrs.runs.status import KILLED
from hrs.runs.work import cancel
from hrs.system.processes import process_identity
from tests.conftest import PATIENCE, tiny_config, until


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of runs and a queue of its own; what was started there ends with the test."""
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(queue, "_PAUSE", 0.1)
    yield tmp_path / "runs"
    for summary in list_runs(tmp_path / "runs"):
        status = summary.status
        if status.state in ("queued", "running") and status.pid not in (None, os.getpid()):
            cancel(summary.run, force=True)


@pytest.fixture
def busy(root: Path, tiny: RunConfig) -> RunFolder:
    """A run that this process trains, as far as the others can tell."""
    run = RunFolder.create(root, "busy", tiny.to_yaml())
    launcher().occupy(run, "cpu")
    run.write_status(state="running")
    return run


def waits(run: RunFolder) -> bool:
    return run.read_status().pid is not None and "place" in "".join(run.log_tail(3))


def names() -> list[str]:
    return [path.name for path in launcher().waiting()]


def test_a_run_waits_for_the_device_and_then_trains(busy: RunFolder, root: Path, tiny: RunConfig) -> None:
    run = launcher().start(tiny, root, "next")
    until(lambda: waits(run))
    status = run.read_status()
    assert (status.state, status.steps, names()) == ("queued", 6, ["next"])
    assert psutil.Process(status.pid).name() != "zombie" and os.getsid(status.pid or 0) == status.pid
    busy.write_status(state="finished")
    until(lambda: run.read_status().state not in ("queued", "running"))
    status, log = run.read_status(), run.log.read_text()
    assert (status.state, status.step) == ("finished", 6), log
    assert load_config(run.config) == tiny
    assert log.count("step 6/6  validation") == 1 and names() == []


def test_a_process_that_heard_late_leaves_the_run_to_the_next_one(busy: RunFolder, root: Path, tiny: RunConfig) -> None:
    """It was cancelled and resumed while the machine was busy; or on another machine, from where no signal comes."""
    run = launcher().start(tiny, root, "next")
    until(lambda: waits(run))
    first = psutil.Process(run.read_status().pid)
    first.suspend()
    cancel(run)
    launcher().resume(run)
    first.resume()
    first.wait(PATIENCE)
    until(lambda: run.read_status().pid not in (None, first.pid))
    second = psutil.Process(run.read_status().pid)
    run.write_status(**process_identity())  # a third one, which no signal announced
    second.wait(PATIENCE)
    assert (run.read_status().state, run.read_status().pid) == ("queued", os.getpid())


def test_the_queue_keeps_its_order_whatever_happens_in_it(busy: RunFolder, root: Path, tiny: RunConfig) -> None:
    first, second, third = (launcher().start(tiny, root, name) for name in ("first", "second", "third"))
    until(lambda: all(map(waits, (first, second, third))))
    assert names() == ["first", "second", "third"]
    assert "place 3 in the queue" in third.log_tail(1)[0]
    cancel(second)
    os.kill(first.read_status().pid or 0, signal.SIGKILL)
    until(lambda: "place 1" in third.log_tail(1)[0])
    assert (first.read_status().state, first.read_status().error) == ("failed", KILLED)
    assert second.read_status().state == "cancelled"
    assert third.read_status().state == "queued" and names() == ["third"]
    launcher().resume(first)
    until(lambda: waits(first))
    assert names() == ["third", "first"]


def test_a_killed_training_frees_the_device_and_can_be_resumed(root: Path, tiny: RunConfig) -> None:
    slow = load_config(tiny.model_dump(), ("train.steps=100000",))
    run = launcher().start(slow, root, "killed")
    until(lambda: run.read_status().step >= 4)
    with pytest.raises(HRSError, match="run killed is running"):
        launcher().resume(run)
    os.kill(run.read_status().pid or 0, signal.SIGKILL)
    until(lambda: run.read_status().state == "failed")
    assert run.read_status().error == KILLED and "loss" in "".join(run.log_tail(5))
    step = run.read_status().step
    launcher().resume(run)
    assert run.read_status().state == "queued" and run.read_status().step == step
    until(lambda: run.read_status().state == "running" and run.read_status().step > step)
    cancel(run)
    until(lambda: run.read_status().state == "cancelled")


def test_many_starts_at_once_each_get_a_place(busy: RunFolder, root: Path, tiny: RunConfig) -> None:
    made: list[RunFolder] = []
    threads = [threading.Thread(target=lambda: made.append(launcher().start(tiny, root))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: all(map(waits, made)))
    assert sorted(names()) == sorted(run.name for run in made) and len(set(names())) == 4


def test_a_cancelled_run_does_not_start_although_its_process_comes_later(root: Path, tiny: RunConfig) -> None:
    run = launcher().start(tiny, root, "regretted")
    cancel(run)
    until(lambda: "regretted is cancelled" in "".join(run.log_tail()) or run.read_status().pid)
    assert run.read_status().state == "cancelled" and names() == []


def test_a_process_that_cannot_begin_is_a_failed_run(
    root: Path, tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho no such library >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    run = launcher().start(tiny, root, "broken")
    until(lambda: run.read_status().state == "failed")
    assert run.read_status().error == "the process ended with exit code 3 before it began: no such library"
    assert names() == []


def test_a_config_that_cannot_work_is_a_failed_run(root: Path, frames: dict[str, str]) -> None:
    run = launcher().start(tiny_config(frames, "data.n_real=99"), root, "greedy")
    until(lambda: run.read_status().state == "failed")
    assert "asks for 99 real images" in str(run.read_status().error)
    until(lambda: any("error: data.n_real asks for 99" in line for line in run.log_tail(3)))


def test_what_cannot_be_started_or_resumed(root: Path, busy: RunFolder, tiny: RunConfig) -> None:
    with pytest.raises(HRSError, match="run busy exists"):
        launcher().start(tiny, root, "busy")
    with pytest.raises(HRSError, match="run busy is running; wait until it ends"):
        launcher().resume(busy)
    with pytest.raises(HRSError, match="run busy is running; nothing waits"):
        queue.train_in_turn(busy)
    busy.write_status(state="finished")
    with pytest.raises(HRSError, match="run busy has finished"):
        launcher().resume(busy)


def test_a_run_whose_data_is_not_found_from_here_is_not_resumed(
    root: Path,
    tmp_path: Path,
    frames: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It says so at once, and the run stays as it stopped."""
    (tmp_path / "made").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "made" / "real").symlink_to(frames["target"].removeprefix("folder:"))
    config = tiny_config({**frames, "target": "folder:real"})
    run = RunFolder.create(root, "mine", config.to_yaml())
    run.write_status(state="cancelled")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(HRSError, match=r"data set folder:real: the folder .*elsewhere/real does not exist"):
        launcher().resume(run)
    with pytest.raises(SystemExit):
        main(["train", "--resume", "--name", "mine", "--runs", str(root)])
    assert "elsewhere/real does not exist" in capsys.readouterr().err
    assert run.read_status().state == "cancelled"


def test_the_command_line_queues_resumes_and_renames(
    root: Path, busy: RunFolder, tiny: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    def hrs(*arguments: object) -> str:
        with pytest.raises(SystemExit):
            main([*map(str, arguments), "--runs", str(root)])
        done = capsys.readouterr()
        return done.out + done.err

    assert "mine is queued" in hrs("train", busy.config, "--queue", "--name", "mine")
    assert names() == ["mine"]
    assert "error: run mine is queued; cancel it first" in hrs("runs", "resume", "mine")
    assert "mine is out of the queue" in hrs("runs", "cancel", "mine")
    assert "mine is queued" in hrs("runs", "resume", "mine", "--queue")
    assert "error: run mine is queued; cancel it before renaming it" in hrs("runs", "rename", "mine", "yours")
    hrs("runs", "cancel", "mine")
    assert "mine is now yours" in hrs("runs", "rename", "mine", "yours")
    assert (root / "yours").is_dir() and not (root / "mine").exists()
    assert "error: --queue and --on start a new run" in hrs("train", "--queue", "--resume", "--name", "yours")


@pytest.mark.usefixtures("gpus")
def test_two_gpus_train_two_runs_and_the_third_waits(
    root: Path, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto = load_config(tiny.model_dump(), ("train.device=auto",))
    seen = []
    for name in ("a", "b"):
        run = RunFolder.create(root, name, auto.to_yaml())
        monkeypatch.setattr(queue, "use", seen.append)
        monkeypatch.setattr("hrs.training.trainer.train", lambda config, run, **_: None)
        queue.train_in_turn(run)
    assert seen == ["GPU-aaa1", "GPU-bbb2"]
    third = RunFolder.create(root, "third", auto.to_yaml())
    worker = threading.Thread(target=queue.train_in_turn, args=(third,))
    worker.start()
    until(lambda: names() == ["third"])
    RunFolder(root / "b").write_status(state="finished")
    worker.join(PATIENCE)
    assert seen[2] == "GPU-bbb2"


def test_nothing_of_torch_is_imported() -> None:
    code = "import sys, hrs.launch.queue, hrs.launch.launcher; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_of_a_cluster_that_goes_on_here_has_no_keeper(root: Path, tiny: RunConfig) -> None:
    run = RunFolder.create(root, "home", tiny.to_yaml())
    run.write_status(state="failed", keeper="10.0.0.1:6379")
    run.cancel_mark.touch()  # of what stopped
    launcher().occupy(run, "cpu", again=True)
    assert run.read_status().keeper is None and not run.stop_requested()


def test_of_many_that_resume_a_run_at_once_one_may(root: Path, tiny: RunConfig) -> None:
    """Each looks at the status and takes the run under the lock, so none sees what another is about to change."""
    run = RunFolder.create(root, "stopped", tiny.to_yaml())
    run.write_status(state="cancelled")
    barrier, won, refused = threading.Barrier(8), [], []

    def resume() -> None:
        barrier.wait()
        try:
            launcher().occupy(run, "cpu", again=True)
            won.append(run)
        except HRSError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=resume) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and run.read_status().pid == os.getpid()
    assert refused == ["run stopped is running; cancel it first, or wait until it ends"] * 7


def test_a_start_that_cannot_be_queued_leaves_no_run(root: Path, tiny: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder of tickets should be")
    with pytest.raises(HRSError, match="cannot write"):
        launcher().start(tiny, root, "mine")
    assert list(root.iterdir()) == []
    assert main_fails(["train", "--name", "mine", "--runs", str(root)]) == 1
    assert list(root.iterdir()) == []


def main_fails(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)
