"""hrs runs: what it prints, writes, and says of what cannot be."""

import shutil

import pytest

from hrs.runs.folder import RunFolder
from tests.app.made_runs import make_run as made_run
from tests.cli.command import files
from tests.damage import DAMAGES


def test_runs_are_listed_shown_and_deleted(hrs, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs")
    listed = hrs("runs", "list")
    assert listed.code == 0 and "first" in listed.out and "finished" in listed.out and "4/4" in listed.out
    shown = hrs("runs", "show", "first")
    assert '"state": "finished"' in shown.out and "method: hrs" in shown.out and "validation mIoU" in shown.out
    assert "is finished; only a queued or running one" in hrs("runs", "cancel", "first").error
    assert hrs("runs", "delete", "first", "--yes").code == 0
    assert list((tmp_path / "runs").iterdir()) == []
    assert hrs("runs", "list").code == 0


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
