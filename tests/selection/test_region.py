import pytest
import torch

from hrs.labels import IGNORE
from hrs.selection.levels import region
from hrs.selection.levels.region import RegionLevel, batch_ids, neighbour_mean, region_labels, region_mean
from hrs.selection.view import cells
from tests.selection.conftest import C, D


def test_region_mean_against_a_loop(view):
    ids, count = batch_ids(view)
    values = torch.randn(ids.numel(), 3)
    got = region_mean(values, ids.flatten(), count)
    for r in range(count):
        chosen = values[ids.flatten() == r]
        expected = chosen.mean(0) if len(chosen) else torch.zeros(3)
        torch.testing.assert_close(got[r], expected, atol=1e-5, rtol=1e-4)


def test_ids_are_unique_over_the_batch_and_zero_means_none(view):
    view.regions[1, 0] = -1
    ids, _ = batch_ids(view)
    assert (ids[1, 0] == 0).all()
    assert not set(ids[0].unique().tolist()) & set(ids[1].unique().tolist())


@pytest.mark.parametrize("most", [64, 0])
def test_neighbour_mean_against_a_loop(view, monkeypatch, most):
    """By table and, where there are too many regions for one, pair by pair."""
    monkeypatch.setattr(region, "PAIRS_A_PIXEL", most)
    view.regions[1, :4] = -1
    ids, count = batch_ids(view)
    values = torch.randn(count, 4)
    total, border = torch.zeros(count, 4), torch.zeros(count)
    b, h, w = ids.shape
    for i in range(b):
        for y in range(h):
            for x in range(w):
                for dy, dx in ((0, 1), (1, 0)):
                    one, two = ids[i, y, x], ids[i, min(y + dy, h - 1), min(x + dx, w - 1)]
                    if one != two and one and two:
                        total[one] += values[two]
                        total[two] += values[one]
                        border[one] += 1
                        border[two] += 1
    torch.testing.assert_close(neighbour_mean(values, ids), total / border.clamp(min=1)[:, None], atol=1e-5, rtol=1e-4)


def test_a_cpu_makes_no_table_that_is_large_for_its_image(monkeypatch):
    """At 192x256, and half of it where features are coarse."""
    tables = []
    real = region.border_lengths
    monkeypatch.setattr(region, "border_lengths", lambda ids, regions: tables.append(regions) or real(ids, regions))
    for regions in (608, 2625):
        ids = torch.arange(96 * 128).view(1, 96, 128) % regions + 1
        neighbour_mean(torch.rand(regions + 1, 2), ids)
    assert tables == [608]


def test_every_region_has_the_label_of_its_pixels(view):
    ids, count = batch_ids(view)
    table = region_labels(view.labels, ids, count)
    assert torch.equal(table[ids], view.labels)


def test_pixels_of_no_region_lend_their_label_to_none(view):
    view.regions[1, :4] = -1  # padding, or what a real image shows in a mixed one
    assert view.labels[1, :4].max() < IGNORE
    units = RegionLevel(C, D, predictions=C, signals=1).units(torch.zeros(batch_ids(view)[1], 1), view)
    assert units.labels[0] == IGNORE


def test_values_spread_back_onto_their_pixels(view):
    level = RegionLevel(C, D, predictions=C, signals=2)
    scores = level(view)
    units = level.units(scores, view)
    assert units.scores.shape == (batch_ids(view)[1], 2) and units.labels.shape == units.scores.shape[:1]
    maps = level.spread(torch.arange(len(units.labels), dtype=torch.float), view)
    assert torch.equal(maps.long(), batch_ids(view)[0])


def test_cells_are_those_under_each_pixel(view):
    index = cells(view.labels, view.features)
    rows, columns = view.features.shape[-2:]
    for b, y, x in [(0, 0, 0), (1, 7, 9), (1, 15, 23)]:
        assert index[b, y, x] == (b * rows + y // 4) * columns + x // 4
