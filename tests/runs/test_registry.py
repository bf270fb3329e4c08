import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hrs.errors import HRSError
from hrs.runs import registry
from hrs.runs.folder import RunFolder
from hrs.runs.registry import adopt, delete, find_run, list_runs, rename, resolve_checkpoint
from hrs.runs.status import State
from hrs.runs.work import WorkFolder
from hrs.system.files import atomic_folder
from hrs.system.processes import process_identity


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "config.json"):
        (folder / name).write_text("{}")
    return folder


def test_list_shows_runs_newest_first_and_nothing_else(tmp_path: Path) -> None:
    for number, name in enumerate(["old", "new", "middle"]):
        made = RunFolder.create(tmp_path, name, "")
        os.utime(made.config, (1e9, [1e9, 3e9, 2e9][number]))
    RunFolder(tmp_path / "new").append_result({"step": 5, "miou": 40.5})
    (tmp_path / "photos").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / ".old.deleted-1").mkdir()
    found = list_runs(tmp_path)
    assert [each.name for each in found] == ["new", "middle", "old"]
    assert found[0].last == {"step": 5, "miou": 40.5} and found[1].last is None
    assert found[0].status.state == "queued" and found[0].run.path == tmp_path / "new"
    assert list_runs(tmp_path / "nothing") == []


def test_find_names_the_nearest(run: RunFolder) -> None:
    root = run.path.parent
    RunFolder.create(root, "second", "")
    assert find_run(root, "first") == run
    with pytest.raises(HRSError, match=r"no run named 'frist' in .*; did you mean first\?"):
        find_run(root, "frist")
    with pytest.raises(HRSError, match="there are 2 runs in"):
        find_run(root, "zzz")
    with pytest.raises(HRSError, match="no run named"):
        find_run(root / "first", "../first")


def test_what_to_type_next_can_be_pasted(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "my runs", "first", "")
    assert run.command("calibrate") == f"python -m hrs calibrate first --runs '{tmp_path}/my runs'"
    with pytest.raises(HRSError, match=f"--runs '{tmp_path}/my runs'$"):
        find_run(tmp_path / "my runs", "zzz")


def test_rename_moves_the_folder(run: RunFolder) -> None:
    run.write_status(state="finished", step=40)
    renamed = rename(run, "second")
    assert renamed.name == "second" and renamed.read_status().step == 40
    assert [path.name for path in run.path.parent.iterdir()] == ["second"]


def test_rename_refuses_a_running_run_and_names_that_are_taken_or_unfit(run: RunFolder) -> None:
    RunFolder.create(run.path.parent, "second", "")
    with pytest.raises(HRSError, match="run first is queued; cancel it before renaming it"):
        rename(run, "third")
    run.write_status(state="finished")
    with pytest.raises(HRSError, match="run second exists"):
        rename(run, "second")
    with pytest.raises(HRSError, match=r"run name '../x'; expected"):
        rename(run, "../x")
    assert run.exists()


def test_a_rename_that_cannot_be_leaves_no_folder(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write_status(state="finished")
    root = run.path.parent
    (root / "link").symlink_to(run.path)
    with pytest.raises(HRSError, match=r"link is a link or not a run; rename it by hand"):
        rename(RunFolder(root / "link"), "second")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        rename(run, "second")
    assert sorted(path.name for path in root.iterdir()) == ["first", "link"]


def test_a_run_that_a_task_works_with_stays_where_it_is(run: RunFolder) -> None:
    run.write_status(state="finished")
    task = WorkFolder(run.tasks / "score")
    task.path.mkdir(parents=True)
    task.write_status(state="running")
    for act in (lambda: rename(run, "second"), lambda: delete(run)):
        with pytest.raises(HRSError, match="score works with run first"):
            act()
    task.write_status(state="finished")
    delete(rename(run, "second"))
    assert not list(run.path.parent.iterdir())


def test_delete_removes_the_folder(run: RunFolder) -> None:
    run.write_status(state="finished")
    checkpoint(run.best)
    delete(run)
    assert not list(run.path.parent.iterdir())


def test_delete_refuses_what_runs_or_is_no_run(run: RunFolder, tmp_path: Path, sleeper: subprocess.Popen) -> None:
    for state in ("running", "queued"):
        run.write_status(state=state, **process_identity(sleeper.pid))
        with pytest.raises(HRSError, match=f"run first is {state}; cancel it before"):
            delete(run)
    with pytest.raises(HRSError, match="is not a run"):
        delete(RunFolder(tmp_path))
    run.write_status(state="finished")
    link = tmp_path / "link"
    link.symlink_to(run.path)
    with pytest.raises(HRSError, match="remove it by hand"):
        delete(RunFolder(link))
    assert run.exists()


def test_a_run_is_adopted_once_and_takes_nobodys_place(run: RunFolder, tmp_path: Path) -> None:
    own = adopt(run, tmp_path / "own")
    assert own.config.read_text() == run.config.read_text() and own.read_status() == run.read_status()
    (own.path / "scores").mkdir()
    assert adopt(run, tmp_path / "own") == own and own.scores.path.is_dir()
    own.config.write_text("method: joint\n")
    with pytest.raises(HRSError, match="another run of that name"):
        adopt(run, tmp_path / "own")


def test_a_copy_of_other_weights_is_not_taken_for_the_run(run: RunFolder, tmp_path: Path) -> None:
    """As where an upgrade brings the same settings trained anew."""
    checkpoint(run.best)
    own = adopt(run, tmp_path / "own")
    assert adopt(run, tmp_path / "own") == own
    (run.best / "model.safetensors").write_text("[]")
    with pytest.raises(HRSError, match=r"a copy of .* with other weights, such as an earlier version's; rename it"):
        adopt(run, tmp_path / "own")
    (run.best / "model.safetensors").unlink()
    with pytest.raises(HRSError, match="with other weights"):
        adopt(run, tmp_path / "own")


def test_resolve_checkpoint(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = run.path.parent
    checkpoint(run.last)
    assert resolve_checkpoint("first", root) == run.last
    checkpoint(run.best)
    for text in ("first", str(run.path), str(run.best), "runs/first"):
        assert resolve_checkpoint(text, root).resolve() == run.best
    assert resolve_checkpoint("runs/first/checkpoints/last", root).resolve() == run.last
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "shipped")
    for text, folder in (("bare", "bare"), ("street", "street/checkpoints/best")):
        shipped = checkpoint(tmp_path / "shipped" / folder)
        assert resolve_checkpoint(text, root) == shipped


def test_resolve_says_what_was_tried(run: RunFolder) -> None:
    with pytest.raises(HRSError) as caught:
        resolve_checkpoint("firts", run.path.parent)
    message = str(caught.value)
    assert "no checkpoint 'firts'" in message and "did you mean first?" in message
    assert (
        str(run.path.parent / "firts" / "checkpoints" / "best") in message
        and str(registry.SHIPPED / "firts") in message
    )
    assert "\n" not in message


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("running", "run first is running and has saved no model yet; wait until it has"),
        ("failed", "run first failed and holds no model; python -m hrs runs show first"),
        ("cancelled", "run first was cancelled and holds no model; python -m hrs runs resume first"),
    ],
)
def test_a_run_that_has_no_model_is_told_from_none(state: State, said: str, run: RunFolder) -> None:
    run.write_status(state=state)
    for text in ("first", str(run.path)):
        with pytest.raises(HRSError) as caught:
            resolve_checkpoint(text, run.path.parent)
        assert said in str(caught.value)


KILLED_SAVE = """
import os, sys
from pathlib import Path
from hrs.system.files import atomic_folder
rename = os.rename
os.rename = lambda source, target: os._exit(1) if str(source).endswith(".tmp") else rename(source, target)
with atomic_folder(Path(sys.argv[1])):
    pass
"""


def test_resolve_recovers_a_checkpoint_whose_save_was_killed(run: RunFolder) -> None:
    checkpoint(run.best)
    subprocess.run([sys.executable, "-c", KILLED_SAVE, str(run.best)], check=False)
    assert not run.best.exists()
    assert resolve_checkpoint("first", run.path.parent) == run.best


def test_resolve_waits_while_a_checkpoint_is_being_replaced(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint(run.best)
    rename, aside = os.rename, threading.Event()

    def slow(source: Path, target: Path) -> None:
        if str(source).endswith(".tmp"):
            aside.set()
            time.sleep(0.15)
        rename(source, target)

    def save() -> None:
        with atomic_folder(run.best) as folder:
            shutil.copytree(run.best, folder, dirs_exist_ok=True)

    monkeypatch.setattr("hrs.system.files.os.rename", slow)
    writer = threading.Thread(target=save)
    writer.start()
    assert aside.wait(5)
    assert not run.best.exists()
    assert resolve_checkpoint("first", run.path.parent) == run.best
    writer.join()
