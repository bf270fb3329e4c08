"""hrs areas: what it prints, writes, and says of what cannot be."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pandas as pd

from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.stamps import OF_LAST, OUTDATED, weights_digest
from tests.conftest import CLASSES, tiny_config
from tests.scoring.weighted_run import gone_on, make_run, make_scores


def test_areas_lists_faults_and_writes_what_one_passes_on(hrs, scored, tmp_path):
    result = hrs("areas", "mine", "--out", "out")
    table = AreaTable.of(ScoredCorpus.open(scored / "mine/scores"))
    first = table.groups()[0]
    assert f"{len(table):,} areas in 12 frames. What they look like is said by a classifier" in result.out
    assert "areas look like their label" in result.out and "too weak" not in result.out
    assert all(not re.search(rf"^ *\d+ +{name} +{name} ", result.out, re.MULTILINE) for name in CLASSES)
    names = (CLASSES[first.label], CLASSES[first.seen])
    assert re.search(rf"{first.areas} +{names[0]} +{names[1]} +{first.confidence:.2f} +{first.frames}", result.out)
    assert f"{first.lost:,.0f}" in result.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "faults.csv",
        "areas.csv",
        "areas.png",
        "areas.html",
    }
    assert "out exists; name a folder that does not" in hrs("areas", "mine", "--out", "out").error


def test_areas_says_how_many_it_does_not_list(hrs, scored, monkeypatch):
    table = AreaTable.of(ScoredCorpus.open(scored / "mine/scores"))
    rows, agreeing = table.groups(), sum(group.areas for group in table.agreeing())
    monkeypatch.setattr("hrs.cli.areas.SHOWN", 1)
    said = hrs("areas", "mine").out
    (line,) = [each for each in said.splitlines() if each.startswith("Not listed: ")]
    counts = [int(each.replace(",", "")) for each in re.findall(r"([\d,]+) areas in", line)]
    assert sum(counts) + rows[0].areas + agreeing == len(table)
    assert ("lose nothing on average" in line) == any(group.lost <= 0 for group in rows)
    assert line.endswith("faults.csv has all kinds. Write it with --out DIR.")
    assert "Write it" not in hrs("areas", "mine", "--out", "out").out
    assert "Not listed" not in Path("out/areas.html").read_text() or "lose less" not in line


def test_areas_of_older_scores_say_what_to_do(hrs, scored, frames, tmp_path):
    make_scores(tmp_path / "old", frames["source"], reasons=False)
    assert "score the run again: python -m hrs score NAME" in hrs("areas", "old", "--out", "out").error
    assert not (tmp_path / "out").exists()


def test_what_areas_writes_says_where_the_run_has_gone_on_since(hrs, scored):
    hrs("areas", "mine", "--out", "before")
    gone_on(RunFolder(scored / "mine"))
    hrs("areas", "mine", "--out", "after")
    assert OUTDATED not in Path("before/areas.html").read_text() and OUTDATED in Path("after/areas.html").read_text()
    for folder, old in (("before", False), ("after", True)):
        for table in ("faults.csv", "areas.csv"):
            assert pd.read_csv(f"{folder}/{table}")["outdated"].unique().tolist() == [old]


def test_areas_and_prune_say_where_the_run_has_gone_on_since(hrs, scored):
    run = RunFolder(scored / "mine")
    words = (("areas", "mine"), ("prune", "mine", "--out", "pruned"), ("areas", run.scores.path))
    assert all("has replaced since" not in hrs(*each).out for each in words)
    shutil.rmtree("pruned")
    gone_on(run)
    again = shlex.join(["python", "-m", "hrs", "score", str(run.best), "--replace"])
    for each in words:
        assert f"has replaced since, as a run does that goes on to train. Score it again: {again}" in hrs(*each).out


def test_weights_that_did_not_act_where_they_stand_are_said_to_have_not(hrs, frames, tmp_path):
    make_run(tmp_path / "runs", "wrong", frames["source"], tiny_config(frames, "method=shuffled"), panel=False)
    told = "This run is a control: the weights of hrs in the wrong places"
    assert told in hrs("areas", "wrong", "--out", "out").out and told in Path("out/areas.html").read_text()
    assert told in hrs("prune", "wrong", "--out", "copy", "--where", "weight=0:").out


def test_weights_of_whole_frames_are_said_to_be_that_where_parts_were_pasted(hrs, frames, tmp_path):
    make_run(tmp_path / "runs", "mixed", frames["source"], tiny_config(frames, "method=hrs_mixing"), panel=False)
    assert "pasted onto a photo; maps show whole frames" in hrs("areas", "mixed").out


def test_weights_of_the_last_model_are_said_to_be_of_it(hrs, scored):
    run = RunFolder(scored / "mine")
    gone_on(run)
    assert OF_LAST not in hrs("areas", "mine").out
    run.last.mkdir(parents=True, exist_ok=True)
    (run.last / MODEL).write_bytes(b"others")
    stored = json.loads(run.scores.about.read_text())
    stored["checkpoint"] = weights_digest(run.last)
    run.scores.about.write_text(json.dumps(stored))
    assert OF_LAST in hrs("areas", "mine").out


def test_frames_that_were_drawn_by_their_weight_are_said_to_have_been(hrs, scored):
    about = RunFolder(scored / "mine").scores.about
    stored = json.loads(about.read_text())
    assert "Training drew" not in hrs("areas", "mine").out
    stored["judges"]["acting"] = []
    about.write_text(json.dumps(stored))
    said = hrs("areas", "mine").out
    assert "Training drew frames by their image weight, which is no part of all levels combined" in said
    assert "No loss was multiplied" in said
