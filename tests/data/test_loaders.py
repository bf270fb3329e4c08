import multiprocessing
import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.process import BaseProcess

import cv2
import numpy as np
import pytest
import torch

from hrs.data import loaders
from hrs.data.layouts import open_dataset
from hrs.data.loaders import Batch, FrameReader, Step, TrainingSteps, collate, loader_errors, step_batches
from hrs.data.regions import superpixels
from hrs.data.transforms import Sample
from hrs.errors import HRSError
from hrs.labels import IGNORE
from tests.conftest import tiny_config

PARTS = ("images", "labels", "regions", "planted")


@pytest.fixture(scope="module")
def readers(tmp_path_factory, frames):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HRS_CACHE", str(tmp_path_factory.mktemp("cache")))
        config = tiny_config(frames).data
        source, target = (open_dataset(frames[name]) for name in ("source", "target"))
        yield FrameReader([source], config, regions=True), FrameReader([target], config, regions=True)


def steps_of(readers, counts=(4, 2), **options) -> TrainingSteps:
    return TrainingSteps(*readers, lambda step: counts, **{"seed": 7, **options})


def same(a: Batch | None, b: Batch | None) -> bool:
    return all(torch.equal(getattr(a, part), getattr(b, part)) for part in PARTS)


def same_step(a: Step, b: Step) -> bool:
    return same(a.source, b.source) and same(a.target, b.target)


def test_a_batch_has_the_promised_shapes_and_types(readers):
    step = steps_of(readers)[0]
    assert (len(step.source), len(step.target)) == (4, 2)
    assert step.source.images.shape == (4, 3, 48, 64) and step.source.images.dtype == torch.uint8
    for part, dtype in (("labels", torch.uint8), ("regions", torch.int32), ("planted", torch.uint8)):
        assert getattr(step.source, part).shape == (4, 48, 64)
        assert getattr(step.source, part).dtype == dtype


def test_a_step_is_a_function_of_seed_and_number(readers):
    one, other = steps_of(readers), steps_of(readers)
    late = other[5]  # asked for first
    assert all(same_step(one[k], other[k]) for k in range(3))
    assert same_step(one[5], late)
    assert not same(one[0].source, one[1].source)
    assert not same(one[0].source, steps_of(readers, seed=8)[0].source)


def test_shares_of_two_processes_are_the_whole_batch(readers):
    for k in range(3):
        whole = steps_of(readers)[k]
        parts = [steps_of(readers, rank=rank, world=2)[k] for rank in range(2)]
        for side in ("source", "target"):
            for part in PARTS:
                joined = torch.empty_like(getattr(getattr(whole, side), part))
                for rank in range(2):
                    joined[rank::2] = getattr(getattr(parts[rank], side), part)
                assert torch.equal(joined, getattr(getattr(whole, side), part))


def test_loader_processes_change_nothing(readers):
    alone, helped = (list(step_batches(steps_of(readers), 1, 4, workers=workers)) for workers in (0, 2))
    assert len(alone) == len(helped) == 3
    assert all(same_step(a, b) for a, b in zip(alone, helped, strict=True))
    assert same_step(alone[0], steps_of(readers)[1])


def test_region_ids_are_compact_and_of_one_label_each(readers):
    batch = steps_of(readers)[2].source
    for regions, labels in zip(batch.regions.numpy(), batch.labels.numpy(), strict=True):
        used = np.unique(regions[regions >= 0])
        assert used.tolist() == list(range(len(used))) and len(used) > 10
        assert all(len(np.unique(labels[regions == region])) == 1 for region in used)


def test_counts_decide_per_step_and_a_side_not_asked_for_is_empty(readers):
    steps = TrainingSteps(*readers, lambda step: (2, 0) if step == 0 else (0, 3), seed=0)
    first, second = steps[0], steps[1]
    assert (len(first.source), len(first.target), len(second.source), len(second.target)) == (2, 0, 0, 3)
    assert first.target.images.shape == (0, 3, *first.source.labels.shape[1:])
    assert len(first.to(torch.device("cpu")).target) == 0


def test_a_method_without_synthetic_frames_reads_none(frames):
    config = tiny_config(frames).data
    nothing = FrameReader([], config, regions=False)
    target = FrameReader([open_dataset(frames["target"])], config, regions=False)
    step = TrainingSteps(nothing, target, lambda _: (0, 2), seed=0)[0]
    assert len(nothing) == 0 and len(step.source) == 0 and len(step.target) == 2


def test_corruption_changes_images_and_no_labels(frames):
    sources = [open_dataset(frames["source"])]
    plain, corrupted = (
        TrainingSteps(reader, reader, lambda _: (12, 0), seed=3)[0].source
        for reader in (
            FrameReader(sources, tiny_config(frames, f"data.corruption={often}").data, regions=True) for often in (0, 1)
        )
    )
    assert torch.equal(plain.labels, corrupted.labels) and torch.equal(plain.regions, corrupted.regions)
    changed = [not torch.equal(*both) for both in zip(plain.images, corrupted.images, strict=True)]
    assert sum(changed) >= 6


def test_an_epoch_shows_every_frame_once(frames):
    config = tiny_config(frames, "data.scale_min=1", "data.scale_max=1", "data.jitter=0").data
    data = open_dataset(frames["source"])
    reader = FrameReader([data], config, regions=False)
    steps = TrainingSteps(reader, reader, lambda step: (4, 0), seed=3)
    wanted = [data.read_image(i) for i in range(len(data))]

    def index(image: torch.Tensor) -> int:
        seen = image.permute(1, 2, 0).numpy()
        return next(i for i, w in enumerate(wanted) if (seen == w).all() or (seen == w[:, ::-1]).all())

    epochs = [[index(image) for k in range(3 * e, 3 * e + 3) for image in steps[k].source.images] for e in range(2)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize(("side", "option"), [(0, "often"), (1, "photos_often")], ids=["synthetic", "real"])
def test_frames_come_as_often_as_they_shall(readers, side, option):
    often = np.array([0.0 + 1e-9, 0.5, 2.25, 1.0, *[1.03125] * 8])
    steps = steps_of(readers, **{option: often / often.sum() * 7})  # in any unit
    orders = [steps._order(side, 12, epoch) for epoch in range(400)]
    counts = np.array([np.bincount(order, minlength=12) for order in orders])
    expected = often / often.sum() * 12
    assert (counts >= np.floor(expected)).all() and (counts <= np.ceil(expected)).all()
    np.testing.assert_allclose(counts.mean(axis=0), expected, atol=0.1)
    assert len({tuple(order) for order in orders}) == 400
    assert sorted(steps._order(1 - side, 12, 0)) == list(range(12)), "the other side has shares of its own"
    alike = steps_of(readers, **{option: np.ones(12)})
    assert sorted(alike._order(side, 12, 0)) == list(range(12))


def test_a_reader_runs_over_several_data_sets_in_order(frames):
    config = tiny_config(frames, "data.height=32", "data.width=40").data
    data = [open_dataset(frames[name]) for name in ("val", "target")]
    reader = FrameReader(data, config, regions=True)
    assert len(reader) == 10
    assert [reader.locate(i) for i in (0, 3, 4, 9)] == [(data[0], 0), (data[0], 3), (data[1], 0), (data[1], 5)]
    sample = reader[4]
    assert sample.size == (32, 40) and sample.planted is None
    assert (sample.regions == superpixels(sample.image, sample.label, segments=config.segments)).all()


def test_what_a_sample_lacks_is_filled_in():
    batch = collate([Sample(image=np.zeros((4, 5, 3), np.uint8))] * 2, height=4, width=5)
    assert (batch.labels == IGNORE).all() and (batch.regions == -1).all() and (batch.planted == 0).all()


def test_a_frame_that_cannot_be_read_is_replaced_by_the_next(frames, tmp_path, caplog):
    root = tmp_path / "source"
    shutil.copytree(frames["source"].removeprefix("folder:"), root)
    config = tiny_config({**frames, "source": f"folder:{root}"})
    dataset = open_dataset(f"folder:{root}")
    reader = FrameReader([dataset], config.data, regions=False)
    steps = TrainingSteps(reader, reader, lambda step: (2, 0), seed=0)
    whole = [steps[i].source.images for i in range(6)]
    victim = dataset.frames[5].image
    victim.write_bytes(victim.read_bytes()[:200])
    broken = [steps[i].source.images for i in range(6)]
    assert sum(not torch.equal(a, b) for a, b in zip(whole, broken, strict=True)) == 1
    assert victim.name in caplog.text


@pytest.mark.parametrize("which", ["label", "planted", "image"])
def test_a_frame_whose_files_do_not_fit_any_more_is_replaced_by_the_next(frames, tmp_path, caplog, which):
    root = tmp_path / "source"
    shutil.copytree(frames["source"].removeprefix("folder:"), root)
    dataset = open_dataset(f"folder:{root}")
    reader = FrameReader([dataset], tiny_config(frames).data, regions=True)
    steps = TrainingSteps(reader, reader, lambda step: (2, 0), seed=0)
    victim = getattr(dataset.frames[5], which)
    cv2.imwrite(str(victim), np.zeros((20, 30) if which != "image" else (20, 30, 3), np.uint8))
    assert all(len(steps[i].source) == 2 for i in range(6))
    assert "64x48" in caplog.text and "30x20" in caplog.text


@pytest.mark.parametrize("late", [0, 0.05])
def test_a_loader_process_that_is_killed_is_one_line(frames, monkeypatch, late):
    """Whether the system tells of it before its broken pipe is looked into, or, as it mostly does then, meanwhile."""
    monkeypatch.setattr(loaders, "current_thread", lambda: time.sleep(late) or threading.current_thread())
    dataset = open_dataset(frames["source"])
    reader = FrameReader([dataset], tiny_config(frames).data, regions=False)
    batches = step_batches(TrainingSteps(reader, reader, partial(_two_and_none), seed=0), 0, 100_000, workers=1)
    next(batches)
    (worker,) = multiprocessing.active_children()
    with pytest.raises(HRSError, match=r"a loader process was killed.*lower data\.workers"):
        _kill_and_go_on(worker, batches)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="size"), loader_errors():
        torch.zeros(2) @ torch.zeros(3)


def test_errors_in_loader_processes_stay_one_line(frames, tmp_path):
    root = tmp_path / "source"
    shutil.copytree(frames["source"].removeprefix("folder:"), root)
    dataset = open_dataset(f"folder:{root}")
    for frame in dataset.frames:
        frame.image.write_bytes(frame.image.read_bytes()[:200])
    reader = FrameReader([dataset], tiny_config(frames).data, regions=False)
    steps = TrainingSteps(reader, reader, partial(_two_and_none), seed=0)
    with pytest.raises(HRSError, match="in a row cannot be read") as caught:
        next(iter(step_batches(steps, 0, 2, workers=1)))
    assert "\n" not in str(caught.value)


def _kill_and_go_on(worker: BaseProcess, batches: Iterator[Step]) -> None:
    with loader_errors():
        worker.kill()
        for _ in batches:
            pass


def _two_and_none(step: int) -> tuple[int, int]:
    return 2, 0
