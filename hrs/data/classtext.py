"""Lists and maps of classes in text and CSV files, CVAT's labelmap.txt among them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from hrs.data.classlist import ClassList, Names, as_colour, checked, is_id, listed, once, sure_colour, text_of
from hrs.data.classtable import COLOUR_KEYS, ID_KEYS, Entry, id_in, numbered
from hrs.errors import HRSError
from hrs.labels import Colour, fold
from hrs.system.documents import shortened

_SURE_HEADS = frozenset({"names", "classes", "labels", "classname", "labelname", "categories"})
_HEADS = _SURE_HEADS | {"name", "class", "label", "category"}
"""What may stand alone over a column of names, folded; in a line of text the others may be a class."""
_ID_HEADS = frozenset({*ID_KEYS, *_HEADS, ""})
"""What may stand over ids: numbers that are called class are some, and pandas calls its index nothing."""
_CHANNELS = tuple(
    frozenset(
        f"{before}{name}{after}" for name in names for before in ("", "color", "colour") for after in ("", "0255")
    )
    for names in (("r", "red", "rvalue"), ("g", "green", "gvalue"), ("b", "blue", "bvalue"))
)
"""Over red, green and blue, as in "Color R" and "R (0-255)"."""
_COUNT_HEADS = frozenset(
    ("count", "counts", "pixels", "frequency", "freq", "weight", "weights", "instances", "images", "area", "share")
)
"""Over what is no id, folded."""
_ANY_HEADS = frozenset({*_ID_HEADS, *COLOUR_KEYS}).union(*_CHANNELS) - {""}
Row = tuple[int, list[str]]
_CLOSE = re.compile(r"(?<=\d)\s*,\s*(?=\d)")
"""What stands between the numbers of a colour."""
_LONGEST_LINE = 1000  # characters
_ID_AND_NAME = re.compile(r"(-?\d+)\s*[\s,:;=]\s*(.+)")
_LINE = re.compile(r"((?:-?\d+[\s,:;=]+)*)(.+?)((?:[\s,:;=(\[]+-?\d+)*[)\]]*|[\s,:;=]+#[0-9a-fA-F]{6})")
"""Numbers, a name, and numbers or a colour as #rrggbb."""
_WITH_NUMBERS = frozenset({(0, 1), (0, 3), (0, 4), (1, 3), (3, 0), (4, 0)})
"""How many may stand before and behind the name in every line: an id, or red, green and blue, or both."""


def from_text(path: Path) -> ClassList:
    """A name a line; beside it the id, the colour or both, where every line has them, else the place among the names
    from 0 is the id. A first line of headings says what stands in the others.

    LabelMe's lists begin with __ignore__, which is -1. Lines that begin with # are not counted, and a note says so
    where others follow. Raises HRSError where some lines have an id and others none, and for an empty line between
    names without ids: who wrote it may have counted it.
    """
    written = [line.strip() for line in text_of(path).rstrip().splitlines()]
    lines = [(number, line) for number, line in enumerate(written, 1) if line and not line.startswith("#")]
    heads = _heads_in(lines)
    if len(heads) > 1:
        gap = _gap_of(lines[0][1])
        rows = [(number, _cells(path, number, line, heads, gap)) for number, line in lines[1:]]
        return _from_entries(path, *_under_heads(path, heads, rows))
    return _from_lines(path, written, lines[len(heads) :], heads)


def _from_lines(path: Path, written: list[str], numbered: Sequence[tuple[int, str]], heads: Sequence[str]) -> ClassList:
    lines = [line for _, line in numbered]
    if rows := _rows_in(path, lines):
        return _from_entries(path, [_class_in(path, row) for row in rows])
    with_ids = [found for line in lines if (found := _ID_AND_NAME.fullmatch(line))]
    if len(with_ids) == len(lines):
        return checked(ClassList(path=path, names=once(path, [(int(found[1]), found[2]) for found in with_ids])))
    _refuse_odd(path, numbered)
    first = numbered[0][0] - 1 if numbered else 0
    _refuse_gaps(path, written, first)
    comments = [line for line in written[first:] if line.startswith("#")]
    names = lines[1:] if lines[:1] == ["__ignore__"] else lines
    perhaps = [line for line in names[:1] if fold(line) in _HEADS - _SURE_HEADS]
    guessed = (
        ("the first class, and no heading", perhaps),
        ("not counted, since they begin with #", comments),
        ("not counted, since it is a heading", heads),
        ("numbers that are taken for parts of names", [found[0] for found in with_ids]),
    )
    doubts = tuple(f"{what}: {', '.join(map(shortened, those))}" for what, those in guessed if those)
    return checked(ClassList(path=path, names=dict(enumerate(names)), doubts=doubts))


def _heads_in(lines: Sequence[tuple[int, str]]) -> list[str]:
    """The headings in the first line; none where it is a class as the others."""
    heads = re.split(_gap_of(lines[0][1]), lines[0][1]) if len(lines) > 1 else []
    folded = [fold(head) for head in heads]
    known = _SURE_HEADS if len(heads) == 1 else _ANY_HEADS
    return heads if known.issuperset(folded) and not _HEADS.isdisjoint(folded) else []


def _gap_of(line: str) -> str:
    """What stands between the headings in a line, as an expression."""
    return next((each for each in "\t;," if each in line), r"[\s:=]+")


def _cells(path: Path, number: int, line: str, heads: Sequence[str], gap: str) -> list[str]:
    """What a line has under each heading; a name may be of several words."""
    words = [word.strip() for word in re.split(gap, line if gap == "," else _CLOSE.sub(",", line))]
    more = len(words) - len(heads)
    if more < 0:
        raise HRSError(
            f"{path} line {number} is {shortened(line)}, where the headings are {listed(heads)}; write what belongs "
            "under each"
        )
    at = min((i for i, head in enumerate(heads) if fold(head) in _HEADS), key=lambda i: fold(heads[i]) != "name")
    return [*words[:at], " ".join(words[at : at + more + 1]), *words[at + more + 1 :]]


def _refuse_odd(path: Path, lines: Sequence[tuple[int, str]]) -> None:
    """Raises HRSError where most lines have numbers before their names, or behind names that differ, and one has not;
    few such numbers, or the same twice, are of names, as in "2 wheeler"."""
    parts = {line: _parts_of(line) for _, line in lines}
    before = {line for line, (first, _, _) in parts.items() if first}
    count = Counter(len(last) for _, _, last in parts.values() if last).most_common(1)
    behind = {line for line, (_, _, last) in parts.items() if count and len(last) == count[0][0]}
    if len({fold(parts[line][1]) for line in behind}) < len(behind):
        behind = set()
    for where, those in (("before", before), ("behind", behind)):
        odd = next(((number, line) for number, line in lines if line not in those), None)
        if odd and 2 * len(those) >= len(lines) and _may_be_ids([parts[line] for line in those]):
            raise HRSError(
                f"{path} line {odd[0]} is {shortened(odd[1])}, while others have numbers {where} their names; write "
                "the id before every name"
            )


def _may_be_ids(parts: Sequence[tuple[list[str], str, list[str]]]) -> bool:
    """Whether the numbers of lines are all different, and begin as ids do or are several."""
    numbers = [tuple(before or after) for before, _, after in parts]
    return len(set(numbers)) == len(numbers) and (len(numbers) > 2 or not {("0",), ("1",)}.isdisjoint(numbers))


def _rows_in(path: Path, lines: list[str]) -> list[list[str]]:
    """The numbers and the name in each line; nothing where some have others, or where the numbers are of the names.

    Raises HRSError where it is not sure whether a number is an id or of the name.
    """
    rows = [_parts_of(line) for line in lines]
    shapes = {(len(before), len(after)) for before, _, after in rows}
    if len(shapes) != 1 or not shapes <= _WITH_NUMBERS:
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


def _parts_of(line: str) -> tuple[list[str], str, list[str]]:
    """The numbers before a name, it, and the numbers behind it."""
    found = _LINE.fullmatch(line) if len(line) < _LONGEST_LINE else None
    return (_words(found[1]), found[2], _words(found[3])) if found else ([], line, [])


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
    """A name and an id, a colour (one column or three) or both, in any order.

    Where there are headings they say which number is what: an id is one that is called so, a colour three that are
    called red, green and blue. Raises HRSError where they do not tell.
    """
    rows = _rows_of(path)
    if _has_heads([cells for _, cells in rows]):
        return _from_entries(path, *_under_heads(path, rows[0][1], rows[1:]))
    return _from_entries(path, [_class_in(path, cells) for _, cells in rows])


def _from_entries(path: Path, entries: Sequence[Entry], doubts: tuple[str, ...] = ()) -> ClassList:
    if any(raw is None and colour is None for raw, _, colour in entries):
        _refuse_gaps(path, text_of(path).rstrip().splitlines())
    names = numbered(path, [(raw, name) for raw, name, _ in entries])
    return checked(
        ClassList(
            path=path,
            names=names,
            palette={raw: colour for raw, (_, _, colour) in zip(names, entries, strict=True) if colour is not None},
            ordered=any(raw is None for raw, _, _ in entries),
            doubts=doubts,
        )
    )


def _has_heads(rows: list[list[str]]) -> bool:
    """Whether the first row is of words alone and not of a name, as the others are; pandas calls its index nothing."""
    if not rows or any(map(_is_number, rows[0])) or not all(rows[0][1:]):
        return False
    alone = len(rows[0]) == 1 and fold(rows[0][0]) in _HEADS
    return alone or (len(rows[0]) > 1 and any(_is_number(cell) for row in rows[1:] for cell in row))


def _is_number(cell: str) -> bool:
    return is_id(cell) or as_colour(cell) is not None


def _under_heads(path: Path, heads: Sequence[str], rows: Sequence[Row]) -> tuple[list[Entry], tuple[str, ...]]:
    """Classes as their headings say, and what was guessed. Raises HRSError where headings do not tell."""
    for line, cells in rows:
        if len(cells) > len(heads):
            raise HRSError(
                f"{path} line {line} has {len(cells)} cells under {len(heads)} headings; expected one a heading"
            )
    table = [[*cells, *[""] * (len(heads) - len(cells))] for _, cells in rows]
    channels = _channels(heads)
    colours = channels or [i for i, head in enumerate(heads) if fold(head) in COLOUR_KEYS or _are_colours(table, i)]
    name = _name_column(path, heads, [i for i in range(len(heads)) if i not in colours and _is_of_words(table, i)])
    numbers = [i for i in range(len(heads)) if i not in (name, *colours)]
    lone = [heads[i] for i in _lone_ids(heads, table, numbers)]
    keys = {*_ID_HEADS, *map(fold, lone)}
    entries = [
        (
            id_in(path, row[name], {heads[i]: row[i] for i in numbers}, keys),
            row[name],
            _colour_of(path, row, colours),
        )
        for row in table
    ]
    return entries, tuple(f"the ids of classes are taken from the column {listed([head])}" for head in lone)


def _lone_ids(heads: Sequence[str], table: Sequence[Sequence[str]], numbers: Sequence[int]) -> Iterator[int]:
    """The only column of numbers where these can be ids and nothing says so, as in another tongue."""
    columns = [i for i in numbers if any(is_id(row[i]) for row in table)]
    if len(columns) == 1 and fold(heads[columns[0]]) not in _COUNT_HEADS | _ID_HEADS:
        values = [row[columns[0]] for row in table]
        if len(set(values)) == len(values):
            yield columns[0]


def _channels(heads: Sequence[str]) -> list[int]:
    """The columns of red, green and blue, in this order, as their headings say; none where they are not all there."""
    found = [[i for i, head in enumerate(heads) if fold(head) in names] for names in _CHANNELS]
    return [each[0] for each in found] if all(len(each) == 1 for each in found) else []


def _are_colours(table: Sequence[Sequence[str]], i: int) -> bool:
    return all(as_colour(row[i]) is not None for row in table if row[i]) and any(row[i] for row in table)


def _is_of_words(table: Sequence[Sequence[str]], i: int) -> bool:
    return any(row[i] and not is_id(row[i]) for row in table)


def _name_column(path: Path, heads: Sequence[str], words: Sequence[int]) -> int:
    called = [i for i, head in enumerate(heads) if fold(head) == "name"]
    headed = [i for i in words if fold(heads[i]) in _HEADS]
    found = next((each[0] for each in (called, words, headed) if len(each) == 1), None)
    if found is None:
        what = f"has words under {listed(heads[i] for i in words)}" if words else "has no names"
        raise HRSError(f"{path} {what}; expected one of its columns to be called name")
    return found


def _colour_of(path: Path, row: Sequence[str], columns: Sequence[int]) -> Colour | None:
    cells = [row[i] for i in columns]
    whole = [as_colour(cells)] if len(cells) == len(_CHANNELS) else [sure_colour(cell) for cell in cells]
    colour = next(filter(None, whole), None)
    if colour is None and any(map(is_id, cells)):
        raise _no_class(path, row)
    return colour


def _class_in(path: Path, row: Sequence[str]) -> Entry:
    """Of a row without headings: one number is the id, three are a colour, and the first of four is the id."""
    numbers = [int(cell) for cell in row if is_id(cell)]
    colour = next((found for cell in row if not is_id(cell) and (found := as_colour(cell))), None)
    texts = [cell for cell in row if cell and not _is_number(cell)]
    colour = colour or (as_colour(numbers[-3:]) if len(numbers) >= 3 else None)
    if len(texts) != 1 or len(numbers) not in (0, 1, 3, 4) or (len(numbers) >= 3 and colour is None):
        raise _no_class(path, row)
    return None if len(numbers) in (0, 3) else numbers[0], texts[0], colour


def _no_class(path: Path, row: Sequence[str]) -> HRSError:
    line = shortened(",".join(row))
    return HRSError(f"{path}: {line} is no class; expected a name with an id, or with red, green and blue")


def mapping_in(path: Path) -> dict[str, str]:
    """Class -> new name, from a CSV of two columns, or of those that are headed source and target.

    Lines that begin with # are comments. Raises HRSError for rows of others, and for a class that stands there twice
    and becomes two things.
    """
    rows = [(line, cells) for line, cells in _rows_of(path) if not cells[0].startswith("#")]
    heads = [fold(cell) for cell in rows[0][1]] if rows else []
    headed = all(heads.count(each) == 1 for each in _OF_A_MAP)
    columns = [heads.index(each) for each in _OF_A_MAP] if headed else [0, 1]
    found: dict[str, tuple[int, str]] = {}
    for line, given in rows[headed:]:
        cells = [*given, *[""] * (len(heads) - len(given))] if headed and len(given) > max(columns) else given
        if len(cells) != (len(heads) if headed else len(columns)):
            raise HRSError(
                f"{path} line {line} is {shortened(','.join(cells))}; expected 'class,new name' in each line, or "
                'headings source and target, and a colour as "0 0 0"'
            )
        key, name = (cells[i] for i in columns)
        if key in found and found[key][1] != name:
            raise HRSError(
                f"{path} line {line}: {shortened(key)} stands there twice, first in line {found[key][0]}; keep one of "
                "the lines"
            )
        found.setdefault(key, (line, name))
    return {key: name for key, (_, name) in found.items()}


_OF_A_MAP = ("source", "target")


def _rows_of(path: Path) -> list[Row]:
    """The rows of a CSV that hold something, each with its line, without columns at the end that hold nothing."""
    text = text_of(path)
    reader = csv.reader(text.splitlines(), delimiter=max(",;\t", key=text.count))
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    wide = max((i + 1 for _, cells in rows for i, cell in enumerate(cells) if cell), default=0)
    return [(line, cells[:wide]) for line, cells in rows if any(cells)]
