"""Which data sets Launch offers, and how often it looks at them."""

import os
import shutil
from pathlib import Path

import pytest

from app.launch import checks, offers
from hrs.data import glance
from tests.app.made_runs import make_run
from tests.conftest import write_frames


@pytest.fixture
def looks(monkeypatch):
    """The data sets that were looked at, in order."""
    asked, look = [], glance.look_at

    def counted(name):
        asked.append(name)
        return look(name)

    monkeypatch.setattr(glance, "look_at", counted)
    return asked


def offered(key: str = "data.target") -> dict[str, str]:
    """After what a field says of its data set is looked at anew."""
    checks.look_at.clear()
    return offers.data_sets(key)


def own(root: Path, tmp_path: Path) -> tuple[str, Path]:
    """A data set of an earlier run."""
    folder = write_frames(tmp_path / "own", 3, seed=0)
    make_run(root, "first", f"data.target=folder:{folder}")
    return f"folder:{folder}", folder


def test_a_folder_that_stays_as_it_is_is_looked_at_once(root, tmp_path, looks):
    name, _ = own(root, tmp_path)
    assert [offered()[name] for _ in range(3)] == ["3 frames"] * 3
    assert looks.count(name) == 1
    assert looks.count("render:camera?frames=24") == 3, "whose frames are drawn meanwhile"


def test_a_folder_that_changes_is_looked_at_again(root, tmp_path, looks):
    name, folder = own(root, tmp_path)
    offered()
    (folder / "images/000.png").unlink()
    os.utime(folder, (1, 1))
    assert offered()[name] == "2 frames"
    shutil.rmtree(folder)
    assert name not in offered()


def test_what_was_seen_just_before_a_change_is_not_kept(root, tmp_path, looks):
    name, folder = own(root, tmp_path)
    assert checks.look_at(name).total == 3
    (folder / "images/000.png").unlink()
    assert offers.data_sets("data.target")[name] == "2 frames"
