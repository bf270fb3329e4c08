import json
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hrs.checkpoint import load_state, read_about, write_state
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.runs.names import CARD, CONFIG, MODEL
from hrs.runs.work import cancel
from hrs.scoring.areatable import AreaTable
from hrs.scoring.panel import open_panel
from hrs.system.files import DiskFull
from hrs.training.steps import Trainer, Watcher
from hrs.training.trainer import train
from hrs.training.watchers import Saving, watch, watched
from tests.conftest import tiny_config, until, write_frames


def run_of(tmp_path, config, name="run") -> RunFolder:
    return RunFolder.create(tmp_path / "runs", name, config.to_yaml())


@dataclass
class Diary(Watcher):
    """Writes down what it is told."""

    trainer: Trainer
    seen: list = field(default_factory=list)

    def start(self):
        self.seen.append(("start", self.trainer.step))

    def after_step(self, report):
        assert report.applied and report.logs["loss"].isfinite()
        self.seen.append(("step", self.trainer.step))

    def finish(self):
        self.seen.append(("finish", self.trainer.step))


def test_watchers_are_told_of_every_step_in_order(frames):
    trainer = Trainer(tiny_config(frames, "method=joint", "train.steps=3"))
    diary = Diary(trainer)
    trainer.fit([diary])
    assert diary.seen == [("start", 0), ("step", 1), ("step", 2), ("step", 3), ("finish", 3)]


def test_a_checkpoint_holds_the_scores_of_its_own_step_alone(tmp_path, frames, monkeypatch):
    save, scored = Saving.save, {}

    def kept(self):
        save(self)
        scored[self.trainer.step] = "miou" in read_about(self.run.last).metrics

    monkeypatch.setattr(Saving, "save", kept)
    config = tiny_config(frames, "method=joint", "train.steps=4", "train.save_every=1", "train.validate_every=2")
    run = run_of(tmp_path, config)
    train(config, run)
    assert scored == {1: False, 2: True, 3: False, 4: True}
    assert "not validated" not in (run.last / CARD).read_text()


def test_what_is_due_every_so_many_steps_is_due_after_the_last_too(frames):
    trainer = Trainer(tiny_config(frames, "method=joint", "train.steps=7"))
    due = []
    for trainer.step in range(1, 8):
        due.append(trainer.due(3))
    assert due == [False, False, True, False, False, True, True]


def test_the_best_checkpoint_holds_the_averaged_weights(tmp_path, frames):
    config = tiny_config(frames, "method=joint", "train.ema=0.9", "train.steps=3", "train.validate_every=3")
    run = run_of(tmp_path, config)
    train(config, run)
    best, last = load_file(run.best / MODEL), load_file(run.last / MODEL)
    state = load_state(run.last)["average"]
    moved = set()
    for name, value in best.items():
        average = state[f"module.{name.removeprefix('segmenter.')}"] if name.startswith("segmenter.") else value
        assert torch.equal(value, average.cpu())
        if not torch.equal(value, last[name]):
            moved.add(name.rpartition(".")[2])
    # Else nothing was tested. Averaged weights with the last step's statistics of BatchNorm would be no network at all.
    assert {"weight", "bias", "running_mean", "running_var"} <= moved
    # Validation scored the average, which the last step's weights are not.
    assert "miou" in read_about(run.best).metrics and not read_about(run.last).metrics


def stopped(tmp_path, frames, monkeypatch):
    """A run that was killed after validating at steps 3 and 6 and saving at step 2."""
    config = tiny_config(frames, "method=joint", "train.steps=6", "train.save_every=100", "train.validate_every=3")
    run = run_of(tmp_path, config)
    trainer = Trainer(config)
    with watch(trainer, run) as watchers:
        batches = trainer.batches()
        for _ in range(2):
            trainer.train_step(next(batches))
        watchers.validation.validate()
        watchers.saving.save()
    return config, run


@pytest.mark.parametrize("where", ["checkpoint", "state"])
def test_a_resumed_run_never_replaces_the_best_model_by_a_worse_one(tmp_path, frames, monkeypatch, where):
    config, run = stopped(tmp_path, frames, monkeypatch)
    if where == "checkpoint":  # validated after the state was saved, and better than all that follows
        about = json.loads((run.best / CONFIG).read_text())
        about["metrics"]["miou"] = 99.0
        (run.best / CONFIG).write_text(json.dumps(about))
    else:
        write_state(run.last, load_state(run.last) | {"best": 99.0})
    before = (run.best / MODEL).read_bytes()
    train(config, run, resume=True)
    assert (run.best / MODEL).read_bytes() == before
    assert run.read_results()[-1]["step"] == 6
    assert where == "state" or run.read_status().best.miou == 99.0


@pytest.mark.parametrize(("stored", "best"), [(50.13, 50.126), (50.12, 50.126), (50.14, 50.14), (60.0, 60.0)])
def test_a_resumed_run_holds_new_models_against_its_best_as_it_was(tmp_path, frames, monkeypatch, stored, best):
    config, run = stopped(tmp_path, frames, monkeypatch)
    about = json.loads((run.best / CONFIG).read_text())
    about["metrics"]["miou"] = stored  # which is rounded
    (run.best / CONFIG).write_text(json.dumps(about))
    write_state(run.last, load_state(run.last) | {"best": 50.126})
    with watch(Trainer(config, resume_from=run.last), run) as watchers:
        watchers.validation.start()
        assert watchers.validation.best == best


def test_no_status_names_a_best_model_that_could_not_be_saved(tmp_path, frames, monkeypatch):
    def full(*_, **__):
        raise DiskFull("disk full")

    monkeypatch.setattr("hrs.training.watchers.save_checkpoint", full)
    config = tiny_config(frames, "method=joint", "train.steps=2", "train.validate_every=1")
    run = run_of(tmp_path, config)
    with pytest.raises(DiskFull):
        train(config, run)
    assert run.read_status().state == "failed" and run.read_status().best is None


def test_a_resumed_run_does_replace_it_by_a_better_one(tmp_path, frames, monkeypatch):
    config, run = stopped(tmp_path, frames, monkeypatch)
    about = json.loads((run.best / CONFIG).read_text())
    about["metrics"]["miou"] = 0.01
    (run.best / CONFIG).write_text(json.dumps(about))
    write_state(run.last, load_state(run.last) | {"best": 0.01})
    train(config, run, resume=True)
    assert json.loads((run.best / CONFIG).read_text())["step"] in (3, 6)


def test_the_panel_shows_what_acts(tmp_path, frames):
    """1 everywhere in the warm-up, and in the ramp less than at its end."""
    config = tiny_config(
        frames,
        "train.steps=8",
        "train.validate_every=2",
        "selection.warmup=0.25",
        "selection.ramp=0.5",
        "train.panel=2",
    )
    run = run_of(tmp_path, config)
    train(config, run)
    assert run.panel_steps() == [0, 2, 4, 6, 8]
    spread = {}
    for step in run.panel_steps():
        frame = open_panel(run, step).frame(0)
        maps, label = frame.read_maps(), frame.read_label()
        known = label != 255
        spread[step] = {name: float(values[known].std()) for name, values in maps.items()}
        if step <= 2:
            assert all((values[known] == 1).all() for values in maps.values())
    assert spread[4]["combined"] > 0 and spread[6]["combined"] > 0
    ramp = [open_panel(run, step).about.scale.maps["pixel"].strength for step in run.panel_steps()]
    assert ramp == pytest.approx([0, 0, 0.5, 1, 1])


def test_the_panel_ends_with_the_synthetic_frames(tmp_path, frames):
    overrides = ("train.steps=8", "train.validate_every=2", "train.source_schedule=cosine", "train.source_until=0.6")
    run = run_of(tmp_path, config := tiny_config(frames, *overrides, "train.panel=1"))
    train(config, run)
    assert run.panel_steps() == [0, 2, 4, 5]  # the fifth step is the last with such frames: 4 / 8 < 0.6 < 5 / 8


def test_the_panel_says_why(tmp_path, frames):
    config = tiny_config(frames, "train.steps=4", "selection.warmup=0.1", "selection.ramp=0.1", "train.panel=2")
    run = run_of(tmp_path, config)
    train(config, run)
    table = AreaTable.of(open_panel(run, 4))
    assert table.judges.seen_by == "real images"
    for row in range(2):
        maps, ids = table.corpus.frame(row).read_maps(), table.corpus.read_reasons(row).areas
        areas = table.of_frame(row)
        assert len(areas) == ids.max() > 1
        for area in areas:
            assert area.weights["combined"] == pytest.approx(maps["combined"][ids == area.number].mean(), rel=0.02)


def test_the_panel_tells_frames_of_two_sources_apart(tmp_path, frames):
    """Of equal file names, and with planted masks in one of them alone."""
    sources = [f"folder:{write_frames(tmp_path / 'plain', 12, seed=8)}", frames["source"]]
    config = tiny_config(frames, f"data.sources={json.dumps(sources)}", "train.steps=1")
    run = run_of(tmp_path, config)
    train(config, run)
    corpus = open_panel(run, 1)
    assert [corpus.frame(row).id for row in range(2)] == ["1/000", "2/000"]
    shown = [open_dataset(sources[at]).read_label(i) for at, i in ((0, 0), (1, 0))]
    for row, label in enumerate(shown):
        np.testing.assert_array_equal(corpus.frame(row).read_label(), label)
    table = AreaTable.of(corpus)
    assert [table.of_frame(row)[0].harm for row in range(2)] == [None, 0] and not table.knows_harm


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ([10], 2, [0, 5]),
        ([1000, 10], 4, [0, 500, 1000, 1005]),
        ([1000, 10], 3, [0, 500, 1000]),
        ([100, 1, 100], 6, [0, 50, 100, 101, 151]),
        ([100, 100], 1, [0]),
        ([100, 100], 0, []),
        ([], 4, []),
    ],
)
def test_every_data_set_is_watched_alike(sizes, count, expected):
    assert watched(sizes, count) == expected


def test_a_run_in_a_thread_stops_by_its_file(tmp_path, frames):
    never = ("train.validate_every=2000", "train.save_every=2000")  # so that what is saved was saved on stopping
    config = tiny_config(frames, "method=joint", "train.steps=2000", *never)
    run, said = run_of(tmp_path, config), []

    def work():
        try:
            train(config, run)
        except HRSError as error:
            said.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: run.read_status().step >= 2)
    cancel(run)
    thread.join(60)
    assert not thread.is_alive() and "was cancelled" in said[0]
    assert run.read_status().state == "cancelled"
    assert 2 <= json.loads((run.last / CONFIG).read_text())["step"] < 2000


def test_photos_alone_open_no_synthetic_frames(tmp_path, frames):
    """Neither opened nor rendered nor listed: the source need not even be there."""
    config = tiny_config(frames, "method=target_only", "train.steps=2", f"data.sources=[folder:{tmp_path}/nothing]")
    run = run_of(tmp_path, config)
    train(config, run)
    assert "0 synthetic frames" in run.log.read_text()
    assert "synthetic data: none" in (run.best / CARD).read_text()
    assert str(tmp_path / "nothing") not in (run.best / CARD).read_text()


def test_a_finished_run_of_another_format_stays_finished_when_it_cannot_be_resumed(tmp_path, frames):
    config = tiny_config(frames, "train.steps=2")
    run = run_of(tmp_path, config)
    train(config, run)
    path = run.last / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1}))
    with pytest.raises(HRSError, match="format 1, expected 2"):
        train(config, run, resume=True)
    assert run.read_status().state == "finished"
