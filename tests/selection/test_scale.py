import numpy as np
import pytest

from hrs.labels import IGNORE
from hrs.selection.scale import MapScale, Scale, strength_for

CLASSES = 3


def corpus(seed=0, frames=4):
    """Raw weights of classes that differ much, and labels with unlabelled pixels."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([0, 1, 2, IGNORE], np.uint8), (frames, 12, 16))
    centre = np.array([0.9, 0.3, 0.05, 0.5])[np.minimum(labels, CLASSES)]
    return (centre * rng.uniform(0.2, 1.1, labels.shape)).clip(0.05, 1).astype(np.float32), labels


def moments(raw, labels):
    own = [raw[labels == c].astype(np.float64) for c in range(CLASSES)]
    return tuple(np.array([f(v) for v in own]) for f in (len, np.sum, lambda v: np.square(v).sum()))


def test_a_fitted_scale_gives_mean_one_in_every_class():
    raw, labels = corpus()
    scale = MapScale.fit(*moments(raw, labels))
    weights = scale.apply(raw, labels)
    assert all(weights[labels == c].mean() == pytest.approx(1, abs=1e-5) for c in range(CLASSES))
    assert (weights[labels == IGNORE] == 0).all()


@pytest.mark.parametrize("share", [0.93, 0.97, None])
def test_strength_keeps_the_effective_sample_size(share):
    raw, labels = corpus()
    weights = MapScale.fit(*moments(raw, labels), min_effective=share).apply(raw, labels)[labels != IGNORE]
    effective = weights.sum() ** 2 / (weights.size * np.square(weights).sum())
    if share is None:
        assert effective < 0.92
    else:
        assert effective == pytest.approx(share, abs=1e-4)


def test_moments_of_weights_follow_from_those_of_raw_ones():
    raw, labels = corpus()
    scale = MapScale(means=(0.5, 0.2, 0.1), strength=0.7)
    weights = scale.apply(raw, labels)
    _, sums, squares = moments(weights, labels)
    got = scale.moments(*moments(raw, labels))
    np.testing.assert_allclose(got[0], sums, rtol=1e-5)
    np.testing.assert_allclose(got[1], squares, rtol=1e-5)


def test_a_class_never_seen_keeps_its_raw_weight():
    scale = MapScale.fit(np.array([0.0, 5.0]), np.array([0.0, 2.0]), np.array([0.0, 1.0]))
    assert scale.means[0] == 1.0


def test_no_strength_is_no_selection():
    raw, labels = corpus()
    weights = MapScale(means=(0.5, 0.2, 0.1), strength=0.0).apply(raw, labels)
    assert set(np.unique(weights)) == {0.0, 1.0}
    assert strength_for(0.0, 0.3) == 1.0


def test_a_scale_survives_json():
    scale = Scale(maps={"combined": MapScale(means=(0.5, 1.0), strength=0.25)})
    assert Scale.from_dict(scale.to_dict()) == scale
