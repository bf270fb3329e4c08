"""The estimate: what it counts, and that it looks at a few frames only."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hrs.cli import main
from hrs.config import load_config
from hrs.data.glance import glance
from hrs.data.layouts import open_dataset
from hrs.data.loaders import FrameReader
from hrs.errors import HRSError
from hrs.progress import clock
from hrs.training.estimate import estimate, gigabytes
from hrs.training.steps import StepReport, Trainer
from hrs.training.task import open_real
from tests.conftest import tiny_config, write_frames


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))


class Clock:
    """Time that goes on where a test says so, and by a moment whenever somebody looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1e-6
        return self.now


@pytest.fixture
def stopped(monkeypatch):
    """What is timed takes no time but what a test makes it take, however busy the machine."""
    found = Clock()
    for module in ("hrs.training.estimate", "hrs.data.formats.render"):
        monkeypatch.setattr(f"{module}.time", found)
    return found


def test_the_parts_add_up(tiny):
    config = load_config(tiny.model_dump(), ("train.steps=1000", "train.validate_every=300"))
    found = estimate(config, budget=2)
    assert found.device == "cpu" and found.gpu_memory is None and found.timed_steps >= 3
    assert found.training == pytest.approx(1000 * found.seconds_per_step)
    assert found.rendering == 0 and min(found.regions, found.validating, found.saving) > 0
    assert found.total == pytest.approx(found.training + found.validating + found.saving + found.regions)
    assert found.parameters > 100_000 and found.memory > 50e6 and found.loaders == 0
    assert found.least == pytest.approx(found.total - found.regions)
    assert "s a step, mean of" in found.to_text()


def test_it_leaves_nothing_but_cached_regions(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    estimate(tiny, budget=0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_regions_that_are_cut_already_cost_nothing(tiny):
    for spec in (*tiny.data.sources, tiny.data.target):
        reader = FrameReader([open_dataset(spec)], tiny.data, regions=True)
        for i in range(len(reader)):
            reader[i]
    assert estimate(tiny, budget=0.1).regions == 0


def test_the_headline_is_a_range_and_memory_counts_loader_processes(frames):
    found = replace(estimate(tiny_config(frames, "data.workers=1", "train.steps=2"), budget=0.05), regions=160.0)
    lines = found.to_text().splitlines()
    assert lines[0] == f"time        {clock(found.least)} to {clock(found.total)}"
    assert found.loaders > 50e6
    (memory,) = [line for line in lines if line.startswith("memory")]
    assert memory.endswith(f"; {gigabytes(found.memory + found.loaders)} at most with loader processes")


@pytest.mark.parametrize(
    "override", ["method=target_only", "method=oracle", "train.ema=0.9", "data.workers=1", "data.val=null"]
)
def test_every_kind_of_run_can_be_estimated(frames, override):
    assert estimate(tiny_config(frames, override, "train.steps=2"), budget=0.05).total > 0


def test_weighing_all_frames_anew_takes_time(frames, monkeypatch, stopped):
    """As often as frames are drawn anew, all of them; a run that does not draw by weight does not weigh."""
    plain = estimate(tiny_config(frames), budget=0)
    assert plain.weighing == 0 and "weigh" not in plain.to_text()

    def slow(self, index):
        if self.regions is None:
            stopped.now += 0.02
        return read(self, index)

    read = FrameReader.__getitem__
    monkeypatch.setattr(FrameReader, "__getitem__", slow)
    ramp = ("selection.warmup=0.1", "selection.ramp=0.1", "train.steps=100", "data.workers=0")
    drawn = ("selection.image_acts=sampling", "selection.redraws=4")
    found = estimate(tiny_config(frames, *ramp, *drawn), budget=0)
    assert found.weighing == pytest.approx(4 * 12 * 0.02, rel=1e-3)
    assert found.training == pytest.approx(100 * found.seconds_per_step + found.weighing)
    assert "to weigh frames" in found.to_text()


@pytest.mark.parametrize("override", ["train.source_until=0.25", "method=finetune"])
def test_steps_of_every_kind_are_timed_as_often_as_they_come(frames, monkeypatch, stopped, override):
    """Of which those with synthetic frames take longer here."""
    config = tiny_config(frames, override, "train.steps=400")

    def slower(self, batch):
        stopped.now += 0.3 if len(batch.source) else 0.1
        return StepReport(logs={}, applied=torch.ones(()))

    monkeypatch.setattr(Trainer, "train_step", slower)
    share = 0.25 if "until" in override else 0.5
    found = estimate(config, budget=0.5)
    assert found.seconds_per_step == pytest.approx(share * 0.3 + (1 - share) * 0.1, rel=1e-3)
    assert found.timed_steps >= 4


@pytest.mark.parametrize("photos", ["undrawn", "a folder"])
def test_a_run_with_a_teacher_can_be_estimated(frames, photos):
    """Whose few frames are all drawn: there the teacher has none left over."""
    name = photos if photos == "undrawn" else frames["val"].replace("folder:", "images:") + "/images"
    config = tiny_config(frames, f"data.unlabelled={name}", "train.ema=0.9", "train.steps=2")
    assert estimate(config, budget=0.05).total > 0


def test_a_few_frames_of_many_are_looked_at(tmp_path):
    root = write_frames(tmp_path / "many", 40, seed=0)
    (root / "images/001.png").write_bytes(b"")  # not looked at, so no trouble
    found = glance(f"folder:{root}")
    assert found.total == 40 and len(found.dataset) == 16 and found.rendering == 0


def test_frames_that_are_not_drawn_yet_take_time(monkeypatch, stopped):
    def draw(out: Path, domain: str, *, frames: int, **_: object) -> Path:
        """Ten frames a second."""
        if not out.is_dir():
            write_frames(out, 1, seed=0)
            for folder in ("images", "labels"):
                (out / folder / "000.png").rename(out / folder / "000000.jpg")
        for i in range(1, frames):
            if not (out / f"images/{i:06d}.jpg").exists():
                stopped.now += 0.1
                for folder in ("images", "labels"):
                    shutil.copy(out / folder / "000000.jpg", out / folder / f"{i:06d}.jpg")
        return out

    monkeypatch.setattr("hrs.street.can_render", lambda: True)
    monkeypatch.setattr("hrs.street.render_corpus", draw)
    found = glance("render:synthetic?frames=1024")
    assert found.total == 1024
    assert found.rendering == pytest.approx(0.1 * 1024, rel=0.1)
    one = glance("render:synthetic?frames=1024&seed=1", few=1)
    assert len(one.dataset) == 1 and one.total == 1024 and one.rendering > 90
    assert glance("render:synthetic?frames=20").rendering == 0


def test_frames_that_come_with_hrs_are_not_drawn(monkeypatch):
    monkeypatch.setattr("hrs.street.can_render", lambda: False)
    found = glance("render:camera?frames=24&split=val")
    assert found.rendering == 0 and 0 < found.total <= 24


def test_data_that_is_not_there_is_told(tiny):
    with pytest.raises(HRSError, match="the folder /nowhere does not exist"):
        estimate(load_config(tiny.model_dump(), ("data.target=folder:/nowhere",)))
    with pytest.raises(HRSError, match="has no labels"):
        estimate(
            load_config(tiny.model_dump(), (f"data.target=images:{tiny.data.val.removeprefix('folder:')}/images",))
        )


@pytest.mark.parametrize("val", ["a split", "held out"])
def test_more_real_images_than_there_are_is_told_as_training_does(frames, tmp_path, val):
    """Of 12 photos of 3 drives one drive is held out, though a fifth of them would be fewer."""
    root = write_frames(tmp_path / "real", 12, seed=2)
    for folder in ("images", "labels"):
        for i in range(12):
            (root / folder / f"{i:03d}.png").rename(root / folder / f"{'abc'[i // 4]}_{i:03d}.png")
    target = (f"data.target=folder:{root}", *(["data.val=null"] if val == "held out" else []))
    has = 8 if val == "held out" else 12
    config = tiny_config(frames, *target, f"data.n_real={has + 1}")
    there = "has 12, of which 4 are held out to validate on" if val == "held out" else "has 12"
    told = []
    for ask in (open_real, estimate):
        with pytest.raises(HRSError, match=f"asks for {has + 1} real images but .* {there}; ask for fewer") as error:
            ask(config)
        told.append(str(error.value))
    assert told[0] == told[1]
    assert estimate(tiny_config(frames, *target, f"data.n_real={has}", "train.steps=2"), budget=0.05).total > 0


def test_the_command_prints_and_writes(tiny, tmp_path, capsys):
    (tmp_path / "run.yaml").write_text(tiny.to_yaml())
    with pytest.raises(SystemExit) as ended:
        main(["estimate", str(tmp_path / "run.yaml"), "--json", str(tmp_path / "out.json"), "--seconds", "0.1"])
    assert not ended.value.code
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["total"] > 0 and "training" in capsys.readouterr().out
