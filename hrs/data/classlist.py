"""What a list of classes says, whatever file it came from, and the words and numbers that all such files share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hrs.errors import HRSError
from hrs.labels import Colour, alike, fold
from hrs.system.documents import MOST_BYTES, printable, read_bounded, shortened
from hrs.system.photographs import SUFFIXES

Names = dict[int, str]
_MOST = 1 << 16
_LONGEST_LIST = 200  # characters of a message
_NUMBERS = re.compile(r"-?\d{1,18}")
_VOID = frozenset(map(fold, ("void", "ignore", "ignored", "unlabeled", "unlabelled", "null", "~", "")))
_PERHAPS_VOID = frozenset(
    map(fold, ("unknown", "undefined", "unclassified", "no label", "none", "nothing", "don't care"))
)


@dataclass(frozen=True, kw_only=True)
class ClassList:
    """names: raw id -> class. palette: raw id -> colour, where the list has one. ignored: raw ids and colours.

    ordered: whether the ids are only the order of the list, as where it has names and colours alone.
    dropped: names that say that a class is none, such as void; their ids are ignored.
    doubts: what else was guessed, in words.
    """

    path: Path
    names: Mapping[int, str]
    palette: Mapping[int, Colour] = field(default_factory=dict)
    ignored: frozenset[int] = frozenset()
    ignored_colours: frozenset[Colour] = frozenset()
    ordered: bool = False
    dropped: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed, in words."""
        return tuple(f"{self.path.name}: {each}" for each in self._guesses())

    @property
    def of_colours(self) -> dict[Colour, list[int]]:
        """Colour -> the ids that have it, in the order of the list; the first of them is what the colour means."""
        found: dict[Colour, list[int]] = {}
        for raw, colour in self.palette.items():
            if raw in self.names or raw in self.ignored:
                found.setdefault(colour, []).append(raw)
        return found

    @property
    def colour_notes(self) -> tuple[str, ...]:
        """What is said where labels are read by colour, which cannot tell all classes apart."""
        return tuple(f"{self.path.name}: {each}" for each in self._shared_colours())

    def _shared_colours(self) -> Iterator[str]:
        for colour, raws in self.of_colours.items():
            first, *others = dict.fromkeys(self.names.get(raw, "what is ignored") for raw in raws)
            if others:
                yield f"the colour {' '.join(map(str, colour))} is read as {first}; {listed(others)} has it too"

    def _guesses(self) -> Iterator[str]:
        yield from void_notes(self.dropped, self.names.values())
        yield from self.doubts


def is_void(name: str) -> bool:
    """Whether a name says that a class is none."""
    return fold(name) in _VOID


def void_notes(dropped: Iterable[str], kept: Iterable[str]) -> Iterator[str]:
    """What is said of names that say that a class is none, and of those that may say so."""
    if names := list(dict.fromkeys(name or "(no name)" for name in dropped)):
        yield f"ignored, as the name says: {listed(names)}"
    yield from (f"a class like the others: {each}" for each in perhaps_void(kept))


def perhaps_void(names: Iterable[str]) -> Iterator[str]:
    """What to say of classes whose names may say that they are none."""
    if kept := [name for name in dict.fromkeys(names) if fold(name) in _PERHAPS_VOID]:
        yield f"{listed(kept)}; if its pixels are to be ignored, call it void"


def named_twice(path: Path, raw: int, first: str, second: str) -> HRSError:
    both = f"{shortened(first)} and {shortened(second)}"
    return HRSError(f"{path} names the id {raw} twice, {both}; give every id one name")


def listed(names: Iterable[object]) -> str:
    """Names from a file as a message may show them."""
    text = printable(", ".join(map(str, names)))
    return text if len(text) <= _LONGEST_LIST else f"{text[:_LONGEST_LIST]}…"


def is_id(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and _NUMBERS.fullmatch(value.strip()) is not None)


def as_colour(value: Any) -> Colour | None:
    """[r, g, b], "r, g, b", "(r g b)" or "#rrggbb" as a colour; None for anything else, such as the name "facade"."""
    if isinstance(value, (list, tuple)):
        parts = list(map(str, value))
    elif re.fullmatch(r"#[0-9a-fA-F]{6}", str(value).strip()):
        text = str(value).strip().removeprefix("#")
        return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)
    else:
        parts = re.split(r"[,;\s]+", str(value).strip().strip("()[]").strip())
    if len(parts) != 3 or not all(re.fullmatch(r"\s*\d{1,3}\s*", part) and int(part) <= 255 for part in parts):
        return None
    red, green, blue = map(int, parts)
    return red, green, blue


def once(path: Path, pairs: Iterable[tuple[int, str]]) -> Names:
    names: Names = {}
    for raw, name in pairs:
        if raw in names:
            raise named_twice(path, raw, names[raw], name)
        names[raw] = name
    return names


def sure_colour(value: Any) -> Colour | None:
    """As `as_colour`, where nothing but a colour can stand: "rrggbb" too."""
    return as_colour(value) or as_colour(f"#{value}")


def checked(found: ClassList) -> ClassList:
    found = _without(found, {raw for raw, name in found.names.items() if raw < 0 and is_void(name)})
    wrong = [raw for raw in found.names if not 0 <= raw < _MOST]
    if wrong:
        void = ", or void for ids below 0: 'ID: void'" if min(wrong) < 0 else ""
        raise HRSError(
            f"{found.path} names the id {shortened(max(wrong, key=abs))}; expected ids from 0 to 65535{void}"
        )
    _check_names(found.path, found.names.values())
    found = replace(found, names={raw: name for raw, name in found.names.items() if raw not in found.ignored})
    if not found.names:
        raise HRSError(f"{found.path} names no class; expected a name for every id in labels")
    return without_void(found)


def check_several(found: ClassList) -> None:
    """Raises HRSError for a list of one class, of labels where every pixel has a listed one."""
    if len(set(found.names.values())) < 2:
        raise HRSError(
            f"{found.path} names 1 class ({listed(found.names.values())}); expected 2 or more: name what is left, such "
            "as background, too"
        )


def _check_names(path: Path, names: Iterable[str]) -> None:
    """Raises HRSError for names that nobody can tell apart or see whole, and for names of files."""
    seen: dict[str, str] = {}
    for name in names:
        if Path(name).suffix.lower() in SUFFIXES:
            raise HRSError(
                f"{path} names files, such as {shortened(name)}, not classes; expected a list of classes: call this "
                "file otherwise, and name the classes in classes.yaml"
            )
        if any(unicodedata.category(each) == "Cc" for each in name):
            raise HRSError(f"{path} names a class {shortened(name)}, which has control characters; write it anew")
        first = seen.setdefault(fold(name), name)
        if first != name and not is_void(name):
            raise HRSError(f"{path} has {alike(first, name)}; give every class its own name, or both the same")


def without_void(found: ClassList, *, beside: int = 0) -> ClassList:
    """Void and the like are no classes; where fewer than two others are left, with so many beside those of the list,
    they are what is beside a class."""
    void = {raw for raw, name in found.names.items() if is_void(name)}
    left = {name for raw, name in found.names.items() if raw not in void}
    return _without(found, void) if len(left) + beside > 1 else found


def _without(found: ClassList, void: Collection[int]) -> ClassList:
    """With some of its ids ignored."""
    kept = {raw: name for raw, name in found.names.items() if raw not in void}
    names = [name for raw, name in found.names.items() if raw in void]
    dropped = tuple(dict.fromkeys((*found.dropped, *names)))
    return replace(found, names=kept, ignored=found.ignored.union(void), dropped=dropped)


def text_of(path: Path, most: int = MOST_BYTES) -> str:
    """A file's text, in UTF-8, or in UTF-16 where it says so; of at most so many bytes."""
    try:
        data = read_bounded(path, most)
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        if "\0" in text:  # UTF-16 that does not say so
            raise _no_text(path)
        return text
    except UnicodeDecodeError as error:
        raise _no_text(path) from error
    except FileNotFoundError as error:
        raise HRSError(f"{path} does not exist; check the name") from error


def _no_text(path: Path) -> HRSError:
    return HRSError(f"{path} cannot be used: it is no UTF-8 text; save it as UTF-8")
