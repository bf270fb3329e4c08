"""Single steps of training, without a run's folder."""

import shutil

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from transformers import SegformerForSemanticSegmentation

from hrs.checkpoint import load_state, write_state
from hrs.data.draw import rare_class_shares
from hrs.data.layouts import open_dataset
from hrs.methods.base import Method
from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL
from hrs.training.optimiser import build_optimiser, step_unless
from hrs.training.steps import MOST_BAD_STEPS, Later, Trainer
from hrs.training.trainer import train
from tests.conftest import tiny_config
from tests.networks.small_networks import segformer_config


def test_the_loss_that_is_told_is_of_the_segmentation_network_at_every_step(frames):
    """Weighting networks learn at every second step; their loss is no part of it."""
    trainer = Trainer(tiny_config(frames, "selection.every=2", "train.steps=4"))
    logs = [trainer.train_step(batch).logs for batch in trainer.batches()]
    assert ["loss_pixel" in each for each in logs] == [False, True, False, True]
    for each in logs:
        assert each["loss"].item() == pytest.approx((each["loss_target"] + each["loss_source"]).item(), rel=1e-5)


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


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("skips", ["host", "device"])
def test_a_step_that_is_not_finite_leaves_weights_statistics_and_average_as_they_were(
    frames, monkeypatch, skips, first
):
    config = tiny_config(frames, "method=hrs", "train.steps=40", "train.ema=0.9", "selection.every=1")
    trainer = Trainer(config)
    if skips == "device":  # as on a GPU, where the host looks a step later
        trainer.optimiser = trainer.accelerator.prepare(build_optimiser(trainer.bare, config, fused=True))
        monkeypatch.setattr(trainer, "_device_skips", True)
    batch, clean = next(trainer.batches()), Method.segment

    def poisoned(self, *batches):
        outputs = clean(self, *batches)
        assert self.segmenter.train() is self.segmenter
        with torch.no_grad():  # which moves batch normalisation's statistics
            self.segmenter(torch.full((2, 3, 32, 32), torch.inf))
        return [out._replace(logits=out.logits * torch.inf, features=out.features * torch.inf) for out in outputs]

    def everything():
        return {**trainer.bare.state_dict(), **{f"average.{k}": v for k, v in trainer.average.state_dict().items()}}

    if not first:
        trainer.train_step(batch)
        trainer.settle()
    before = {name: value.clone() for name, value in everything().items()}
    with monkeypatch.context() as patch:
        patch.setattr(Method, "segment", poisoned)
        assert not trainer.train_step(batch).applied
    trainer.settle()
    assert all(torch.equal(value, before[name]) for name, value in everything().items())
    assert trainer.train_step(batch).applied
    assert any(not torch.equal(value, before[name]) for name, value in everything().items())


@pytest.mark.parametrize(
    ("signals", "levels", "cut"),
    [("agreement", "[pixel, region]", False), ("similarity", "[pixel]", False), ("similarity", "[region]", True)],
)
def test_photos_are_cut_into_regions_where_regions_are_compared(frames, signals, levels, cut):
    trainer = Trainer(tiny_config(frames, f"selection.signals=[{signals}]", f"selection.levels={levels}"))
    batch = next(trainer.batches())
    assert bool((batch.target.regions >= 0).any()) == cut and (batch.source.regions >= 0).any()
    assert trainer.train_step(batch).applied


def test_photos_come_by_their_rare_classes_where_that_is_asked_for(frames):
    target = open_dataset(frames["target"])
    for share, expected in ((0.0, None), (0.5, rare_class_shares(target, 0.5))):
        often = Trainer(tiny_config(frames, "data.n_real=null", f"data.rare_classes={share}")).photos_often
        np.testing.assert_array_equal(often, expected)
    batch = next(Trainer(tiny_config(frames, "data.rare_classes=1", "train.batch_target=4")).batches())
    alike = next(Trainer(tiny_config(frames, "train.batch_target=4")).batches())
    assert not torch.equal(batch.target.images, alike.target.images)
    assert torch.equal(batch.source.images, alike.source.images)


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


def weights_after(bad: list[bool], prepare=lambda optimiser: optimiser) -> torch.Tensor:
    """A weight after steps with a gradient of 1, or of NaN in those that are bad."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = prepare(torch.optim.AdamW([weight], lr=0.1, fused=True))
    for each in bad:
        weight.grad = torch.full_like(weight, torch.nan if each else 1.0)
        step_unless(optimiser, torch.tensor(each))
    return weight.detach()


@pytest.mark.parametrize(
    "prepare", [lambda optimiser: optimiser, lambda optimiser: Accelerator(cpu=True).prepare(optimiser)]
)
def test_the_device_skips_a_bad_step_and_is_as_if_it_had_not_been(prepare):
    assert torch.equal(weights_after([False, True, False], prepare), weights_after([False, False]))
    assert torch.equal(weights_after([True]), torch.ones(3))


def test_a_verdict_is_read_later_as_it_was():
    value = torch.tensor(True)
    assert Later(value).read() and not Later(~value).read()


def test_a_run_that_began_on_another_device_goes_on_with_the_optimiser_of_this_one(tmp_path, frames):
    config = tiny_config(frames, "method=joint", "train.steps=2", "train.save_every=1")
    run = RunFolder.create(tmp_path, "run", config.to_yaml())
    train(config, run)
    state = load_state(run.last)
    for group in state["optimiser"]["param_groups"]:
        group["fused"] = True  # as a GPU writes it
    write_state(run.last, state)
    trainer = Trainer(config, resume_from=run.last)
    assert trainer.step == 2
    assert [group["fused"] for group in trainer.optimiser.param_groups] == [None]


def test_a_run_goes_on_without_the_weights_that_its_network_began_with(tmp_path, frames):
    source = tmp_path / "weights"
    SegformerForSemanticSegmentation(segformer_config()).save_pretrained(source)
    network = (f"network.name=segformer:{source}", "network.pretrained=true", "train.encoder_rate=0")
    config = tiny_config(frames, "method=joint", *network, "train.steps=2", "train.save_every=1")
    run = RunFolder.create(tmp_path, "run", config.to_yaml())
    train(config, run)
    shutil.rmtree(source)
    trainer = Trainer(config, resume_from=run.last)
    saved = load_file(run.last / MODEL)
    assert all(torch.equal(value, saved[name]) for name, value in trainer.bare.state_dict().items())
    assert not any(weight.requires_grad for weight in trainer.bare.segmenter.encoder.parameters())
