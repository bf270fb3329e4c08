"""Trials against outcomes: what is chosen, and whose side was told."""

import io
import math
from dataclasses import asdict

import pytest
from PIL import Image

from benchmarks.common import write_rows
from benchmarks.pairs import read
from benchmarks.trials import BEST, CHOSEN, Told, choices, draw, load, report, sides

OUTCOMES = """source,target,arm,n_real,seed,steps,miou
near,town,photos,20,0,8,40.0
near,town,joint,20,0,8,45.0
far,town,joint,20,0,8,38.0
near + far,town,hrs,20,0,8,60.0
"""


def row(source, arm, miou, over, half):
    return Told(n_real=20, seed=0, source=source, arm=arm, miou=miou, over=over, half=half)


ROWS = [
    row("near + far", "photos", 30.0, 0.0, 0.0),
    row("near + far", "joint", 39.0, 9.0, 1.0),  # was never trained
    row("near + far", "hrs", 35.0, 5.0, 6.0),
    row("near", "joint", 33.0, 3.0, 2.0),
    row("far", "joint", 34.0, 4.0, math.nan),
]


@pytest.fixture
def found(tmp_path):
    (tmp_path / "outcomes.csv").write_text(OUTCOMES)
    return read([tmp_path / "outcomes.csv"])


def test_the_highest_of_what_was_trained_is_chosen(found):
    """far has 34 in the trial, more than near and photos alone, and came to 38; hrs is no choice of frames."""
    expected = {"photos": 40.0, "joint, near": 45.0, "joint, far": 38.0, CHOSEN: 38.0, BEST: 45.0}
    assert choices(ROWS, found) == expected


def test_sides_are_of_what_both_were_trained(found):
    assert [(own.way, over) for own, over in sides(ROWS, found)] == [
        ("joint, near", 5.0),
        ("joint, far", -2.0),
    ]
    assert [own.sure for own in ROWS] == [0, 1, 0, 1, 0]


def test_the_picture_has_a_dot_for_each_side(found):
    with Image.open(io.BytesIO(draw(ROWS, found))) as picture:
        assert picture.format == "PNG" and len(picture.convert("RGB").getcolors(1 << 20)) > 20


def test_rows_come_back_from_the_file_and_the_report_counts_them(found, tmp_path, capsys):
    write_rows(tmp_path / "trials.csv", [asdict(each) for each in ROWS])
    again = load(tmp_path / "trials.csv")
    assert again[:4] == ROWS[:4] and math.isnan(again[4].half)
    report(again, found)
    said = capsys.readouterr().out
    assert "| 20 | 40.00 | 45.00 | 38.00 | 38.00 | 45.00 |" in said
    assert "told rightly: 1 of 2; where sure: 1 of 1" in said
