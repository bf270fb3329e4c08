import pytest
import torch

from hrs.labels import IGNORE
from hrs.methods.shuffled import level_classes, shuffle_within_class
from hrs.selection.levels.region import batch_ids
from tests.selection.conftest import C, make_view


def test_each_class_keeps_its_histogram_and_places_change():
    torch.manual_seed(0)
    view = make_view(0)
    weights = torch.rand(view.labels.shape)
    shuffled = shuffle_within_class(weights, view)
    for c in (*range(C), IGNORE):
        mask = view.labels == c
        assert torch.equal(weights[mask].sort().values, shuffled[mask].sort().values)
    assert (shuffled != weights).float().mean() > 0.5


def test_regions_stay_together():
    """With one weight a region, shuffled weights change far less often between neighbours than noise would."""
    torch.manual_seed(0)
    view = make_view(0)
    ids, count = batch_ids(view)
    shuffled = shuffle_within_class(torch.rand(count)[ids], view)
    changes = (shuffled[:, :, 1:] != shuffled[:, :, :-1]).float().mean()
    assert changes < 0.4


def test_no_class_of_a_batch_counts_more_than_another():
    torch.manual_seed(0)
    labels = make_view(0).labels
    weights = torch.rand(labels.shape) * (labels + 1)
    levelled = level_classes(weights, labels, C)
    for c in range(C):
        mask = labels == c
        assert levelled[mask].mean().item() == pytest.approx(1, abs=1e-5)
        torch.testing.assert_close(levelled[mask] * weights[mask].mean(), weights[mask])
    assert torch.equal(level_classes(torch.ones(labels.shape), labels, C), torch.ones(labels.shape))


def test_a_class_that_weighs_nothing_in_a_batch_goes_on_weighing_nothing():
    labels = make_view(0).labels
    weights = torch.where(labels == 1, 0.0, 2.0)
    levelled = level_classes(weights, labels, C)
    assert torch.isfinite(levelled).all() and (levelled[labels == 1] == 0).all() and (levelled[labels == 2] == 1).all()
