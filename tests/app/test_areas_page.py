"""The areas page without a browser: what it says of each kind of run, and what its widgets choose."""

import shlex
from html import unescape

import pandas as pd
import pytest

from hrs.runs.folder import RunFolder
from hrs.scoring import report
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus
from tests.app.conftest import labels, words
from tests.conftest import CLASSES
from tests.scoring.weighted_run import make_run, make_scores


@pytest.fixture
def run(root, frames, tiny):
    return make_run(root, "scored", frames["source"], tiny)


def command_of(at):
    """The words behind ``python -m hrs areas`` that the page prints for a terminal."""
    said = next(line for line in words(at).splitlines() if "in a terminal" in line)
    command = shlex.split(said.partition("`")[2].rstrip("`"))
    assert command[:4] == ["python", "-m", "hrs", "areas"]
    return command[4:]


def test_the_kinds_of_fault_stand_in_a_table_too(run, open_page):
    table = AreaTable.of(ScoredCorpus.open(run / "scores"))
    at = open_page("areas")
    assert f"{len(table):,} areas in 12 frames" in words(at) and "that real labels alone have taught" in words(at)
    shown = at.dataframe[0].value
    assert shown["areas"].tolist() == [group.areas for group in table.groups()]
    assert "Not listed: " in words(at) and "areas look like their label" in words(at)
    at.segmented_control(key="areas order").set_value("gained").run()
    assert (
        not at.exception
        and at.query_params["order"] == "gained"
        and at.dataframe[0].value["areas"].tolist() == shown["areas"].tolist()[::-1]
    )
    group = table.groups()[0]
    next(each for each in at.selectbox if each.label == "Labelled").select(CLASSES[group.label]).run()
    assert not at.exception and at.query_params["label"] == CLASSES[group.label]
    assert set(at.dataframe[0].value["labelled"]) == {CLASSES[group.label]}


def test_a_page_that_was_open_when_the_run_was_scored_anew_shows_it_anew(run, open_page):
    at, file = open_page("areas"), run / "scores/areas/000000.parquet"
    before = at.dataframe[0].value["pixels"].tolist()
    areas = pd.read_parquet(file)
    areas["pixels"] += 100  # as of other frames
    areas.to_parquet(file, index=False)
    index = run / "scores/index.parquet"
    index.write_bytes(index.read_bytes())
    at.segmented_control(key="areas order").set_value("gained").run()
    at.segmented_control(key="areas order").set_value("lost").run()
    after = at.dataframe[0].value
    assert not at.exception and sum(after["pixels"]) == sum(before) + 100 * sum(after["areas"])


def test_what_looks_like_its_label_is_shown_where_it_is_asked_for(run, open_page):
    at = open_page("areas", label=CLASSES[0], seen=CLASSES[0])
    assert at.dataframe[0].value[["labelled", "looks like"]].to_numpy().tolist() == [[CLASSES[0]] * 2]
    assert "Not listed: " not in words(at)


def test_pixels_lost_have_a_name_and_a_number_in_every_row(run, open_page):
    table = AreaTable.of(ScoredCorpus.open(run / "scores"))
    at = open_page("areas")
    assert at.segmented_control(key="areas order").options == ["Most pixels lost first", "Most pixels gained first"]
    rows = at.get("html")[-1].proto.body
    assert all(f"{abs(group.lost):,.0f} pixels " in rows for group in table.groups()[:8])


def test_a_model_that_is_too_weak_to_judge_is_said(run, open_page, monkeypatch):
    assert "too weak to judge" not in words(open_page("areas"))
    monkeypatch.setattr(report, "LEAST_SURE", 0.99)
    assert "This model is too weak to judge labels" in words(open_page("areas"))


def test_the_command_for_a_terminal_finds_the_run(run, tmp_path, frames, tiny, open_page, monkeypatch):
    assert command_of(open_page("areas")) == ["scored", "--out", "scored_areas"]
    shipped = make_run(tmp_path / "checkpoints", "street", frames["source"], tiny)
    assert command_of(open_page("areas", run="street")) == [str(shipped), "--out", "street_areas"]
    make_run(tmp_path / "my runs", "mine", frames["source"], tiny)
    monkeypatch.setenv("HRS_RUNS", "my runs")
    asked = ["mine", "--runs", str(tmp_path / "my runs"), "--out", "mine_areas"]
    assert command_of(open_page("areas", run="mine")) == asked


def test_what_is_shown_is_in_the_address(run, open_page):
    at = open_page("areas")
    at.segmented_control(key="areas shown").set_value("classes").run()
    assert at.query_params["kind"] == "classes" and not at.exception
    assert open_page("areas", kind="truth").segmented_control(key="areas shown").value == "truth"
    assert open_page("areas", kind="nonsense").segmented_control(key="areas shown").value == "faults"


def test_every_choice_of_a_class_counts(run, open_page):
    at = open_page("areas")
    for name in (CLASSES[1], CLASSES[2], CLASSES[0], CLASSES[1]):
        chosen = next(each for each in at.selectbox if each.label == "Labelled").select(name).run()
        assert chosen.query_params["label"] == name and not at.exception
        assert next(each for each in at.selectbox if each.label == "Labelled").value == name
    next(each for each in at.selectbox if each.label == "Labelled").select("any").run()
    assert "label" not in at.query_params


def test_every_choice_of_a_run_counts(root, frames, tiny, open_page):
    for name in "abc":
        make_run(root, name, frames["source"], tiny, panel=False)
    at = open_page("areas", run="a")
    for name in "bcabc":
        next(each for each in at.selectbox if each.label == "Run").select(name).run()
        assert at.query_params["run"] == name and at.session_state["hrs runs"] == [name]
        assert next(each for each in at.selectbox if each.label == "Run").value == name


def test_pictures_lead_to_their_own_source(run, open_page):
    at = open_page("areas")
    assert "source=corpus&frame=" in unescape(at.get("html")[-1].proto.body)


def test_no_area_with_such_a_label_is_said(run, open_page):
    table = AreaTable.of(ScoredCorpus.open(run / "scores"))
    there = {(group.label, group.seen) for group in [*table.groups(), *table.agreeing()]}
    absent = next((a, b) for a in range(4) for b in range(4) if (a, b) not in there)
    at = open_page("areas", label=CLASSES[absent[0]], seen=CLASSES[absent[1]])
    assert "No area has this label and looks like that" in words(at)


def test_a_run_that_was_not_scored_offers_it(root, frames, tiny, open_page):
    path = make_run(root, "bare", frames["source"], tiny, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)
    at = open_page("areas")
    assert "no scored corpus yet" in words(at) and "Score the whole corpus" in labels(at)
    assert "an older version of hrs trained it" in words(at)  # its panel says nothing of why


def test_scores_of_before_say_what_they_lack(root, frames, tiny, open_page):
    run = RunFolder(make_run(root, "old", frames["source"], tiny, panel=False, scores=False))
    run.best.mkdir(parents=True)
    make_scores(run.scores.path, frames["source"], reasons=False)
    at = open_page("areas")
    assert "an older version of hrs scored it; score the run again" in words(at)
    assert "Score the whole corpus" in labels(at) and not at.error


def test_truth_is_offered_where_it_is_known(root, frames, tiny, open_page):
    run = RunFolder(make_run(root, "real", frames["source"], tiny, panel=False, scores=False))
    make_scores(run.scores.path, frames["source"], planted=False)
    assert at_kinds(open_page("areas")) == ["Kinds of fault", "Class by class"]
    make_run(root, "rendered", frames["source"], tiny, panel=False)
    at = open_page("areas", run="rendered")
    assert at_kinds(at)[-1] == "Planted truth"
    at.segmented_control(key="areas shown").set_value("truth").run()
    assert not at.exception and "were planted to mislead" in words(at) and len(at.dataframe[0].value) == 4


def at_kinds(at):
    return at.segmented_control(key="areas shown").options
