"""Files and folders that are replaced whole or not at all, and that survive a process killed half-way."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from hrs.errors import HRSError
from hrs.system.processes import process_alive, process_identity

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.EEXIST, errno.ENOTDIR, errno.ENOENT}
_OWNER = re.compile(
    r"(?P<pid>\d{1,10})-(?P<started>\d{1,15})(?:-(?P<boot>[0-9a-f-]{36}))?(?:@(?P<host>[0-9a-f]{8}))?"
    r"\.[0-9a-f]{32}\.(?P<kind>tmp|old|gone)"
)
_HIDDEN = re.compile(rf"\.(?P<name>.+)\.{_OWNER.pattern}", re.DOTALL)
_NUMBER = re.compile(r"\[Errno (?P<python>\d+)\]|\(os error (?P<rust>\d+)\)")
_LONGEST = 100  # bytes of a name that its hidden names keep, since a file name has 255
_PER_SECOND = 1000
_SPACE = 1 << 20  # bytes; a disk with less is full
_ELSEWHERE_SECONDS = {"old": 300.0, "tmp": 86400.0, "gone": 86400.0}  # since a hidden name was made or added to
_SWAP_SECONDS = 1.0  # two renames take far less, also on a network disk


class DiskFull(HRSError):
    """There is no space left, or a quota is used up."""


def check_new(out: Path) -> None:
    """Raises HRSError for a file or folder that is there already."""
    if out.exists():
        raise HRSError(f"{out} exists; name a folder that does not")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, a missing permission or a long name into one clear line about ``path``; other errors pass.

    Raises:
        HRSError: no space left, quota used up, permission denied, a read-only disk, or a name that is too long.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _disk_full(path) from error
        if error.errno in _FORBIDDEN:
            raise HRSError(f"cannot write {path} ({error.strerror}); choose a folder that you may write to") from error
        if error.errno == errno.ENAMETOOLONG:
            raise HRSError(f"cannot write {path}: the name is too long; choose a shorter one") from error
        if error.errno in _NO_FOLDER:
            raise HRSError(
                f"cannot write {path} ({error.strerror}: {error.filename}); name a folder, not a file"
            ) from error
        raise


def atomic_write(path: Path, data: bytes | str, *, sync: bool = True) -> None:
    """Replace a file whole: readers see the old content or the new one, also after a crash. Text is UTF-8.

    Args:
        sync: have it on the disk before it gets its name; without, a power cut may leave it empty.

    Raises:
        HRSError: the disk is full or the folder may not be written.
    """
    content = data.encode(errors="backslashreplace") if isinstance(data, str) else data
    temporary = _beside(path, "tmp")
    with disk_errors(path):
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def usual_rights(path: Path) -> Iterator[None]:
    """Give a file that the block writes the rights that others get here. safetensors leaves its own to their owner
    alone, whoever the umask lets read."""
    path.touch()
    usual = path.stat().st_mode
    yield
    path.chmod(usual)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other thread or process is in a block of this lock file, which is made if missing.

    The system frees it when a process dies. Raises HRSError where it cannot be made.
    """
    with _lock_file(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def alone(path: Path, otherwise: str) -> Iterator[None]:
    """As `locked`, but raises HRSError, with what it says ``otherwise``, where another thread or process is in one."""
    with _lock_file(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HRSError(otherwise) from None
        yield


def _lock_file(path: Path) -> IO[bytes]:
    make_folder(path.parent)
    with disk_errors(path):
        return open(path, "wb")


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing. Raises HRSError where they cannot be made."""
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)


def remove(path: Path) -> None:
    """Remove a folder with all that is in it. It vanishes at once; what a killed process leaves of it is for `sweep`.

    Raises:
        HRSError: it may not be removed.
    """
    with disk_errors(path):
        doomed = _beside(path, "gone")
        os.rename(path, doomed)
        shutil.rmtree(doomed)


@contextmanager
def only_if_done(path: Path) -> Iterator[None]:
    """Remove a folder that was just made where the block fails: it shall not keep a name that nobody works under."""
    try:
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def sweep(folder: Path, *, below: bool = True, sole: bool = False) -> None:
    """Remove what killed processes left half-written in a folder, and bring back what they had set aside.

    What belongs to a living process stays, as does whatever is not ours to remove; of another machine, what is new.

    Args:
        below: in the folders below it, too.
        sole: as in `recover`.
    """
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            found = _HIDDEN.fullmatch(name)
            hidden = Path(place, name)
            if found is None or _lives(hidden, found, sole):
                continue
            if found["kind"] == "old":
                recover(hidden.with_name(found["name"]), sole=sole)
            elif name in folders and not hidden.is_symlink():
                shutil.rmtree(hidden, ignore_errors=True)
            else:
                with suppress(OSError):
                    hidden.unlink()
        folders[:] = [name for name in folders if below and not name.startswith(".")]


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Replace a folder whole: yields an empty one beside it, which takes its place when the block ends well.

    On an exception the new folder is removed and the old one stays. A process killed at any moment leaves the old
    folder or the new one, if need be after `recover`. One process at a time may write a path.

    Raises:
        HRSError: the disk is full or the folder may not be written.
    """
    temporary = _beside(path, "tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        recover(path, sole=True)
        temporary.mkdir()
        try:
            yield temporary
            sync_folder(temporary)
            _swap(temporary, path)
        except Exception as error:
            if isinstance(error, HRSError) or (isinstance(error, OSError) and error.errno is not None):
                raise
            if number := _number_in(error):
                raise OSError(number, os.strerror(number), str(path)) from error
            if is_full(path.parent):
                raise _disk_full(path) from error
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Make a folder whole: yields an empty one beside it, which gets its name when the block ends, also by ``return``.

    Raises:
        FileExistsError: something has that name, then or when the block ends; nothing is left of the new folder.
        HRSError: the disk is full or the folder may not be written.
    """
    temporary = _beside(path, "tmp")
    try:
        with disk_errors(path):
            temporary.mkdir()
            yield temporary
            sync_folder(temporary)
        if path.exists():
            raise FileExistsError(path)
        try:
            os.rename(temporary, path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):  # another process was quicker
                raise FileExistsError(path) from None
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def hidden_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside ``path``, for what gets its name later; it goes when the block ends. Raises HRSError where
    it cannot be made. What a killed process leaves of it is for `sweep`."""
    temporary = _beside(path, "tmp")
    with disk_errors(path):
        temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _number_in(error: Exception) -> int | None:
    """The system's number of what went wrong; safetensors and shutil have errors of their own, which tell it in words
    alone, and what did not fit is gone by then."""
    found = _NUMBER.search(str(error))
    return int(found["python"] or found["rust"]) if found else None


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder has no space to speak of."""
    return shutil.disk_usage(folder).free < _SPACE


def recover(path: Path, *, sole: bool = False) -> bool:
    """Mend what a process killed inside `atomic_folder(path)` left: bring the old folder back, or clear remains away.

    What a living process is writing is left alone (a swap under way is waited for), so a reader may call this at any
    time. Where the folder may not be written nothing is mended.

    Args:
        sole: no process of another machine writes this path any more, however new what it left is.

    Returns:
        Whether there is a folder at ``path`` now.
    """
    stale = [found for found, alive in _remains(path, sole) if not alive]
    old = [found for found in stale if found.suffix == ".old"]
    if old and not path.exists():
        newest = max(old, key=lambda found: found.stat().st_mtime)
        with suppress(OSError):  # not ours to write, or another reader was quicker
            os.rename(newest, path)
        stale.remove(newest)
    for found in stale:
        shutil.rmtree(found, ignore_errors=True)
    return path.is_dir() or _await_swap(path, sole)


def _await_swap(path: Path, sole: bool) -> bool:
    """Give a living writer the moment that it needs between its two renames."""
    deadline = time.monotonic() + _SWAP_SECONDS
    while any(found.suffix == ".old" for found, alive in _remains(path, sole) if alive):
        if path.is_dir() or time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return path.is_dir()


def _swap(temporary: Path, path: Path) -> None:
    if not path.exists():
        os.rename(temporary, path)
        return
    aside = _beside(path, "old")
    os.rename(path, aside)
    try:
        os.rename(temporary, path)
    except BaseException:
        os.rename(aside, path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Have every file on the disk before the folder gets its name: a power cut must not leave an empty checkpoint."""
    for file in folder.rglob("*"):
        if file.is_file():
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())


def _beside(path: Path, kind: str) -> Path:
    """A free hidden name in the same folder, which tells the process it belongs to."""
    own = process_identity()
    boot = f"-{own['boot']}" if own["boot"] else ""
    started = round(own["pid_started"] * (_PER_SECOND if boot else 1))
    who = f"{own['pid']}-{started}{boot}@{_host(own['host'])}"
    return path.with_name(f".{_shortened(path.name)}.{who}.{uuid.uuid4().hex}.{kind}")


def _host(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _shortened(name: str) -> str:
    return os.fsencode(name)[:_LONGEST].decode(errors="ignore")


def _remains(path: Path, sole: bool) -> list[tuple[Path, bool]]:
    """The hidden folders of `atomic_folder` beside ``path``, each with whether the process that made it lives."""
    start = f".{_shortened(path.name)}."
    try:
        names = os.listdir(path.parent)
    except (OSError, ValueError):  # no such folder, closed to reading, or no name at all
        return []
    owners = {name: _OWNER.fullmatch(name, len(start)) for name in names if name.startswith(start)}
    found = {path.with_name(name): owner for name, owner in owners.items() if owner}
    return [(hidden, _lives(hidden, owner, sole)) for hidden, owner in found.items()]


def _lives(hidden: Path, owner: re.Match[str], sole: bool) -> bool:
    """Whether the process lives that a hidden name tells of. One of another machine, or container, cannot be asked: but
    for the ``sole`` writer it counts as living for so long as it may take to write."""
    if owner["host"] not in (None, _host(socket.gethostname())):
        if sole:
            return False
        try:
            status = hidden.lstat()
        except OSError:  # it has done
            return False
        return time.time() - max(status.st_mtime, status.st_ctime) < _ELSEWHERE_SECONDS[owner["kind"]]
    pid, started, boot = int(owner["pid"]), float(owner["started"]), owner["boot"]
    return process_alive(pid, started / _PER_SECOND if boot else started, boot)


def _disk_full(path: Path) -> DiskFull:
    return DiskFull(f"disk full: cannot write {path}; free some space or choose another folder")
