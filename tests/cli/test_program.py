"""The command line as a program: its help, its exit code."""

import os
import signal
import subprocess
import sys

import pytest

from hrs.cli import main
from hrs.data.formats.table import to_text
from hrs.launch.process import INTERRUPTED
from hrs.methods.table import METHODS
from hrs.runs.folder import RunFolder
from tests.cli.command import ROOT, Result
from tests.conftest import tiny_config, write_frames


def test_the_program_fails_with_one_line_and_code_1(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hrs", "check", "folder:nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert Result(done.returncode, done.stdout, done.stderr).error.endswith("check the path")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_text_is_printed_all_the_same(tmp_path):
    root = write_frames(tmp_path / "d", 2, seed=0)
    (root / "images" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"}
    command = [sys.executable, "-m", "hrs", "check", f"folder:{root}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0 and "Traceback" not in done.stderr and r"caf\udce9.png" in done.stdout


SLEEPER = """
import signal, sys, tempfile, time
from hrs.cli import app, main
signal.signal(signal.SIGHUP, signal.SIG_DFL)
@app.command()
def sleep():
    with tempfile.TemporaryDirectory():
        print("asleep", flush=True)
        time.sleep(60)
main(["sleep"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_asked_to_end_leaves_nothing(tmp_path, number):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", SLEEPER], env=environment, text=True, **pipes) as process:
        assert process.stdout.readline() == "asleep\n"
        process.send_signal(number)
        assert process.wait(30) == INTERRUPTED and process.stderr.read() == ""
    assert list(tmp_path.iterdir()) == []


def test_the_help_of_check_says_what_lies_where_for_every_format():
    command = [sys.executable, "-m", "hrs", "check", "--help"]
    wide = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=wide)
    shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert all(" ".join(line.split()) in shown for line in to_text().splitlines())


def test_the_help_of_train_says_what_every_method_is():
    command = [sys.executable, "-m", "hrs", "train", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    words = " ".join(done.stdout.split())
    assert all(f"{name}: {facts.about}" in words for name, facts in METHODS.items())


def test_help_names_every_command():
    done = subprocess.run([sys.executable, "-m", "hrs", "--help"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert all(name in done.stdout for name in ("check", "render", "train", "evaluate", "score", "segment", "runs"))


def test_a_running_run_is_not_resumed_a_second_time(frames, tmp_path, capsys):
    run = RunFolder.create(tmp_path / "runs", "busy", tiny_config(frames).to_yaml())
    run.write_status(state="running")
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--resume", "--name", "busy", "--runs", str(tmp_path / "runs")])
    assert stopped.value.code == 1
    assert "run busy is running; cancel it first" in capsys.readouterr().err
    assert run.read_status().state == "running"
