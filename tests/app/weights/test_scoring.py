"""Scoring from the weights page: what is offered where there are no maps, and what happens while it works."""

import json
import shlex
import time

import pytest

from app.weights.scoring import start_scoring
from hrs.errors import HRSError
from hrs.launch.queue import LocalQueue
from hrs.launch.task import Task, Teller
from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL
from hrs.scoring.stamps import weights_digest
from tests.app.conftest import button, labels, press, wait_for, words
from tests.conftest import tiny_config, write_frames
from tests.scoring.weighted_run import gone_on, make_run


def test_a_run_without_maps_offers_to_score_it(root, frames, tiny, open_page):
    path = make_run(root, "bare", frames["source"], tiny, panel=False, scores=False)
    at = open_page("weights")
    assert "has finished and left neither weight maps nor a checkpoint" in words(at)
    RunFolder(path).write_status(state="cancelled")
    at.run()
    assert "was cancelled and left neither" in words(at) and "Resume it on the Runs page" in words(at)
    (path / "checkpoints/best").mkdir(parents=True)
    at.run()
    assert "Score the whole corpus" in labels(at)
    assert f"python -m hrs score {path / 'checkpoints/best'}" in words(at)


def test_a_command_for_a_terminal_can_be_pasted(root, tmp_path, tiny, open_page):
    data = f"folder:{write_frames(tmp_path / 'my frames', 2, seed=1)}"
    path = make_run(root, "bare", data, tiny_config({"source": data, "target": data, "val": data}), scores=False)
    (path / "checkpoints/best").mkdir(parents=True)
    said = next(line for line in words(open_page("weights")).splitlines() if line.startswith("Or in a terminal"))
    command = shlex.split(said.partition("`")[2].rstrip("`"))
    assert command == ["python", "-m", "hrs", "score", str(path / "checkpoints/best"), data]


def test_a_method_without_weights_says_so(root, frames, open_page):
    make_run(root, "joint", frames["source"], tiny_config(frames, "method=joint"), panel=False, scores=False)
    at = open_page("weights")
    assert "Joint training (joint) learns no weights. Choose a run of hrs, hrs_mixing, shuffled or evened" in words(at)
    assert "Score the whole corpus" not in labels(at)


def test_what_is_scored_is_offered_not_demanded(root, frames, tiny, open_page):
    path = make_run(root, "bare", frames["source"], tiny, panel=False, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)

    def offered() -> list[str]:
        found = open_page("weights").selectbox
        return next(each for each in found if each.label == "Synthetic data set to score").options

    assert offered()[0] == f"{frames['source']} · 12 frames"
    time.sleep(0.01)  # settings are read anew where the file is
    (path / "config.yaml").write_text(tiny_config(frames, "data.sources=[folder:/gone]").to_yaml())
    assert offered()[0] == "Frames that come with hrs · 96 frames" and not any("gone" in each for each in offered())


def test_a_run_that_ships_is_scored_as_a_copy(root, tmp_path, frames, tiny, open_page, monkeypatch):
    handed_in = []
    monkeypatch.setattr(LocalQueue, "submit", lambda _, task: handed_in.append(task))
    path = make_run(tmp_path / "checkpoints", "street", frames["source"], tiny, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)
    at = open_page("weights", run="street")
    press(at, "Score the whole corpus")
    (task,) = handed_in
    assert task.path == (root / "street/tasks/score").resolve() and not (path / "tasks").exists()
    assert task.read_order().command == ("score", str(root / "street/checkpoints/best"), frames["source"])
    assert "Scoring: starting." in [bar.text for bar in at.progress]


def test_the_command_for_a_terminal_leaves_a_run_that_ships_as_it_is(root, tmp_path, frames, tiny, open_page):
    path = make_run(tmp_path / "checkpoints", "street", frames["source"], tiny, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)
    said = next(line for line in words(open_page("weights", run="street")).splitlines() if "Or in a terminal" in line)
    command = shlex.split(said.partition("`")[2].rstrip("`"))
    assert command[4:] == [str(path / "checkpoints/best"), frames["source"], "--out", "street_scores"]


def test_scoring_starts_detached_and_says_why_it_failed(root, frames, tiny, open_page):
    path = make_run(root, "bare", frames["source"], tiny, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)  # and nothing in it
    at = open_page("weights")
    button(at, "Score the whole corpus").click().run()
    assert not at.exception
    wait_for(at, lambda: at.error)
    assert at.error[0].value.startswith("Scoring stopped: no checkpoint")


def test_scoring_shows_how_far_it_is_and_can_be_cancelled(root, frames, tiny, open_page):
    folder = RunFolder(make_run(root, "bare", frames["source"], tiny, scores=False))
    task = Task.create(folder.tasks / "score", ["score", "bare"], out=folder.scores.path)
    at = open_page("weights")
    assert at.progress[0].text == "Scoring: starting."

    def work():
        with task.at_work():
            Teller(task)(7, 12)
            at.run()
            assert at.progress[0].text == "Scoring: 7 of 12 frames." and at.progress[0].value == 58
            assert "Score the whole corpus" not in labels(at)
            button(at, "Cancel").click().run()
            Teller(task)(8, 12)

    with pytest.raises(HRSError, match="task score was cancelled"):
        work()
    at.run()
    assert "Scoring was cancelled after 7 frames" in words(at)


def test_scoring_twice_at_once_is_one_line(root, frames, tiny, open_page):
    folder = RunFolder(make_run(root, "bare", frames["source"], tiny, scores=False))
    folder.best.mkdir(parents=True)
    Task.create(folder.tasks / "score", ["score", "bare"], out=folder.scores.path)
    with pytest.raises(HRSError, match="task score is queued"):
        start_scoring(folder)


@pytest.mark.parametrize("page", ["weights", "areas"])
def test_scores_of_weights_that_the_run_has_replaced_are_said_to_be_and_made_anew(
    root, frames, tiny, open_page, monkeypatch, page
):
    handed_in = []
    monkeypatch.setattr(LocalQueue, "submit", lambda _, task: handed_in.append(task))
    run = RunFolder(make_run(root, "scored", frames["source"], tiny))
    at = open_page(page)
    assert "has replaced since" not in words(at) and "Score the whole corpus" not in labels(at)
    gone_on(run)
    at = open_page(page)
    assert "These weights are of a model that the run has replaced since" in words(at)
    press(at, "Score the whole corpus")
    command = handed_in[0].read_order().command
    assert command == ("score", str(run.best), frames["source"], "--replace")


@pytest.mark.parametrize("page", ["weights", "areas"])
def test_scores_of_the_last_model_are_said_to_be(root, frames, tiny, open_page, page):
    run = RunFolder(make_run(root, "scored", frames["source"], tiny))
    gone_on(run)
    run.last.mkdir()
    (run.last / MODEL).write_bytes(b"other weights")
    about = json.loads(run.scores.about.read_text())
    for model, said in ((run.best, False), (run.last, True)):
        run.scores.about.write_text(json.dumps({**about, "checkpoint": weights_digest(model)}))
        assert ("These weights are of the run's last model" in words(open_page(page))) == said
    assert "Score the whole corpus" not in labels(open_page(page))


def test_scores_of_weights_that_the_run_has_are_not_made_anew(root, frames, tiny, open_page):
    run = RunFolder(make_run(root, "scored", frames["source"], tiny))
    gone_on(run)
    about = json.loads(run.scores.about.read_text())
    run.scores.about.write_text(json.dumps({**about, "checkpoint": weights_digest(run.best)}))
    at = open_page("weights")
    assert "has replaced since" not in words(at) and "Score the whole corpus" not in labels(at)
    (run.best / MODEL).write_bytes(b"others")
    at.run()
    assert "has replaced since" in words(at)
