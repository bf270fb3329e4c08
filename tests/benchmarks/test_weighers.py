"""What weighs synthetic pixels on the frozen bench."""

from types import SimpleNamespace

import pytest
import torch

from benchmarks.weighers import MORE, NEAR, Learned, Lowered, Scaled, bordering, together
from hrs.labels import IGNORE
from hrs.selection.combine import weighted_cross_entropy
from hrs.settings import SelectionConfig
from tests.selection.conftest import C, D, make_view


def test_a_product_of_raw_weights_has_mean_one_in_every_class():
    """Two that agree, whose product of weights of mean 1 has a higher one."""
    torch.manual_seed(0)
    labels = torch.arange(3)[:, None].expand(3, 400).reshape(1, 30, 40)
    one = torch.rand(labels.shape) * torch.tensor([1.0, 0.5, 0.1])[labels]
    step = SimpleNamespace(source=SimpleNamespace(labels=labels), progress=1.0)
    weights = Scaled(together([lambda _: one, lambda _: one**2]), 3, SelectionConfig()).weigh(step)
    assert [weights[labels == c].mean().item() for c in range(3)] == pytest.approx([1, 1, 1], abs=1e-4)
    assert weights.std() > 0.3


def test_the_networks_behind_a_product_learn():
    config = SelectionConfig(every=1)
    parts, source = [Learned(C, D, config) for _ in range(2)], make_view(0)
    step = SimpleNamespace(source=source, source_view=source, real_view=make_view(1), progress=0.5, steps=10)
    before = [next(part.selector.levels.parameters()).detach().clone() for part in parts]
    assert torch.isfinite(Scaled(together([part.raw for part in parts]), C, config).weigh(step)).all()
    for part, own in zip(parts, before, strict=True):
        assert not torch.equal(next(part.selector.levels.parameters()), own)


def test_lowered_frames_keep_the_loss_of_a_step_and_prefer_nothing():
    source, balance = make_view(0), torch.linspace(0.5, 2, C)
    own = torch.rand(source.labels.shape, generator=torch.Generator().manual_seed(0))
    step = SimpleNamespace(source=source, source_view=source)
    weights = Lowered(SimpleNamespace(weigh=lambda _: own), balance).weigh(step)
    loss = [weighted_cross_entropy(source.logits, source.labels, each, balance).item() for each in (own, weights)]
    assert weights.unique().numel() == 1 and loss[0] == pytest.approx(loss[1], rel=1e-5) and weights[0, 0, 0] < 0.9


def test_pixels_near_another_class_weigh_more():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (2, 12, 15), generator=generator).repeat_interleave(6, 1).repeat_interleave(5, 2)
    labels[torch.rand(labels.shape, generator=generator) < 0.05] = IGNORE
    labels = labels.to(torch.uint8)
    weights, expected = bordering(labels), torch.ones(labels.shape)
    for b, y, x in (labels != IGNORE).nonzero().tolist():
        near = labels[b, max(0, y - NEAR) : y + NEAR + 1, max(0, x - NEAR) : x + NEAR + 1]
        if near[near != IGNORE].unique().numel() > 1:
            expected[b, y, x] = MORE
    known = labels != IGNORE
    assert torch.allclose(weights[known], (expected / expected[known].mean())[known]) and weights.unique().numel() == 2
