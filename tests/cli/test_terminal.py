"""What commands show while they work."""

import re

import pytest

from hrs.cli.terminal import progress_bar
from hrs.launch.process import TELL_EVERY


def said(capfd, count: int = 1000) -> list[str]:
    with progress_bar("trying") as progress:
        for done in range(count + 1):
            progress(done, count)
    return capfd.readouterr().err.splitlines()


@pytest.fixture
def slow(monkeypatch):
    """A clock that moves six seconds at each look."""
    now = iter(range(0, 10**6, 6))
    monkeypatch.setattr("time.monotonic", lambda: float(next(now)))


def test_without_a_terminal_each_tenth_is_said_once_with_the_time_left(capfd, slow):
    lines = said(capfd)
    assert [line.split(",")[0] for line in lines] == [f"trying {done}/1000" for done in range(0, 1001, 100)]
    assert "left" not in lines[0] + lines[-1] and all(re.search(r", .+ left$", line) for line in lines[1:-1])


def test_who_reads_along_is_told_more_often(capfd, slow, monkeypatch):
    monkeypatch.setenv(TELL_EVERY, "2")
    assert len(said(capfd, 50)) == 51
