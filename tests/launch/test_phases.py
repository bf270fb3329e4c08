"""What a run is at, in words."""

import pytest

from hrs.config import RunConfig
from hrs.launch import queue
from hrs.launch.launcher import launcher
from hrs.launch.phases import phase_in_words
from hrs.launch.task import Task
from hrs.runs.folder import RunFolder
from hrs.runs.status import Phase, Status


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status(state="running", phase=Phase(what="rendering", done=7, total=40)), "rendering 7/40"),
        (Status(state="running", phase=Phase(what="opening the data")), "opening the data"),
        (Status(state="running", step=1200, steps=4000, eta=300), "training 1,200/4,000, 5 min left"),
        (Status(state="running", steps=4000), "training 0/4,000"),
        (Status(state="finished", step=10, steps=10), ""),
    ],
)
def test_a_run_says_what_it_is_at(tmp_path, status, words):
    assert phase_in_words(RunFolder(tmp_path), status) == words


def test_a_run_that_waits_names_what_for_and_how_long(tmp_path, tiny: RunConfig, monkeypatch):
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(queue, "_spawn", lambda *_: None)  # the order alone is of interest here
    root = tmp_path / "runs"

    def doing(run: RunFolder) -> str:
        return phase_in_words(run, run.read_status())

    first = launcher().start(tiny, root, "first")
    assert doing(first) == "starting"
    launcher().occupy(first, "cpu")
    first.write_status(state="running", eta=290.0)
    second = launcher().start(tiny, root, "second")
    score = Task.create(first.tasks / "score", ["score"], out=first.path, device="cpu")
    launcher().submit(score)
    third = launcher().start(tiny, root, "third")
    assert doing(second) == "waiting for first, about 5 min"
    assert doing(third) == "waiting for first, about 5 min and 2 more"
    first.write_status(state="finished")
    second.write_status(state="cancelled")
    assert doing(third) == "waiting for score of first"
