"""Runs commands, and has something for them to work on."""

from pathlib import Path

import pytest

from hrs.cli import main
from tests.cli.command import Hrs, Result
from tests.conftest import tiny_config
from tests.scoring.weighted_run import make_run


@pytest.fixture
def hrs(capfd, monkeypatch, tmp_path) -> Hrs:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        code = ended.value.code
        return Result(int(code or 0), *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def trained(frames, tmp_path_factory) -> Path:
    """A folder of runs with one of them, "first", trained by the command line."""
    root = tmp_path_factory.mktemp("trained")
    config = root / "run.yaml"
    config.write_text(tiny_config(frames).to_yaml())
    command = ["train", str(config), "--set", "train.steps=4", "--name", "first", "--runs", str(root / "runs")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HRS_CACHE", str(root / "cache"))
        with pytest.raises(SystemExit) as ended:
            main(command)
    assert not ended.value.code
    return root / "runs"


@pytest.fixture
def config(frames, tmp_path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(tiny_config(frames).to_yaml())
    return path


@pytest.fixture
def scored(tmp_path, frames) -> Path:
    """A folder of runs with a scored one, "mine"."""
    make_run(tmp_path / "runs", "mine", frames["source"], tiny_config(frames), panel=False)
    return tmp_path / "runs"
