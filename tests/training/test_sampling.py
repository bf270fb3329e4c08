"""How often synthetic frames are drawn."""

import numpy as np
import pytest
import torch

from hrs.config import load_config
from hrs.data.layouts import open_dataset
from hrs.data.loaders import FrameReader
from hrs.errors import HRSError
from hrs.methods.build import build_method
from hrs.methods.hrs import raw_weights
from hrs.training import sampling
from hrs.training.sampling import frame_shares, redraw_steps
from tests.conftest import CLASSES, tiny_config

CPU = torch.device("cpu")


def sampled(*overrides: str):
    return load_config({"selection": {"image_acts": "sampling"}, "train": {"steps": 100}}, overrides)


def test_frames_are_weighed_from_full_strength_on_until_they_end():
    ramp = ("selection.warmup=0.1", "selection.ramp=0.1")
    assert redraw_steps(sampled(*ramp, "selection.redraws=4")) == [20, 40, 60, 80]
    assert redraw_steps(sampled(*ramp, "selection.redraws=3", "train.source_until=0.5")) == [20, 30, 40]
    assert redraw_steps(sampled("method=joint")) == []
    assert redraw_steps(load_config({"train": {"steps": 100}})) == []


def test_frames_are_weighed_once_before_a_step():
    assert redraw_steps(sampled("train.steps=40", "selection.redraws=100")) == list(range(8, 40))


def reader_of(frames, config) -> FrameReader:
    return FrameReader([open_dataset(frames["source"])], config.data, regions=False)


def test_shares_are_the_weights_of_the_frames_in_their_order(frames, monkeypatch):
    config = tiny_config(frames, "method=joint")
    method, reader = build_method(config, len(CLASSES)), reader_of(frames, config)
    monkeypatch.setattr(method, "frame_weights", lambda batch: batch.images.float().mean(dim=(1, 2, 3)))
    expected = np.array([reader[i].image.mean() for i in range(len(reader))])
    shares = frame_shares(method, reader, device=CPU, workers=0)
    np.testing.assert_allclose(shares, expected / expected.mean(), rtol=1e-5)
    # as two processes share the work: each its own chunks, the other's not seen
    halves = [frame_shares(method, reader, device=CPU, workers=0, rank=rank, world=2) for rank in (0, 1)]
    assert (halves[0][8:] == 1).all() and (halves[1][:8] == 1).all()


@pytest.mark.parametrize("workers", [0, 1])
def test_frames_that_cannot_be_read_count_as_the_average(frames, monkeypatch, caplog, workers):
    config = tiny_config(frames, "method=joint")
    method, reader = build_method(config, len(CLASSES)), reader_of(frames, config)
    monkeypatch.setattr(method, "frame_weights", lambda batch: batch.images.float().mean(dim=(1, 2, 3)))
    expected = np.array([reader[i].image.mean() for i in range(len(reader))])
    expected[3] = np.delete(expected, 3).mean()

    def read(self, index):
        if index == 3:
            raise HRSError("frame 3 is damaged")
        return original(self, index)

    original = FrameReader.__getitem__
    monkeypatch.setattr(FrameReader, "__getitem__", read)
    shares = frame_shares(method, reader, device=CPU, workers=workers)
    np.testing.assert_allclose(shares, expected / expected.mean(), rtol=1e-5)
    assert "frame 3 is damaged" in caplog.text


def test_where_no_frame_can_be_read_all_come_equally_often(frames, monkeypatch):
    config = tiny_config(frames, "method=joint")
    method, reader = build_method(config, len(CLASSES)), reader_of(frames, config)

    def read(self, index):
        raise HRSError(f"frame {index} is damaged")

    monkeypatch.setattr(FrameReader, "__getitem__", read)
    assert (frame_shares(method, reader, device=CPU, workers=0) == 1).all()


@pytest.mark.parametrize("levels", ["[pixel, image]", "[image]"])
def test_the_image_level_then_acts_in_sampling_alone(frames, levels):
    config = tiny_config(frames, f"selection.levels={levels}", "selection.image_acts=sampling")
    torch.manual_seed(0)
    method, reader = build_method(config, len(CLASSES)).eval(), reader_of(frames, config)
    batch = reader.batch([reader[i] for i in range(3)])
    raw = raw_weights(method, batch)
    acting = raw.levels.get("pixel", torch.ones_like(raw.combined))
    torch.testing.assert_close(raw.combined, acting)
    torch.testing.assert_close(method.frame_weights(batch), raw.levels["image"][:, 0, 0])
    with_loss = build_method(tiny_config(frames), len(CLASSES))
    assert with_loss.frame_weights(batch) is None


def test_sampling_needs_the_image_level():
    with pytest.raises(HRSError, match="lacks image"):
        sampled("selection.levels=[pixel]")


def test_a_sampled_run_asks_its_method(frames, monkeypatch, tmp_path):
    """What the frames weigh at a redraw decides which are seen after it."""
    from hrs.training.steps import Trainer

    config = tiny_config(
        frames, "selection.image_acts=sampling", "selection.warmup=0.5", "selection.ramp=0", "selection.redraws=1"
    )
    monkeypatch.setattr(sampling, "BATCH", 5)
    trainer = Trainer(config)
    only = torch.arange(len(trainer.source)) == 4
    asked = []

    def weights(batch):
        asked.append(len(batch))
        first = sum(asked[:-1])
        return torch.where(only[first : first + len(batch)], 1.0, 1e-6)

    monkeypatch.setattr(trainer.bare, "frame_weights", weights)
    seen = []
    for batch in trainer.batches():
        seen.append(batch.source.planted.float().mean().item())
        trainer.step += 1
    assert asked == [5, 5, 2] and len(seen) == 6
    assert trainer.often is not None and trainer.often.argmax() == 4


def test_the_control_draws_as_hrs_does_but_other_frames(frames, monkeypatch):
    from hrs.training.steps import Trainer

    def often(method: str, seed: int = 0):
        sampling = ("selection.image_acts=sampling", "selection.warmup=0.5", "selection.ramp=0", "selection.redraws=1")
        trainer = Trainer(tiny_config(frames, f"method={method}", f"seed={seed}", *sampling))
        monkeypatch.setattr(trainer.bare, "frame_weights", lambda batch: batch.images.float().mean(dim=(1, 2, 3)))
        for _ in trainer.batches():
            trainer.step += 1
        return trainer.often

    true, elsewhere = often("hrs"), often("shuffled")
    np.testing.assert_allclose(np.sort(elsewhere), np.sort(true))
    assert (elsewhere != true).mean() > 0.5
    np.testing.assert_array_equal(elsewhere, often("shuffled"))
    assert (elsewhere != often("shuffled", seed=1)).any()
