import pytest
import torch
import torch.nn.functional as F

from hrs.labels import IGNORE
from hrs.methods.evened import even_within_class
from hrs.networks.segmenter import upsample
from tests.selection.conftest import C, make_view


def test_each_class_keeps_its_loss_and_prefers_no_pixel():
    torch.manual_seed(0)
    view = make_view(0)
    own = torch.rand(view.labels.shape)
    weights = even_within_class(own, view)
    full = upsample(view.logits, view.labels.shape[-2:])
    loss = F.cross_entropy(full, view.labels.long(), ignore_index=IGNORE, reduction="none")
    found = []
    for c in view.labels[view.labels != IGNORE].unique():
        here = view.labels == c
        assert weights[here].unique().numel() == 1
        assert (weights * loss)[here].sum().item() == pytest.approx((own * loss)[here].sum().item(), rel=1e-5)
        found.append(weights[here][0].item())
    assert len(set(found)) == len(found) <= C


def test_what_has_no_loss_counts_as_it_is():
    view = make_view(0)
    view.logits.fill_(0).scatter_(1, torch.zeros(view.logits.shape, dtype=torch.long)[:, :1], 1e4)
    weights = even_within_class(torch.full(view.labels.shape, 0.5), view)
    assert (weights[view.labels == 0] == 1).all() and (weights[view.labels == IGNORE] == 1).all()
    torch.testing.assert_close(weights[view.labels == 1], torch.full_like(weights[view.labels == 1], 0.5))
