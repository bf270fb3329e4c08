import numpy as np
import pytest

from hrs.data.holdout import folds


def test_drives_stay_whole_and_folds_even():
    ids = [
        f"{drive}_{i:02d}" for drive, count in zip("abcdefg", (9, 4, 4, 3, 2, 1, 1), strict=True) for i in range(count)
    ]
    units, parts = folds(ids, 3, seed=1)
    assert [len(unit) for unit in units] == [9, 4, 4, 3, 2, 1, 1]
    assert all({ids[i][0] for i in unit} == {ids[unit[0]][0]} for unit in units)
    assert sorted(i for part in parts for i in part) == list(range(24))
    assert sorted(map(len, parts)) == [7, 8, 9]
    assert all(set(unit) <= set(part) or not set(unit) & set(part) for unit in units for part in parts)
    assert folds(ids, 3, seed=1) == (units, parts)


def test_fewer_sequences_than_folds_are_a_fold_each():
    ids = [f"{name}_{i}" for name in ("one", "two", "three") for i in range(4)]
    units, parts = folds(ids, 5, seed=0)
    assert sorted(map(tuple, parts)) == sorted(map(tuple, units)) and len(parts) == 3


@pytest.mark.parametrize("count", [2, 4, 9])
def test_without_sequences_neighbours_by_name_stay_together(count):
    ids = [f"{i:03d}" for i in np.random.default_rng(0).permutation(7)]
    units, parts = folds(ids, count, seed=0)
    assert sorted(units) == [[i] for i in range(7)]
    names = [[int(ids[i]) for i in part] for part in parts]
    assert [i for part in names for i in part] == list(range(7))
    assert len(parts) == min(count, 7)
