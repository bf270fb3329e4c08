"""Lists of classes as people and tools write them: YAML, JSON, text, CSV, CVAT's labelmap.txt.

Whatever looks like a name stays text: YAML's own readers take ``no`` for false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from hrs.data.classlist import (
    ClassList,
    Names,
    as_colour,
    checked,
    is_id,
    is_void,
    listed,
    sure_colour,
    text_of,
)
from hrs.data.classtable import COLOUR_KEYS, ID_KEYS, Entry, colour_in, id_in, numbered
from hrs.data.classtext import from_csv, from_labelmap, from_text, mapping_in
from hrs.errors import HRSError
from hrs.labels import Colour, fold
from hrs.system.documents import parse_json, parse_yaml, shortened

_LINES = "lines of 'class: new name'"
EXPECTED = "expected 'classes:' with lines of 'raw id: name'"
Reader = Callable[[Path], ClassList]
_MOST_OF_OUTLINES = 1 << 30  # bytes of a JSON file; COCO's own with 118,000 images has less than half


def find_class_list(folder: Path, *more: Path, first: Sequence[str] = ()) -> ClassList | None:
    """The list of classes in a folder, or in one of ``more``; None where there is none. HRSError where it is unfit.

    Where a place has several the earliest of ``first`` and READERS is taken, and a note names those that differ.
    """
    for place in (folder, *more):
        there = {path.name.lower(): path for path in sorted(place.iterdir(), reverse=True) if path.is_file()}
        lists = [(READERS[each], there[each]) for each in dict.fromkeys((*first, *READERS)) if each in there]
        if lists:
            (read, path), *others = lists
            found = read(path)
            return replace(found, doubts=(*found.doubts, *_differences(found, others)))
    return None


def _differences(used: ClassList, others: Iterable[tuple[Reader, Path]]) -> Iterator[str]:
    """What other lists say otherwise. A list that is none is of something else: nobody reads it."""
    for read, path in others:
        try:
            odd = _odd_id(used, read(path))
        except HRSError:
            continue
        if odd:
            yield f"{path.name} differs and is not read: {odd} there; remove the list that is wrong"


def _odd_id(used: ClassList, other: ClassList) -> str | None:
    """The first id that another list calls otherwise, in words; ids that are only an order count where they are the
    same."""
    mine, theirs = ({raw: fold(name) for raw, name in each.names.items()} for each in (used, other))
    ordered = (used.ordered or other.ordered) and mine.keys() != theirs.keys()
    if ordered and {*mine.values()} == {*theirs.values()}:
        return None
    raw = next((raw for raw in sorted(mine.keys() | theirs.keys()) if mine.get(raw) != theirs.get(raw)), None)
    return None if raw is None else f"id {raw} is {listed([other.names.get(raw, 'none')])}"


def classes_yaml(names: Sequence[str], palette: Sequence[Colour]) -> str:
    """What classes.yaml holds for ids 0, 1, ... of these names and colours."""
    stored = {"classes": dict(enumerate(names)), "palette": {i: list(colour) for i, colour in enumerate(palette)}}
    return yaml.safe_dump(stored, sort_keys=False, allow_unicode=True, default_flow_style=None)


def read_mapping(path: Path) -> dict[str, str]:
    """A file of "class: new name" (YAML), or of two columns (CSV), for `ClassMap`. HRSError for anything else."""
    if not path.is_file():
        raise HRSError(f"{path} does not exist; expected a file with {_LINES}")
    found = mapping_in(path) if path.suffix.lower() == ".csv" else _mapping_of_yaml(path)
    if not found:
        raise HRSError(f"{path} names no class; expected {_LINES}")
    return found


def _mapping_of_yaml(path: Path) -> dict[str, str]:
    found = _load(path, f"expected {_LINES}")
    found = found.get("classes", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise HRSError(f"{path} cannot be used as a class map; expected {_LINES}")
    return {str(key): value for key, value in found.items()}


# YAML and JSON


def _load(path: Path, expected: str) -> Any:
    try:
        text = text_of(path)
        if path.suffix.lower() == ".json":
            text = text.replace("\t", " ")  # of white space alone, in which YAML takes no tabs
        return parse_yaml(text, loader=yaml.BaseLoader)
    except ValueError as error:
        raise HRSError(f"{path} cannot be used ({error}); {expected}") from error


def load_table(path: Path) -> dict[str, Any]:
    """What a YAML file holds by its keys, all values text; empty where it is no table. Raises HRSError where it cannot
    be read."""
    stored = _load(path, "expected a table")
    return stored if isinstance(stored, dict) else {}


def load_json(path: Path) -> Any:
    """What a JSON file holds, as `parse_json` reads it. Raises HRSError where it is none."""
    try:
        return parse_json(text_of(path, _MOST_OF_OUTLINES), large=True)
    except ValueError as error:
        raise HRSError(f"{path} is no whole JSON file ({error}); export it anew") from error


def _from_yaml(path: Path) -> ClassList:
    """``classes`` or ``names``: {raw id: name}, {name: raw id}, a list, or a table with colours; perhaps ``palette``
    and ``ignore``, by whatever name tools give it. Other keys are not read, and a note says so."""
    stored = _load(path, EXPECTED)
    given = stored if isinstance(stored, dict) else {"classes": stored}
    table = {str(key).lower(): value for key, value in given.items()}
    key = next((each for each in _LISTS if each in table and not is_id(table[each])), None)
    plain = {each: value for each, value in given.items() if not _is_setting(str(each), value)}
    if key is None and plain and all(_is_class(each, value) for each, value in plain.items()):
        table = {each: value for each, value in table.items() if _is_setting(each, value)} | {"classes": plain}
        key = "classes"
    if key is None or not table[key]:
        holds = f"it holds {listed(table) or 'nothing'}" if isinstance(stored, dict) else "it holds nothing"
        raise HRSError(f"{path} cannot be used ({holds}); {EXPECTED}")
    names, colours = _classes(path, table[key])
    palette = colours | _palette(path, table.get("palette") or {}, names)
    void = [item for each, value in table.items() if fold(each) in _IGNORE_KEYS for item in _listed_in(value)]
    ignored, ignored_colours = _ignored(path, void, names)
    ordered = bool(colours) and isinstance(table[key], dict) and not any(map(is_id, table[key]))
    return checked(
        ClassList(
            path=path,
            names=names,
            palette=palette,
            ignored=ignored,
            ignored_colours=ignored_colours,
            ordered=ordered,
            doubts=(*_miscounted(given, names), *(() if path.name.lower() in OF_YOLO else _not_read(table, key))),
        )
    )


_LISTS = ("classes", "names", "labels", "id2label")
_IGNORE_KEYS = frozenset(("ignore", "ignored", "void", "ignoreindex", "ignorelabel", "ignoreids", "ignoreclasses"))
_COUNTS = frozenset(("nc", "numclasses", "numberofclasses"))
"""What else tools write beside classes, folded."""
OF_YOLO = ("data.yaml", "dataset.yaml")
"""Where much else stands."""


def _is_setting(key: str, value: Any) -> bool:
    """Whether a line among those of classes is none; void and ignore may be one, with its id or colour."""
    name = fold(key)
    if is_void(key):
        return name in _IGNORE_KEYS and isinstance(value, list) and as_colour(value) is None
    return name in _IGNORE_KEYS | _COUNTS | {"palette"}


def _miscounted(given: Mapping[str, Any], names: Names) -> Iterator[str]:
    """What is said where a file counts its classes otherwise, with or without void, than it names them."""
    without = {name for name in names.values() if not is_void(name)}
    for key, value in given.items():
        if fold(str(key)) in _COUNTS and is_id(value) and int(value) not in (len(names), len(without)):
            yield f"{key} is {value}, but {len(without)} classes are named"


def _listed_in(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _not_read(table: Mapping[str, Any], key: str) -> Iterator[str]:
    known = ("palette", "ignore", *_LISTS)
    read = {key, "palette", *(each for each in _LISTS if is_id(table.get(each)))}
    others = [each for each in table if each not in read and fold(each) not in _IGNORE_KEYS | _COUNTS]
    near = {each: get_close_matches(each, known, n=1) for each in others}
    named = [f"{each} (did you mean {found[0]}?)" if found else each for each, found in near.items()]
    if named:
        yield f"not read: {listed(named)}"


def _is_class(key: Any, value: Any) -> bool:
    """Whether a line says an id or a colour, so that it is a class wherever it stands."""
    if isinstance(value, dict):
        return (is_id(key) and "name" in value) or any(fold(each) in ID_KEYS or each in COLOUR_KEYS for each in value)
    return any(is_id(each) or as_colour(each) is not None for each in (key, value))


def _classes(path: Path, given: Any) -> tuple[Names, dict[int, Colour]]:
    if isinstance(given, str):
        given = [each.strip() for each in given.split(",")]
    if isinstance(given, list) and all(isinstance(each, dict) and len(each) == 1 for each in given):
        pairs = [pair for each in given for pair in each.items()]
    elif isinstance(given, list):
        pairs = [("" if isinstance(each, dict) else i, each) for i, each in enumerate(given)]
    else:
        pairs = list(given.items())
    entries = [_entry(path, str(key), value) for key, value in pairs]
    names = numbered(path, [(raw, name) for raw, name, _ in entries])
    return names, {raw: colour for raw, (_, _, colour) in zip(names, entries, strict=True) if colour is not None}


def _entry(path: Path, key: str, value: Any) -> Entry:
    """A class from "id: name", "name: id", "name: colour", "colour: name" or a table with id, name and colour."""
    if isinstance(value, dict):
        if name := value.get("name", None if is_id(key) else key):
            raw = key if is_id(key) and "id" not in value else id_in(path, str(name), value)
            return raw if raw is None else int(raw), str(name), colour_in(value)
    elif is_id(key) and isinstance(value, str):
        return int(key), value, None
    elif is_id(value):
        return int(value), key, None
    elif (colour := as_colour(value)) is not None:
        return None, key, colour
    elif (colour := as_colour(key)) is not None and isinstance(value, str):
        return None, value, colour
    raise HRSError(f"{path} cannot be used ({shortened(key)}: {shortened(value)} is no class); {EXPECTED}")


def _palette(path: Path, given: Any, names: Names) -> dict[int, Colour]:
    if isinstance(given, list):
        given = dict(_in_order(path, given, names))
    if not isinstance(given, dict):
        raise HRSError(f"{path}: palette is {shortened(given)}; expected lines of 'raw id: [r, g, b]'")
    found: dict[int, Colour] = {}
    for key, value in given.items():
        colour = sure_colour(value)
        if colour is None:
            raise HRSError(
                f"{path}: the palette's colour of {listed([key])} is {shown(value)}; expected [r, g, b] from 0 to 255"
            )
        for raw in _ids_of(path, str(key), names):
            found[raw] = colour
    return found


def _in_order(path: Path, colours: list[Any], names: Names) -> Iterable[tuple[int, Any]]:
    """Colours without ids: one for each class, in the order of the ids, or the i-th for the id i. Raises HRSError where
    they are neither."""
    every = sorted(raw for raw in names if raw >= 0)
    for ids in (every, [raw for raw in every if not is_void(names[raw])]):
        if len(colours) == len(ids):
            return zip(ids, colours, strict=True)
    if len(colours) > max(every, default=-1) or every == list(range(len(every))):
        return enumerate(colours)
    raise HRSError(
        f"{path}: palette has {len(colours)} colours for {len(every)} classes with the ids {listed(every)}; expected "
        "one for each, in this order, or lines of 'raw id: [r, g, b]'"
    )


def _ignored(path: Path, given: Any, names: Names) -> tuple[frozenset[int], frozenset[Colour]]:
    items = given if isinstance(given, list) else [given]
    colours = {item: as_colour(item) for item in map(_hashable, items) if not is_id(item)}
    ids = [raw for item in items if colours.get(_hashable(item)) is None for raw in _ids_of(path, str(item), names)]
    return frozenset(ids), frozenset(colour for colour in colours.values() if colour is not None)


def _hashable(item: Any) -> Any:
    return tuple(item) if isinstance(item, list) else item


def _ids_of(path: Path, key: str, names: Names) -> list[int]:
    if is_id(key):
        return [int(key)]
    found = [raw for raw, name in names.items() if name == key]
    if not found:
        raise HRSError(f"{path}: {shortened(key)} is neither an id nor one of its classes, {listed(names.values())}")
    return found


def shown(value: Any) -> str:
    """A value from a file as people write it."""
    return f"[{listed(value)}]" if isinstance(value, list) else listed([value])


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "classes.yaml": _from_yaml,
        "classes.yml": _from_yaml,
        "classes.json": _from_yaml,
        "class_list.json": _from_yaml,
        "classes.txt": from_text,
        "classes.csv": from_csv,
        "class_names.txt": from_text,
        "id2label.json": _from_yaml,
        "_classes.csv": from_csv,
        "class_dict.csv": from_csv,
        "colors.csv": from_csv,
        "labelmap.txt": from_labelmap,
        "labels.txt": from_text,
        "obj.names": from_text,
        "data.yaml": _from_yaml,
        "dataset.yaml": _from_yaml,
    }
)
"""Files that name classes, in the order in which they are looked for."""
