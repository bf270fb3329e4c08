"""Single steps of training, without a run's folder."""

import torch

from hrs.methods.base import Method
from hrs.training.steps import MOST_BAD_STEPS, Trainer
from tests.conftest import tiny_config


def test_only_bad_steps_in_a_row_end_a_run(frames, monkeypatch):
    bad = [True] * (MOST_BAD_STEPS - 1) + [False] + [True] * (MOST_BAD_STEPS - 1)
    clean, plan = Method.segment, iter(bad)

    def poisoned(self, *batches):
        factor = float("nan") if next(plan) else 1.0
        return [output._replace(logits=output.logits * factor) for output in clean(self, *batches)]

    trainer = Trainer(tiny_config(frames, "method=joint", "train.steps=40"))
    batch = next(trainer.batches())
    monkeypatch.setattr(Method, "segment", poisoned)
    assert [trainer.train_step(batch).applied for _ in bad] == [not each for each in bad]


def test_what_is_random_in_a_step_follows_from_seed_and_step(frames):
    def seeds(seed: int) -> list[int]:
        trainer = Trainer(tiny_config(frames, "method=joint", f"seed={seed}"))
        batch, found = next(trainer.batches()), []
        for _ in range(3):
            trainer.train_step(batch)
            found.append(torch.initial_seed())
        return found

    first, again, other = seeds(0), seeds(0), seeds(1)
    assert first == again
    assert len({*first, *other}) == 6


def test_the_average_follows_the_weights_and_what_batch_norm_has_seen(frames):
    trainer = Trainer(tiny_config(frames, "method=joint", "train.ema=0.75"))
    batch, expected = next(trainer.batches()), {}
    for _ in range(3):
        trainer.train_step(batch)
        own = {name: value.clone() for name, value in trainer.bare.segmenter.state_dict().items()}
        expected = {name: 0.75 * expected.get(name, value) + 0.25 * value for name, value in own.items()}
    averaged = trainer.network().state_dict()
    numbers = [name for name, value in averaged.items() if value.is_floating_point()]
    assert any("running_mean" in name for name in numbers)
    for name in numbers:
        torch.testing.assert_close(averaged[name], expected[name])
    assert not torch.equal(averaged["classifier.weight"], own["classifier.weight"])
