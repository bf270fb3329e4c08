import math

import pytest
import torch

from hrs.config import load_config
from hrs.data.loaders import Batch
from hrs.labels import IGNORE
from hrs.methods.base import source_weight
from hrs.methods.build import build_method, method_class
from hrs.methods.hrs import weigh_frames
from hrs.methods.joint import Joint
from hrs.methods.table import METHODS
from hrs.selection.combine import weighted_cross_entropy
from tests.selection.conftest import C, make_view

H, W = 48, 64


def batch(seed: int, size: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, C, (size, H // 8, W // 8), generator=generator)
    labels = labels.repeat_interleave(8, 1).repeat_interleave(8, 2).to(torch.uint8)
    labels[:, :4] = IGNORE
    regions = torch.arange(H // 8 * W // 8).view(H // 8, W // 8).repeat_interleave(8, 0).repeat_interleave(8, 1)
    planted = (labels == 1).to(torch.uint8)
    return Batch(
        images=torch.randint(0, 256, (size, 3, H, W), generator=generator).to(torch.uint8),
        labels=labels,
        regions=regions.int().expand(size, H, W).clone(),
        planted=planted,
    )


def build(name: str, *overrides: str):
    torch.manual_seed(0)
    config = load_config(
        {"method": name}, ("train.batch_source=2", "train.batch_target=2", "train.steps=10", *overrides)
    )
    return build_method(config, C).train(), config


def one_step(method, config, step=9):
    source_count, target_count = method.counts(config, step)
    return method(batch(1, source_count), batch(2, target_count), step)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_a_loss_that_moves_the_segmentation_network(name):
    method, config = build(name)
    result = one_step(method, config)
    result.loss.backward()
    assert torch.isfinite(result.loss)
    assert all(p.grad is not None for p in method.segmenter.parameters())
    assert all(not value.requires_grad for value in result.logs.values())


@pytest.mark.parametrize("name", METHODS)
def test_a_pretrained_encoder_that_is_to_learn_nothing_is_left_as_it_is(name):
    method, config = build(name, "network.name=lite0", "network.pretrained=true", "train.encoder_rate=0")
    encoder = method.segmenter.encoder
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    one_step(method, config).loss.backward()
    assert all(now.equal(before[name]) for name, now in encoder.state_dict().items())
    assert method.segmenter.classifier.weight.grad is not None and encoder.stem[0].weight.grad is None


@pytest.mark.parametrize("name", METHODS)
def test_synthetic_frames_never_take_the_place_of_photos(name):
    _, config = build(name)
    real = [method_class(name).counts(config, step)[1] for step in range(config.train.steps)]
    without = {"source_only": [0] * 10, "finetune": [0] * 5 + [4] * 5}  # finetune's steps see as many images in all
    assert real == without.get(name, [2] * 10)


def test_finetune_goes_from_source_to_target():
    _, config = build("finetune", "finetune.source_share=0.3")
    counts = [method_class("finetune").counts(config, step) for step in range(10)]
    assert counts == [(4, 0)] * 3 + [(0, 4)] * 7


@pytest.mark.parametrize("override", ["train.source_until=0.55", "finetune.source_share=0.55"])
def test_frames_end_at_the_step_that_their_share_says(override):
    name = "finetune" if "finetune" in override else "joint"
    method, config = build(name, "train.steps=100", override)
    assert [step for step in range(100) if method.counts(config, step)[0]] == list(range(55))


def test_hrs_in_its_warm_up_is_joint_to_the_last_bit():
    joint, config = build("joint")
    hrs, _ = build("hrs")
    hrs.segmenter.load_state_dict(joint.segmenter.state_dict())
    torch.manual_seed(5)
    a = one_step(joint, config, step=0)
    torch.manual_seed(5)
    b = one_step(hrs, config, step=0)
    assert a.logs["loss_source"].item() == b.logs["loss_source"].item()
    assert a.logs["loss_target"].item() == b.logs["loss_target"].item()
    a.loss.backward()
    b.loss.backward()
    pairs = zip(joint.segmenter.parameters(), hrs.segmenter.parameters(), strict=True)
    assert all(torch.equal(p.grad, q.grad) for p, q in pairs)


def test_the_share_of_the_loss_that_weights_leave():
    """Beside joint training of the same network on the same batch, all of whose loss is left."""
    joint, config = build("joint")
    hrs, _ = build("hrs")
    hrs.segmenter.load_state_dict(joint.segmenter.state_dict())
    torch.manual_seed(5)
    plain = one_step(joint, config)
    torch.manual_seed(5)
    result = one_step(hrs, config)
    assert "loss_share" not in plain.logs and abs(result.logs["loss_share"].item() - 1) > 1e-5
    left = result.logs["loss_source"] / plain.logs["loss_source"]
    assert result.logs["loss_share"].item() == pytest.approx(left.item(), rel=1e-5)


def test_joint_is_the_sum_of_both_losses():
    method, config = build("joint", "train.source_weight=0.5")
    result = one_step(method, config)
    assert isinstance(method, Joint)
    expected = result.logs["loss_target"] + 0.5 * result.logs["loss_source"]
    torch.testing.assert_close(result.loss.detach(), expected)


@pytest.mark.parametrize("name", ["hrs", "adversarial"])
def test_the_loss_of_other_networks_is_told_apart(name):
    method, config = build(name)
    result = one_step(method, config)
    assert result.apart >= result.logs["loss_discriminator" if name == "adversarial" else "loss_pixel"] > 0
    own = result.logs["loss_target"] + result.logs["loss_source"]
    if name == "adversarial":
        own = own + config.adversarial.weight * result.logs["loss_fool"]
    torch.testing.assert_close((result.loss - result.apart).detach(), own)


def test_adversarial_discriminator_gets_gradient_from_its_own_loss_alone():
    method, config = build("adversarial", "adversarial.weight=0")
    one_step(method, config).loss.backward()
    quiet = [p.grad.clone() for p in method.discriminator.parameters()]
    method, config = build("adversarial", "adversarial.weight=1")
    one_step(method, config).loss.backward()
    loud = [p.grad for p in method.discriminator.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(quiet, loud, strict=True))


def test_telling_the_domains_apart_does_not_move_the_segmentation_network():
    """Only fooling the discriminator does, and here that counts nothing."""
    joint, config = build("joint")
    adversarial, _ = build("adversarial", "adversarial.weight=0")
    adversarial.segmenter.load_state_dict(joint.segmenter.state_dict())
    for method in (joint, adversarial):
        torch.manual_seed(5)
        one_step(method, config).loss.backward()
    pairs = zip(joint.segmenter.parameters(), adversarial.segmenter.parameters(), strict=True)
    assert all(torch.equal(p.grad, q.grad) for p, q in pairs)


def test_class_balance_weighs_rare_classes_more():
    method, _ = build("class_balanced", "selection.momentum=0")
    source = batch(3)
    source.labels[:, 8:] = 0
    source.labels[:, 40:, 32:] = 1
    method(source, batch(4), 5)
    assert method.frequency[0] > method.frequency[1] > method.frequency[2]


def test_class_balance_goes_by_the_batches_it_saw_from_the_first_on():
    method, _ = build("class_balanced", "selection.momentum=0.9")
    shares = torch.zeros(C)
    for seed, edge in ((3, 20), (4, 44)):
        shown = batch(seed)
        shown.labels[:] = IGNORE
        shown.labels[:, :edge], shown.labels[:, edge:, :8] = 0, 1
        counts = torch.bincount(shown.labels[shown.labels != IGNORE].long(), minlength=C)
        shares = 0.9 * shares + 0.1 * counts / counts.sum()
        weights = method.weigh(shown, None, None, None, 0).weights
        labelled = shown.labels != IGNORE
        expected = shares[:2].rsqrt()
        expected /= (expected * counts[:2]).sum() / counts.sum()
        for c in (0, 1):
            torch.testing.assert_close(weights[shown.labels == c].mean(), expected[c])
        assert weights[labelled].mean().item() == pytest.approx(1, abs=1e-5)


def test_weights_of_frames_leave_the_method_as_it_was():
    method, config = build("hrs")
    one_step(method, config)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    weights = weigh_frames(method, batch(7))
    assert weights.combined.shape == (2, H, W)
    assert method.training
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())


def test_the_loss_of_an_unlabelled_batch_is_zero():
    view = make_view(0)
    assert weighted_cross_entropy(view.logits, torch.full_like(view.labels, IGNORE)).item() == 0


def test_the_weighting_networks_learn_at_every_so_many_steps():
    method, config = build("hrs", "selection.every=3")
    learned = []
    for step in range(6):
        method.zero_grad(set_to_none=True)
        one_step(method, config, step).loss.backward()
        learned.append(any(p.grad is not None for p in method.selector.parameters()))
    assert learned == [False, False, True] * 2


def test_class_balance_weighs_by_frequency_with_mean_one_over_the_targets_pixels():
    method, _ = build("joint", "train.class_balance=0.5")
    frequency = torch.tensor([0.64, 0.32, 0.04] + [0.0] * (C - 3))
    method.balance(frequency)
    assert (method.class_weights[2] / method.class_weights[0]).item() == pytest.approx(4)
    assert (method.class_weights * frequency).sum().item() == pytest.approx(1, abs=0.05)
    logits, labels = torch.randn(2, C, H, W), batch(1).labels
    each = torch.nn.functional.cross_entropy(logits, labels.long(), weight=method.class_weights, ignore_index=IGNORE)
    torch.testing.assert_close(method.cross_entropy(logits, labels), each)


def test_without_class_balance_the_loss_is_plain_cross_entropy():
    method, _ = build("joint", "train.class_balance=0")
    method.balance(torch.rand(C))
    logits, labels = torch.randn(2, C, H, W), batch(1).labels
    assert torch.equal(method.cross_entropy(logits, labels), weighted_cross_entropy(logits, labels))


@pytest.mark.parametrize("name", [name for name, facts in METHODS.items() if facts.needs_source])
def test_at_the_end_of_the_schedule_real_images_are_alone(name):
    method, config = build(name, "train.source_until=0.5", "train.source_schedule=cosine")
    if name in ("source_only", "finetune"):
        return
    asked = [method.counts(config, step) for step in range(10)]
    assert asked == [(2, 2)] * 5 + [(0, 2)] * 5
    alone, _ = build("target_only")
    alone.segmenter.load_state_dict(method.segmenter.state_dict())
    torch.manual_seed(5)
    result = method(batch(1, 0), batch(2), 7)
    torch.manual_seed(5)
    assert result.loss.item() == alone(batch(1, 0), batch(2), 7).loss.item()


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5] * 8 + [0.0] * 2),
        ("cosine", [0.25 * (1 + math.cos(math.pi * k / 8)) for k in range(8)] + [0.0] * 2),
    ],
)
def test_the_weight_of_synthetic_frames_follows_its_schedule(schedule, expected):
    _, config = build("joint", f"train.source_schedule={schedule}", "train.source_until=0.8", "train.source_weight=0.5")
    assert [source_weight(config, step) for step in range(10)] == pytest.approx(expected)
