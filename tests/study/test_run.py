import csv
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml

from hrs.config import load_config
from hrs.errors import HRSError
from hrs.launch.queue import LocalQueue
from hrs.runs.folder import RunFolder
from hrs.runs.names import CONFIG, MODEL
from hrs.study.plan import FILE, Study, load_study, plan
from hrs.study.run import LOCK, report, run_study
from hrs.system.files import alone, atomic_folder
from tests.conftest import tiny_config, until


def finished(folder, job, score):
    run = RunFolder.create(folder, job.name, job.config.to_yaml())
    run.append_result({"step": 5, "miou": score - 1})
    run.append_result({"step": 10, "miou": score})
    run.write_status(state="finished")
    return run


def test_the_report_pairs_seeds_and_takes_the_last_validation(tmp_path):
    jobs = plan(Study.model_validate({"methods": ["joint", "hrs"], "seeds": [0, 1, 2]}))
    scores = {"joint": [30.0, 40.0, 35.0], "hrs": [32.0, 41.5, 38.5]}
    for job in jobs:
        finished(tmp_path, job, scores[job.config.method][job.config.seed])
    joint, hrs = report(jobs, tmp_path)
    assert (joint.score.mean, joint.score.count) == (35.0, 3)
    assert hrs.against["joint"].mean == pytest.approx(7 / 3)
    assert hrs.against["joint"].half == pytest.approx(4.3027 * np.std([2, 1.5, 3.5], ddof=1) / 3**0.5, rel=1e-4)
    with open(tmp_path / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["miou"] for row in rows if row["method"] == "hrs"] == ["32.0", "41.5", "38.5"]
    assert "| hrs | 20 | 3 |" in (tmp_path / "table.md").read_text()
    assert cv2.imread(str(tmp_path / "plot.png")).std() > 5


def test_no_spreadsheet_takes_a_label_for_a_formula(tmp_path):
    (job,) = plan(Study.model_validate({"methods": [{"method": "joint", "label": "=1+1"}], "seeds": [0]}))
    finished(tmp_path, job, 30.0)
    report([job], tmp_path)
    assert (tmp_path / "results.csv").read_text().splitlines()[1] == "'=1+1,20,0,30.0"


def test_a_study_trains_what_is_missing_and_no_more(tmp_path, frames):
    base = tiny_config(frames, "train.steps=2").model_dump(mode="json", exclude={"method", "seed"})
    study = {"base": base, "methods": ["target_only"], "n_real": [2, 3], "seeds": [0], "parallel": 2}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    command = [sys.executable, "-m", "hrs", "study", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "out")]
    first = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert first.returncode == 0, first.stderr
    assert "2 runs, 0 finished" in first.stdout and "| target_only | 2 | 1 |" in first.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "target_only-n2-s0", "target_only-n3-s0", "results.csv", "table.md", "plot.png", FILE, LOCK,
    }  # fmt: skip
    kept = (tmp_path / "out/target_only-n2-s0/status.json").stat().st_mtime_ns
    assert run_study(load_study(tmp_path / "study.yaml"), tmp_path / "out")[0].score.count == 1
    assert (tmp_path / "out/target_only-n2-s0/status.json").stat().st_mtime_ns == kept


def test_a_run_with_other_settings_is_not_taken_for_the_studys(tmp_path):
    study = Study.model_validate({"methods": ["joint"], "seeds": [0], "base": {"train": {"steps": 7}}})
    finished(tmp_path, plan(study)[0], 30.0)
    idle = {"base": {"train": {"steps": 7, "log_every": 3}, "selection": {"floor": 0.2}}}
    assert run_study(study.model_copy(update=idle), tmp_path)[0].score.mean == 30.0
    longer = study.model_copy(update={"base": {"train": {"steps": 9}}})
    with pytest.raises(HRSError, match=r"joint-n20-s0 was trained with another train\.steps"):
        run_study(longer, tmp_path)


def test_a_study_that_is_told_to_end_stops_its_runs_and_goes_on_later(tmp_path, frames):
    base = tiny_config(frames, "train.steps=4000").model_dump(mode="json", exclude={"method", "seed"})
    study = {"base": base, "methods": ["target_only"], "n_real": [2], "seeds": [0]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    run = RunFolder(tmp_path / "out/target_only-n2-s0")
    command = [sys.executable, "-m", "hrs", "study", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: run.exists() and run.read_status().step > 0, 120)
    process.terminate()
    assert process.wait(60) != 0
    status = run.read_status()
    assert status.state == "cancelled" and 0 < status.step < 4000
    assert (run.last / "model.safetensors").is_file()


def test_the_methods_to_compare_with_are_named(tmp_path):
    study = Study.model_validate({"methods": ["hrs", "shuffled"], "seeds": [0], "against": ["shuffled"]})
    jobs = plan(study)
    for job, score in zip(jobs, (31.0, 30.0), strict=True):
        finished(tmp_path, job, score)
    assert report(jobs, tmp_path, study.against)[0].against["shuffled"].mean == 1.0
    assert "against shuffled" in (tmp_path / "table.md").read_text()


def test_a_run_that_fails_is_named_when_the_others_are_done(tmp_path, frames):
    base = tiny_config(frames, "train.steps=1").model_dump(mode="json", exclude={"method", "seed"})
    study = Study.model_validate({"base": base, "methods": ["target_only"], "n_real": [99, 2], "seeds": [0]})
    with pytest.raises(HRSError, match=r"1 of 2 runs failed; see .*target_only-n99-s0/log\.txt"):
        run_study(study, tmp_path)
    assert "99 real images" in (tmp_path / "target_only-n99-s0/log.txt").read_text()
    assert RunFolder(tmp_path / "target_only-n2-s0").read_status().state == "finished"
    assert load_config(tmp_path / "target_only-n99-s0/config.yaml").data.n_real == 99


def test_runs_that_saw_other_images_stop_a_study(tmp_path):
    jobs = plan(Study.model_validate({"methods": ["joint", "hrs"], "seeds": [0]}))
    surveys = [{"role": role, "frames": 3, "classes": {}} for role in ("target", "validation")]
    for job, validated in zip(jobs, (["5"], ["10", "11"]), strict=True):
        run = finished(tmp_path, job, 30.0)
        run.write_data({"data_sets": surveys, "target": ["1"], "validation": validated, "held_out": None})
    with pytest.raises(HRSError, match=r"joint and hrs \(n_real 20, seed 0\) saw other real images"):
        report(jobs, tmp_path)


def test_one_process_works_on_a_study(tmp_path):
    with alone(tmp_path / LOCK, "taken"), pytest.raises(HRSError, match="another process works on the study"):
        run_study(Study.model_validate({"methods": ["joint"]}), tmp_path)


def test_a_run_killed_while_its_checkpoint_changed_places_goes_on(tmp_path, tiny, monkeypatch):
    study = Study.model_validate(
        {"base": tiny.model_dump(mode="json"), "methods": ["joint"], "seeds": [0], "n_real": [2]}
    )
    (job,) = plan(study)
    run = RunFolder.create(tmp_path, job.name, job.config.to_yaml())
    run.write_status(state="failed", error="killed")
    with atomic_folder(run.last) as folder:
        for name in (MODEL, CONFIG):
            (folder / name).write_text("")
    run.last.rename(run.last.with_name(f".last.{2**22 - 1}-1.{'0' * 32}.old"))
    resumed = []
    monkeypatch.setattr(LocalQueue, "resume", lambda self, run, share=None: resumed.append(run.name))
    with pytest.raises(HRSError, match="1 of 1 runs failed"):
        run_study(study, tmp_path)
    assert resumed == [job.name] and run.last.is_dir()
