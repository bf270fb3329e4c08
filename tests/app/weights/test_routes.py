"""What the browser fetches of a panel's steps."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.weights.corpus import view
from app.weights.routes import at_other_steps, routes
from hrs.runs.folder import RunFolder
from hrs.scoring.panel import open_panel
from tests.conftest import write_frames
from tests.scoring.weighted_run import STEPS, make_panel, make_run


@pytest.fixture
def run(root, frames, tiny):
    return RunFolder(make_run(root, "watched", frames["source"], tiny, scores=False))


@pytest.fixture
def client():
    return TestClient(Starlette(routes=routes))


def test_every_step_of_a_frame_can_be_fetched_without_what_stays_the_same(run, client):
    shown = open_panel(run, STEPS[0]).frame(1)
    for step in STEPS:
        sent = client.get(f"{at_other_steps(run, shown)}&step={step}").json()["view"]
        maps = open_panel(run, step).frame(1).read_maps()
        assert {each["name"]: pytest.approx(each["mean"]) for each in sent["maps"]} == {
            name: float(values.mean()) for name, values in maps.items()
        }
        assert sent["frame"] == "001" and "jpeg" not in sent and "label" not in sent


def test_a_step_whose_frame_was_another_brings_its_picture_and_label(run, client, tmp_path):
    """As where a frame was mended before the run was resumed."""
    mended = f"folder:{write_frames(tmp_path / 'mended', 2, seed=8)}"
    make_panel(run, mended, steps=STEPS[1:])
    before, after = (open_panel(run, step).frame(1) for step in STEPS)
    assert before.read_jpeg() != after.read_jpeg()
    for shown, step in ((before, STEPS[1]), (after, STEPS[0])):
        sent = client.get(f"{at_other_steps(run, shown)}&step={step}").json()["view"]
        expected = view(open_panel(run, step), 1)
        assert (sent["jpeg"], sent["label"]) == (expected["jpeg"], expected["label"])


def test_all_frames_of_a_step_come_as_tiles(run, client):
    sent = client.get(f"{at_other_steps(run)}&step=0").json()["tiles"]
    assert [tile["id"] for tile in sent] == ["000", "001"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("run=watched&frame=001&step=3", "no step 3"),
        ("run=watched&step=../0", "no step"),
        ("run=nobody&step=0", "of a run nobody"),
        ("run=watched&frame=x&step=0", "no frame x"),
        ("", "no step"),
    ],
)
def test_what_is_not_there_is_one_line(run, client, query, said):
    answer = client.get(f"/weights-at?{query}")
    assert answer.status_code == 400 and said in answer.json()["error"] and "reload" in answer.json()["error"]
