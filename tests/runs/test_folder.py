import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from hrs.errors import HRSError
from hrs.runs import folder as runs
from hrs.runs.folder import RunFolder, Status


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "first", "method: hrs\n")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "config.json"):
        (folder / name).write_text("{}")
    return folder


def test_a_new_run_is_queued_and_keeps_its_config(run: RunFolder) -> None:
    assert run.name == "first"
    assert run.config.read_text() == "method: hrs\n"
    assert run.read_status().state == "queued"
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "status.json"]


def test_paths_are_the_documented_ones(run: RunFolder) -> None:
    expected = {
        run.config: "config.yaml",
        run.status: "status.json",
        run.metrics: "metrics.jsonl",
        run.results_csv: "results.csv",
        run.log: "log.txt",
        run.tensorboard: "tensorboard",
        run.best: "checkpoints/best",
        run.last: "checkpoints/last",
        run.weights: "weights",
        run.scores: "scores",
        run.previews: "previews",
    }
    assert all(path == run.path / name for path, name in expected.items())


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", ".hidden", "-x", "a b", "ä", "x" * 101, "a\n"])
def test_unfit_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(HRSError, match="expected up to 100 letters, digits"):
        RunFolder.create(tmp_path, name, "")
    assert not list(tmp_path.iterdir())


def test_a_taken_name_is_refused_and_nothing_is_touched(run: RunFolder) -> None:
    with pytest.raises(HRSError, match=r"run first exists in .*choose another name"):
        RunFolder.create(run.path.parent, "first", "other")
    assert run.config.read_text() == "method: hrs\n"


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
    assert status.best == {"step": 5, "miou": 41.5}
    assert (status.pid, status.pid_started) == (os.getpid(), psutil.Process().create_time())
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
    assert run.read_status().eta is None and run.read_status().best == {"miou": None}


def test_a_killed_process_is_recognised(run: RunFolder, sleeper: subprocess.Popen) -> None:
    run.write_status(state="running", step=40, eta=9.0, **runs.process_identity(sleeper.pid))
    assert run.read_status().state == "running"
    sleeper.kill()
    deadline = time.time() + 5
    while run.read_status().state == "running" and time.time() < deadline:
        time.sleep(0.02)  # not waited for: the child stays a zombie
    status = run.read_status()
    assert (status.state, status.error, status.step, status.eta) == ("failed", runs.KILLED, 40, None)
    assert json.loads(run.status.read_text())["state"] == "running"


def test_a_reused_pid_is_not_the_run(run: RunFolder) -> None:
    run.write_status(state="running", pid=os.getpid(), pid_started=psutil.Process().create_time() - 1000)
    assert run.read_status().error == runs.KILLED


def test_runs_of_other_machines_are_judged_by_their_last_sign_of_life(run: RunFolder) -> None:
    run.write_status(state="running", pid=2**22 + 1, pid_started=1.0, host="elsewhere")
    assert run.read_status().state == "running"
    stale = json.loads(run.status.read_text())
    run.status.write_text(json.dumps({**stale, "updated": time.time() - 3600}))
    assert run.read_status().error == runs.KILLED


def test_ended_runs_are_not_second_guessed(run: RunFolder) -> None:
    for state in ("finished", "failed", "cancelled"):
        run.write_status(state=state, pid=2**22 + 1, pid_started=1.0)
        assert run.read_status().state == state


def test_a_queued_run_whose_process_is_gone_has_failed(run: RunFolder) -> None:
    run.write_status(state="queued", pid=2**22 + 1, pid_started=1.0)
    assert (run.read_status().state, run.read_status().error) == ("failed", runs.KILLED)


def test_a_queued_run_that_never_gets_a_process_has_failed(run: RunFolder) -> None:
    stale = json.loads(run.status.read_text())
    run.status.write_text(json.dumps({**stale, "updated": time.time() - 3600}))
    assert run.read_status().error == runs.KILLED


def test_a_queued_run_is_claimed_once(run: RunFolder) -> None:
    assert run.claim() and run.read_status().pid == os.getpid()
    assert not run.claim()


def test_a_queued_run_that_was_cancelled_is_not_claimed(run: RunFolder) -> None:
    runs.cancel(run)
    assert not run.claim() and run.read_status().state == "cancelled"
    runs.requeue(run)
    assert run.read_status().state == "queued" and run.claim()
    with pytest.raises(HRSError, match="run first is queued; wait until it ends"):
        runs.requeue(run)


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


def test_list_shows_runs_newest_first_and_nothing_else(tmp_path: Path) -> None:
    for number, name in enumerate(["old", "new", "middle"]):
        made = RunFolder.create(tmp_path, name, "")
        os.utime(made.config, (1e9, [1e9, 3e9, 2e9][number]))
    RunFolder(tmp_path / "new").append_result({"step": 5, "miou": 40.5})
    (tmp_path / "photos").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / ".old.deleted-1").mkdir()
    found = runs.list_runs(tmp_path)
    assert [each.name for each in found] == ["new", "middle", "old"]
    assert found[0].last == {"step": 5, "miou": 40.5} and found[1].last is None
    assert found[0].status.state == "queued" and found[0].run.path == tmp_path / "new"
    assert runs.list_runs(tmp_path / "nothing") == []


def test_find_names_the_nearest(run: RunFolder) -> None:
    root = run.path.parent
    RunFolder.create(root, "second", "")
    assert runs.find_run(root, "first") == run
    with pytest.raises(HRSError, match=r"no run named 'frist' in .*; did you mean first\?"):
        runs.find_run(root, "frist")
    with pytest.raises(HRSError, match="there are 2 runs in"):
        runs.find_run(root, "zzz")
    with pytest.raises(HRSError, match="no run named"):
        runs.find_run(root / "first", "../first")


def test_cancel_stops_the_process_and_the_run_says_so(run: RunFolder, sleeper: subprocess.Popen) -> None:
    run.write_status(state="running", **runs.process_identity(sleeper.pid))
    runs.cancel(run)
    assert sleeper.wait(5) == -signal.SIGTERM
    assert run.read_status().state == "cancelled" and run.read_status().error is None
    with pytest.raises(HRSError, match="run first is cancelled; only a queued or running one"):
        runs.cancel(run)


def test_a_resumed_run_that_dies_later_is_not_taken_for_cancelled(run: RunFolder, sleeper: subprocess.Popen) -> None:
    run.write_status(state="running", **runs.process_identity(sleeper.pid))
    runs.cancel(run)
    sleeper.wait(5)
    run.write_status(state="running", pid=2**22 + 1, pid_started=1.0)
    assert run.read_status().error == runs.KILLED


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_force_ends_a_stubborn_process_and_its_children(run: RunFolder) -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        child = psutil.Process(int(process.stdout.readline()))
        run.write_status(state="running", **runs.process_identity(process.pid))
        runs.cancel(run)
        time.sleep(0.1)
        assert run.read_status().state == "running"
        runs.cancel(run, force=True)
        assert process.wait(5) == -signal.SIGKILL
        psutil.wait_procs([child], timeout=5)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert run.read_status().state == "cancelled"


def test_cancel_never_signals_a_stranger(run: RunFolder, sleeper: subprocess.Popen) -> None:
    run.write_status(state="queued", pid=sleeper.pid, pid_started=1000.0)
    with pytest.raises(HRSError, match="run first is failed"):
        runs.cancel(run)
    time.sleep(0.05)
    assert sleeper.poll() is None


def test_cancel_of_a_run_elsewhere_is_refused(run: RunFolder) -> None:
    run.write_status(state="running", pid=1, pid_started=1.0, host="elsewhere")
    with pytest.raises(HRSError, match="runs on elsewhere; cancel it there"):
        runs.cancel(run)


def test_rename_moves_the_folder(run: RunFolder) -> None:
    run.write_status(state="finished", step=40)
    renamed = runs.rename(run, "second")
    assert renamed.name == "second" and renamed.read_status().step == 40
    assert [path.name for path in run.path.parent.iterdir()] == ["second"]


def test_rename_refuses_a_running_run_and_names_that_are_taken_or_unfit(run: RunFolder) -> None:
    RunFolder.create(run.path.parent, "second", "")
    with pytest.raises(HRSError, match="run first is queued; cancel it before renaming it"):
        runs.rename(run, "third")
    run.write_status(state="finished")
    with pytest.raises(HRSError, match="run second exists"):
        runs.rename(run, "second")
    with pytest.raises(HRSError, match=r"run name '../x'; expected"):
        runs.rename(run, "../x")
    assert run.exists()


def test_delete_removes_the_folder(run: RunFolder) -> None:
    run.write_status(state="finished")
    checkpoint(run.best)
    runs.delete(run)
    assert not list(run.path.parent.iterdir())


def test_delete_refuses_what_runs_or_is_no_run(run: RunFolder, tmp_path: Path, sleeper: subprocess.Popen) -> None:
    for state in ("running", "queued"):
        run.write_status(state=state, **runs.process_identity(sleeper.pid))
        with pytest.raises(HRSError, match=f"run first is {state}; cancel it before"):
            runs.delete(run)
    with pytest.raises(HRSError, match="is not a run"):
        runs.delete(RunFolder(tmp_path))
    run.write_status(state="finished")
    link = tmp_path / "link"
    link.symlink_to(run.path)
    with pytest.raises(HRSError, match="remove it by hand"):
        runs.delete(RunFolder(link))
    assert run.exists()


def test_resolve_checkpoint(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = run.path.parent
    checkpoint(run.last)
    assert runs.resolve_checkpoint("first", root) == run.last
    checkpoint(run.best)
    for text in ("first", str(run.path), str(run.best), "runs/first"):
        assert runs.resolve_checkpoint(text, root).resolve() == run.best
    assert runs.resolve_checkpoint("runs/first/checkpoints/last", root).resolve() == run.last
    monkeypatch.setattr(runs, "SHIPPED", tmp_path / "shipped")
    for text, folder in (("bare", "bare"), ("street", "street/checkpoints/best")):
        shipped = checkpoint(tmp_path / "shipped" / folder)
        assert runs.resolve_checkpoint(text, root) == shipped


def test_resolve_says_what_was_tried(run: RunFolder) -> None:
    with pytest.raises(HRSError) as caught:
        runs.resolve_checkpoint("firts", run.path.parent)
    message = str(caught.value)
    assert "no checkpoint 'firts'" in message and "did you mean first?" in message
    assert str(run.path.parent / "firts" / "checkpoints" / "best") in message and str(runs.SHIPPED / "firts") in message
    assert "\n" not in message
    with pytest.raises(HRSError, match="no checkpoint 'first'"):
        runs.resolve_checkpoint("first", run.path.parent)


KILLED_SAVE = """
import os, sys
from pathlib import Path
from hrs.runs.folder import atomic_folder
rename = os.rename
os.rename = lambda source, target: os._exit(1) if str(source).endswith(".tmp") else rename(source, target)
with atomic_folder(Path(sys.argv[1])):
    pass
"""


def test_resolve_recovers_a_checkpoint_whose_save_was_killed(run: RunFolder) -> None:
    checkpoint(run.best)
    subprocess.run([sys.executable, "-c", KILLED_SAVE, str(run.best)], check=False)
    assert not run.best.exists()
    assert runs.resolve_checkpoint("first", run.path.parent) == run.best


def test_resolve_waits_while_a_checkpoint_is_being_replaced(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint(run.best)
    rename, aside = os.rename, threading.Event()

    def slow(source: Path, target: Path) -> None:
        if str(source).endswith(".tmp"):
            aside.set()
            time.sleep(0.15)
        rename(source, target)

    def save() -> None:
        with runs.atomic_folder(run.best) as folder:
            shutil.copytree(run.best, folder, dirs_exist_ok=True)

    monkeypatch.setattr("hrs.system.files.os.rename", slow)
    writer = threading.Thread(target=save)
    writer.start()
    assert aside.wait(5)
    assert not run.best.exists()
    assert runs.resolve_checkpoint("first", run.path.parent) == run.best
    writer.join()
