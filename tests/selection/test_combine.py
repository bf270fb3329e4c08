import pytest
import torch
import torch.nn.functional as F

from hrs.labels import IGNORE
from hrs.selection import combine
from hrs.selection.scale import strength_for
from tests.selection.conftest import C


@pytest.fixture
def scored():
    torch.manual_seed(3)
    labels = torch.randint(0, C, (2, 12, 16))
    labels[0, 0] = IGNORE
    return torch.randn(2, C, 6, 8, requires_grad=True), labels


def test_uniform_weights_are_plain_cross_entropy_to_the_last_bit(scored):
    logits, labels = scored
    plain = combine.weighted_cross_entropy(logits, labels)
    (plain_gradient,) = torch.autograd.grad(plain, logits)
    ones = combine.weighted_cross_entropy(logits, labels, torch.ones(labels.shape))
    (ones_gradient,) = torch.autograd.grad(ones, logits)
    assert plain.item() == ones.item()
    assert torch.equal(plain_gradient, ones_gradient)
    full = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(plain, F.cross_entropy(full, labels, ignore_index=IGNORE))


def test_weighted_loss_against_a_loop(scored):
    logits, labels = scored
    weights, class_weights = torch.rand(labels.shape), torch.rand(C)
    full = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False).log_softmax(1)
    total = by_class = pixels = mass = 0.0
    for b, y, x in (labels != IGNORE).nonzero().tolist():
        own, c = weights[b, y, x].item() * -full[b, labels[b, y, x], y, x].item(), class_weights[labels[b, y, x]].item()
        total, by_class, pixels, mass = total + own, by_class + c * own, pixels + 1, mass + c
    assert combine.weighted_cross_entropy(logits, labels, weights).item() == pytest.approx(total / pixels, rel=1e-5)
    both = combine.weighted_cross_entropy(logits, labels, weights, class_weights)
    assert both.item() == pytest.approx(by_class / mass, rel=1e-5)


def test_low_weights_make_a_low_loss(scored):
    logits, labels = scored
    low = combine.weighted_cross_entropy(logits, labels, torch.full(labels.shape, 0.25))
    assert low.item() == pytest.approx(0.25 * combine.weighted_cross_entropy(logits, labels).item(), rel=1e-6)


def test_a_batch_without_labels_costs_nothing(scored):
    logits, labels = scored
    loss = combine.weighted_cross_entropy(logits, torch.full_like(labels, IGNORE))
    loss.backward()
    assert loss.item() == 0 and logits.grad.abs().max() == 0


def test_dropped_pixels_get_no_gradient(scored):
    logits, labels = scored
    weights = torch.zeros(labels.shape)
    weights[1] = 1
    combine.weighted_cross_entropy(logits, labels, weights).backward()
    assert logits.grad[0].abs().max() == 0 and logits.grad[1].abs().max() > 0


def test_level_weight_is_bounded_and_rises():
    weights = combine.level_weight(torch.tensor([-1e3, -1.0, 0.0, 1.0, 1e3]), centre=0.0, temperature=0.5)
    assert weights[0].item() == pytest.approx(0) and weights[-1].item() == pytest.approx(1.0)
    assert weights[2].item() == pytest.approx(0.5)
    moved = combine.level_weight(torch.tensor([-1.0]), centre=-1.0, temperature=0.5)
    assert moved.item() == pytest.approx(0.5)
    assert (weights.diff() > 0).all()


def test_the_floor_is_the_least_weight():
    assert combine.above_floor(torch.tensor([0.0, 0.5, 1.0]), 0.1).tolist() == pytest.approx([0.1, 0.55, 1.0])


@pytest.mark.parametrize("spread", [0.0, 0.3, 7.0])
def test_strength_is_that_of_the_scale(spread):
    got = combine.strength_for(torch.tensor(spread), 0.4).item()
    assert got == pytest.approx(strength_for(spread, 0.4))


def test_combination_of_levels():
    pixel, image = torch.tensor([[[0.5, 1.0]]]), torch.tensor([[[0.2]]])
    assert combine.combine([pixel, image], "product").flatten().tolist() == pytest.approx([0.1, 0.2])
    assert combine.combine([pixel, image], "mean").flatten().tolist() == pytest.approx([0.35, 0.6])


def test_the_effective_share_is_that_of_labelled_pixels_alone():
    labels = torch.tensor([[[0, 1, 1, IGNORE]]])
    weights = torch.tensor([[[3.0, 1.0, 0.0, 5.0]]])
    assert combine.effective_share(weights, labels).item() == pytest.approx((3 + 1) ** 2 / (3 * (9 + 1)))
