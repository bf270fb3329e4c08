"""hrs train: what it prints, writes, and says of what cannot be."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from hrs.config import load_config
from hrs.runs.folder import RunFolder
from hrs.trial.findings import Findings
from tests.cli.command import files, leftovers
from tests.conftest import write_frames


def test_train_makes_a_whole_run(trained):
    run = RunFolder(trained / "first")
    status = run.read_status()
    assert (status.state, status.step, status.steps) == ("finished", 4, 4)
    assert "steps: 4" in run.config.read_text()
    assert run.best.is_dir() and run.last.is_dir()
    assert leftovers(trained) == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.sources=['folder:/no/such/folder']", "the folder /no/such/folder does not exist"),
        ("data.sources=['folder:EMPTY']", "has no usable frame"),
        ("data.sources=['synthia:EMPTY']", "RGB and GT/LABELS is not there, the folder holds classes.yaml, images"),
        ("data.target=images:EMPTY/images", "has no usable frame"),
        ("data.val=foldr:EMPTY", "did you mean folder?"),
        ("network.name=compat", "unknown network 'compat'; did you mean compact"),
        ("network.pretrained=true", "compact has no pretrained weights"),
    ],
)
@pytest.mark.parametrize("queue", [(), ("--queue",)])
def test_what_is_not_there_leaves_no_run(hrs, config, tmp_path, override, message, queue):
    empty = write_frames(tmp_path / "empty", 1, seed=0)
    for name in ("images", "labels"):
        (empty / name / "000.png").unlink()
    result = hrs("train", config, "--set", override.replace("EMPTY", str(empty)), "--name", "bad", *queue)
    assert message in result.error and result.code == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.n_real=7", "asks for 7 real images but"),
        ("data.space=cityscape19", "did you mean cityscapes19"),
    ],
)
def test_a_start_that_fails_leaves_a_run_that_says_why(hrs, config, tmp_path, override, message):
    result = hrs("train", config, "--set", override, "--name", "bad")
    assert message in result.error
    run = RunFolder(tmp_path / "runs/bad")
    status = run.read_status()
    assert (status.state, status.error, status.step) == ("failed", result.error, 0)
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "status.json"]
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "train.stepz=3"), "unknown key train.stepz; did you mean train.steps?"),
        (("--set", "train.steps=0"), "train.steps is '0'; expected at least 1"),
        (("--set", "train.steps"), "has no '='"),
        (("--name", "../bad"), "run name '../bad'; expected"),
        (("--resume",), "--resume needs --name"),
        (("--resume", "--name", "nobody"), "no run named 'nobody'"),
    ],
)
def test_settings_that_make_no_sense_leave_nothing(hrs, config, tmp_path, arguments, message):
    before = files(tmp_path)
    assert message in hrs("train", config, *arguments).error
    assert files(tmp_path) == before


def test_a_config_that_is_not_there(hrs, tmp_path):
    assert "config nowhere.yaml does not exist" in hrs("train", "nowhere.yaml").error
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_taken_once(hrs, config, trained):
    before = files(trained)
    assert "run first exists" in hrs("train", config, "--name", "first", "--runs", trained).error
    assert files(trained) == before


def test_a_run_goes_on_with_what_it_was_trained_with(hrs, config, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs")
    run = RunFolder(tmp_path / "runs/first")
    run.write_status(state="cancelled", step=2)
    resume = ("train", "--resume", "--name", "first")
    assert "leave that --set out" in hrs(*resume, "--set", "data.n_real=2", "--set", "train.log_every=2").error
    assert f"leave {config} out" in hrs("train", config, *resume[1:]).error
    assert run.read_status().state == "cancelled" and "log_every: 2" not in run.config.read_text()
    made = run.config.stat().st_mtime_ns
    run.write_status(state="running", pid=os.getpid())
    assert "is running; cancel it first" in hrs(*resume, "--set", "train.log_every=2").error
    assert "log_every: 2" not in run.config.read_text()
    run.write_status(state="cancelled")
    resumed = hrs(*resume, "--set", "train.log_every=2")
    assert resumed.code == 0 and resumed.out.startswith("first goes on here until it ends")
    assert "runs resume first --queue" in resumed.out
    assert "log_every: 2" in run.config.read_text() and run.read_status().state == "finished"
    assert run.config.stat().st_mtime_ns == made  # by which the list of runs has it in its place


@pytest.mark.parametrize("name", ["my study.yaml", "übung.yaml"])
def test_a_study_that_no_list_would_show_trains_nothing(hrs, tmp_path, name):
    study = tmp_path / name
    study.write_text("methods: [joint]\nbase: {data: {sources: ['folder:/no/such/folder']}}\n")
    assert "expected up to 100 letters" in (found := hrs("study", study).error) and "--out" in found
    assert "/no/such/folder does not exist" in hrs("study", study, "--out", "elsewhere").error
    assert not (tmp_path / "runs").exists()


def test_a_study_whose_data_is_not_there_trains_nothing(hrs, config, tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text("methods: [joint]\nbase: {data: {sources: ['folder:/no/such/folder']}}\n")
    assert "/no/such/folder does not exist" in hrs("study", study).error
    assert not (tmp_path / "runs").exists()


def test_a_trial_says_what_the_frames_bring(hrs, config, tmp_path):
    result = hrs("trial", config, "--steps", 2, "--folds", 2, "--json", "found.json", "--best", "best.yaml")
    assert re.match(r"2 parts x \d ways x 2 steps on \d photos; the run's train\.steps is not used\n", result.out)
    assert len(result.err.splitlines()) < 20
    assert result.code == 0, result.err
    assert "3 photos in 2 parts" in result.out and "all frames, weighted by hrs" in result.out
    assert "trying 34/34" in result.err
    found = Findings.from_dict(json.loads((tmp_path / "found.json").read_text()))
    assert found.to_text() in result.out
    assert load_config(tmp_path / "best.yaml") == found.best.use.of(load_config(config))
    assert result.out.endswith(f"{found.best.name}: python -m hrs train best.yaml\n")
    assert not (tmp_path / "runs").exists()


def test_a_trial_of_what_is_not_there_is_a_line(hrs, config):
    assert "does not exist" in hrs("trial", config, "--set", "data.sources=['folder:/no/such/folder']").error
    assert "make it first" in hrs("trial", config, "--json", "no/such/folder/found.json").error
    assert "is a folder" in hrs("estimate", config, "--json", ".").error
    assert f"--best {config} exists" in hrs("trial", config, "--best", config).error
    assert "make it first" in hrs("trial", config, "--best", "no/such/folder/best.yaml").error
    os.mkfifo("pipe")
    assert "is no ordinary file" in hrs("estimate", config, "--json", "pipe").error and Path("pipe").is_fifo()
    assert "raise data.n_real" in hrs("trial", config, "--set", "data.n_real=1").err
