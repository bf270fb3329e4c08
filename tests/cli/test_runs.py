"""hrs runs: what it prints, writes, and says of what cannot be."""

import json
import shutil

import pytest

from hrs.runs import registry
from hrs.runs.folder import RunFolder
from tests.app.made_runs import make_run as made_run
from tests.cli.command import files
from tests.damage import DAMAGES


def test_runs_are_listed_shown_and_deleted(hrs, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs")
    listed = hrs("runs", "list")
    assert listed.code == 0 and "first" in listed.out and "finished" in listed.out and "4/4" in listed.out
    shown = hrs("runs", "show", "first")
    head = dict(line.split(maxsplit=1) for line in shown.out.partition("\n\n")[0].splitlines())
    assert (head["run"], head["state"], head["step"]) == ("first", "finished", "4 of 4")
    assert head["folder"] == str(tmp_path / "runs/first") and " at step " in head["best"]
    assert head["started"].startswith("20")
    assert "method: hrs" in shown.out and "validation mIoU" in shown.out
    assert json.loads(hrs("runs", "show", "first", "--json").out)["state"] == "finished"
    assert "is finished; only a queued or running one" in hrs("runs", "cancel", "first").error
    assert hrs("runs", "delete", "first", "--yes").code == 0
    assert list((tmp_path / "runs").iterdir()) == []
    assert hrs("runs", "list").code == 0


def test_a_run_that_ships_is_shown_and_not_changed(hrs, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "checkpoints")
    made_run(tmp_path / "checkpoints", "street", miou=83.4)
    made_run(tmp_path / "runs", "own")
    assert [line.split() for line in hrs("runs", "list").out.splitlines()[1:]] == [
        ["own", "finished", "100/100", "40.0"],
        ["street", "ships", "with", "hrs", "100/100", "83.4"],
    ]
    assert "did you mean street?" in hrs("runs", "show", "strete").error
    assert "did you mean" not in hrs("runs", "cancel", "strete").error
    assert "83.4 at step 100" in hrs("runs", "show", "street").out
    for command in (("cancel", "street"), ("rename", "street", "mine"), ("delete", "street", "--yes")):
        assert "street comes with hrs and stays as it is" in hrs("runs", *command).error
    assert "there is 1 run in" in hrs("runs", "show", "zzz").error


@pytest.mark.parametrize("kind", ["runs", "tasks"])
def test_a_folder_of_runs_that_is_not_there_is_no_empty_list(hrs, kind):
    assert "no folder rnus is there" in hrs(kind, "list", "--runs", "rnus").error
    assert hrs(kind, "list").code == 0  # the usual one comes with the first run


def test_studies_are_named_below_the_list(hrs, tmp_path):
    made_run(tmp_path / "runs", "own")
    made_run(tmp_path / "runs/studies/few", "joint-0")
    (tmp_path / "runs/studies/notes.txt").write_text("no study")
    (tmp_path / "runs/studies/.few.tmp").mkdir()
    listed = hrs("runs", "list")
    assert "joint-0" not in listed.out and "study few: its runs are listed with --runs runs/studies/few" in listed.err
    assert listed.err.count("study ") == 1
    assert "joint-0" in hrs("runs", "list", "--runs", "runs/studies/few").out


def test_off_a_terminal_no_name_is_cut(hrs, tmp_path):
    made_run(tmp_path / "runs", "a" * 95)
    assert f"{'a' * 95} " in hrs("runs", "list").out


def test_damaged_runs_are_listed_with_the_others(hrs, tmp_path):
    made_run(tmp_path / "damaged", "sound")
    for number, damage in enumerate(DAMAGES.values()):
        damage(made_run(tmp_path / "damaged", f"run-{number}"))
    shown = hrs("runs", "list", "--runs", tmp_path / "damaged")
    assert shown.code == 0 and "sound" in shown.out and all(f"run-{n} " in shown.out for n in range(len(DAMAGES)))
    assert "run-0: " in shown.err and "results.csv is damaged" in shown.err
    for number in range(len(DAMAGES)):
        shown = hrs("runs", "show", f"run-{number}", "--runs", tmp_path / "damaged")
        assert shown.code == 0 and "\x1b" not in shown.out


@pytest.mark.parametrize("command", [("show",), ("cancel",), ("resume",), ("delete", "--yes")])
def test_a_run_that_is_not_there(hrs, trained, command):
    before = files(trained)
    message = hrs("runs", *command, "frist", "--runs", trained).error
    assert "no run named 'frist'" in message and "did you mean first?" in message
    assert files(trained) == before


@pytest.mark.parametrize("left", ["checkpoints/last", "checkpoints"])
def test_a_finished_run_is_not_trained_again(hrs, trained, tmp_path, left):
    shutil.copytree(trained, tmp_path / "runs")
    run = RunFolder(tmp_path / "runs/first")
    shutil.rmtree(run.path / left)
    for command in (("runs", "resume", "first"), ("train", "--resume", "--name", "first")):
        result = hrs(*command)
        assert result.code == 1 and "run first has finished; start a new run" in result.err
    assert run.read_status().state == "finished" and not run.last.exists()
