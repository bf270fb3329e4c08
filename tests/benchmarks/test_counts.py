"""What a study's runs see in the images that they were validated on."""

import csv

import numpy as np
import pytest
import yaml

from benchmarks.counts import count, main, read_all
from hrs.errors import HRSError
from hrs.evaluation import iou
from hrs.runs.folder import RunFolder
from hrs.runs.seen import read_seen
from hrs.study.plan import load_study, plan
from hrs.study.run import report
from hrs.training.trainer import train
from tests.conftest import tiny_config, write_frames


@pytest.fixture
def study(tmp_path, frames):
    """Of one run, which holds out a part of its photos."""
    data = {**frames, "target": f"folder:{write_frames(tmp_path / 'photos', 6, seed=5)}"}
    overrides = ("data.val=null", "train.save_every=6")
    base = tiny_config(data, *overrides).model_dump(mode="json", exclude={"method", "seed"})
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump({"base": base, "methods": ["joint"], "n_real": [3], "seeds": [0]}))
    (job,) = plan(load_study(file))
    train(job.config, RunFolder.create(tmp_path / "runs", job.name, job.config.to_yaml()))
    report([job], tmp_path / "runs")
    return file, job, RunFolder(tmp_path / "runs" / job.name)


def test_counts_are_of_what_the_table_of_the_study_scores(study, tmp_path, monkeypatch):
    file, _, run = study
    monkeypatch.setattr("sys.argv", ["counts", str(file), str(tmp_path / "runs"), "--out", str(tmp_path / "counts")])
    main()
    (found,) = read_all(tmp_path / "counts")
    assert found.images.tolist() == list(read_seen(run).scored_on) and 0 < len(found.images) < 6
    with (tmp_path / "runs/results.csv").open() as rows:
        (row,) = csv.DictReader(rows)
    assert np.nanmean(iou(found.matrices.sum(axis=0))) == pytest.approx(float(row["miou"]), abs=0.01)


def test_images_that_are_gone_or_not_known_are_not_counted(study, tmp_path):
    _, job, run = study
    name = read_seen(run).scored_on[-1]
    (tmp_path / "photos/images" / f"{name}.png").unlink()
    with pytest.raises(HRSError, match=f"has no {name} any more"):
        count(job, run)
    run.data.unlink()
    with pytest.raises(HRSError, match="what this run was validated on is not known"):
        count(job, run)
