"""Lists of classes in text and CSV files, CVAT's labelmap.txt among them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from hrs.data.classlist import ClassList, Names, as_colour, checked, is_id, once, text_of
from hrs.errors import HRSError
from hrs.labels import Colour, fold
from hrs.system.documents import shortened

_HEADS = frozenset(
    {"name", "names", "class", "classes", "label", "labels", "classname", "labelname", "category", "categories"}
)
"""What may stand alone over a column of names, folded."""
_CHANNELS = ({"r", "red", "rvalue"}, {"g", "green", "gvalue"}, {"b", "blue", "bvalue"})
_LONGEST_LINE = 1000  # characters
_LINE = re.compile(r"((?:-?\d+[\s,:;=]+)*)(.+?)((?:[\s,:;=(\[]+-?\d+)*[)\]]*|[\s,:;=]+#[0-9a-fA-F]{6})")
"""Numbers, a name, and numbers or a colour as #rrggbb."""
_WITH_NUMBERS = frozenset({(0, 1), (0, 3), (0, 4), (1, 3), (3, 0), (4, 0)})
"""How many may stand before and behind the name in every line: an id, or red, green and blue, or both."""


def from_text(path: Path) -> ClassList:
    """A name a line; beside it the id, the colour or both, where every line has them, else the place among the names
    from 0 is the id.

    LabelMe's lists begin with __ignore__, which is -1. Lines that begin with # are not counted, and a note says so
    where others follow. Raises HRSError for an empty line between names without ids: who wrote it may have counted it.
    """
    written = [line.strip() for line in text_of(path).rstrip().splitlines()]
    lines = [line for line in written if line and not line.startswith("#")]
    if rows := _rows_in(path, lines):
        return _from_rows(path, rows)
    numbered = [re.fullmatch(r"(-?\d+)\s*[\s,:;=]\s*(.+)", line) for line in lines]
    entries = [(int(found[1]), found[2]) for found in numbered if found]
    if len(entries) == len(lines):
        return checked(ClassList(path=path, names=once(path, entries)))
    first = written.index(lines[0]) if lines else 0
    _refuse_gaps(path, written, first)
    comments = [shortened(line) for line in written[first:] if line.startswith("#")]
    doubts = (f"not counted, since they begin with #: {', '.join(comments)}",) if comments else ()
    names = lines[1:] if lines[:1] == ["__ignore__"] else lines
    return checked(ClassList(path=path, names=dict(enumerate(names)), doubts=doubts))


def _rows_in(path: Path, lines: list[str]) -> list[list[str]]:
    """The numbers and the name in each line; nothing where some have others, or where the numbers are of the names.

    Raises HRSError where it is not sure whether a number is an id or of the name.
    """
    parts = [found.groups() for line in lines if len(line) < _LONGEST_LINE and (found := _LINE.fullmatch(line))]
    rows = [(_words(before), name, _words(after)) for before, name, after in parts]
    shapes = {(len(before), len(after)) for before, _, after in rows}
    if len(rows) != len(lines) or len(shapes) != 1 or not shapes <= _WITH_NUMBERS:
        return []
    names = {fold(name) for _, name, _ in rows}
    if shapes == {(0, 1)} and len(names) == 1:
        return []
    if shapes == {(0, 1)} and len(names) < len(rows):
        raise HRSError(
            f"{path} has a number behind every name, and some names twice, so it is not sure whether it is the "
            "id or of the name; write the id before every name"
        )
    return [[*before, name, *after] for before, name, after in rows]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s,:;=()\[\]]+", text)


def _refuse_gaps(path: Path, written: list[str], first: int = 0) -> None:
    """Raises HRSError for an empty line below the first name, where the place of a name is its id."""
    empty = next((i for i, line in enumerate(written, 1) if not line.strip() and i > first), None)
    if empty is not None:
        raise HRSError(
            f"{path} line {empty} is empty, so it is not sure which ids the names below it have; take the line out, or "
            "write the id before every name"
        )


def from_labelmap(path: Path) -> ClassList:
    """CVAT's and Pascal VOC's "name:r,g,b:parts:actions"."""
    names: Names = {}
    palette: dict[int, Colour] = {}
    for line in text_of(path).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, rest = line.strip().partition(":")
        colour = as_colour(rest.partition(":")[0])
        if not name or colour is None:
            raise HRSError(f"{path}: {shortened(line.strip())} is no class; expected lines of 'name:red,green,blue::'")
        palette[len(names)] = colour
        names[len(names)] = name
    return checked(ClassList(path=path, names=names, palette=palette, ordered=True))


def from_csv(path: Path) -> ClassList:
    """A name and an id, a colour (one column or three) or both, in any order; headings may say which column is red."""
    rows = rows_of(path)
    heads = [fold(cell) for cell in rows[0]] if _has_heads(rows) else []
    return _from_rows(path, [_ordered(*_with_one_name(row, heads)) for row in rows[bool(heads) :]])


def _from_rows(path: Path, rows: list[list[str]]) -> ClassList:
    entries = [_class_in(path, place, row) for place, row in enumerate(rows)]
    if any(placed and colour is None for _, _, colour, placed in entries):
        _refuse_gaps(path, text_of(path).rstrip().splitlines())
    return checked(
        ClassList(
            path=path,
            names=once(path, [(raw, name) for raw, name, _, _ in entries]),
            palette={raw: colour for raw, _, colour, _ in entries if colour is not None},
            ordered=any(placed for _, _, _, placed in entries),
        )
    )


def _has_heads(rows: list[list[str]]) -> bool:
    """Whether the first row is of words alone and not of a name, as the others are."""
    if not rows or any(map(_is_number, rows[0])):
        return False
    alone = len(rows[0]) == 1 and fold(rows[0][0]) in _HEADS
    return alone or (len(rows[0]) > 1 and len(rows) > 1 and any(map(_is_number, rows[1])))


def _is_number(cell: str) -> bool:
    return is_id(cell) or as_colour(cell) is not None


def _with_one_name(row: list[str], heads: list[str]) -> tuple[list[str], list[str]]:
    """A row and its headings without other words, such as a class's supercategory, where one is headed as the name."""
    words = [i for i, cell in enumerate(row) if not _is_number(cell)]
    named = [i for i in words if len(row) == len(heads) and heads[i] in _HEADS]
    if len(words) < 2 or len(named) != 1:
        return row, heads
    kept = [i for i in range(len(row)) if i not in words or i in named]
    return [row[i] for i in kept], [heads[i] for i in kept]


def _ordered(row: list[str], heads: list[str]) -> list[str]:
    """A row whose last cells are red, green and blue, where the headings say which they are."""
    found = [[i for i, head in enumerate(heads) if head in names] for names in _CHANNELS]
    if len(row) != len(heads) or not all(len(each) == 1 for each in found):
        return row
    places = [each[0] for each in found]
    return [cell for i, cell in enumerate(row) if i not in places] + [row[i] for i in places]


def _class_in(path: Path, place: int, row: list[str]) -> tuple[int, str, Colour | None, bool]:
    """Id, name, colour, and whether the id is only the place in the list."""
    numbers = [int(cell) for cell in row if is_id(cell)]
    colour = next((found for cell in row if not is_id(cell) and (found := as_colour(cell))), None)
    texts = [cell for cell in row if not _is_number(cell)]
    colour = colour or (as_colour(numbers[-3:]) if len(numbers) >= 3 else None)
    if len(texts) != 1 or len(numbers) not in (0, 1, 3, 4) or (len(numbers) >= 3 and colour is None):
        line = shortened(",".join(row))
        raise HRSError(f"{path}: {line} is no class; expected a name with an id, or with red, green and blue")
    placed = len(numbers) in (0, 3)
    return place if placed else numbers[0], texts[0], colour, placed


def rows_of(path: Path) -> list[list[str]]:
    text = text_of(path)
    separator = max(",;\t", key=text.count)
    rows = [
        [cell.strip() for cell in row if cell.strip()] for row in csv.reader(text.splitlines(), delimiter=separator)
    ]
    return [row for row in rows if row]
