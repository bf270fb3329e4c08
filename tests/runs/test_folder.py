import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from hrs.errors import HRSError
from hrs.runs import work
from hrs.runs.folder import RunFolder, check_name
from hrs.runs.names import CorpusFolder
from hrs.runs.status import KILLED, Best, Status
from hrs.runs.work import WorkFolder, cancel, put_back, requeue
from hrs.system.files import DiskFull, atomic_write
from hrs.system.processes import process_alive, process_identity
from tests.conftest import until

README = Path(__file__).resolve().parents[2] / "README.md"


def test_a_new_run_is_queued_and_keeps_its_config(run: RunFolder) -> None:
    assert run.name == "first"
    assert run.config.read_text() == "method: hrs\n"
    assert run.read_status().state == "queued"
    assert sorted(path.name for path in run.path.iterdir()) == [".reserve", "config.yaml", "status.json"]


def tree(readme: str) -> set[str]:
    """The names in the README's tree of a run."""
    lines = readme.split("runs/NAME/\n", 1)[1].split("```", 1)[0].splitlines()
    return {line[2:].split("  ", 1)[0].strip().rstrip("/") for line in lines if line[2:3] != " "}


def test_the_readme_names_what_a_run_leaves_behind_and_nothing_else() -> None:
    run = RunFolder(Path("NAME"))
    facts = [*vars(WorkFolder).items(), *vars(RunFolder).items()]
    own = [getattr(run, name) for name, each in facts if isinstance(each, property)]
    paths = [each.path if isinstance(each, CorpusFolder) else each for each in own if not isinstance(each, str)]
    paths += [run.panel_frames("DIGEST"), run.panel_step(500).path]
    paths += [run.preview("val", 500), run.preview("weights", 500), run.preview_scores(500)]
    names = {re.sub(r"0+500", "STEP", path.relative_to(run.path).as_posix()) for path in paths}
    assert tree(README.read_text(encoding="utf-8")) == names


def test_steps_are_found_by_their_names(run: RunFolder) -> None:
    assert run.panel_steps() == run.preview_steps("val") == []
    for step in (1500, 20, 1_000_000):
        run.panel_step(step).path.mkdir(parents=True)
        run.previews.mkdir(exist_ok=True)
        run.preview("val", step).touch()
    (run.weights / "step_later").mkdir()
    run.preview("weights", 3).touch()
    assert run.panel_steps() == run.preview_steps("val") == [20, 1500, 1_000_000]
    assert run.preview_steps("weights") == [3]


def test_a_checkpoint_knows_its_run(run: RunFolder, tmp_path: Path) -> None:
    assert RunFolder.of_checkpoint(run.best) == RunFolder.of_checkpoint(run.last) == run
    assert RunFolder.of_checkpoint(run.previews / "best") is None
    assert RunFolder.of_checkpoint(tmp_path / "checkpoints" / "best") is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", ".hidden", "-x", "a b", "ä", "x" * 101, "a\n"])
def test_unfit_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(HRSError, match="expected up to 100 letters, digits"):
        RunFolder.create(tmp_path, name, "")
    assert not list(tmp_path.iterdir())


def test_a_taken_name_is_refused_and_nothing_is_touched(run: RunFolder) -> None:
    with pytest.raises(HRSError, match=r"run first exists in .*choose another name"):
        RunFolder.create(run.path.parent, "first", "other")
    assert run.config.read_text() == "method: hrs\n"


def test_a_run_that_failed_before_its_first_step_leaves_its_name_to_another(run: RunFolder) -> None:
    root = run.path.parent
    run.write_status(state="failed", error="data.n_real asks for 20 real images")
    run.log.write_text("data.n_real asks for 20 real images\n")
    check_name(root, "first")
    again = RunFolder.create(root, "first", "method: joint\n")
    assert again.config.read_text() == "method: joint\n" and again.read_status().state == "queued"
    assert not again.log.exists() and [path.name for path in root.iterdir()] == ["first"]


def _stepped(run: RunFolder) -> None:
    run.write_status(state="failed", step=1)


def _noted(run: RunFolder) -> None:
    run.write_status(state="failed")
    run.write_notes("what I wanted to find out")


def _queued_again(run: RunFolder) -> None:
    run.write_status(state="failed")
    requeue(run)


@pytest.mark.parametrize("what", [_stepped, _noted, _queued_again])
def test_a_run_that_holds_anything_or_goes_on_keeps_its_name(run: RunFolder, what: Callable[[RunFolder], None]) -> None:
    what(run)
    for take in (lambda: check_name(run.path.parent, "first"), lambda: RunFolder.create(run.path.parent, "first", "")):
        with pytest.raises(HRSError, match="run first exists"):
            take()


def test_a_failed_run_that_a_process_holds_keeps_its_name(run: RunFolder) -> None:
    run.write_status(state="failed")
    with run.held(), pytest.raises(HRSError, match="at work in another process"):
        RunFolder.create(run.path.parent, "first", "")
    assert run.exists()


def test_automatic_names_carry_prefix_and_time(tmp_path: Path) -> None:
    assert re.fullmatch(r"hrs-\d{8}-\d{6}", RunFolder.create(tmp_path, None, "").name)
    assert re.fullmatch(r"joint-\d{8}-\d{6}", RunFolder.create(tmp_path, None, "", prefix="joint").name)
    with pytest.raises(HRSError, match="expected"):
        RunFolder.create(tmp_path, None, "", prefix="../up")


def test_runs_made_at_once_never_share_a_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: RunFolder.create(tmp_path, None, str(number)), range(24)))
    assert len({run.path for run in made}) == 24
    assert {run.config.read_text() for run in made} == {str(number) for number in range(24)}


def test_status_round_trip_and_merge(run: RunFolder) -> None:
    before = time.time()
    run.write_status(state="running", steps=100)
    status = run.write_status(step=7, eta=12.5, best={"step": 5, "miou": np.float32(41.5)})
    assert run.read_status() == status
    assert (status.state, status.step, status.steps, status.eta) == ("running", 7, 100, 12.5)
    assert status.best == Best(step=5, miou=41.5)
    assert process_alive(os.getpid(), status.pid_started, status.boot) and status.pid == os.getpid()
    assert before <= status.started <= status.updated <= time.time()


def test_a_whole_status_can_be_written(run: RunFolder) -> None:
    run.write_status(Status(state="finished", step=3, steps=3))
    assert run.read_status().state == "finished" and run.read_status().updated is not None


def test_a_new_state_clears_old_error_and_eta(run: RunFolder) -> None:
    run.write_status(state="failed", error="disk full", eta=5)
    assert run.read_status().error == "disk full"
    status = run.write_status(state="running")
    assert status.error is None and status.eta is None


def test_status_holds_no_nan(run: RunFolder) -> None:
    run.write_status(eta=math.inf, best={"miou": math.nan})
    json.loads(run.status.read_text(), parse_constant=pytest.fail)
    assert run.read_status().eta is None and run.read_status().best == Best(miou=None)


def test_a_killed_process_is_recognised(run: RunFolder, sleeper: subprocess.Popen) -> None:
    run.write_status(state="running", step=40, eta=9.0, **process_identity(sleeper.pid))
    assert run.read_status().state == "running"
    sleeper.kill()
    deadline = time.time() + 5
    while run.read_status().state == "running" and time.time() < deadline:
        time.sleep(0.02)  # not waited for: the child stays a zombie
    status = run.read_status()
    assert (status.state, status.error, status.step, status.eta) == ("failed", KILLED, 40, None)
    assert json.loads(run.status.read_text())["state"] == "running"


def test_a_reused_pid_is_not_the_run(run: RunFolder) -> None:
    run.write_status(state="running", pid=os.getpid(), pid_started=psutil.Process().create_time() - 1000)
    assert run.read_status().error == KILLED


def test_runs_of_other_machines_are_judged_by_their_last_sign_of_life(run: RunFolder) -> None:
    run.write_status(state="running", pid=2**22 + 1, pid_started=1.0, host="elsewhere")
    assert run.read_status().state == "running"
    stale = json.loads(run.status.read_text())
    run.status.write_text(json.dumps({**stale, "updated": time.time() - 3600}))
    assert run.read_status().error == KILLED


def aged(run: RunFolder, seconds: float, **changes: Any) -> None:
    """As if the run had said these words so long ago, and nothing since."""
    text = json.dumps({**json.loads(run.status.read_text()), **changes, "updated": time.time() - seconds})
    run.status.write_text(text)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_the_heartbeat_of_another_machine_is_believed_and_its_silence_too(run: RunFolder, state: Any) -> None:
    run.write_status(state=state, pid=2**22 + 1, pid_started=1.0, host="elsewhere")
    aged(run, 3600)
    with run.beating():
        until(run.pulse.exists)
        assert run.read_status().state == state
        os.utime(run.pulse, (time.time() - 120,) * 2)
        assert run.read_status().state == state
        os.utime(run.pulse, (time.time() - 200,) * 2)
        assert run.read_status().error == KILLED
    assert not run.pulse.exists()


def test_work_of_a_cluster_outlives_its_processes_not_its_keeper(run: RunFolder) -> None:
    gone = {"pid": 2**22 + 1, "pid_started": 1.0}
    run.write_status(state="running", keeper="auto", **gone)
    assert run.read_status().state == "running"  # the keeper starts another
    aged(run, 200, state="queued", pid=None)
    assert run.read_status().error == KILLED
    run.pulse.touch()
    assert run.read_status().state == "queued"


def test_a_heart_beats_as_long_as_the_work_takes(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrs.runs.work.BEAT", 0.02)
    with run.held():
        for _ in range(3):
            until(run.pulse.exists)
            os.utime(run.pulse, (0, 0))
            until(lambda: run.pulse.stat().st_mtime > 0)


@pytest.mark.parametrize(("asked", "state"), [(False, "queued"), (True, "cancelled")])
def test_lost_work_goes_back_into_the_queue_unless_it_was_to_stop(run: RunFolder, asked: bool, state: str) -> None:
    run.write_status(state="running", pid=2**22 + 1, pid_started=1.0, host="elsewhere", keeper="auto", step=7)
    if asked:
        cancel(run)
    put_back(run)
    status = run.read_status()
    assert (status.state, status.pid, status.step, status.keeper) == (
        state,
        None if state == "queued" else 2**22 + 1,
        7,
        "auto",
    )


def test_ended_runs_are_not_second_guessed(run: RunFolder) -> None:
    for state in ("finished", "failed", "cancelled"):
        run.write_status(state=state, pid=2**22 + 1, pid_started=1.0)
        assert run.read_status().state == state


def test_a_queued_run_whose_process_is_gone_has_failed(run: RunFolder) -> None:
    run.write_status(state="queued", pid=2**22 + 1, pid_started=1.0)
    assert (run.read_status().state, run.read_status().error) == ("failed", KILLED)


def test_a_queued_run_that_never_gets_a_process_has_failed(run: RunFolder) -> None:
    stale = json.loads(run.status.read_text())
    run.status.write_text(json.dumps({**stale, "updated": time.time() - 3600}))
    assert run.read_status().error == KILLED


def test_a_queued_run_is_claimed_once(run: RunFolder) -> None:
    assert run.claim() and run.read_status().pid == os.getpid()
    assert not run.claim()


def test_a_queued_run_that_was_cancelled_is_not_claimed(run: RunFolder) -> None:
    cancel(run)
    assert not run.claim() and run.read_status().state == "cancelled"
    requeue(run)
    assert run.read_status().state == "queued" and run.claim()
    with pytest.raises(HRSError, match="run first is queued; wait until it ends"):
        requeue(run)


def test_no_run_and_damaged_status(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(HRSError, match=r"is not a run: it has no status\.json"):
        RunFolder(tmp_path / "nothing").read_status()
    run.status.write_text('{"state": "run')
    assert run.read_status().state == "failed" and "damaged" in run.read_status().error
    assert run.write_status(state="running").state == "running"


def test_wrong_fields_are_refused_and_the_old_status_stays(run: RunFolder) -> None:
    for wrong in ({"state": "flying"}, {"step": -1}):
        with pytest.raises(ValueError, match="validation error"):
            run.write_status(**wrong)
    assert run.read_status().state == "queued"


def test_cancel_stops_the_process_and_the_run_says_so(run: RunFolder, sleeper: subprocess.Popen) -> None:
    run.write_status(state="running", **process_identity(sleeper.pid))
    cancel(run)
    assert sleeper.wait(5) == -signal.SIGTERM
    assert run.read_status().state == "cancelled" and run.read_status().error is None
    with pytest.raises(HRSError, match="run first is cancelled; only a queued or running one"):
        cancel(run)


def test_work_can_be_stopped_on_a_full_disk(
    run: RunFolder, sleeper: subprocess.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.write_status(state="running", **process_identity(sleeper.pid))

    def full(*_: Any) -> None:
        raise DiskFull("disk full")

    monkeypatch.setattr(work, "atomic_write", full)
    cancel(run)
    assert sleeper.wait(5) == -signal.SIGTERM
    run.status.write_text(run.status.read_text().replace('"host": "', '"host": "elsewhere than '))
    with pytest.raises(DiskFull):  # there nobody would hear of it
        cancel(run)


@pytest.mark.parametrize("name", ["datasets", "studies"])
def test_no_run_has_the_name_of_a_folder_beside_runs(tmp_path: Path, name: str) -> None:
    with pytest.raises(HRSError, match=f"no run can be called {name}"):
        RunFolder.create(tmp_path, name, "")
    assert list(tmp_path.iterdir()) == []


def test_a_run_killed_while_it_is_made_keeps_no_name(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from hrs.runs.folder import RunFolder
RunFolder.write_status = lambda *_, **__: os._exit(1)
RunFolder.create(Path(sys.argv[1]), "first", "")
"""
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 1
    assert RunFolder.create(tmp_path, "first", "method: hrs\n").read_status().state == "queued"


def test_a_resumed_run_that_dies_later_is_not_taken_for_cancelled(run: RunFolder, sleeper: subprocess.Popen) -> None:
    run.write_status(state="running", **process_identity(sleeper.pid))
    cancel(run)
    sleeper.wait(5)
    requeue(run)
    run.write_status(state="running", pid=2**22 + 1, pid_started=1.0)
    assert run.read_status().error == KILLED


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = open(sys.argv[1], "wb")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_force_ends_a_stubborn_process_and_its_children(run: RunFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN, str(run.lock)], stdout=subprocess.PIPE, text=True
    ) as process:
        child = psutil.Process(int(process.stdout.readline()))
        run.write_status(state="running", **process_identity(process.pid))
        cancel(run)
        time.sleep(0.1)
        assert run.read_status().state == "running"
        cancel(run, force=True)
        assert process.wait(5) == -signal.SIGKILL
        psutil.wait_procs([child], timeout=5)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert run.read_status().state == "cancelled"


@pytest.mark.parametrize("started", [True, False])
def test_cancel_never_signals_a_process_that_does_not_hold_the_run(run: RunFolder, started: bool) -> None:
    """The status may be anybody's: it names a living process of this user, rightly, but that one is no trainer."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        identity = process_identity(stranger.pid)
        run.write_status(state="running", **(identity if started else {**identity, "pid_started": None, "boot": None}))
        for force in (False, True):
            cancel(run, force=force)
        time.sleep(0.05)
        assert stranger.poll() is None and run.cancel_mark.exists()
        stranger.kill()


def test_cancel_never_signals_who_has_the_number_of_an_ended_one(run: RunFolder, sleeper: subprocess.Popen) -> None:
    run.write_status(state="queued", pid=sleeper.pid, pid_started=1000.0)
    with pytest.raises(HRSError, match="run first is failed"):
        cancel(run)
    time.sleep(0.05)
    assert sleeper.poll() is None


def test_a_run_elsewhere_is_cancelled_by_a_file_that_it_looks_for(run: RunFolder) -> None:
    run.write_status(state="running", pid=1, pid_started=1.0, host="elsewhere")
    assert not run.stop_requested()
    with pytest.raises(HRSError, match="runs on elsewhere; it can be killed there alone"):
        cancel(run, force=True)
    assert not run.stop_requested()
    cancel(run)
    assert run.stop_requested() and run.read_status().state == "running"


def test_a_run_in_a_thread_of_this_process_is_asked_by_the_file_alone(run: RunFolder) -> None:
    run.write_status(state="running")
    cancel(run)  # a signal would end the tests
    assert run.stop_requested()


def test_a_run_that_begins_anew_forgets_that_it_was_asked_to_stop(run: RunFolder) -> None:
    run.write_status(state="running", pid=1, pid_started=1.0, host="elsewhere")
    cancel(run)
    run.write_status(state="cancelled")
    assert run.stop_requested()
    requeue(run)
    assert not run.stop_requested() and run.claim()


def _lost(run: RunFolder) -> None:
    """The process of a run of a cluster is lost, and the keeper puts the run back."""
    put_back(run)


def _begun(run: RunFolder) -> None:
    """Another process has it already."""
    put_back(run)
    run.write_status(state="running", pid=2, pid_started=1.0, host="elsewhere")


@pytest.mark.parametrize("change", [_lost, _begun])
@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_request_counts_though_the_run_changes_hands_meanwhile(
    run: RunFolder, change: Callable[[RunFolder], None], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = {"pid": None, "pid_started": None, "host": None}
    lost = {"pid": 1, "pid_started": 1.0, "host": "elsewhere"}
    run.write_status(state=state, keeper="auto", **(lost if state == "running" else nobody))

    def write(path: Path, text: str) -> None:
        monkeypatch.undo()
        change(run)
        atomic_write(path, text)

    monkeypatch.setattr("hrs.runs.work.atomic_write", write)  # first of all for the request
    cancel(run)
    assert run.stop_requested()
    put_back(run)
    assert run.read_status().state == "cancelled" and not run.claim()


def test_asking_whether_to_stop_reads_no_status(run: RunFolder) -> None:
    run.status.unlink()
    assert not run.stop_requested()


# Work that one process does alone


HELD = """
import sys
from pathlib import Path
from hrs.runs.folder import RunFolder
with RunFolder(Path(sys.argv[1])).held():
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_a_run_is_held_by_one_process_until_that_has_ended(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrs.runs.work._ENDING", 0.0)
    command = [sys.executable, "-c", HELD, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(HRSError, match="run first is at work in another process; wait until it ends"), run.held():
            pass
        other.kill()
    with run.held():
        pass


def test_a_full_disk_leaves_room_for_the_reason(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write = work.atomic_write

    def full(path: Path, data: str) -> None:
        if run.reserve.exists():
            raise DiskFull(f"disk full: cannot write {path}")
        write(path, data)

    run.write_status(state="running")
    monkeypatch.setattr(work, "atomic_write", full)
    with pytest.raises(HRSError, match="disk full"):
        run.write_status(step=3)
    run.write_status(state="failed", error="disk full: cannot write metrics")
    assert run.read_status().error == "disk full: cannot write metrics" and not run.reserve.exists()


def test_half_a_run_does_not_keep_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes | str) -> None:
        raise DiskFull(f"disk full: cannot write {path}")

    with monkeypatch.context() as patch:
        patch.setattr(work, "atomic_write", full)
        with pytest.raises(HRSError, match="disk full"):
            RunFolder.create(tmp_path, "name", "{}")
    assert list(tmp_path.iterdir()) == []
    assert RunFolder.create(tmp_path, "name", "{}").exists()
