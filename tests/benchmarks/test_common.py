import csv
import os
from pathlib import Path

import pytest

from benchmarks.common import cache_at, finished, in_turns, write_runs
from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.study.plan import Study, plan
from tests.conftest import tiny_config


def test_finished_runs_of_a_study_are_rows(tmp_path: Path, frames, capsys: pytest.CaptureFixture[str]) -> None:
    base = tiny_config(frames).model_dump(mode="json", exclude={"method", "seed"})
    study = Study.model_validate(
        {"base": base, "methods": ["joint", {"method": "target_only", "label": "photos"}], "n_real": [None, 3]}
        | {"seeds": [0], "parallel": 1}
    )
    for score, job in enumerate(plan(study), start=40):
        run = RunFolder.create(tmp_path / "study", job.name, job.config.to_yaml())
        for step in (1, 2):
            run.append_result({"step": step, "miou": score + step, "pixel_accuracy": 80.0, "iou/road": 90.0})
        run.write_status(state="cancelled" if job.label == "photos" and job.config.data.n_real else "finished")
    rows = list(finished(study, tmp_path / "study", {"pair": "one"}))
    assert [(row["arm"], row["n_real"]) for row in rows] == [("joint", "all"), ("photos", "all"), ("joint", 3)]
    assert rows[0]["pair"] == "one" and rows[0]["road"] == 90.0
    scores = {(row["arm"], row["n_real"]): row["miou"] for row in rows}
    wanted = {(job.label, job.config.data.n_real or "all"): score for score, job in enumerate(plan(study), start=42)}
    assert scores == {key: wanted[key] for key in scores}
    write_runs(tmp_path / "results.csv", rows)
    written = list(csv.DictReader((tmp_path / "results.csv").read_text().splitlines()))
    assert [row["road"] for row in written] == ["90.0"] * 3
    head, _, first, *_ = capsys.readouterr().out.splitlines()
    assert head == "| pair | arm | n_real | seed | step | miou | pixel_accuracy |"
    assert first.startswith("| one | joint |")


def test_rows_of_earlier_runs_stay(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"

    def row(arm: str, seed: int, miou: float) -> dict[str, object]:
        return {"arm": arm, "n_real": 3, "seed": seed, "step": 9, "miou": miou, "pixel_accuracy": 80.0}

    write_runs(file, [row("joint", 0, 1.0), row("joint", 1, 2.0)])
    write_runs(file, [row("photos", 0, 3.0), row("joint", 1, 4.0)])
    written = list(csv.DictReader(file.read_text().splitlines()))
    assert [(each["arm"], each["seed"], each["miou"]) for each in written] == [
        *(("joint", "0", "1.0"), ("photos", "0", "3.0"), ("joint", "1", "4.0"))
    ]
    with pytest.raises(HRSError, match="has other columns"):
        write_runs(file, [row("joint", 2, 1.0) | {"road": 90.0}])


def test_works_take_turns_and_their_first_rounds_do_not_count():
    order = []
    times = in_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2, warm=1)
    assert order == ["a", "b"] * 3
    assert set(times) == {"a", "b"} and all(seconds >= 0 for seconds in times.values())


def test_the_cache_is_elsewhere_only_meanwhile(monkeypatch, tmp_path):
    monkeypatch.setenv("HRS_CACHE", "before")
    with cache_at(tmp_path):
        assert os.environ["HRS_CACHE"] == str(tmp_path)
    assert os.environ["HRS_CACHE"] == "before"
    monkeypatch.delenv("HRS_CACHE")
    with cache_at(tmp_path):
        pass
    assert "HRS_CACHE" not in os.environ
