"""Lists of names in text files, as ImageSets/…/train.txt or train.txt, by whatever tool or system wrote them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from hrs.data.classlist import text_of

_FILE = re.compile(r"(.+?)\.(?:png|jpe?g|bmp|webp|tiff?|gif|heic|avif)(?=[\s,;]|$)", re.IGNORECASE)
_MOST_BYTES = 1 << 28
_GAP = re.compile(r"[\s,;]+")


def read_list(path: Path) -> tuple[str, ...]:
    """The lines of a list that hold something, for `pick_listed`; backslashes are as good as slashes."""
    lines = text_of(path, _MOST_BYTES).splitlines()
    return tuple(unicodedata.normalize("NFC", line.strip().replace("\\", "/")) for line in lines if line.strip())


def pick_listed(listed: Sequence[str], names: Collection[str]) -> tuple[frozenset[str], list[str]]:
    """Those of ``names`` (paths without suffix) that the lines of a list mean, and the lines that mean none of them.

    A line may say more of a path than the names do, as "data/images/a" for "a", or less, as "a" for "room/a". Something
    may follow a name, such as its label's, where no name with spaces in it is among those that are meant.
    """
    known = set(names)
    by_end: dict[str, list[str]] = {}
    for name in known:
        for end in _ends(name):
            by_end.setdefault(end, []).append(name)
    spaced = any(_GAP.search(line) and _meant(line, known, by_end) for line in listed)
    chosen: set[str] = set()
    missing = []
    for line in listed:
        found = next((met for name in _readings(line, spaced) if (met := _meant(name, known, by_end))), [])
        chosen.update(found)
        if not found:
            missing.append(line)
    return frozenset(chosen), missing


def _readings(line: str, spaced: bool) -> Iterator[str]:
    """What may be the name in a line: all of it, else what stands before a suffix, else fewer and fewer of its words;
    not of lists with names that have spaces, since "street 2" is not "street" where it is not there."""
    yield line
    if found := _FILE.match(line):
        yield found[1]
    elif not spaced:
        yield from (line[: gap.start()] for gap in reversed(list(_GAP.finditer(line))))


def _meant(name: str, known: Collection[str], by_end: Mapping[str, list[str]]) -> list[str]:
    return next(([end] for end in _ends(name) if end in known), by_end.get(name, []))


def _ends(path: str) -> Iterator[str]:
    """A path, and what is left of it as its first folders are taken off: a/b/c, b/c, c."""
    parts = path.split("/")
    yield from ("/".join(parts[i:]) for i in range(len(parts)))
