"""JSON, YAML and plain bytes that anybody may have written, read within bounds; and what tables make of such text.

Whatever a file holds, a reader here answers within a moment and in bounded memory, with values that the rest can
compute with, or with ValueError. What that means to the user is said by who asked.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hrs.errors import HRSError

MOST_BYTES = 16 << 20
"""Of one document; hrs itself writes less than a hundredth of that."""
MOST_NODES = 100_000
"""Values in a YAML document, those that its aliases repeat included."""
DEEPEST = 64
"""Lists and mappings within each other."""

_MERGE = "tag:yaml.org,2002:merge"  # <<, whose keys give way to those beside it
_LARGEST = 2**63 - 1  # whole numbers that arrays hold


def as_cell(text: str) -> str:
    """Text for a CSV file, which no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a file.

    Raises:
        FileNotFoundError: there is none, or its folder is none.
        HRSError: it is no ordinary file (a pipe would never end), is larger than ``most``, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise HRSError(f"{path} is no ordinary file; remove it")
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except (OSError, ValueError) as error:
        raise HRSError(f"{path} cannot be read ({reason(error)}); check its permissions or copy it anew") from error
    if len(data) > most:
        raise HRSError(f"{path} is larger than the {most / 2**20:.0f} MB that are read; remove it or copy it anew")
    return data


def parse_json(data: bytes | str, *, large: bool = False) -> Any:
    """A JSON document; whole numbers fit 64 bits, and NaN and infinity come as None. Raises ValueError for anything
    else.

    large: whole numbers that do not fit come as text, such as the hashes by which tools call things.
    """
    whole = _whole_or_text if large else _whole
    try:
        return json.loads(data, parse_int=whole, parse_float=_finite, parse_constant=lambda _: None)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_yaml(data: bytes | str, loader: Any = None) -> Any:
    """A YAML document of at most MOST_NODES values, DEEPEST deep, whose keys are all different. Raises ValueError for
    anything else.

    loader: a safe loader of PyYAML, where values are to be read in a way of their own.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        if len(text) > MOST_BYTES:
            raise ValueError("it is too large")
        import yaml  # here, since whoever only names things need not have it

        quick: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as quick, where libyaml is there
        _check_size(yaml.parse(text, Loader=quick))
        return _checked(_built((loader or quick)(text)))
    except ValueError:
        raise
    except Exception as error:  # the loader raises nearly anything on values such as an empty !!int
        raise ValueError(reason(error)) from error


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """A file as `parse_json` reads it. Raises FileNotFoundError or HRSError, which says that it is damaged."""
    try:
        return parse_json(read_bounded(path, most))
    except ValueError as error:
        raise HRSError(f"{path} is damaged ({reason(error)}); copy it anew or remove it") from error


def reason(error: BaseException) -> str:
    """What an error says, in one line of sensible length."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _cut(" ".join(str(error).split()) or type(error).__name__, 200)


def shortened(value: object, most: int = 120) -> str:
    """A value from outside as a message may show it: what cannot be printed escaped, of a line's length."""
    return _cut(repr(value[: most + 1] if isinstance(value, str) else value), most)


def printable(line: str) -> str:
    """A line from a file as a terminal may show it: what would move the cursor or change colours is escaped."""
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in line)


def is_utf8(path: Path) -> bool:
    """Whether a path is text; names of older systems and archives may be none."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def usable_path(text: str) -> Path:
    """A path that a user, a configuration or a request names, with ~ expanded. Raises HRSError for what no system
    could open: an empty character, one that cannot be written, or names of more than 255 bytes."""
    try:
        parts = [os.fsencode(part) for part in Path(text).parts]
        if "\0" in text or any(len(part) > 255 for part in parts) or len(os.fsencode(text)) > 4000:
            raise ValueError
        return Path(text).expanduser()
    except (ValueError, RuntimeError):  # RuntimeError: the home of a user who is not there
        raise HRSError(f"{shortened(text)} is no path; name a file or folder of this machine") from None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _whole(digits: str) -> int:
    value = int(digits)
    if abs(value) > _LARGEST:
        raise ValueError(f"the number {digits[:12]}… does not fit 64 bits")
    return value


def _whole_or_text(digits: str) -> int | str:
    try:
        return _whole(digits)
    except ValueError:  # of more digits than Python takes for a number, too
        return digits


def _checked(value: Any) -> Any:
    """A value as it is, where its whole numbers fit 64 bits; as deep and as large as `_check_size` allows."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ValueError("a number does not fit 64 bits")
    for each in (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        _checked(each)
    return value


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if abs(value) != float("inf") else None


def _built(loader: Any) -> Any:
    """The document of a loader; None where there is none."""
    try:
        root = loader.get_single_node()
        _check_keys(root, set())
        return None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _check_keys(node: Any, known: set[int]) -> None:
    """That keys are words or numbers, each once in its mapping, or the first would be lost; what aliases repeat is
    looked at once."""
    import yaml

    if not isinstance(node, yaml.CollectionNode) or id(node) in known:
        return
    known.add(id(node))
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(None, each) for each in node.value]
    lines: dict[tuple[str, str], int] = {}
    for key, value in pairs:
        if key is not None and key.tag != _MERGE:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"line {line}: a key is no word or number")
            if first := lines.get((key.tag, key.value)):
                raise ValueError(f"line {line}: {shortened(key.value)} stands there twice, first in line {first}")
            lines[key.tag, key.value] = line
        _check_keys(value, known)


def _check_size(events: Iterable[Any]) -> None:
    """Walk over the document without building it: an alias is counted as what it stands for, since whoever prints or
    compares the values walks over all of that."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []  # anchor, and the count when it began
    count = 0
    import yaml

    for event in events:
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            if anchor not in sizes:
                raise ValueError(f"the alias *{anchor} stands inside what it refers to")
            count += sizes[anchor]
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            sizes |= {anchor: 1} if anchor else {}
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            own, before = open_.pop()
            sizes |= {own: count - before} if own else {}
        if count > MOST_NODES:
            raise ValueError(f"it holds more than {MOST_NODES} values, repeated ones included")
        if len(open_) > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
