import numpy as np
import pytest
from scipy.stats import t

from hrs.config import RunConfig
from hrs.trial.compare import compare
from hrs.trial.findings import ALIKE, PHOTOS, uses

ALONE, JOINT = uses(RunConfig())[:2]


def photos(*rows):
    """Pixels of photos with two of three classes: how many of 10 of each are seen as they are."""
    counts = np.zeros((len(rows), 3, 3), np.int64)
    for matrix, right in zip(counts, rows, strict=True):
        for c, hits in enumerate(right):
            matrix[c, c], matrix[c, 1 - c] = hits, 10 - hits
    return counts


def miou(rows):
    """By hand: of each class hits over labelled and seen together."""
    (a, b), n = np.sum(rows, axis=0), 10 * len(rows)
    return 50 * (a / (n + n - b) + b / (n + n - a))


def test_miou_is_of_all_photos_together_and_a_class_without_labels_is_left_out():
    rows = [(10, 8), (4, 6), (9, 9)]
    (way,) = compare({ALONE: photos(*rows)}, [[0], [1], [2]])
    assert way.name == PHOTOS and way.over == {}
    assert way.miou == pytest.approx(miou(rows))
    assert way.iou[2] is None and np.mean(way.iou[:2]) == pytest.approx(way.miou)


def test_a_class_that_is_seen_where_none_is_labelled_costs_the_others_alone():
    counts = photos((10, 10))
    counts[0, 0] = [5, 0, 5]
    (way,) = compare({ALONE: counts}, [[0]])
    assert way.iou == (50.0, 100.0, None)


def test_the_interval_leaves_out_one_unit_at_a_time():
    own, other = [(10, 8), (4, 6), (9, 9), (7, 5)], [(9, 8), (4, 4), (8, 9), (9, 5)]
    units = [[0], [1, 3], [2]]
    joint = compare({ALONE: photos(*other), JOINT: photos(*own)}, units)[1]
    left = []
    for unit in units:
        kept = [i for i in range(4) if i not in unit]
        left.append(miou([own[i] for i in kept]) - miou([other[i] for i in kept]))
    error = np.sqrt(2 / 3 * np.sum((np.array(left) - np.mean(left)) ** 2))
    over = joint.over[PHOTOS]
    assert over.mean == pytest.approx(miou(own) - miou(other))
    assert over.half == pytest.approx(t.ppf(0.975, 2) * error)
    assert over.count == 3


def test_both_sides_of_a_pair_are_told():
    found = compare({ALONE: photos((9, 8), (8, 8)), JOINT: photos((10, 8), (9, 9))}, [[0], [1]])
    assert found[0].over[ALIKE].mean == -found[1].over[PHOTOS].mean


def test_one_unit_has_no_interval():
    found = compare({ALONE: photos((9, 8)), JOINT: photos((10, 8))}, [[0]])
    assert found[1].over[PHOTOS].half is None
