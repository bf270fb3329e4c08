"""Copies of a scored data set from the weights page, and training on them."""

import yaml

from app.figures.maps import Lens
from app.launch import forms
from app.weights.export import start_copying
from app.weights.grid import Selection
from hrs.config import load_config
from hrs.data.layouts import open_dataset
from hrs.launch.queue import LocalQueue
from hrs.launch.task import Task
from hrs.runs.folder import RunFolder
from hrs.runs.registry import rename
from hrs.scoring.corpus import ScoredCorpus
from tests.app.conftest import button, wait_for, words
from tests.conftest import tiny_config
from tests.scoring.weighted_run import make_run


def test_labels_are_not_pruned_without_a_threshold(run, open_page):
    at = open_page("weights")
    at.radio(key="weights mode").set_value("labels").run()
    assert "Raise the threshold" in words(at)
    assert button(at, "Write data set").disabled


def test_the_pruned_data_set_is_written_with_progress_and_can_be_opened(run, tmp_path, open_page):
    at = open_page("weights", threshold="0.8")
    at.radio(key="weights mode").set_value("labels").run()
    assert "Pixels below the threshold of 0.80" in words(at)
    at.text_input(key="weights out scored").set_value(str(tmp_path / "pruned")).run()
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.success)
    assert f"12 frames in {tmp_path / 'pruned'}" in words(at)
    assert at.code[0].value == f"folder:{tmp_path / 'pruned'}"
    assert len(open_dataset(at.code[0].value)) == 12
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.error)
    assert "Nothing was written" in at.error[0].value and "exists" in at.error[0].value


def test_a_copy_that_ends_while_the_page_is_drawn_leaves_no_button_waiting(run, tmp_path, open_page, monkeypatch):
    at = open_page("weights")
    at.text_input(key="weights out scored").set_value(str(tmp_path / "pruned")).run()
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.success)
    answers = [True]
    monkeypatch.setattr(Task, "active", lambda _: bool(answers) and answers.pop())
    at.run()
    assert not answers and at.success and not button(at, "Write data set").disabled


def test_the_frames_to_copy_are_listed_without_opening_any(run, monkeypatch):
    handed_in = []
    monkeypatch.setattr(LocalQueue, "submit", lambda _, task: handed_in.append(task))
    corpus = ScoredCorpus.open(run / "scores")
    selection = Selection(rows=corpus.select()[::-1], sort="weight", name="all")
    monkeypatch.setattr(ScoredCorpus, "frame", None)
    lens = Lens(level="combined", opacity=1, threshold=0.8)
    start_copying(RunFolder(run), corpus, selection, "frames", lens, run / "pruned")
    assert "--threshold" not in handed_in[0].read_order().command  # which whole frames know nothing of
    assert (handed_in[0].path / "frames.txt").read_text().split() == [f"{i:03d}" for i in range(12)][::-1]


def test_launch_opens_with_what_was_written_in_place_of_the_runs_own_frames(run, tmp_path, open_page):
    at = open_page("weights")
    at.text_input(key="weights out scored").set_value(str(tmp_path / "fewer")).run()
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.success)
    button(at, "Open in Launch").click().run()
    assert not at.exception and at.title[0].value == "Launch"
    assert at.session_state[forms.KEY + "data.sources"] == f"folder:{tmp_path / 'fewer'}"
    assert at.session_state[forms.KEY + "data.width"] == str(load_config(run / "config.yaml").data.width)


def test_launch_opens_with_a_copy_by_a_run_that_was_renamed_since(run, tmp_path, open_page):
    at = open_page("weights")
    at.text_input(key="weights out scored").set_value(str(tmp_path / "fewer")).run()
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.success)
    rename(RunFolder(run), "renamed")
    at = open_page("weights", run="renamed")
    button(at, "Open in Launch").click().run()
    assert not at.error and at.session_state[forms.KEY + "data.sources"] == f"folder:{tmp_path / 'fewer'}"


def test_a_copy_whose_order_is_damaged_is_one_clear_line(run, tmp_path, open_page):
    task = Task.create(RunFolder(run).tasks / "prune", ["prune"], out=tmp_path / "fewer")
    task.write_status(state="finished")
    (task.path / "task.json").write_text("{")
    at = open_page("weights")
    assert "task.json cannot be read; start the task anew" in words(at) and button(at, "Write data set")


def test_launch_keeps_the_sources_that_were_not_scored(root, frames, tmp_path, open_page):
    config = tiny_config(frames, f"data.sources=['{frames['source']}', '{frames['val']}']", "data.classes={car: tree}")
    make_run(root, "scored", frames["source"], config)
    at = open_page("weights")
    at.text_input(key="weights out scored").set_value(str(tmp_path / "fewer")).run()
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.success)
    button(at, "Open in Launch").click().run()
    copy = f"folder:{tmp_path / 'fewer'}"
    assert not at.exception and at.session_state[forms.KEY + "data.sources"] == f"{copy}\n{frames['val']}"
    assert yaml.safe_load(at.session_state[forms.KEY + "data.classes"]) == {"*": {"car": "tree"}, copy: {}}
