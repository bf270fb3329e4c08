"""Files below a folder, and what is left aside there and why."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hrs.errors import HRSError
from hrs.progress import counted
from hrs.system.documents import printable

_OF_SYSTEMS = frozenset({"@eadir", "__macosx", "#recycle", "$recycle.bin", "lost+found", "system volume information"})
"""Folders that network disks, archives and systems make, in small letters: thumbnails, waste, copies."""
NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A file or folder that is not used, and why. kind: what it is counted under; empty where that is the reason."""

    path: Path
    reason: str
    kind: str = ""

    @property
    def shown(self) -> str:
        """The path as text, whatever bytes it is made of."""
        return printable(str(self.path))


@dataclass(frozen=True, kw_only=True)
class Tree:
    """files: those of the kinds that were asked for, sorted. aside: all else."""

    files: tuple[Path, ...]
    aside: tuple[Skipped, ...]


def folder_bytes(folder: Path) -> int:
    """What all files of a folder and below hold, links as the few bytes that they are; one that goes meanwhile counts
    nothing."""
    total = 0
    for file in _all_files(folder):
        with suppress(OSError):
            total += os.lstat(file).st_size
    return total


def remove_older(path: Path, age: float) -> None:
    """Remove a file, or all files of a folder and below, that nobody has written to for ``age`` seconds."""
    latest = time.time() - age
    for file in _all_files(path) if path.is_dir() else [path]:
        with suppress(OSError):  # it has gone meanwhile
            if os.lstat(file).st_mtime <= latest:
                os.unlink(file)


def _all_files(folder: Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (os.path.join(place, name) for name in names)


def files_below(root: Path, suffixes: Iterable[str]) -> Tree:
    """All files below a folder whose names end in one of ``suffixes`` (small letters); links are followed.

    Left aside: hidden files and folders, half-written files among them, the folders that systems make, links that lead
    nowhere or in a circle, and other kinds of files. Raises HRSError for a folder that may not be read.
    """
    wanted, files, aside = frozenset(suffixes), list[Path](), list[Skipped]()
    todo: list[tuple[Path, tuple[Path, ...]]] = [(root, (root.resolve(),))]
    while todo:
        folder, above = todo.pop()
        for entry in _entries(folder):
            path = folder / entry.name
            reason = _unwanted(entry)
            if reason:
                aside.append(Skipped(path=path, reason=reason))
            elif entry.is_dir():
                real = path.resolve() if entry.is_symlink() else above[-1] / entry.name
                if real in above:
                    aside.append(Skipped(path=path, reason="is a link to a folder that it lies in"))
                else:
                    todo.append((path, (*above, real)))
            elif path.suffix.lower() in wanted:
                files.append(path)
            else:
                aside.append(Skipped(path=path, reason="is of a kind that is not read here"))
    return Tree(files=tuple(sorted(files)), aside=tuple(sorted(aside, key=lambda item: item.path)))


def folders_in(root: Path) -> list[str]:
    """Names of the folders in a folder, sorted, without those that are left aside."""
    return sorted(entry.name for entry in _entries(root) if not _unwanted(entry) and entry.is_dir())


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise HRSError(f"{folder} cannot be read ({error.strerror}); check that it is there and may be read") from error


def _unwanted(entry: os.DirEntry[str]) -> str | None:
    try:
        folder = entry.is_dir()
    except OSError:
        return "is a link to nothing"
    if entry.name.startswith("."):
        return "is a hidden folder" if folder else "is hidden"
    if folder and entry.name.lower() in _OF_SYSTEMS:
        return "is a folder that a system made"
    if not folder and entry.is_symlink() and not entry.is_file():
        return "is a link to nothing"
    return None


def by_kind(skipped: Iterable[Skipped]) -> dict[str, list[Skipped]]:
    """What was left out, grouped by why; the commonest first."""
    groups: dict[str, list[Skipped]] = {}
    for item in skipped:
        groups.setdefault(item.kind or item.reason, []).append(item)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def in_words(skipped: Sequence[Skipped]) -> str:
    """All files that were left out in a line, with counts and names: "2 files (has no label: a.png, b.png), 1 file (is
    hidden: .c)"."""
    groups = [f"{counted(len(items), 'file')} ({why}: {_names(items)})" for why, items in by_kind(skipped).items()]
    return ", ".join(groups) or "nothing"


def _names(items: Sequence[Skipped]) -> str:
    names = ", ".join(printable(item.path.name) for item in items[:NAMED])
    return f"{names}, …" if len(items) > NAMED else names
