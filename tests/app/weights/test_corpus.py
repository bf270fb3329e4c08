"""Where maps are not what multiplied the loss, the pages with maps say so."""

import json

import pytest

from hrs.runs.folder import RunFolder
from tests.app.conftest import words
from tests.conftest import tiny_config
from tests.scoring.weighted_run import make_run


def acting(run, *levels: str) -> None:
    """As of a run whose combined weights are of these levels alone."""
    file = RunFolder(run).scores.about
    about = json.loads(file.read_text())
    about["judges"]["acting"] = list(levels)
    file.write_text(json.dumps(about))


@pytest.mark.parametrize("page", ["weights", "areas"])
def test_what_the_combined_map_lacks_is_said(root, frames, tiny, open_page, page):
    run = make_run(root, "scored", frames["source"], tiny)
    assert "Training drew frames" not in words(open_page(page))
    acting(run, "pixel", "region")
    at = open_page(page)
    assert "Training drew frames by their image weight" in words(at) and "No loss" not in words(at)
    RunFolder(run).write_status(state="cancelled", step=10, steps=100)
    assert "Training would have drawn frames by their image weight" in words(open_page(page))
    acting(run)
    assert "No loss was multiplied" in words(open_page(page))


def test_a_control_with_weights_in_other_places_is_said_to_be_one(root, frames, open_page):
    make_run(root, "scored", frames["source"], tiny_config(frames, "method=shuffled"))
    assert "This run is a control: the weights of hrs in the wrong places" in words(open_page("weights"))


@pytest.mark.parametrize("page", ["weights", "areas"])
def test_weights_that_never_came_to_full_strength_are_said_to_have_not(root, frames, open_page, page):
    make_run(root, "scored", frames["source"], tiny_config(frames, "train.source_until=0.15", "train.steps=100"))
    assert "In training they only came to 50% of the strength that they have here" in words(open_page(page))


def test_weights_of_a_run_that_stopped_before_they_came_to_full_strength_are_told_apart(root, frames, open_page):
    run = RunFolder(make_run(root, "scored", frames["source"], tiny_config(frames)))
    assert "In training" not in words(open_page("weights"))
    run.write_status(state="cancelled", step=15, steps=100)
    assert "In training they only came to 50% of the strength that they have here" in words(open_page("weights"))
