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


def test_a_class_that_one_part_alone_shows_cannot_be_learned_and_does_not_count():
    counts = photos((10, 8), (4, 6), (9, 9))
    counts[0, 2, 2] = 50
    (way,) = compare({ALONE: counts}, [[0], [1, 2]])
    assert way.iou[2] is None and way.miou == pytest.approx(miou([(10, 8), (4, 6), (9, 9)]))
    counts[1, 2, 2] = 50
    assert compare({ALONE: counts}, [[0], [1, 2]])[0].iou[2] == 100.0


def test_what_is_taken_for_a_class_that_does_not_count_costs_the_others():
    counts = photos((10, 10), (10, 10))
    counts[:, 0] = [5, 0, 5]
    (way,) = compare({ALONE: counts}, [[0], [1]])
    assert way.iou == (50.0, 100.0, None)


def test_the_interval_leaves_out_one_part_at_a_time():
    own, other = [(10, 8), (4, 6), (9, 9), (7, 5)], [(9, 8), (4, 4), (8, 9), (9, 5)]
    parts = [[0], [1, 3], [2]]
    joint = compare({ALONE: photos(*other), JOINT: photos(*own)}, parts)[1]
    left = []
    for part in parts:
        kept = [i for i in range(4) if i not in part]
        left.append(miou([own[i] for i in kept]) - miou([other[i] for i in kept]))
    error = np.sqrt(2 / 3 * np.sum((np.array(left) - np.mean(left)) ** 2))
    over = joint.over[PHOTOS]
    assert over.mean == pytest.approx(miou(own) - miou(other))
    assert over.half == pytest.approx(t.ppf(0.975, 2) * error)
    assert over.count == 3


def test_both_sides_of_a_pair_are_told():
    found = compare({ALONE: photos((9, 8), (8, 8)), JOINT: photos((10, 8), (9, 9))}, [[0], [1]])
    assert found[0].over[ALIKE].mean == -found[1].over[PHOTOS].mean


def test_twins_differ_surely_once_in_twenty():
    """Two ways that are one: photos and networks differ from part to part alone."""
    rng = np.random.default_rng(0)
    surely = []
    for _ in range(400):
        hard = rng.integers(3, 8, size=(40, 1))
        noise = [np.repeat(rng.integers(-2, 3, (5, 2)), 8, axis=0) for _ in range(2)]  # of each part's network
        ways = [photos(*np.clip(hard + each, 0, 10)) for each in noise]
        over = compare({ALONE: ways[0], JOINT: ways[1]}, np.arange(40).reshape(5, 8).tolist())[1].over[PHOTOS]
        surely.append(abs(over.mean) > over.half)
    assert 0.02 < np.mean(surely) < 0.08
