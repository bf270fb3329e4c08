import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.system import files


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "first", "method: hrs\n")


def interrupted_save(folder: Path) -> None:
    (folder / "file").write_text("three")
    raise KeyboardInterrupt


def failing(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_atomic_write_replaces_whole_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    files.atomic_write(target, "Grün")
    files.atomic_write(target, b"new")
    assert target.read_bytes() == b"new"
    monkeypatch.setattr("hrs.system.files.os.replace", failing(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(OSError, match="Input/output"):
        files.atomic_write(target, b"newer")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"new"


def test_atomic_folder_swaps_on_success_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "last"
    for text in ("one", "two"):
        with files.atomic_folder(path) as folder:
            (folder / "file").write_text(text)
            assert folder.parent == path.parent and folder != path
        assert (path / "file").read_text() == text
    with pytest.raises(KeyboardInterrupt), files.atomic_folder(path) as folder:
        interrupted_save(folder)
    assert (path / "file").read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_swap_brings_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, rename = tmp_path / "last", os.rename
    path.mkdir()
    (path / "config.json").write_text("{}")

    def second_fails(source: Path, target: Path) -> None:
        if str(source).endswith(".tmp"):
            raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    monkeypatch.setattr("hrs.system.files.os.rename", second_fails)
    with pytest.raises(OSError, match="Input/output"), files.atomic_folder(path):
        pass
    assert (path / "config.json").exists() and list(tmp_path.iterdir()) == [path]


CRASH = """
import os, sys
from pathlib import Path
from hrs.system.files import atomic_folder
path, moment = Path(sys.argv[1]), sys.argv[2]
rename = os.rename
def patched(source, target):
    if moment == "between" and str(source).endswith(".tmp"):
        os._exit(1)
    rename(source, target)
    if moment == "after" and str(source).endswith(".tmp"):
        os._exit(1)
os.rename = patched
with atomic_folder(path) as folder:
    (folder / "file").write_text("new")
    if moment == "inside":
        os._exit(1)
"""


@pytest.mark.parametrize(("moment", "kept"), [("inside", "old"), ("between", "old"), ("after", "new")])
def test_a_crash_at_any_moment_is_recovered(tmp_path: Path, moment: str, kept: str) -> None:
    path = tmp_path / "last"
    with files.atomic_folder(path) as folder:
        (folder / "file").write_text("old")
    assert subprocess.run([sys.executable, "-c", CRASH, str(path), moment], check=False).returncode == 1
    assert len(list(tmp_path.iterdir())) == 2
    assert path.exists() == (moment != "between")
    assert files.recover(path)
    assert (path / "file").read_text() == kept
    assert list(tmp_path.iterdir()) == [path]


def test_recover_leaves_living_writers_and_strangers_alone(tmp_path: Path) -> None:
    path = tmp_path / "last"
    (tmp_path / ".last.notes.tmp").mkdir()
    with files.atomic_folder(path) as folder:
        assert not files.recover(path)
        assert folder.is_dir()
    assert (tmp_path / ".last.notes.tmp").is_dir()
    assert not files.recover(tmp_path / "no" / "folder")


def test_what_another_machine_writes_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "best"
    with files.atomic_folder(path) as folder:
        (folder / "file").write_text("old")
    monkeypatch.setattr("hrs.system.files.process_alive", lambda *_: False)  # as another machine's are, asked here
    with files.atomic_folder(path) as folder:
        monkeypatch.setattr("hrs.system.files.socket.gethostname", lambda: "elsewhere")
        assert files.recover(path) and folder.is_dir()
        files.sweep(tmp_path)
        assert folder.is_dir()
        os.utime(folder, (0, 0))
        monkeypatch.setattr("hrs.system.files.time.time", lambda: folder.stat().st_ctime + 2 * 86400)
        assert files.recover(path) and not folder.exists()  # long after
        folder.mkdir()
    with files.atomic_folder(path) as folder:
        monkeypatch.setattr("hrs.system.files.socket.gethostname", lambda: "a third")
        assert files.recover(path, sole=True) and not folder.exists()  # who alone writes here need not wait
        folder.mkdir()


def test_a_new_folder_has_its_name_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with files.new_folder(path) as folder:
        (folder / "file").write_text("x")
        assert not path.exists()
    assert (path / "file").read_text() == "x"
    with pytest.raises(FileExistsError), files.new_folder(path) as folder:
        (folder / "file").write_text("y")
    with pytest.raises(ZeroDivisionError), files.new_folder(tmp_path / "other"):
        raise ZeroDivisionError
    assert (path / "file").read_text() == "x" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_clear_line(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrs.system.files.os.fsync", failing(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(HRSError, match=r"disk full: cannot write .*status\.json; free some space"):
        run.write_status(step=1)
    with pytest.raises(HRSError, match="disk full"):
        run.append_result({"step": 1})
    with pytest.raises(HRSError, match="disk full"), files.atomic_folder(run.last) as folder:
        (folder / "model").write_text("x")
    assert not list(run.last.parent.iterdir())
    assert run.read_status().state == "queued"


def test_a_full_disk_seen_by_a_library_without_oserror(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("usage", (), {"free": 0})
    monkeypatch.setattr("hrs.system.files.shutil.disk_usage", lambda _: usage)
    with pytest.raises(HRSError, match="disk full"), files.atomic_folder(run.last):
        raise RuntimeError("failed writing archive")
    with pytest.raises(HRSError, match="disk full"), files.atomic_folder(run.last):
        raise shutil.Error([("from", "to", "No space left on device")])  # an OSError that has no number
    usage.free = 1 << 40
    with pytest.raises(RuntimeError, match="failed writing"), files.atomic_folder(run.last):
        raise RuntimeError("failed writing archive")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_that_a_library_tells_of_in_words(tmp_path: Path, number: int) -> None:
    """Where nothing is left of what did not fit, the disk has space again; and a quota is none of the disk's."""
    why = os.strerror(number)
    rust = RuntimeError(f"Error while serializing: I/O error: {why} (os error {number})")
    for error in (rust, shutil.Error([("from", "to", f"[Errno {number}] {why}: 'to'")])):
        with pytest.raises(HRSError, match=r"disk full: cannot write .*last"), files.atomic_folder(tmp_path / "last"):
            raise error
    assert not list(tmp_path.iterdir())


def test_a_folder_closed_to_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.mkdir", failing(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(HRSError, match=r"cannot write .*Permission denied"):
        RunFolder.create(tmp_path / "locked", "a", "")


@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "名" * 83 + ".txt"], ids=["letters", "three bytes each"])
def test_a_file_may_have_the_longest_name_that_there_is(tmp_path, name):
    files.atomic_write(tmp_path / name, "whole")
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "whole"
