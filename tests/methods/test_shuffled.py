import torch

from hrs.labels import IGNORE
from hrs.methods.shuffled import shuffle_within_class
from hrs.selection.region import batch_ids
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
