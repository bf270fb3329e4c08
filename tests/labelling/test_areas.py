import numpy as np
import pytest
from scipy import ndimage

from hrs.errors import HRSError
from hrs.labelling.areas import find_areas
from hrs.labels import IGNORE


def scene():
    """Four fields of one colour each, with a little noise, and which pixel is of which."""
    field = np.zeros((60, 80), np.uint8)
    field[:, 40:], field[30:, :40], field[30:, 40:] = 1, 2, 3
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [220, 220, 220]])
    noise = np.random.default_rng(0).normal(0, 4, (60, 80, 3))
    return np.clip(colours[field] + noise, 0, 255).astype(np.uint8), field


def test_areas_of_a_coarser_grain_are_whole_areas_of_a_finer_one():
    image, _ = scene()
    areas = find_areas(image, counts=(150, 60, 20, 4))
    assert [int(grain.max()) + 1 for grain in areas.grains][1:] == [60, 20, 4]
    for grain in range(3):
        pairs = np.unique(np.stack([areas.at(grain).ravel(), areas.at(grain + 1).ravel()]), axis=1)
        assert len(np.unique(pairs[0])) == pairs.shape[1], "an area lies in two of the next grain"


def test_every_area_is_one_piece():
    image, _ = scene()
    areas = find_areas(image, counts=(150, 20, 4))
    for grain in range(3):
        ids = areas.at(grain)
        for area in range(ids.max() + 1):
            assert ndimage.label(ids == area)[1] == 1, (grain, area)


def test_what_has_one_colour_ends_as_one_area():
    image, field = scene()
    coarse = find_areas(image, counts=(150, 4)).at(1)
    for value in range(4):
        _, counts = np.unique(coarse[field == value], return_counts=True)
        assert counts.max() / counts.sum() > 0.97
    assert len(np.unique(coarse)) == 4


def test_the_least_different_neighbours_merge_first():
    """Three bars of width 20: the first two differ by 10 grey levels, the third by 60."""
    image = np.repeat(np.repeat([[100, 110, 170]], 30, axis=0), 20, axis=1).astype(np.uint8)
    areas = find_areas(np.repeat(image[..., None], 3, axis=2), counts=(3, 2))
    coarse = areas.at(1)
    assert coarse[15, 10] == coarse[15, 30] != coarse[15, 50]


def test_areas_follow_the_borders_of_what_a_model_sees():
    grey = np.full((60, 80, 3), 128, np.uint8)  # where colour tells nothing
    seen = np.full((60, 80), IGNORE, np.uint8)
    seen[20:40, 20:60] = 3
    coarse = find_areas(grey, seen, counts=(100, 2)).at(1)
    inside = np.unique(coarse[20:40, 20:60])
    assert len(inside) == 1
    assert inside[0] not in coarse[:18]


def test_a_photo_smaller_than_its_areas_has_fewer():
    areas = find_areas(np.zeros((3, 4, 3), np.uint8))
    assert areas.regions.shape == (3, 4)
    assert all(grain.max() < 12 for grain in areas.grains)


def test_counts_that_rise_are_refused():
    with pytest.raises(HRSError, match="falling"):
        find_areas(np.zeros((30, 30, 3), np.uint8), counts=(10, 20))
