"""Lists of names in text files, as ImageSets/…/train.txt or train.txt, by whatever tool or system wrote them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

_FILE = re.compile(r"(.+?)\.(?:png|jpe?g|bmp|webp|tiff?|gif|heic|avif)(?=[\s,;]|$)", re.IGNORECASE)


def read_list(path: Path) -> tuple[str, ...]:
    """The names in a list, one a line, without suffix and with the folders that stand before them.

    What follows a name, such as its label's, is left out; backslashes are as good as slashes.
    """
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return tuple(_name(line.strip()) for line in lines if line.strip())


def _name(line: str) -> str:
    found = _FILE.match(line)
    name = found[1] if found else re.split(r"[\s,;]", line)[0]
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def pick_listed(listed: Sequence[str], names: Collection[str]) -> tuple[frozenset[str], list[str]]:
    """Those of ``names`` (paths without suffix) that a list means, and what of the list is none of them.

    A list may say more of a path than the names do, as "data/images/a" for "a", or less, as "a" for "room/a".
    """
    known = set(names)
    by_end: dict[str, list[str]] = {}
    for name in known:
        for end in _ends(name):
            by_end.setdefault(end, []).append(name)
    chosen: set[str] = set()
    missing = []
    for each in listed:
        found = next(([end] for end in _ends(each) if end in known), by_end.get(each, []))
        chosen.update(found)
        if not found:
            missing.append(each)
    return frozenset(chosen), missing


def _ends(path: str) -> Iterator[str]:
    """A path, and what is left of it as its first folders are taken off: a/b/c, b/c, c."""
    parts = path.split("/")
    yield from ("/".join(parts[i:]) for i in range(len(parts)))
