"""What sections of settings say beside their values."""

import pytest

from hrs.settings import SelectionConfig, TrainConfig


@pytest.mark.parametrize(("share", "steps", "expected"), [(0.55, 100, 55), (0.28, 25, 7), (0.5, 5, 3), (0.01, 10, 1)])
def test_steps_within_a_share_are_what_it_says(share, steps, expected):
    assert TrainConfig(steps=steps).steps_within(share) == expected


def test_warm_up_then_ramp():
    config = SelectionConfig(warmup=0.2, ramp=0.4)
    assert [config.strength(p) for p in (0.0, 0.2, 0.4, 0.6, 1.0)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert SelectionConfig(warmup=0.5, ramp=0.0).strength(0.51) == 1.0
