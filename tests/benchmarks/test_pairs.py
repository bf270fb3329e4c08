"""The statistics behind the figures: what is paired with what, and how wide an interval is."""

import pytest

from benchmarks.pairs import pairs, read, rows
from hrs.errors import HRSError

CSV = """source,target,arm,n_real,seed,steps,miou
frames,north,photos,20,0,8,40.0
frames,north,joint,20,0,8,50.0
frames,north,joint,20,1,8,52.0
frames,north,hrs,20,1,8,53.0
frames,north,hrs,20,0,8,52.0
frames,north,hrs,20,2,8,99.0
frames,north,hrs,20,0,900,99.0
frames,south,joint,20,0,8,30.0
frames,south,hrs,20,0,8,33.0
others,north,joint,20,0,8,41.0
"""
FRAMES, OTHERS = ("frames", "20", "8"), ("others", "20", "8")


@pytest.fixture
def found(tmp_path):
    (tmp_path / "r.csv").write_text(CSV)
    return read([tmp_path / "r.csv"])


def test_only_the_same_seed_place_source_and_length_are_paired(found):
    assert pairs(found, "hrs", "joint") == {FRAMES: {"north": [(52, 50), (53, 52)], "south": [(33, 30)]}}


def test_photos_alone_stand_beside_every_source(found):
    assert pairs(found, "joint", "photos") == {FRAMES: {"north": [(50, 40)]}, OTHERS: {"north": [(41, 40)]}}
    assert pairs(found, "photos", "joint") == {FRAMES: {"north": [(40, 50)]}, OTHERS: {"north": [(40, 41)]}}


def test_the_interval_over_places_is_that_of_their_means(found):
    """+1.5 and +3, two places: a mean of 2.25 and t(0.975, 1) = 12.706 times 0.75."""
    north, south, together = rows(found, "hrs", "joint")
    assert north[3:] == ["north", "2", "51.0", "52.5", "+1.5 ± 6.4"] and south[-1] == "+3.0"
    assert together[3:5] == ["all", "3"] and together[-1] == "+2.2 ± 9.5"


def test_two_rows_of_one_run_that_differ_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "b.csv").write_text(CSV.replace("40.0", "40.5"))
    assert len(read([tmp_path / "a.csv", tmp_path / "a.csv"])) == len(read([tmp_path / "a.csv"]))
    with pytest.raises(HRSError, match="two rows of photos, seed 0, on north differ"):
        read([tmp_path / "a.csv", tmp_path / "b.csv"])
