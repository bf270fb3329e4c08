"""A run beside its baselines: which runs that makes, and how it is handed in."""

import pytest

from hrs.config import load_config
from hrs.errors import HRSError
from hrs.launch.queue import LocalQueue
from hrs.study.baselines import beside_baselines, start_study, study_task
from hrs.study.plan import FILE, load_study, plan
from hrs.study.table import differences


@pytest.fixture
def handed_in(monkeypatch):
    tasks = []
    monkeypatch.setattr(LocalQueue, "submit", lambda _, task: tasks.append(task))
    return tasks


def test_every_method_is_trained_with_the_runs_own_settings_over_seeds():
    config = load_config(None, ("method=hrs_mixing", "seed=4", "data.n_real=null", "train.steps=70"))
    jobs = plan(beside_baselines(config))
    assert len(jobs) == 12 and {job.config.seed for job in jobs} == {4, 5, 6}
    assert [job.config.method for job in jobs[:4]] == ["hrs_mixing", "joint", "target_only", "mixing"]
    assert jobs[0].config == config
    for job in jobs:
        assert set(differences(job.config, config)) <= {"method", "seed"} | {
            key for key in differences(job.config, config) if key.startswith("selection.")
        }


def test_a_baseline_is_not_trained_twice():
    study = beside_baselines(load_config(None, ("method=joint",)))
    assert len(plan(study)) == 9 and study.against == ("target_only", "mixing")


def test_a_study_is_written_and_handed_in(tmp_path, handed_in):
    study = beside_baselines(load_config(None, ("train.steps=7",)))
    task = start_study(study, tmp_path, "few")
    folder = tmp_path / "studies" / "few"
    assert handed_in == [task] and task == study_task(folder).__class__(study_task(folder).path.resolve())
    assert task.read_order().command == ("study", str(folder / FILE), "--out", str(folder))
    assert [job.config for job in plan(load_study(folder / FILE))] == [job.config for job in plan(study)]
    with pytest.raises(HRSError, match="few exists"):
        start_study(study, tmp_path, "few")
