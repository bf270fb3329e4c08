"""Lists of classes as people and tools write them: YAML, JSON, text, CSV, CVAT's labelmap.txt.

Whatever looks like a name stays text: YAML's own readers take ``no`` for false.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from hrs.errors import HRSError
from hrs.labels import Colour
from hrs.system.documents import MOST_BYTES, parse_yaml, printable, read_bounded, shortened

Names = dict[int, str]
EXPECTED = "expected 'classes:' with lines of 'raw id: name'"
_MOST = 1 << 16
_LONGEST_LIST = 200  # characters of a message
_MOST_OF_OUTLINES = 1 << 30  # bytes of a JSON file; COCO's own with 118,000 images has less than half
_NUMBERS = re.compile(r"-?\d{1,18}")
_HEADS = frozenset(
    [
        "name",
        "names",
        "class",
        "classes",
        "label",
        "labels",
        "id",
        "ids",
        "index",
        "r",
        "g",
        "b",
        "red",
        "green",
        "blue",
        "colour",
        "color",
        "rgb",
    ]
)
_HEADS |= {"pixel value", "class name", "class_name", "color_rgb", "hex"}


@dataclass(frozen=True, kw_only=True)
class ClassList:
    """names: raw id -> class. palette: raw id -> colour, where the list has one. ignored: raw ids and colours.

    ordered: whether the ids are only the order of the list, as where it has names and colours alone.
    """

    path: Path
    names: Mapping[int, str]
    palette: Mapping[int, Colour] = field(default_factory=dict)
    ignored: frozenset[int] = frozenset()
    ignored_colours: frozenset[Colour] = frozenset()
    ordered: bool = False


def find_class_list(folder: Path, *more: Path) -> ClassList | None:
    """The list of classes in a folder, or in one of ``more``; None where there is none. HRSError where it is unfit."""
    for place in (folder, *more):
        for name, read in READERS.items():
            if (place / name).is_file():
                return read(place / name)
    return None


def read_mapping(path: Path) -> dict[str, str]:
    """A file of "class: new name" (YAML), or of two columns (CSV), for `ClassMap`. HRSError for anything else."""
    if not path.is_file():
        raise HRSError(f"{path} does not exist; expected a file with lines of 'class: new name'")
    if path.suffix.lower() == ".csv":
        rows = [row for row in _rows(path) if len(row) == 2]
        return {key: name for key, name in rows if (key.lower(), name.lower()) != ("source", "target")}
    found = _load(path, "expected lines of 'class: new name'")
    found = found.get("classes", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise HRSError(f"{path} cannot be used as a class map; expected lines of 'class: new name'")
    return {str(key): value for key, value in found.items()}


# YAML and JSON


class _Texts(yaml.BaseLoader):
    """All values are text, and a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f"line {line}: a key is no word or number")
            if key.value in seen:
                raise yaml.YAMLError(f"line {line}: {key.value!r} stands there twice, first in line {seen[key.value]}")
            seen[key.value] = line
        return super().construct_mapping(node, deep=deep)


def _text(path: Path, most: int = MOST_BYTES) -> str:
    """A file's text, in UTF-8, or in UTF-16 where it says so; of at most so many bytes."""
    try:
        data = read_bounded(path, most)
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise HRSError(f"{path} cannot be used: it is no UTF-8 text; save it as UTF-8") from error
    except FileNotFoundError as error:
        raise HRSError(f"{path} does not exist; check the name") from error


def _load(path: Path, expected: str) -> Any:
    try:
        return parse_yaml(_text(path), loader=_Texts)
    except ValueError as error:
        raise HRSError(f"{path} cannot be used ({error}); {expected}") from error


def load_json(path: Path) -> Any:
    """What a JSON file holds. Raises HRSError where it is none."""
    try:
        return json.loads(_text(path, _MOST_OF_OUTLINES))
    except ValueError as error:
        raise HRSError(f"{path} is no whole JSON file ({error}); export it anew") from error


def _from_yaml(path: Path) -> ClassList:
    """``classes`` or ``names``: {raw id: name}, {name: raw id}, a list, or a table with colours; perhaps ``palette``
    and ``ignore``."""
    stored = _load(path, EXPECTED)
    table = stored if isinstance(stored, dict) else {"classes": stored}
    key = next((each for each in ("classes", "names", "labels") if each in table), None)
    if key is None and table and all(_is_id(each) or _is_id(value) for each, value in table.items()):
        table, key = {"classes": table}, "classes"
    if key is None or not table[key]:
        holds = f"it holds {_listed(table) or 'nothing'}" if isinstance(stored, dict) else "it holds nothing"
        raise HRSError(f"{path} cannot be used ({holds}); {EXPECTED}")
    names, colours = _classes(path, table[key])
    palette = colours | _palette(path, table.get("palette") or {}, names)
    ignored, ignored_colours = _ignored(path, table.get("ignore") or [], names)
    ordered = bool(colours) and isinstance(table[key], dict) and not any(map(_is_id, table[key]))
    return _checked(
        ClassList(
            path=path,
            names=names,
            palette=palette,
            ignored=ignored,
            ignored_colours=ignored_colours,
            ordered=ordered,
        )
    )


def _classes(path: Path, given: Any) -> tuple[Names, dict[int, Colour]]:
    if isinstance(given, str):
        given = [each.strip() for each in given.split(",")]
    pairs = list(enumerate(given)) if isinstance(given, list) else list(given.items())
    names: Names = {}
    palette: dict[int, Colour] = {}
    for place, (key, value) in enumerate(pairs):
        raw, name, colour = _entry(path, place, str(key), value)
        if raw in names:
            raise _named_twice(path, raw, names[raw], name)
        names[raw] = name
        if colour is not None:
            palette[raw] = colour
    return names, palette


def _entry(path: Path, place: int, key: str, value: Any) -> tuple[int, str, Colour | None]:
    """A class from "id: name", "name: id", "name: colour", "colour: name" or a table with id, name and colour."""
    if isinstance(value, dict):
        raw = value.get("id", key)
        name = value.get("name", None if _is_id(key) else key)
        colour = as_colour(value.get("color", value.get("colour", value.get("rgb", ""))))
        if name and _is_id(raw):
            return int(raw), str(name), colour
        if name:
            return place, str(name), colour
    elif _is_id(key) and isinstance(value, str):
        return int(key), value, None
    elif _is_id(value):
        return int(value), key, None
    elif (colour := as_colour(value)) is not None:
        return place, key, colour
    elif (colour := as_colour(key)) is not None and isinstance(value, str):
        return place, value, colour
    raise HRSError(f"{path} cannot be used ({shortened(key)}: {shortened(value)} is no class); {EXPECTED}")


def _palette(path: Path, given: Any, names: Names) -> dict[int, Colour]:
    pairs = enumerate(given) if isinstance(given, list) else given.items() if isinstance(given, dict) else None
    if pairs is None:
        raise HRSError(f"{path}: palette is {shortened(given)}; expected lines of 'raw id: [r, g, b]'")
    found: dict[int, Colour] = {}
    for key, value in pairs:
        colour = as_colour(value)
        if colour is None:
            raise HRSError(
                f"{path}: the palette's colour of {_listed([key])} is {_shown(value)}; expected [r, g, b] from 0 to 255"
            )
        for raw in _ids_of(path, str(key), names):
            found[raw] = colour
    return found


def _ignored(path: Path, given: Any, names: Names) -> tuple[frozenset[int], frozenset[Colour]]:
    items = given if isinstance(given, list) else [given]
    colours = {item: as_colour(item) for item in map(_hashable, items) if not _is_id(item)}
    ids = [raw for item in items if colours.get(_hashable(item)) is None for raw in _ids_of(path, str(item), names)]
    return frozenset(ids), frozenset(colour for colour in colours.values() if colour is not None)


def _hashable(item: Any) -> Any:
    return tuple(item) if isinstance(item, list) else item


def _ids_of(path: Path, key: str, names: Names) -> list[int]:
    if _is_id(key):
        return [int(key)]
    found = [raw for raw, name in names.items() if name == key]
    if not found:
        raise HRSError(f"{path}: {shortened(key)} is neither an id nor one of its classes, {_listed(names.values())}")
    return found


def _shown(value: Any) -> str:
    """A value from a file as people write it."""
    return f"[{_listed(value)}]" if isinstance(value, list) else _listed([value])


def _named_twice(path: Path, raw: int, first: str, second: str) -> HRSError:
    both = f"{shortened(first)} and {shortened(second)}"
    return HRSError(f"{path} names the id {raw} twice, {both}; give every id one name")


def _listed(names: Iterable[object]) -> str:
    """Names from a file as a message may show them."""
    text = printable(", ".join(map(str, names)))
    return text if len(text) <= _LONGEST_LIST else f"{text[:_LONGEST_LIST]}…"


def _is_id(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and _NUMBERS.fullmatch(value.strip()) is not None)


def as_colour(value: Any) -> Colour | None:
    """[r, g, b], "r, g, b", "(r g b)" or "#rrggbb" as a colour; None for anything else."""
    if isinstance(value, (list, tuple)):
        parts = list(map(str, value))
    elif re.fullmatch(r"#?[0-9a-fA-F]{6}", str(value).strip()) and not _is_id(value):
        text = str(value).strip().removeprefix("#")
        return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)
    else:
        parts = re.split(r"[,;\s]+", str(value).strip().strip("()[]").strip())
    if len(parts) != 3 or not all(re.fullmatch(r"\s*\d{1,3}\s*", part) and int(part) <= 255 for part in parts):
        return None
    red, green, blue = map(int, parts)
    return red, green, blue


# Text and CSV


def _from_text(path: Path) -> ClassList:
    """A name a line; the id before it, where every line has one, else the line's number from 0."""
    lines = [line.strip() for line in _text(path).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    numbered = [re.fullmatch(r"(\d+)\s*[\s,:;=]\s*(.+)", line) for line in lines]
    entries = [(int(found[1]), found[2]) for found in numbered if found]
    pairs = entries if len(entries) == len(lines) else list(enumerate(lines))
    return _checked(ClassList(path=path, names=_once(path, pairs)))


def _from_labelmap(path: Path) -> ClassList:
    """CVAT's and Pascal VOC's "name:r,g,b:parts:actions"."""
    names: Names = {}
    palette: dict[int, Colour] = {}
    for line in _text(path).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, rest = line.strip().partition(":")
        colour = as_colour(rest.partition(":")[0])
        if not name or colour is None:
            raise HRSError(f"{path}: {shortened(line.strip())} is no class; expected lines of 'name:red,green,blue::'")
        palette[len(names)] = colour
        names[len(names)] = name
    return _checked(ClassList(path=path, names=names, palette=palette, ordered=True))


def _from_csv(path: Path) -> ClassList:
    """A name and an id, a colour (one column or three) or both, in any order; a line of headings is left out."""
    rows = _rows(path)
    if rows and all(cell.lower() in _HEADS for cell in rows[0]):
        rows = rows[1:]
    names: Names = {}
    palette: dict[int, Colour] = {}
    ordered = False
    for place, row in enumerate(rows):
        numbers = [int(cell) for cell in row if _is_id(cell)]
        colour = next((found for cell in row if not _is_id(cell) and (found := as_colour(cell))), None)
        texts = [cell for cell in row if not _is_id(cell) and as_colour(cell) is None]
        if len(texts) != 1 or len(numbers) not in (0, 1, 3, 4):
            line = shortened(",".join(row))
            raise HRSError(f"{path}: {line} is no class; expected a name with an id, or with red, green and blue")
        colour = colour or (as_colour(numbers[-3:]) if len(numbers) >= 3 else None)
        ordered = ordered or len(numbers) in (0, 3)
        raw = place if len(numbers) in (0, 3) else numbers[0]
        names[raw] = texts[0]
        if colour is not None:
            palette[raw] = colour
    return _checked(ClassList(path=path, names=names, palette=palette, ordered=ordered))


def _rows(path: Path) -> list[list[str]]:
    text = _text(path)
    separator = max(",;\t", key=text.count)
    rows = [
        [cell.strip() for cell in row if cell.strip()] for row in csv.reader(text.splitlines(), delimiter=separator)
    ]
    return [row for row in rows if row]


def _once(path: Path, pairs: Iterable[tuple[int, str]]) -> Names:
    names: Names = {}
    for raw, name in pairs:
        if raw in names:
            raise _named_twice(path, raw, names[raw], name)
        names[raw] = name
    return names


def _checked(found: ClassList) -> ClassList:
    wrong = [raw for raw in found.names if not 0 <= raw < _MOST]
    if wrong:
        raise HRSError(f"{found.path} names the id {shortened(max(wrong, key=abs))}; expected ids from 0 to 65535")
    if len(set(found.names.values())) < 2:
        only = _listed(found.names.values()) or "none"
        raise HRSError(
            f"{found.path} names {len(set(found.names.values()))} classes ({only}); expected 2 or more: name what is "
            "left, such as background, too"
        )
    return found


READERS: Mapping[str, Callable[[Path], ClassList]] = MappingProxyType(
    {
        "classes.yaml": _from_yaml,
        "classes.yml": _from_yaml,
        "classes.json": _from_yaml,
        "classes.txt": _from_text,
        "classes.csv": _from_csv,
        "_classes.csv": _from_csv,
        "class_dict.csv": _from_csv,
        "colors.csv": _from_csv,
        "labelmap.txt": _from_labelmap,
        "labels.txt": _from_text,
        "obj.names": _from_text,
        "data.yaml": _from_yaml,
        "dataset.yaml": _from_yaml,
    }
)
"""Files that name classes, in the order in which they are looked for."""
