"""Faults put in on purpose, in processes of their own: kills in the middle of writes, and a disk that is full."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from hrs.cli import main
from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.system.files import atomic_folder

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_is_lost_by_a_kill_at_any_write():
    """At each call of one run to its end; `python -m tests.faults.kills` goes round as often as one likes."""
    command = [sys.executable, "-m", "tests.faults.kills", "--kills", "120"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "120 kills, 0 with something lost\n", "")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 256 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True)
    if done.returncode:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> None:
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


def go_on(run: RunFolder) -> None:
    while True:
        run.append_metrics({"step": 1, "text": "x" * 4096})


def test_a_run_says_why_it_ended_on_a_full_disk(small_disk):
    run = RunFolder.create(small_disk, "run", "{}")
    run.write_status(state="running")
    fill(small_disk)
    with pytest.raises(HRSError, match="disk full") as why:
        go_on(run)
    with pytest.raises(HRSError, match="disk full"):
        run.append_result({"step": 1})
    run.write_status(state="failed", error=str(why.value))
    assert run.read_status().error == str(why.value)
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "metrics.jsonl", "status.json"]


@pytest.mark.parametrize("command", ["render", "check", "train"])
def test_commands_on_a_full_disk_are_one_line_and_leave_nothing(small_disk, frames, capsys, monkeypatch, command):
    monkeypatch.chdir(ROOT)
    fill(small_disk)
    before = sorted(small_disk.rglob("*"))
    arguments = {
        "render": ["render", "--out", str(small_disk / "out"), "--frames", "1"],
        "check": ["check", frames["val"], "--out", str(small_disk / "out")],
        "train": ["train", "--runs", str(small_disk / "runs"), "--name", "run", "--queue"],
    }[command]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("checking")]
    assert ended.value.code == 1 and len(said) == 1 and "disk full" in said[0]
    assert [path for path in small_disk.rglob("*") if path not in before and path.is_file()] == []


def test_weights_that_do_not_fit_leave_the_ones_before(small_disk):
    with atomic_folder(small_disk / "last") as folder:
        save_file({"weight": np.zeros(10)}, folder / "model.safetensors")
    with pytest.raises(HRSError, match="disk full: cannot write"), atomic_folder(small_disk / "last") as folder:
        save_file({"weight": np.zeros(1 << 20)}, folder / "model.safetensors")
    assert [path.name for path in small_disk.rglob("*")] == ["last", "model.safetensors"]
    assert len(load_file(small_disk / "last/model.safetensors")["weight"]) == 10
