"""Reading run folders: columns that follow the file, and tables that say what the files say."""

import json
import math
import threading

import numpy as np
import pandas as pd
import pytest

from app.runs.columns import with_settings
from app.runs.reading import (
    History,
    at_step,
    class_names,
    matching,
    pictures,
    read_config,
    read_history,
    runs_table,
)
from hrs.config import load_config
from hrs.errors import HRSError
from hrs.methods.table import METHODS
from hrs.runs.registry import list_runs
from tests.app.made_runs import make_run, training_row, validation_row


def values(history, name, split="train"):
    steps, found = history.curve(split, name)
    return dict(zip(steps.tolist(), found.tolist(), strict=True))


def test_a_history_holds_numbers_lists_and_objects_by_column(tmp_path):
    run = make_run(tmp_path, "a")
    history = read_history(run)
    assert values(history, "loss") == pytest.approx({step: 100 / step for step in range(10, 101, 10)})
    assert values(history, "class_weight/2")[50] == pytest.approx(1.1)
    assert values(history, "miou", "val") == {50: 35.0, 100: 40.0}
    assert history.last("val", "iou")["sky"] == 60.0
    assert np.isnan(history.last("val", "iou")["car"])
    step, counts = history.confusion()
    assert step == 100 and counts.tolist() == [[80, 20, 0], [10, 90, 0], [0, 0, 0]]


def test_a_history_reads_only_what_is_new(tmp_path):
    run = make_run(tmp_path, "a")
    history = read_history(run)
    before = len(history.curve("train", "loss")[0])
    text = run.metrics.read_text()
    run.metrics.write_text(" " * (len(text) - 1) + "\n")  # what was read is not there to be read again
    run.append_metrics(training_row(110))
    assert len(read_history(run).curve("train", "loss")[0]) == before + 1


def test_a_resumed_run_takes_the_place_of_its_later_rows(tmp_path):
    run = make_run(tmp_path, "a")
    run.append_metrics(training_row(60, loss=7.0))
    run.append_metrics(validation_row(60, 11.0))
    history = read_history(run)
    assert list(values(history, "loss")) == [10, 20, 30, 40, 50, 60]
    assert values(history, "loss")[60] == 7.0
    assert values(history, "miou", "val") == {50: 35.0, 60: 11.0}
    assert history.confusion()[0] == 60


def test_a_late_column_is_missing_before(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "split": "train", "loss": 2}\n{"step": 2, "split": "train", "new": 3}\n')
    history = History(path)
    history.update()
    assert values(history, "loss") == {1: 2.0} and values(history, "new") == {2: 3.0}
    assert history.names("train") == ["loss", "new"]
    assert values(history, "unknown") == {} and history.confusion() is None


def test_rows_without_step_or_split_are_passed_over(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"split": "train", "loss": 2}\n{"step": 2, "split": "other", "loss": 3}\nbroken\n')
    history = History(path)
    history.update()
    assert history.names("train") == []


def test_threads_share_a_history(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(training_row(step)) + "\n" for step in range(1, 2001)))
    history = History(path)
    threads = [threading.Thread(target=history.update) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history.curve("train", "loss")[0]) == 2000


def test_a_new_run_of_the_same_name_is_read_anew(tmp_path):
    first = make_run(tmp_path, "a", "method=joint")
    assert read_config(first).method == "joint" and values(read_history(first), "miou", "val")[100] == 40.0
    first.path.rename(tmp_path / "b")
    second = make_run(tmp_path, "a", "method=mixing", miou=70.0)
    assert read_config(second).method == "mixing" and values(read_history(second), "miou", "val")[100] == 70.0


def test_settings_that_changed_on_a_resume_are_read_anew(tmp_path):
    run = make_run(tmp_path, "a", "train.steps=100", state="cancelled")
    assert read_config(run).train.steps == 100
    run.rewrite_config(load_config(run.config, ("train.steps=500",)).to_yaml())
    assert read_config(run).train.steps == 500


def test_a_config_that_does_not_fit_is_none(tmp_path):
    run = make_run(tmp_path, "a")
    run.config.write_text("method: unheard_of\n")
    assert read_config(run) is None
    assert runs_table(list_runs(tmp_path))["method"].tolist() == [""]


def test_settings_of_a_run_that_would_be_refused_today_are_shown(tmp_path):
    run = make_run(tmp_path, "a")
    run.config.write_text(run.config.read_text().replace("every: 2", "every: 90000"))
    with pytest.raises(HRSError, match=r"selection\.every"):
        load_config(run.config)
    assert read_config(run).selection.every == 90000


def test_the_table_says_what_the_files_say(tmp_path):
    make_run(tmp_path, "a", "method=joint", "data.n_real=null", 'data.sources=["gta5:/x?split=train", "synthia:/y"]')
    row = runs_table(list_runs(tmp_path)).iloc[0]
    assert (row["name"], row["state"], row["progress"]) == ("a", ["finished"], 1.0)
    assert (row["best"], row["last"], row["method"], row["n_real"]) == (40.0, 40.0, "joint", math.inf)
    two = 'data.sources=["render:synthetic?frames=5", "render:synthetic?start=5"]'
    make_run(tmp_path, "b", two).write_status(state="running", step=1, steps=3)
    row = runs_table(list_runs(tmp_path)).set_index("name").loc["b"]
    assert row["sources"] == "render:synthetic" and row["progress"] == 0.33


def test_a_filter_wants_every_word(tmp_path):
    make_run(tmp_path, "sunny", "method=joint")
    make_run(tmp_path, "rainy", "method=mixing")
    table = runs_table(list_runs(tmp_path))
    assert matching(table, "FINISHED joint")["name"].tolist() == ["sunny"]
    assert len(matching(table, "")) == 2 and len(matching(table, "sunny mixing")) == 0


def test_a_filter_finds_what_is_shown(tmp_path):
    make_run(tmp_path, "a", "method=joint")
    make_run(tmp_path, "b").write_notes("For the paper")
    table = runs_table(list_runs(tmp_path))
    assert matching(table, METHODS["hrs"].title)["name"].tolist() == ["b"]
    assert not len(matching(table, "paper")) and not len(matching(table, "nan"))
    table = with_settings(table, list_runs(tmp_path), ["notes", "network.name"])
    assert matching(table, "paper compact")["name"].tolist() == ["b"]


def test_a_run_that_has_not_begun_has_no_time_of_start(tmp_path):
    make_run(tmp_path, "queued", state="queued")
    make_run(tmp_path, "damaged").status.write_text("{")
    make_run(tmp_path, "begun").write_status(started=1e9)
    table = runs_table(list_runs(tmp_path)).set_index("name")
    assert table["age"].isna().to_dict() == {"begun": False, "damaged": True, "queued": True}
    assert table.loc["begun", "age"] == pd.Timestamp(1e9, unit="s", tz="UTC")


def test_pictures_by_step(tmp_path):
    found = pictures(make_run(tmp_path, "a"), "val")
    assert list(found) == [50, 100]
    assert at_step(found, 99)[0] == 50 and at_step(found, 100)[0] == 100 and at_step(found, 49) is None


def test_class_names_come_from_the_space_else_from_the_scores(tmp_path):
    run = make_run(tmp_path, "a")
    assert class_names(run, read_history(run)) == ["sky", "road", "car"]
    run.space.write_text("damaged")
    assert class_names(run, read_history(run)) == ["sky", "road", "car"]
