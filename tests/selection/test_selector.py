import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from hrs.labels import IGNORE
from hrs.selection.combine import above_floor, level_weight
from hrs.selection.selector import Selector
from hrs.selection.signals.table import SIGNALS
from hrs.selection.statistics import class_sums
from hrs.settings import SelectionConfig
from tests.selection.conftest import STRIDE, B, C, D, H, W, make_view

LEVELS = ("pixel", "region", "image")
SUBSETS = [levels for n in range(1, 4) for levels in itertools.combinations(LEVELS, n)]
CHOICES = [*((name,) for name in SIGNALS), ("similarity", "appearance")]


def trained(levels, signals, steps=3, **options):
    torch.manual_seed(0)
    selector = Selector(SelectionConfig(levels=levels, signals=signals, **options), C, D).train()
    for step in range(steps):
        source, target = make_view(step), make_view(100 + step)
        losses, scores = selector.learn(source, target)
        sum(losses.values()).backward()
        selector.weigh(source, scores)
    return selector


def frame(view, i):
    """One frame of a view, alone."""
    fields = ("features", "logits", "labels", "regions", "images")
    return replace(view, **{name: getattr(view, name)[i : i + 1] for name in fields})


@pytest.mark.parametrize("levels", SUBSETS)
@pytest.mark.parametrize("signals", CHOICES)
def test_any_levels_with_any_signals_give_bounded_weights(levels, signals, view):
    selector = trained(levels, signals)
    weights = selector.eval().weigh(view)
    assert set(weights.levels) == set(levels)
    assert weights.combined.shape == view.labels.shape
    assert torch.isfinite(weights.combined).all() and weights.combined.min() >= 0
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in selector.parameters())


def test_no_strength_gives_exactly_one(view):
    selector = trained(LEVELS, ("usefulness",))
    assert (selector.weigh(view, strength=0.0).combined == 1).all()


def test_scores_given_are_the_scores_computed(view):
    selector = trained(LEVELS, ("agreement", "similarity")).eval()
    _, scores = selector.learn(view, make_view(9))
    given, computed = selector.weigh(view, scores), selector.weigh(view)
    assert torch.equal(given.combined, computed.combined)


def test_a_frame_weighs_the_same_in_any_company(view):
    selector = trained(LEVELS, ("usefulness", "similarity", "appearance"), steps=10).eval()
    together = selector.weigh(view).combined
    for i in range(len(together)):
        torch.testing.assert_close(selector.weigh(frame(view, i)).combined[0], together[i])


def test_classes_never_seen_keep_their_weight(view):
    selector = Selector(SelectionConfig(levels=LEVELS), C, D).eval()
    assert selector.weigh(view).combined.max() < 10


def test_no_levels_give_exactly_one(view):
    assert (Selector(SelectionConfig(levels=()), C, D).weigh(view).combined == 1).all()


def uneven_scores(seed: int) -> dict[str, torch.Tensor]:
    """Pixel scores whose classes differ in shape, so that their raw weights differ in the mean."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(B, 1, C, H // STRIDE, W // STRIDE, generator=generator)
    power = torch.tensor([0.1, 0.3, 1.0, 4.0, 16.0]).view(1, 1, C, 1, 1)
    return {"pixel": 3 * noise.pow(power)}


def test_mean_weight_within_every_class_is_one_over_a_stream():
    selector = Selector(SelectionConfig(levels=("pixel",), min_effective=0.01, centre=1.0), C, D).train()
    raw_sums, sums, counts = torch.zeros(C), torch.zeros(C), torch.zeros(C)
    for seed in range(300):
        view, scores = make_view(seed), uneven_scores(seed)
        weights = selector.weigh(view, scores).combined
        if seed < 100:
            continue
        s, n = class_sums(weights, view.labels, C)
        raw_sums += class_sums(selector.raw(view, scores).combined, view.labels, C)[0]
        sums, counts = sums + s, counts + n
    raw = raw_sums / counts
    assert raw.max() > 1.4 * raw.min(), "the classes are too alike to tell"
    torch.testing.assert_close(sums / counts, torch.ones(C), atol=0.05, rtol=0)


def test_the_effective_sample_size_is_kept_over_a_stream():
    selector = Selector(SelectionConfig(levels=("pixel",), min_effective=0.95), C, D).train()
    weights, loose = [], []
    for seed in range(200):
        view, scores = make_view(seed), uneven_scores(seed)
        known = view.labels != IGNORE
        weights.append(selector.weigh(view, scores).combined[known])
        loose.append(selector.raw(view, scores).combined[known])
    share, without = (
        (w.sum().square() / (len(w) * w.square().sum())).item() for w in map(torch.cat, (weights[100:], loose[100:]))
    )
    assert share == pytest.approx(0.95, abs=0.005) and without < 0.9


def test_weights_of_a_frame_are_those_that_act(view):
    """What a map on disk says after the scale is what the loss was multiplied by, with the ramp."""
    selector = trained(LEVELS, ("agreement",), steps=10).eval()
    raw, label = selector.raw(view), view.labels[0].numpy()
    for strength in (0.0, 0.4, 1.0):
        acted = selector.weigh(view, strength=strength)
        seen = selector.scale(strength).apply(raw.maps(0), label)
        assert set(seen) == {"combined", *LEVELS}
        for name, values in acted.named().items():
            known = label != IGNORE
            np.testing.assert_allclose(seen[name][known], values[0].numpy()[known], atol=1e-5)


def test_no_raw_weight_is_below_the_floor():
    for combination in ("product", "mean"):
        selector = trained(LEVELS, ("agreement",), floor=0.2, temperature=0.01, combination=combination)
        for values in selector.raw(make_view(3)).named().values():
            assert values.min() >= 0.2 and values.max() <= 1


def test_a_lone_frame_that_scores_low_weighs_little():
    """With one frame a step a frame must be compared with those of other steps, not with itself."""
    selector = Selector(SelectionConfig(levels=("image",), min_effective=0.05), C, D).train()
    for seed in range(60):
        view = make_view(seed)
        for i in range(B):
            selector.weigh(frame(view, i), {"image": torch.tensor([[0.3 * (-1) ** seed]])})
    low, high = (selector.weigh(frame(make_view(7), 1), {"image": torch.tensor([[s]])}).combined for s in (-1.0, 1.0))
    known = frame(make_view(7), 1).labels != IGNORE
    assert low[known].mean() < 0.4 and high[known].mean() > 1.4


def test_a_level_acts_only_as_far_as_its_scores_say(view):
    selector = trained(("image",), ("agreement",)).eval()
    mean = selector.statistics["image"]["agreement"].mean
    near, far = (
        selector.weigh(view, {"image": mean + torch.tensor([[gap], [-gap]])}).levels["image"] for gap in (0.01, 2.0)
    )
    first, second = (view.labels[i] != IGNORE for i in range(2))
    assert near[0][first].mean() / near[1][second].mean() == pytest.approx(1.0, abs=0.05)
    assert far[0][first].mean() / far[1][second].mean() > 5


def test_several_signals_together_spread_as_one_does(view):
    """Independent scores add by their squares: n signals that say s / root n each weigh as one that says s."""

    def image_map(signals, score):
        selector = Selector(SelectionConfig(levels=("image",), signals=signals), C, D).eval()
        return selector.raw(view, {"image": torch.tensor([[score], [-score]]).expand(B, len(signals))}).levels["image"]

    one, two = image_map(("agreement",), 0.6), image_map(("agreement", "usefulness"), 0.6 / 2**0.5)
    torch.testing.assert_close(one, two)
    assert one.max() - one.min() > 0.3


def test_a_region_too_thin_to_be_pooled_is_neutral_whatever_its_score(view):
    thin = torch.zeros_like(view.labels[0], dtype=torch.bool)
    thin[8, 8:16] = True  # one pixel high, between the rows that scores are learned from
    view.labels[0][thin] = 0
    view.regions[0][thin] = view.regions_per_image
    view = replace(view, regions_per_image=view.regions_per_image + 1)
    selector = trained(("region",), ("agreement",)).eval()
    scores = selector.levels["region"](view)
    low, none, high = (selector.weigh(view, {"region": scores + gap}).levels["region"][0] for gap in (-9, 0, 9))
    assert torch.equal(low[thin], high[thin]) and torch.equal(low[thin], none[thin])
    other = ~thin & (view.labels[0] != IGNORE)
    assert (low[other] < high[other]).all()


def test_one_image_weight_per_image_not_per_batch(view):
    selector = trained(("image",), ("usefulness",), steps=5)
    selector.train(False)
    image = selector.weigh(view).levels["image"]
    label = view.labels[0, 8, 8]
    for b in range(len(image)):
        same = image[b][view.labels[b] == label]
        assert len(same.unique()) <= 1
    assert (image[0][view.labels[0] == label][:1] != image[1][view.labels[1] == label][:1]).all()


def test_nothing_reaches_the_segmentation_network():
    source, target = make_view(0), make_view(1)
    assert not source.features.requires_grad
    selector = trained(LEVELS, ("similarity", "usefulness", "agreement", "appearance"))
    assert not selector.weigh(source).combined.requires_grad
    assert all(loss.requires_grad for loss in selector.learn(source, target)[0].values())


@pytest.mark.parametrize("signals", [("agreement", "usefulness"), ("appearance",)])
def test_weights_find_wrong_labels(signals):
    """A world where labels follow features and colours, except in a third of a synthetic frame: it must weigh less."""
    torch.manual_seed(0)
    selector = Selector(SelectionConfig(levels=LEVELS, signals=signals, momentum=0.9), C, D)
    optimiser = torch.optim.Adam(selector.parameters(), lr=3e-3)
    colours = 2 * torch.randn(C, D)
    paint = torch.randint(0, 256, (C, 3), dtype=torch.uint8)

    def world(seed, lie):
        view = make_view(seed)
        labels = view.labels.long().clamp(max=C - 1)[:, ::4, ::4]
        features = colours[labels].permute(0, 3, 1, 2) + 0.3 * torch.randn(labels.shape[0], D, *labels.shape[1:])
        view = type(view)(
            features=features,
            logits=torch.einsum("bdhw,cd->bchw", features, colours),
            labels=view.labels.clone(),
            regions=view.regions,
            regions_per_image=view.regions_per_image,
            images=paint[view.labels.long().clamp(max=C - 1)].permute(0, 3, 1, 2),
        )
        if lie:
            half = view.labels[:, :, : view.labels.shape[2] // 3]
            known = half != IGNORE
            half[known] = ((half[known].long() + 1) % C).to(torch.uint8)
        return view

    for step in range(200):
        optimiser.zero_grad()
        source = world(step, lie=True)
        losses, _ = selector.learn(source, world(1000 + step, lie=False))
        sum(losses.values()).backward()
        optimiser.step()
        selector.weigh(source)
    selector.eval()
    source = world(5000, lie=True)
    weights = selector.weigh(source)
    third = source.labels.shape[2] // 3
    for name in ("pixel", "region"):
        maps = weights.levels[name]
        assert maps[:, :, :third].mean() < 0.7 * maps[:, :, third:].mean(), name
    assert weights.combined[:, :, :third].mean() < 0.7 * weights.combined[:, :, third:].mean()


def test_image_weights_that_draw_frames_are_one_number_of_a_frame_whatever_its_classes(view):
    selector = Selector(SelectionConfig(image_acts="sampling"), C, D).train()
    for step in range(4):
        selector.weigh(make_view(step), selector.learn(make_view(step), make_view(100 + step))[1])
    drawn, weights = selector.eval().image_weights(view), selector.weigh(view).levels["image"]
    known = view.labels != IGNORE
    shown = [own[there].unique() for own, there in zip(weights, known, strict=True)]
    assert all(len(each) == 1 for each in shown)
    torch.testing.assert_close(torch.cat(shown) / shown[0], drawn / drawn[0])
    raw, label = drawn[0].expand(view.labels[0].shape).numpy(), view.labels[0].numpy().astype(np.uint8)
    np.testing.assert_allclose(selector.scale().apply({"image": raw}, label)["image"], weights[0] * known[0], rtol=1e-5)


@pytest.mark.parametrize("signals", [("agreement",), ("usefulness", "agreement"), ("similarity", "appearance")])
def test_reasons_give_the_weights_and_the_scores_they_are_made_of(signals, view):
    selector = trained(LEVELS, signals).eval()
    found = selector.reasons(view)
    torch.testing.assert_close(found.raw.combined, selector.raw(view).combined)
    labelled = view.labels != IGNORE
    for level in LEVELS:
        score = sum(found.scores[level][name] for name in signals) / len(signals) ** 0.5
        config = selector.config
        weight = level_weight(score, centre=config.centre, temperature=config.temperature)
        expected = above_floor(weight, config.floor)
        torch.testing.assert_close(found.raw.levels[level][labelled], expected[labelled])


def test_what_is_seen_is_the_opinion_of_the_probe_where_there_is_one(view):
    selector = trained(LEVELS, ("usefulness", "agreement")).eval()
    probe = selector.signals["agreement"].probe
    assert selector.seen_by == "real images"
    torch.testing.assert_close(selector.reasons(view).seen, probe(view.features).softmax(dim=1))
    without = trained(LEVELS, ("usefulness",)).eval()
    assert without.seen_by == "network"
    torch.testing.assert_close(without.reasons(view).seen, view.logits.softmax(dim=1))
