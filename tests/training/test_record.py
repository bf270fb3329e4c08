import io
import os

import numpy as np
import pytest

from hrs.labels import LabelSpace
from hrs.runs.folder import RunFolder
from hrs.training import record
from hrs.training.record import PhaseTeller, Recorder
from tests.conftest import CLASSES, COLOURS


def test_the_time_left_is_that_of_the_steps_to_come_at_the_pace_of_this_process(tmp_path, monkeypatch):
    """A resumed run must not take the steps of the process before it for its own."""
    now = [1000.0]
    monkeypatch.setattr(record.time, "monotonic", lambda: now[0])
    space = LabelSpace(name="town", classes=CLASSES, palette=tuple(map(tuple, COLOURS.tolist())))
    recorder = Recorder(RunFolder(tmp_path), space, steps=100, first=20)
    now[0] += 10  # 20 steps in 10 seconds
    assert recorder.eta(40) == pytest.approx(30)
    assert recorder.eta(100) == 0


def test_a_phase_is_told_now_and_then_and_at_its_end(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(record.time, "monotonic", lambda: now[0])
    run = RunFolder.create(tmp_path, "run", "")
    telling, told = PhaseTeller(run, "rendering", after="opening the data"), []
    for done in range(1, 6):
        now[0] += 0.6
        telling(done, 5)
        told.append(run.read_status().phase.in_words())
    assert told == ["rendering 1/5", "rendering 1/5", "rendering 3/5", "rendering 3/5", "opening the data"]


def test_a_preview_is_scored_by_the_classes_that_its_data_set_names(tmp_path):
    space = LabelSpace(name="town", classes=CLASSES, palette=tuple(map(tuple, COLOURS.tolist())))
    run = RunFolder.create(tmp_path, "run", "")
    label, predicted = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    predicted[:, 3:] = 2
    shown = {"a": (np.zeros((4, 6, 3), np.uint8), label, predicted)}
    recorder = Recorder(run, space, steps=9, first=0)
    recorder.previews(1, shown)
    recorder.previews(2, shown, possible={0, 1})
    assert [run.read_preview_scores(step) for step in (1, 2)] == [{"a": 25.0}, {"a": 50.0}]


def test_the_log_holds_lines_that_are_no_text(tmp_path, monkeypatch):
    monkeypatch.setattr(record.LOGGER, "propagate", False)  # pytest's own reports hold text alone
    space = LabelSpace(name="town", classes=CLASSES, palette=tuple(map(tuple, COLOURS.tolist())))
    run = RunFolder.create(tmp_path, "run", "")
    with Recorder(run, space, steps=9, first=0):
        record.LOGGER.info("left out: %s", os.fsdecode(b"caf\xe9.png"))
    assert r"left out: caf\udce9.png" in run.log.read_text(encoding="utf-8")


class Closed(io.StringIO):
    """A pipe that nobody reads any more."""

    def write(self, text):
        raise BrokenPipeError


def test_who_stops_looking_on_is_told_no_more(tmp_path, monkeypatch, capsys):
    space = LabelSpace(name="town", classes=CLASSES, palette=tuple(map(tuple, COLOURS.tolist())))
    run = RunFolder.create(tmp_path, "run", "")
    monkeypatch.setattr(record.sys, "stdout", Closed())
    with Recorder(run, space, steps=9, first=0):
        for step in range(3):
            record.LOGGER.info("step %d", step)
    assert capsys.readouterr().err == ""
    assert [line.split()[-1] for line in run.log.read_text().splitlines()] == ["0", "1", "2"]
