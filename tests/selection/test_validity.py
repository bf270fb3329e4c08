import math

import numpy as np
import pytest

from hrs.selection.validity import auroc


def slow_auroc(scores, positive):
    """Every pair of a positive and a negative, one by one."""
    wins = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high, truth in zip(scores, positive, strict=True)
        if truth
        for low, other in zip(scores, positive, strict=True)
        if not other
    ]
    return sum(wins) / len(wins)


@pytest.mark.parametrize("levels", [2, 5, 40, 10_000])
def test_auroc_against_all_pairs_with_and_without_ties(levels):
    rng = np.random.default_rng(levels)
    positive = rng.random(120) < 0.3
    scores = (rng.integers(0, levels, 120) + 3 * positive).astype(np.float32)
    assert auroc(scores, positive) == pytest.approx(slow_auroc(scores.tolist(), positive.tolist()), abs=1e-12)


def test_auroc_of_perfect_reversed_and_constant_scores():
    positive = np.array([False, False, True, True])
    assert auroc(np.array([0.1, 0.2, 0.3, 0.4]), positive) == 1.0
    assert auroc(-np.array([0.1, 0.2, 0.3, 0.4]), positive) == 0.0
    assert auroc(np.ones(4), positive) == 0.5


def test_auroc_by_hand():
    # Pairs (2, 1) and (2, 3) and (3, 1) and (3, 3): won, lost, won, tied.
    assert auroc(np.array([2.0, 3.0, 1.0, 3.0]), np.array([1, 1, 0, 0])) == pytest.approx(2.5 / 4)


def test_auroc_depends_on_the_order_alone_and_takes_any_shape():
    rng = np.random.default_rng(0)
    scores, positive = rng.normal(size=(6, 7)), rng.random((6, 7)) < 0.5
    assert auroc(scores, positive) == auroc(np.exp(scores), positive)
    assert auroc(scores, positive) == pytest.approx(1 - auroc(-scores, positive))
    assert auroc(scores, positive) == auroc(scores.ravel(), positive.ravel())


def test_auroc_is_unknown_without_positives_or_negatives():
    assert math.isnan(auroc(np.arange(3.0), np.ones(3, bool)))
    assert math.isnan(auroc(np.arange(3.0), np.zeros(3, bool)))
    assert math.isnan(auroc(np.zeros(0), np.zeros(0, bool)))


def test_auroc_refuses_what_cannot_be_ranked():
    with pytest.raises(ValueError, match="same"):
        auroc(np.zeros(3), np.zeros(4, bool))
    with pytest.raises(ValueError, match="finite"):
        auroc(np.array([0.0, np.nan]), np.array([True, False]))
