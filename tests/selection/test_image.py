"""The image level: what it looks at, and what it is held against."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from hrs.labels import IGNORE
from hrs.selection.levels.image import ImageLevel
from tests.selection.conftest import STRIDE, B, C, D, H, W


def test_an_images_goal_is_the_mean_over_its_labelled_pixels(view):
    level, values = ImageLevel(C, D, predictions=C, signals=1), torch.rand(view.labels.shape)
    view.labels[1, :, 6:] = IGNORE
    pooled = level.pool(values, view)
    for i in range(B):
        assert pooled[i].item() == pytest.approx(values[i][view.labels[i] != IGNORE].mean().item(), rel=1e-5)


def looks_at(level, view):
    """The pooled inputs (b k) of a view."""
    seen = []
    hook = level.inputs.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    level(view)
    hook.remove()
    return seen[0]


def test_a_border_without_labels_changes_nothing(view):
    level, seen = (
        ImageLevel(C, D, predictions=2 * C, signals=1),
        {"appearance": torch.rand(B, C, *view.logits.shape[2:])},
    )
    cells, pixels = (2, 0, 1, 3), tuple(STRIDE * each for each in (2, 0, 1, 3))
    bordered = replace(
        view,
        features=F.pad(view.features, cells, value=9.0),
        logits=F.pad(view.logits, cells, mode="replicate"),  # lest other logits are blended in
        labels=F.pad(view.labels, pixels, value=IGNORE),
        regions=F.pad(view.regions, pixels, value=-1),
        images=F.pad(view.images, pixels),
        extra={"appearance": F.pad(seen["appearance"], cells, value=0.5)},
    )
    plain = looks_at(level, replace(view, extra=seen))
    torch.testing.assert_close(looks_at(level, bordered), plain)


def test_disagreement_is_counted_for_the_class_that_the_label_says(view):
    """All that is seen looks like class 1, so each other class disagrees as often as its label occurs."""
    likeness = torch.zeros(B, C, H // STRIDE, W // STRIDE)
    likeness[:, 1] = 1
    looked_at = looks_at(ImageLevel(C, D, predictions=2 * C, signals=1), replace(view, extra={"appearance": likeness}))
    assert looked_at.shape == (B, 2 * D + 4 * C)
    for i in range(B):
        labels = view.labels[i][view.labels[i] != IGNORE]
        shares = [0.0 if c == 1 else (labels == c).float().mean().item() for c in range(C)]
        assert looked_at[i, -C:].tolist() == pytest.approx([-share for share in shares])
