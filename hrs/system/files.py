"""Files and folders that are replaced whole or not at all, and that survive a process killed half-way."""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from hrs.errors import HRSError
from hrs.system.processes import process_alive

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.EEXIST, errno.ENOTDIR, errno.ENOENT}
_OWNER = re.compile(r"(\d+)-(\d+)\.[0-9a-f]{32}\.(?:tmp|old)")
_SPACE = 1 << 20  # bytes; a disk with less is full
_SWAP_SECONDS = 1.0  # two renames take far less, also on a network disk


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk and a missing permission into one clear line about ``path``; other errors pass unchanged.

    Raises:
        HRSError: no space left, quota used up, permission denied, or a read-only disk.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _disk_full(path) from error
        if error.errno in _FORBIDDEN:
            raise HRSError(f"cannot write {path} ({error.strerror}); choose a folder that you may write to") from error
        if error.errno in _NO_FOLDER:
            raise HRSError(
                f"cannot write {path} ({error.strerror}: {error.filename}); name a folder, not a file"
            ) from error
        raise


def atomic_write(path: Path, data: bytes | str) -> None:
    """Replace a file whole: readers see the old content or the new one, also after a crash. Text is UTF-8.

    Raises:
        HRSError: the disk is full or the folder may not be written.
    """
    content = data.encode() if isinstance(data, str) else data
    temporary = _beside(path, "tmp")
    with disk_errors(path):
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


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
        recover(path)
        temporary.mkdir()
        try:
            yield temporary
            _sync(temporary)
            _swap(temporary, path)
        except Exception as error:
            # Not every writer raises OSError: safetensors and torch.save have errors of their own for a full disk.
            if not isinstance(error, OSError | HRSError) and shutil.disk_usage(path.parent).free < _SPACE:
                raise _disk_full(path) from error
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def recover(path: Path) -> bool:
    """Mend what a process killed inside `atomic_folder(path)` left: bring the old folder back, or clear remains away.

    What a living process is writing is left alone (a swap under way is waited for), so a reader may call this at any
    time. Where the folder may not be written nothing is mended.

    Returns:
        Whether there is a folder at ``path`` now.
    """
    stale = [found for found, alive in _remains(path) if not alive]
    old = [found for found in stale if found.suffix == ".old"]
    if old and not path.exists():
        newest = max(old, key=lambda found: found.stat().st_mtime)
        with suppress(OSError):  # not ours to write, or another reader was quicker
            os.rename(newest, path)
        stale.remove(newest)
    for found in stale:
        shutil.rmtree(found, ignore_errors=True)
    return path.is_dir() or _await_swap(path)


def _await_swap(path: Path) -> bool:
    """Give a living writer the moment that it needs between its two renames."""
    deadline = time.monotonic() + _SWAP_SECONDS
    while any(found.suffix == ".old" for found, alive in _remains(path) if alive):
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


def _sync(folder: Path) -> None:
    """Have every file on the disk before the folder gets its name: a power cut must not leave an empty checkpoint."""
    for file in folder.rglob("*"):
        if file.is_file():
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())


def _beside(path: Path, kind: str) -> Path:
    """A free hidden name in the same folder, which tells the process it belongs to."""
    process = psutil.Process()
    return path.with_name(f".{path.name}.{process.pid}-{int(process.create_time())}.{uuid.uuid4().hex}.{kind}")


def _remains(path: Path) -> list[tuple[Path, bool]]:
    """The hidden folders of `atomic_folder` beside ``path``, each with whether the process that made it lives."""
    start = f".{path.name}."
    try:
        names = os.listdir(path.parent)
    except OSError:  # no such folder, or closed to reading
        return []
    owners = {name: _OWNER.fullmatch(name, len(start)) for name in names if name.startswith(start)}
    return [
        (path.with_name(name), process_alive(int(owner[1]), float(owner[2]))) for name, owner in owners.items() if owner
    ]


def _disk_full(path: Path) -> HRSError:
    return HRSError(f"disk full: cannot write {path}; free some space or choose another folder")
