import itertools

import pytest
import torch

from hrs.settings import TrainConfig
from hrs.training.schedule import poly_with_warmup
from hrs.training.steps import Trainer
from tests.conftest import tiny_config

CONFIG = TrainConfig(steps=100, lr_warmup=0.2, poly_power=2.0)


@pytest.mark.parametrize(
    ("step", "factor"),
    [
        (0, 1 / 21),  # the first of 20 steps that rise
        (9, 10 / 21),
        (19, 20 / 21),
        (20, (80 / 81) ** 2),  # the first that falls
        (60, (40 / 81) ** 2),
        (99, (1 / 81) ** 2),
        (100, 0.0),
    ],
)
def test_values_along_the_way(step, factor):
    assert poly_with_warmup(step, CONFIG) == pytest.approx(factor)


def test_it_rises_then_falls_without_a_jump():
    values = [poly_with_warmup(step, CONFIG) for step in range(100)]
    assert values.index(max(values)) in (19, 20)
    assert max(abs(a - b) for a, b in itertools.pairwise(values)) < 0.06


def test_without_a_warm_up_it_starts_at_the_top():
    flat = TrainConfig(steps=10, lr_warmup=0.0, poly_power=1.0)
    assert [poly_with_warmup(step, flat) for step in (0, 5)] == pytest.approx([10 / 11, 5 / 11])


def test_every_network_follows_it_from_its_own_peak(frames):
    config = tiny_config(frames, "train.steps=20", "train.lr_warmup=0.25", "selection.learning_rate=0.03")
    trainer = Trainer(config)
    batches = trainer.batches()
    for _ in range(3):
        trainer.train_step(next(batches))
    factor = poly_with_warmup(2, config.train)
    rates = [group["lr"] for group in trainer.optimiser.param_groups]
    assert rates == pytest.approx([factor * config.train.learning_rate, factor * 0.03])
    assert trainer.learning_rate == pytest.approx(factor * config.train.learning_rate)
    assert isinstance(trainer.optimiser.optimizer, torch.optim.AdamW)
