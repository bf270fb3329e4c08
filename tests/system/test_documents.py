"""What anybody may have written is read within bounds, or refused in one line."""

import os
import time

import pytest

from hrs.errors import HRSError
from hrs.system.documents import (
    MOST_NODES,
    as_cell,
    parse_json,
    parse_yaml,
    printable,
    read_bounded,
    read_json,
    shortened,
    usable_path,
)

LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [{','.join([f'*a{i}'] * 9)}]\n" for i in range(12))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LAUGHS, f"more than {MOST_NODES} values"),
        ("a: &a [*a]", "inside what it refers to"),
        ("- " * 100 + "x", "nested more than 64 deep"),
        ("{" * 100_000, "nesting depth"),
        ("a: !!int ''", "index out of range"),
        ("a: 2001-99-99", "month"),
        ("a: !!timestamp x", "NoneType"),
        ("a: " + "1" * 5000, "digits"),
        ("a: " + "1" * 40, "does not fit 64 bits"),
        ("? [a]\n: b", "line 1: a key is no word or number"),
        ("a: \ud800", "surrogates"),
        ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
        (b"a: \xa4", "can't decode"),
        ("{a: 1, b: 2, a: 3}", r"line 1: 'a' stands there twice"),
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3", r"line 5: 'c' stands there twice, first in line 3"),
        ("x" * (17 << 20), "too large"),
    ],
)
def test_hostile_yaml_is_a_value_error_at_once(text, why):
    began = time.monotonic()
    with pytest.raises(ValueError, match=why):
        parse_yaml(text)
    assert time.monotonic() - began < 5


def test_yaml_may_repeat_itself_within_reason():
    assert parse_yaml("base: &b {steps: 4}\nmore: {<<: *b, seed: 1}\nlist: [*b, *b]") == {
        "base": {"steps": 4},
        "more": {"steps": 4, "seed": 1},
        "list": [{"steps": 4}, {"steps": 4}],
    }
    assert parse_yaml("base: &b {steps: 4, seed: 1}\nmore: {<<: *b, steps: 2}")["more"] == {"steps": 2, "seed": 1}


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 400, "-" + "1" * 30, "1" * 5000, b"\xa4", "{", ""])
def test_hostile_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_json_has_no_numbers_that_nothing_can_be_computed_with():
    assert parse_json(f"[1e999, -1e999, NaN, Infinity, 1.5, {2**63 - 1}]") == [None, None, None, None, 1.5, 2**63 - 1]


def test_only_ordinary_files_of_sensible_size_are_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "none" / "below")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HRSError, match="pipe is no ordinary file"):
        read_bounded(tmp_path / "pipe")
    with pytest.raises(HRSError, match="cannot be read"):
        read_bounded(tmp_path)
    with pytest.raises(HRSError, match="cannot be read"):
        read_bounded(tmp_path / ("x" * 300))
    (tmp_path / "large").write_bytes(b"x" * 11)
    assert read_bounded(tmp_path / "large", 11) == b"x" * 11
    with pytest.raises(HRSError, match="is larger than the"):
        read_bounded(tmp_path / "large", 10)
    (tmp_path / "bad.json").write_bytes(b"{")
    with pytest.raises(HRSError, match=r"bad\.json is damaged \(.*\); copy it anew"):
        read_json(tmp_path / "bad.json")


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 256, "a/" * 3000, "~nobody-of-this-name/x"])
def test_what_is_no_path_is_said_in_a_line(text):
    with pytest.raises(HRSError, match="is no path") as told:
        usable_path(text)
    assert len(str(told.value)) < 300 and str(told.value).isprintable()


def test_what_a_message_shows_of_a_value_is_a_line():
    assert shortened("x\n\x1b[31m" + "y" * 5000).startswith("'x\\n\\x1b[31my") and len(shortened("y" * 5000)) < 130
    assert shortened([1, 2]) == "[1, 2]"
    assert printable("\x1b[2Jaé\t") == "\\x1b[2Jaé\t"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@sum", "\t=1", "\r=1"])
def test_no_spreadsheet_takes_a_cell_for_a_formula(text):
    assert as_cell(text) == f"'{text}"
    assert as_cell(f"a{text}") == f"a{text}" and as_cell("") == ""
