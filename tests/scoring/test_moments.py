"""Statistics of frames, without reading maps, against a slow loop over the maps themselves."""

import math

import numpy as np
import pyarrow as pa
import pytest

from hrs.labels import IGNORE
from hrs.scoring.maps import pack
from hrs.scoring.moments import Moments, class_statistic
from hrs.selection.scale import MapScale, Scale

CLASSES = ("sky", "road", "car")
NAMES = ("combined", "pixel")


@pytest.fixture(scope="module")
def frames():
    """Labels and packed maps of frames whose classes differ much; the fourth has one labelled pixel, the last none."""
    rng = np.random.default_rng(0)
    labels = rng.choice(np.array([0, 1, 2, IGNORE], np.uint8), (5, 9, 11))
    labels[1][labels[1] == 2] = 0
    labels[2:4] = IGNORE
    labels[2, 4, 4] = 1
    labels = np.roll(labels, 1, axis=0)
    centre = np.array([0.9, 0.2, 0.004, 0.5])[np.minimum(labels, 3)]
    maps = [{name: pack((c * rng.uniform(0.2, 1.1, c.shape)).astype(np.float32)) for name in NAMES} for c in centre]
    return labels, maps


@pytest.fixture(scope="module")
def moments(frames):
    return Moments.join([Moments.of(maps, label, len(CLASSES)) for label, maps in zip(*frames, strict=True)])


def slow(maps, label, scale):
    """The columns of one frame, pixel by pixel."""
    weights = {name: scale.apply({name: each.unpack()}, label)[name] for name, each in maps.items()}
    row = {}
    for name in NAMES:
        own = [float(w) for w, c in zip(weights[name].ravel(), label.ravel(), strict=True) if c != IGNORE]
        mean = sum(own) / len(own) if own else math.nan
        if name == "combined":
            row["weight"] = mean
            row["effective_share"] = sum(own) ** 2 / (len(own) * sum(w * w for w in own)) if own else math.nan
        else:
            row[f"{name}/mean"] = mean
            row[f"{name}/std"] = math.nan
            if len(own) > 1:
                row[f"{name}/std"] = math.sqrt(sum((w - mean) ** 2 for w in own) / (len(own) - 1))
        for i, each in enumerate(CLASSES):
            inside = [float(w) for w, c in zip(weights[name].ravel(), label.ravel(), strict=True) if c == i]
            row[f"{name}/{each}"] = sum(inside) / len(inside) if inside else math.nan
    return row


@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
def test_statistics_are_those_of_a_slow_loop(frames, moments, strength):
    scale = Scale(
        maps={
            "combined": MapScale(means=(0.6, 0.1, 0.003), strength=strength),
            "pixel": MapScale(means=(0.5, 0.2, 0.002), strength=1.0),
        }
    )
    columns = moments.statistics(scale, CLASSES)
    for i, (label, maps) in enumerate(zip(*frames, strict=True)):
        expected = slow(maps, label, scale)
        assert columns.keys() == expected.keys()
        for name, value in expected.items():
            assert columns[name][i] == pytest.approx(value, rel=1e-4, abs=1e-6, nan_ok=True), name


def test_the_fitted_scale_gives_every_class_a_mean_of_one_in_the_maps_as_they_are_stored(frames, moments):
    scale = moments.fit(min_effective=0.01)
    for name in NAMES:
        weights = [scale.apply({name: maps[name].unpack()}, label)[name] for label, maps in zip(*frames, strict=True)]
        for c in range(len(CLASSES)):
            assert np.stack(weights)[frames[0] == c].mean() == pytest.approx(1, abs=1e-4)


def test_only_what_acts_is_drawn_towards_one(moments):
    scale = moments.fit(min_effective=0.97)
    assert scale.maps["combined"].strength < 0.9 and scale.maps["pixel"].strength == 1
    free = moments.fit(min_effective=0.01)
    assert free.maps["combined"].strength == 1


def test_what_says_how_often_frames_are_drawn_is_over_the_mean_of_all_classes(frames, moments):
    scale = moments.fit(min_effective=0.01, drawing=("pixel",))
    raw = np.stack([maps["pixel"].unpack() for maps in frames[1]])
    known = frames[0] != IGNORE
    for maps, label, own, there in zip(frames[1], frames[0], raw, known, strict=True):
        weights = scale.apply({"pixel": maps["pixel"].unpack()}, label)["pixel"]
        np.testing.assert_allclose(weights[there], own[there] / raw[known].mean(), rtol=1e-4)


def test_moments_survive_a_table(moments):
    back = Moments.from_table(pa.table({"frame": list("abcde"), **moments.to_columns()}))
    np.testing.assert_array_equal(back.pixels, moments.pixels)
    for name in NAMES:
        np.testing.assert_array_equal(back.sums[name], moments.sums[name])
        np.testing.assert_array_equal(back.squares[name], moments.squares[name])


def test_classes_that_are_called_as_statistics_are_take_the_place_of_none(frames, moments):
    scale = moments.fit(min_effective=0.1)
    usual = moments.statistics(scale, CLASSES)
    odd = moments.statistics(scale, ("mean", "/mean", "std"))
    assert len(odd) == len(usual)
    for name in ("pixel/mean", "pixel/std", "weight"):
        np.testing.assert_array_equal(odd[name], usual[name])
    for one, other in zip(CLASSES, ("mean", "/mean", "std"), strict=True):
        np.testing.assert_array_equal(odd[class_statistic("pixel", other)], usual[class_statistic("pixel", one)])
