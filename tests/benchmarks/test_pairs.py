"""The statistics behind the figures: pairs, Holm's correction, the bootstrap over places and seeds."""

import pytest

from benchmarks.pairs import bootstrap, holm, pairs, read, rows

CSV = """source,target,arm,n_real,seed,steps,miou
frames,north,photos,20,0,8,40.0
frames,north,joint,20,0,8,50.0
frames,north,joint,20,1,8,52.0
frames,north,hrs,20,1,8,53.0
frames,north,hrs,20,0,8,52.0
frames,north,hrs,20,2,8,99.0
frames,south,joint,20,0,8,30.0
frames,south,hrs,20,0,8,33.0
others,north,joint,20,0,8,41.0
"""


@pytest.fixture
def found(tmp_path):
    (tmp_path / "r.csv").write_text(CSV)
    return read([tmp_path / "r.csv"])


def test_only_the_same_seed_place_and_source_are_paired(found):
    assert pairs(found, "hrs", "joint") == {("frames", "20"): {"north": [(52, 50), (53, 52)], "south": [(33, 30)]}}


def test_photos_alone_stand_beside_every_source(found):
    assert pairs(found, "joint", "photos") == {
        ("frames", "20"): {"north": [(50, 40)]},
        ("others", "20"): {"north": [(41, 40)]},
    }


def test_places_count_alike_however_many_seeds_they_have(found):
    *_, together = rows(found, "hrs", "joint")
    assert together[2:4] == ["all", "3"] and together[6].startswith("+2.2 (")  # of +1.5 and +3


def test_holm_against_the_worked_example():
    """0.01, 0.04, 0.03: thrice the least, twice the next, and the last at least as much as that."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_bootstrap_holds_what_scatters_between_places():
    low, high, p = bootstrap([[1.0, 1.0], [3.0, 3.0]])
    assert (low, high) == (1.0, 3.0)  # both draws of one place happen in a quarter of the cases each
    assert p == pytest.approx(2 / 10_001)
    assert bootstrap([[1.0, -1.0], [0.5, -0.5]])[2] > 0.5
