import pytest
import torch
import torch.nn.functional as F

from hrs.labels import IGNORE
from hrs.selection import combine
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


def test_weighted_loss_against_a_loop_and_whatever_the_scale(scored):
    logits, labels = scored
    weights = torch.rand(labels.shape)
    full = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False).log_softmax(1)
    total = mass = 0.0
    for b, y, x in (labels != IGNORE).nonzero().tolist():
        total += weights[b, y, x].item() * -full[b, labels[b, y, x], y, x].item()
        mass += weights[b, y, x].item()
    assert combine.weighted_cross_entropy(logits, labels, weights).item() == pytest.approx(total / mass, rel=1e-5)
    assert combine.weighted_cross_entropy(logits, labels, 7 * weights).item() == pytest.approx(total / mass, rel=1e-5)


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
    weights = combine.level_weight(torch.tensor([-1e3, -1.0, 0.0, 1.0, 1e3]), centre=0.0, temperature=0.5, floor=0.1)
    assert weights[0].item() == pytest.approx(0.1) and weights[-1].item() == pytest.approx(1.0)
    assert weights[2].item() == pytest.approx(0.55)
    moved = combine.level_weight(torch.tensor([-1.0]), centre=-1.0, temperature=0.5, floor=0.1)
    assert moved.item() == pytest.approx(0.55)
    assert (weights.diff() > 0).all()


def test_combination_of_levels():
    pixel, image = torch.tensor([[[0.5, 1.0]]]), torch.tensor([[[0.2]]])
    assert combine.combine([pixel, image], "product").flatten().tolist() == pytest.approx([0.1, 0.2])
    assert combine.combine([pixel, image], "mean").flatten().tolist() == pytest.approx([0.35, 0.6])


@pytest.mark.parametrize("least", [0.2, 0.5, 0.9])
def test_effective_sample_size_is_kept(least):
    torch.manual_seed(0)
    labels = torch.zeros(4, 50, 50, dtype=torch.long)
    labels[0, 0] = IGNORE
    harsh = torch.rand(4, 50, 50).pow(30)
    scaled, variance = combine.spread_around_one(harsh, labels)
    assert combine.effective_share(scaled, labels) < 0.1
    weights = combine.temper(scaled, variance, min_effective=least, strength=1.0)
    assert combine.effective_share(weights, labels).item() == pytest.approx(least, rel=1e-3)
    assert weights.min() >= 0


def test_mild_weights_are_left_alone_and_no_strength_means_one():
    labels = torch.zeros(1, 10, 10, dtype=torch.long)
    mild, variance = combine.spread_around_one(0.9 + 0.2 * torch.rand(1, 10, 10), labels)
    torch.testing.assert_close(combine.temper(mild, variance, min_effective=0.5, strength=1.0), mild)
    assert (combine.temper(mild, variance, min_effective=0.5, strength=0.0) == 1).all()
