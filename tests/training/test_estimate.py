"""The estimate: what it counts, and that it looks at a few frames only."""

import json
import shutil
import time
from pathlib import Path

import pytest

from hrs.cli import main
from hrs.config import load_config
from hrs.data.glance import glance
from hrs.data.layouts import open_dataset
from hrs.data.loaders import FrameReader
from hrs.errors import HRSError
from hrs.training.estimate import estimate
from tests.conftest import tiny_config, write_frames


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))


def test_the_parts_add_up(tiny):
    config = load_config(tiny.model_dump(), ("train.steps=1000", "train.validate_every=300"))
    found = estimate(config, budget=2)
    assert found.device == "cpu" and found.gpu_memory is None and found.timed_steps >= 3
    assert found.training == pytest.approx(1000 * found.seconds_per_step)
    assert found.rendering == 0 and min(found.regions, found.validating, found.saving) > 0
    assert found.total == pytest.approx(found.training + found.validating + found.saving + found.regions)
    assert found.parameters > 100_000 and found.memory > 50e6
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


@pytest.mark.parametrize(
    "override", ["method=target_only", "method=oracle", "train.ema=0.9", "data.workers=1", "data.val=null"]
)
def test_every_kind_of_run_can_be_estimated(frames, override):
    assert estimate(tiny_config(frames, override, "train.steps=2"), budget=0.05).total > 0


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


def test_frames_that_are_not_drawn_yet_take_time(tmp_path, monkeypatch):
    def draw(out: Path, domain: str, *, frames: int, **_: object) -> Path:
        """Ten frames a second."""
        if not out.is_dir():
            write_frames(out, 1, seed=0)
            for folder in ("images", "labels"):
                (out / folder / "000.png").rename(out / folder / "000000.jpg")
        for i in range(1, frames):
            if not (out / f"images/{i:06d}.jpg").exists():
                time.sleep(0.1)
                for folder in ("images", "labels"):
                    shutil.copy(out / folder / "000000.jpg", out / folder / f"{i:06d}.jpg")
        return out

    monkeypatch.setattr("hrs.street.can_render", lambda: True)
    monkeypatch.setattr("hrs.street.render_corpus", draw)
    found = glance("render:synthetic?frames=1024")
    assert found.total == 1024
    assert 80 < found.rendering < 300
    one = glance("render:synthetic?frames=1024&seed=1", few=1)
    assert len(one.dataset) == 1 and one.total == 1024 and one.rendering > 80
    assert glance("render:synthetic?frames=20").rendering == 0


def test_frames_that_come_with_hrs_are_not_drawn(monkeypatch):
    monkeypatch.setattr("hrs.street.can_render", lambda: False)
    found = glance("render:camera?frames=24&split=val")
    assert found.rendering == 0 and 0 < found.total <= 24


def test_data_that_is_not_there_is_told(tiny):
    with pytest.raises(HRSError, match="the folder /nowhere does not exist"):
        estimate(load_config(tiny.model_dump(), ("data.target=folder:/nowhere",)))
    with pytest.raises(HRSError, match="has no labels"):
        estimate(load_config(tiny.model_dump(), (f"data.target=images:{tiny.data.val.removeprefix('folder:')}",)))


def test_the_command_prints_and_writes(tiny, tmp_path, capsys):
    (tmp_path / "run.yaml").write_text(tiny.to_yaml())
    with pytest.raises(SystemExit) as ended:
        main(["estimate", str(tmp_path / "run.yaml"), "--json", str(tmp_path / "out.json"), "--seconds", "0.1"])
    assert not ended.value.code
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["total"] > 0 and "training" in capsys.readouterr().out
