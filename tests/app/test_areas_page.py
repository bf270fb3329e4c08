"""The areas page without a browser: what it says of each kind of run, and what its widgets choose."""

from html import unescape

import pytest

from hrs.runs.folder import RunFolder
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus
from tests.app.conftest import labels, words
from tests.conftest import CLASSES
from tests.scoring.weighted_run import make_run, make_scores


@pytest.fixture
def run(root, frames, tiny):
    return make_run(root, "scored", frames["source"], tiny)


def test_the_kinds_of_fault_stand_in_a_table_too(run, open_page):
    table = AreaTable.of(ScoredCorpus.open(run / "scores"))
    at = open_page("areas")
    assert f"{len(table):,} areas in 12 frames" in words(at) and "that real labels alone have taught" in words(at)
    shown = at.dataframe[0].value
    assert shown["areas"].tolist() == [group.areas for group in table.groups()]
    at.segmented_control(key="areas order").set_value(True).run()
    assert not at.exception and at.dataframe[0].value["areas"].tolist() == shown["areas"].tolist()[::-1]
    group = table.groups()[0]
    next(each for each in at.selectbox if each.label == "Labelled").select(CLASSES[group.label]).run()
    assert not at.exception and at.query_params["label"] == CLASSES[group.label]
    assert set(at.dataframe[0].value["labelled"]) == {CLASSES[group.label]}


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
    there = {(group.label, group.seen) for group in table.groups()}
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
    at.segmented_control(key="areas shown").set_value("Planted truth").run()
    assert not at.exception and "were planted to mislead" in words(at) and len(at.dataframe[0].value) == 4


def at_kinds(at):
    return at.segmented_control(key="areas shown").options
