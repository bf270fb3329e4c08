"""The picture of all pairs of runs: what is subtracted from what."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks import gains
from hrs.errors import HRSError

TABLES = Path(__file__).parents[2] / "docs" / "results"
SETTING = gains.Setting("a title", "table", {"source": "street", "n_real": "20"})


def row(arm, miou, *, source="street", place="camvid-A", seed=0):
    return {"source": source, "target": place, "arm": arm, "n_real": "20", "seed": str(seed), "miou": str(miou)}


def test_differences_are_of_the_same_place_and_seed():
    rows = [
        row("photos", 40, source="other"),  # photos alone see no source
        row("joint", 43),
        row("joint", 30, source="other"),
        row("hrs", 44.5),
        row("photos", 50, place="camvid-B", seed=1),
        row("joint", 49, place="camvid-B", seed=1),
        row("hrs", 60, place="camvid-B", seed=2),  # beside no joint training of its seed
    ]
    assert gains.gains(rows, SETTING) == [{"A": [3.0], "B": [-1.0]}, {"A": [1.5]}]


def test_a_table_without_a_pair_is_named():
    with pytest.raises(HRSError, match=r"table\.csv has no pair of runs for 'a title'"):
        gains.gains([row("photos", 40), row("joint", 41)], SETTING)


def test_places_count_alike_however_many_seeds_they_have():
    assert gains.mean({"A": [1.0, 2.0, 3.0], "B": [6.0]}) == 4.0


@pytest.mark.parametrize("name", gains.PICTURES)
def test_the_tables_of_the_project_give_a_picture(name, tmp_path):
    file = tmp_path / "picture.png"
    file.write_bytes(gains.draw(TABLES, gains.PICTURES[name]))
    with Image.open(file) as picture:
        assert picture.width > 1000 and picture.height > 300
