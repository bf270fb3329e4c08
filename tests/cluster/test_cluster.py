"""Work on a real cluster of this machine, one node of which is lost on the way."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from app.environment import ON_VARIABLE
from app.launch import place
from hrs.cluster.scoring import score_on
from hrs.config import RunConfig
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.launch.task import Task
from hrs.runs.folder import RunFolder
from hrs.scoring.score import PART
from hrs.study.plan import Study, plan
from hrs.study.run import run_study
from tests.app.conftest import press
from tests.cluster.conftest import Machines
from tests.conftest import tiny_config, until, write_frames

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in.*ray_client_server")  # Ray leaves its log open


@pytest.fixture
def alone(tmp_path: Path) -> Callable[[RunConfig], dict[str, torch.Tensor]]:
    """What training in a process of this machine gives."""

    def weights(config: RunConfig) -> dict[str, torch.Tensor]:
        run = RunFolder.create(tmp_path / "alone", None, config.to_yaml())
        code = "import sys; from pathlib import Path; from hrs.config import load_config; from hrs.runs.folder import *"
        code += "; from hrs.training.trainer import train; run = RunFolder(Path(sys.argv[1]))"
        code += "; train(load_config(run.config), run)"
        on_one_thread("-c", code, run.path)
        return load_file(run.last / "model.safetensors")

    return weights


def on_one_thread(*words: object) -> None:
    """A Python process, with as many threads as a node of the cluster has."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *map(str, words)], env=environment, check=True, capture_output=True)


def same(run: RunFolder, weights: dict[str, torch.Tensor]) -> bool:
    own = load_file(run.last / "model.safetensors")
    return own.keys() == weights.keys() and all(torch.equal(own[name], weights[name]) for name in own)


def test_a_lost_node_takes_no_run_with_it(machines: Machines, tmp_path, frames, alone) -> None:
    """Three runs for two nodes, handed in by a driver that is gone at once: one waits, and is cancelled; one is
    cancelled while it trains; one loses its node, and has the weights of a run that lost nothing."""
    place, root = launcher(machines.address), tmp_path / "runs"
    endless, config = (
        tiny_config(frames, "train.steps=100000"),
        tiny_config(frames, "train.steps=60", "train.validate_every=30"),
    )
    lost, other = place.start(config, root, "lost"), place.start(endless, root, "other")
    third = place.start(endless, root, "third")
    until(lambda: lost.read_status().step >= 6 and other.read_status().step >= 1)
    assert place.waiting() == (third.path,) and third.read_status().state == "queued"
    with pytest.raises(HRSError, match="run other is running"):
        place.resume(other)
    place.cancel(third)
    machines.lose(lost)
    said = ["running"]

    def told(*words: str) -> bool:
        state = lost.read_status().state
        said.extend([state] if state != said[-1] else [])
        return said == [*words]

    until(lambda: told("running", "queued"))
    place.cancel(other)  # its node is the only one now
    until(lambda: told("running", "queued", "running", "finished"))
    log = lost.log.read_text()
    assert log.count("synthetic frames") == 2 and log.count("step 1/") == 1  # not from the start
    assert same(lost, alone(config))
    assert [run.read_status().state for run in (other, third)] == ["cancelled", "cancelled"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # of settings of its own
def test_a_study_and_its_scores_are_those_of_one_machine(machines: Machines, tmp_path, frames, alone) -> None:
    machines.add()
    base = tiny_config(frames, "train.steps=4").model_dump(mode="json", exclude={"method", "seed"})
    study = Study.model_validate({"base": base, "methods": ["hrs"], "n_real": [3], "seeds": [0, 1], "parallel": 2})
    run_study(study, tmp_path / "study", on=machines.address)
    for job in plan(study):
        run = RunFolder(tmp_path / "study" / job.name)
        assert same(run, alone(job.config))
    corpus, seen = f"folder:{write_frames(tmp_path / 'corpus', PART + 4, seed=5)}", []
    on_one_thread("-m", "hrs", "score", run.best, corpus, "--out", tmp_path / "here")
    score_on(
        machines.from_outside, run.best, corpus, tmp_path / "there", device="cpu", progress=lambda *n: seen.append(n)
    )
    for name in ("index.parquet", "corpus.json"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    assert seen == sorted(seen) and seen[-1] == (PART + 4, PART + 4)


def test_two_workers_train_one_run(machines: Machines, tmp_path, frames) -> None:
    uneven, even = (tiny_config(frames, "train.steps=2", f"train.batch_target={count}") for count in (3, 2))
    run = launcher(machines.address, workers=2).start(even, tmp_path, "even")
    until(lambda: not run.active())
    assert (run.read_status().state, run.read_status().step) == ("finished", 2), run.log_tail(5)
    run = launcher(machines.address, workers=2).start(uneven, tmp_path, "uneven")
    until(lambda: not run.active())
    assert "expected a multiple of the 2 processes" in str(run.read_status().error)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
def test_pages_start_and_resume_on_a_cluster(machines: Machines, root, frames, open_page, monkeypatch) -> None:
    address = machines.from_outside
    monkeypatch.setenv(ON_VARIABLE, address)
    text = tiny_config(frames, "train.steps=1000").to_yaml()
    at = open_page("launch")
    at.file_uploader(key="launch file").set_value(("mine.yaml", text.encode(), "text/yaml")).run()
    at.selectbox(key=place.KEY).set_value(address)
    at.text_input(key="launch name").input("mine").run()
    press(at, "Start")
    run = RunFolder(root / "mine")
    assert run.read_status().keeper == address and run.active()
    launcher(address).cancel(run, force=True)
    page = open_page("runs", run="mine")
    press(page, "Resume")
    assert run.read_status().keeper == address and run.active()
    launcher(address).cancel(run, force=True)
    assert run.read_status().state == "cancelled"


def test_what_a_user_gets_wrong_is_one_line(tmp_path, tiny) -> None:
    for address, reason in (("here", "no address of a cluster"), ("127.0.0.1:1", "no Ray cluster at 127.0.0.1:1")):
        with pytest.raises(HRSError, match=reason):
            launcher(address).start(tiny, tmp_path, "mine")
    with pytest.raises(HRSError, match="--workers are of a cluster, and need --on"):
        launcher(None, workers=2)
    assert not (tmp_path / "mine").exists()
    task = Task.create(tmp_path / "task", ["score", "mine"], out=tmp_path)
    with pytest.raises(HRSError, match="no Ray cluster"):
        launcher("127.0.0.1:1").submit(task)
    assert task.read_status().state == "failed"  # so that the corrected command is not told to wait for it
