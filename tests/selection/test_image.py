"""The image level: what it looks at, and what it is held against."""

from dataclasses import replace

import pytest
import torch

from hrs.labels import IGNORE
from hrs.selection.levels.image import ImageLevel
from tests.selection.conftest import STRIDE, B, C, D, H, W


def test_an_images_goal_is_the_mean_over_its_labelled_pixels(view):
    level, values = ImageLevel(C, D, predictions=C, signals=1), torch.rand(view.labels.shape)
    view.labels[1, :, 6:] = IGNORE
    pooled = level.pool(values, view)
    for i in range(B):
        assert pooled[i].item() == pytest.approx(values[i][view.labels[i] != IGNORE].mean().item(), rel=1e-5)


def test_disagreement_is_counted_for_the_class_that_the_label_says(view):
    """All that is seen looks like class 1, so each other class disagrees as often as its label occurs."""
    likeness = torch.zeros(B, C, H // STRIDE, W // STRIDE)
    likeness[:, 1] = 1
    level, seen = ImageLevel(C, D, predictions=2 * C, signals=1), []
    level.inputs.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    level(replace(view, extra={"appearance": likeness}))
    (looked_at,) = seen
    assert looked_at.shape == (B, 2 * D + 4 * C)
    for i in range(B):
        shares = [0.0 if c == 1 else (view.labels[i] == c).float().mean().item() for c in range(C)]
        assert looked_at[i, -C:].tolist() == pytest.approx([-share for share in shares])
