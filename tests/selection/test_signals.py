from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hrs.labels import IGNORE
from hrs.networks.segmenter import upsample
from hrs.selection import signals
from hrs.selection.levels.base import Units
from hrs.selection.signals import agreement, similarity, usefulness
from hrs.selection.signals.table import SIGNALS
from hrs.selection.view import residual
from hrs.settings import SelectionConfig
from tests.selection.conftest import C, D, make_view


def per_pixel_gradients(features, labels, classifier):
    """Autograd's gradient of every labelled pixel's loss with respect to the last layer, one backward pass each."""
    loss = F.cross_entropy(
        upsample(classifier(features), labels.shape[-2:]), labels.long(), ignore_index=IGNORE, reduction="none"
    )
    gradients = {}
    for index in (labels != IGNORE).nonzero().tolist():
        (gradient,) = torch.autograd.grad(loss[tuple(index)], classifier.weight, retain_graph=True)
        gradients[tuple(index)] = gradient.flatten(1)
    return gradients


@pytest.fixture
def classifier():
    torch.manual_seed(1)
    return nn.Conv2d(D, C, 1)


def test_usefulness_equals_autograd_for_every_pixel(view, classifier):
    gradient = torch.randn(C, D)
    truth = per_pixel_gradients(view.features, view.labels, classifier)
    got = usefulness.usefulness(classifier(view.features).detach(), view.features, view.labels, gradient)
    assert len(truth) > 700
    for index, pixel_gradient in truth.items():
        assert got[index].item() == pytest.approx((pixel_gradient * gradient).sum().item(), abs=1e-4)
    assert (got[view.labels == IGNORE] == 0).all()


def test_target_gradient_is_the_mean_of_autograd(view, classifier):
    truth = torch.stack(list(per_pixel_gradients(view.features, view.labels, classifier).values())).mean(0)
    got = usefulness.target_gradient(classifier(view.features).detach(), view.features, view.labels)
    torch.testing.assert_close(got, truth, atol=1e-5, rtol=1e-4)


def test_a_step_on_useful_pixels_lowers_the_target_loss(view, classifier):
    """Usefulness is a first-order promise; keep it."""
    target_labels = view.labels.flip(0)

    def target_loss():
        return F.cross_entropy(
            upsample(classifier(view.features), target_labels.shape[-2:]), target_labels.long(), ignore_index=IGNORE
        )

    gradient = usefulness.target_gradient(classifier(view.features).detach(), view.features, target_labels)
    value = usefulness.usefulness(classifier(view.features).detach(), view.features, view.labels, gradient)
    pixels = per_pixel_gradients(view.features, view.labels, classifier)
    before = target_loss().item()
    for sign in (1, -1):
        chosen = [g for index, g in pixels.items() if sign * value[index] > 0]
        kept = classifier.weight.detach().clone()
        with torch.no_grad():
            classifier.weight -= 0.05 * torch.stack(chosen).mean(0)[:, :, None, None]
        assert sign * (before - target_loss().item()) > 0
        with torch.no_grad():
            classifier.weight.copy_(kept)


def test_the_first_real_batch_sets_the_target_gradient_and_later_ones_move_it():
    signal = usefulness.Usefulness(SelectionConfig(momentum=0.75), C, D)
    first, second = make_view(1), make_view(2)
    one, two = (usefulness.target_gradient(v.logits, v.features, v.labels) for v in (first.coarse(), second.coarse()))
    signal.observe(first)
    torch.testing.assert_close(signal.gradient, one)
    signal.observe(second)
    torch.testing.assert_close(signal.gradient, 0.75 * one + 0.25 * two)


def test_residual_is_softmax_minus_onehot(view):
    e, valid = residual(view.logits, view.labels)
    p = upsample(view.logits, view.labels.shape[-2:]).softmax(1)
    for b, y, x in [(0, 10, 3), (1, 0, 0), (1, 15, 23)]:
        expected = p[b, :, y, x].clone()
        expected[view.labels[b, y, x].long()] -= 1
        torch.testing.assert_close(e[b, :, y, x], expected)
    assert (e[0, :, :4, :4] == 0).all() and not valid[0, :4, :4].any()


@pytest.mark.parametrize("a", [0.1, 0.5, 0.9])
def test_relative_ratio_is_bounded_and_one_where_domains_are_alike(a):
    ratio = similarity.relative_density_ratio(torch.tensor([-50.0, 0.0, 50.0]), a)
    torch.testing.assert_close(ratio, torch.tensor([0.0, 1.0, 1 / a]))


def domain_loss(synthetic: dict[int, list[float]], real: dict[int, list[float]], smoothing: float = 0.1) -> float:
    """The similarity loss of scores by class."""
    signal = similarity.Similarity(SelectionConfig(smoothing=smoothing), C, D)
    ours, theirs = (
        Units(
            scores=torch.tensor([score for own in units.values() for score in own]),
            labels=torch.tensor([label for label, own in units.items() for _ in own]),
        )
        for units in (synthetic, real)
    )
    return signal.loss(ours.scores, ours.labels, None, theirs).item()


def test_only_classes_that_both_batches_hold_enter_the_similarity_loss():
    """Else a network could tell the domains apart by which classes happen to occur."""
    shared = domain_loss({0: [0.5, -1.0], 3: [0.2]}, {0: [2.0], 3: [-0.4]})
    more = {1: [9.0, -9.0], IGNORE: [7.0]}
    assert domain_loss({0: [0.5, -1.0], 3: [0.2], **more}, {0: [2.0], 3: [-0.4]}) == pytest.approx(shared)
    assert domain_loss({0: [0.5, -1.0], 3: [0.2]}, {0: [2.0], 3: [-0.4], **more}) == pytest.approx(shared)
    assert domain_loss({0: [0.5]}, {1: [2.0]}) == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_shared_classes_count_alike_in_the_similarity_loss(smoothing):
    """However many units each has; real is 1 and synthetic 0, both smoothed."""
    synthetic, real = {0: [0.5, -1.0, 3.0], 2: [0.2]}, {0: [2.0], 2: [-0.4, 1.5]}

    def entropy(scores: list[float], truth: float) -> float:
        return sum(F.softplus(torch.tensor(score)).item() - truth * score for score in scores) / len(scores)

    parts = [entropy(synthetic[c], smoothing) + entropy(real[c], 1 - smoothing) for c in (0, 2)]
    assert domain_loss(synthetic, real, smoothing) == pytest.approx(sum(parts) / 4, rel=1e-5)


def test_agreement_is_the_log_probability_of_the_label(view):
    p = upsample(view.logits, view.labels.shape[-2:]).log_softmax(1)
    got = agreement.agreement(view.logits, view.labels)
    assert got[1, 5, 7].item() == pytest.approx(p[1, view.labels[1, 5, 7].long(), 5, 7].item(), abs=1e-5)
    assert (got[view.labels == IGNORE] == 0).all()
    assert agreement.agreement(view.logits * 1e4, view.labels).min() == agreement.FLOOR


def test_every_signal_is_a_module_and_every_module_a_signal():
    modules = {path.stem for path in Path(signals.__path__[0]).glob("*.py")} - {"__init__", "base", "table"}
    assert set(SIGNALS) == modules
    assert all(facts.made_by.startswith(f"hrs.selection.signals.{name}:") for name, facts in SIGNALS.items())
