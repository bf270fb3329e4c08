"""A class as a row of a table: its id, its name and its colour under the headings that tools give them, of YAML, JSON,
CSV and text alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hrs.data.classlist import Names, as_colour, is_id, listed, once, sure_colour
from hrs.errors import HRSError
from hrs.labels import Colour, fold
from hrs.system.documents import shortened

ID_KEYS = frozenset(
    (
        *("id", "classid", "labelid", "categoryid", "trainid", "rawid", "value", "pixelvalue", "index", "classindex"),
        *("idx", "classidx", "labelidx", "code", "classcode", "raw", "maskvalue", "pixel", "dn"),
        *("gray", "grey", "grayscale", "greyscale"),
    )
)
"""What tools call the id, folded."""
COLOUR_KEYS = ("color", "colour", "rgb")
Entry = tuple[int | None, str, Colour | None]
"""A class: its id, where it has one, its name, and its colour, where it has one."""


def colour_in(table: Mapping[str, Any]) -> Colour | None:
    """The colour in a class's table; it may be a table of its own, of r, g and b."""
    value = next((table[key] for key in COLOUR_KEYS if key in table), "")
    parts = {fold(key)[:1]: part for key, part in value.items()} if isinstance(value, dict) else {}
    return as_colour([parts[each] for each in "rgb"]) if {*"rgb"} <= parts.keys() else sure_colour(value)


def id_in(path: Path, name: str, table: Mapping[str, Any], keys: Iterable[str] = ID_KEYS) -> int | None:
    """The id in a class's table, under one of some keys; None where it has no whole number. Raises HRSError where one
    may be it or not."""
    if is_id(table.get("id")):
        return int(table["id"])
    numbers = {key: each for key, each in table.items() if is_id(each) and key not in ("name", *COLOUR_KEYS)}
    ids = {int(each) for key, each in numbers.items() if fold(key) in keys}
    if numbers and len(ids) != 1:
        found = listed(f"{key}: {each}" for key, each in numbers.items())
        raise HRSError(f"{path}: the class {shortened(name)} has {found}, but no id; add 'id', its value in labels")
    return ids.pop() if ids else None


def numbered(path: Path, classes: Sequence[tuple[int | None, str]]) -> Names:
    """Classes by their ids, or by their places from 0 where none has an id. Raises HRSError where some have one, and
    for an id of two names."""
    without = [name for raw, name in classes if raw is None]
    if without and len(without) < len(classes):
        raise HRSError(
            f"{path}: the class {shortened(without[0])} has no id, while others have one; give every class its id"
        )
    return once(path, ((place if raw is None else raw, name) for place, (raw, name) in enumerate(classes)))
