"""The weights page without a browser: what it offers for each kind of run, and what its widgets choose."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import app.weights_scoring as scoring
from app.context import RUNS_VARIABLE
from hrs.data.layouts import open_dataset
from hrs.runs import RunFolder
from hrs.scores import ScoredCorpus
from tests.conftest import tiny_config, write_frames
from tests.weighted_run import make_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)  # no shipped runs
    yield tmp_path / "runs"
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def run(root, frames, tiny):
    return make_run(root, "scored", frames["source"], tiny)


def open_page(**query):
    at = AppTest.from_file(str(ROOT / "app/dashboard.py"), default_timeout=60).run()
    at.switch_page(str(ROOT / "app/pages/weights.py"))
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception
    return at


def texts(at):
    return "\n".join(each.value for kind in (at.markdown, at.caption, at.error, at.info, at.success) for each in kind)


def button(at, label):
    return next(each for each in at.button if each.label == label)


def labels(at):
    return [each.label for each in at.button]


def test_without_runs_it_says_what_to_do(root):
    at = open_page()
    assert "No run yet" in texts(at)
    assert "Open Launch" in labels(at)


def test_a_run_without_maps_offers_to_score_it(root, frames, tiny):
    path = make_run(root, "bare", frames["source"], tiny, panel=False, scores=False)
    at = open_page()
    assert "no weight maps yet" in texts(at) and "no checkpoint yet" in texts(at)
    (path / "checkpoints/best").mkdir(parents=True)
    at.run()
    assert "Score the whole corpus" in labels(at)
    assert f"python -m hrs score {path / 'checkpoints/best'}" in texts(at)


def test_a_method_without_weights_says_so(root, frames):
    make_run(root, "joint", frames["source"], tiny_config(frames, "method=joint"), panel=False, scores=False)
    at = open_page()
    assert "The method joint learns no weights" in texts(at)
    assert "Score the whole corpus" not in labels(at)


def test_runs_with_maps_come_first(root, frames, tiny):
    make_run(root, "first", frames["source"], tiny)
    time.sleep(0.01)
    make_run(root, "later", frames["source"], tiny, panel=False, scores=False)
    assert open_page().selectbox[0].options == ["first", "later"]


def test_the_grid_counts_sorts_and_filters(run):
    at = open_page()
    assert "12 of 12 frames" in texts(at)
    at.multiselect(key="weights filters").set_value(["weight"]).run()
    slider = next(each for each in at.slider if each.label == "Weight of the frame")
    values = ScoredCorpus.open(run / "scores").values("weight")
    slider.set_range(slider.min, 1.0).run()
    assert not at.exception
    assert f"{(values <= 1).sum()} of 12 frames" in texts(at)
    assert f"Export {(values <= 1).sum()} frames" in [each.label for each in at.expander]


def test_pages_of_24_start_again_when_the_filter_changes(root, tmp_path, tiny):
    run = make_run(root, "large", f"folder:{write_frames(tmp_path / 'large', 50, seed=9)}", tiny, panel=False)
    at = open_page()
    assert "50 of 50 frames" in texts(at)
    key = f"weights page {run / 'scores'} weight False []"
    assert at.session_state[key] == 1
    at.session_state[key] = 3
    at.run()
    assert at.session_state[key] == 3 and not at.exception
    least = float(ScoredCorpus.open(run / "scores").values("weight").min())
    at.multiselect(key="weights filters").set_value(["weight"]).run()
    slider = next(each for each in at.slider if each.label == "Weight of the frame")
    slider.set_range(slider.min, least + 0.01).run()
    assert not at.exception and not at.get("pagination")
    assert f"{(ScoredCorpus.open(run / 'scores').values('weight') <= least + 0.01).sum()} of 50 frames" in texts(at)


def test_labels_are_not_pruned_without_a_threshold(run):
    at = open_page()
    at.radio(key="weights mode").set_value("labels").run()
    assert "Raise the threshold" in texts(at)
    assert button(at, "Write data set").disabled


def test_sorting_by_a_class_asks_which(run):
    at = open_page()
    at.selectbox(key="weights sort").select("region/").run()
    classes = next(each for each in at.selectbox if each.label == "Class")
    assert classes.options == ["sky", "road", "car", "tree"]
    classes.select("region/car").run()
    at.query_params["frame"] = "000"
    at.run()
    order = ScoredCorpus.open(run / "scores").select(sort="region/car").tolist()
    assert f":gray[{order.index(0) + 1} of 12]" in texts(at)


def test_a_frame_opens_from_the_address_and_leads_to_its_neighbours(run):
    order = ScoredCorpus.open(run / "scores").select(sort="weight")
    at = open_page(frame="004")
    place = order.tolist().index(4)
    assert f"**004** :gray[{place + 1} of 12]" in texts(at)
    assert "Whole frame, by class" in texts(at)
    button(at, "Next").click().run()
    assert at.query_params["frame"] == f"{order[place + 1]:03d}"
    button(at, "Previous").click().run()
    assert at.query_params["frame"] == "004"
    button(at, "All frames").click().run()
    assert "frame" not in at.query_params
    assert "12 of 12 frames" in texts(at)


def test_the_ends_of_the_order_have_one_neighbour(run):
    order = ScoredCorpus.open(run / "scores").select(sort="weight")
    at = open_page(frame=f"{order[0]:03d}")
    assert button(at, "Previous").disabled and not button(at, "Next").disabled
    at.query_params["frame"] = f"{order[-1]:03d}"
    at.run()
    assert not button(at, "Previous").disabled and button(at, "Next").disabled


def test_the_threshold_is_told_of_and_kept(run):
    at = open_page(frame="004")
    frame = ScoredCorpus.open(run / "scores").frame(4)
    at.slider(key="weights threshold").set_value(0.5).run()
    share = 100 * (frame.read_maps()["combined"] < 0.5).mean()
    assert f"{share:.1f} % of its pixels weigh less than 0.50" in texts(at)
    button(at, "All frames").click().run()
    assert at.slider(key="weights threshold").value == 0.5


def test_the_panel_replays_training(run):
    at = open_page(frame="001")
    at.segmented_control(key="weights source").set_value("panel").run()
    weights = ScoredCorpus.open(run / "scores").frame(1).read_maps()["combined"]
    assert f"Frame 001: mean weight {weights.mean():.2f}" in texts(at)
    at.select_slider(key="weights step scored").set_value(0).run()
    assert "Frame 001: mean weight 1.00" in texts(at)
    assert "To copy a data set, score the whole corpus first" in texts(at)


def test_an_unknown_frame_and_damaged_maps_leave_a_living_page(run):
    at = open_page(frame="nowhere")
    assert "12 of 12 frames" in texts(at)
    (run / "scores/maps/003.npz").write_bytes(b"half a fi")
    at.query_params["frame"] = "003"
    at.run()
    assert not at.exception
    assert "cannot be read" in at.error[0].value


def test_the_pruned_data_set_is_written_with_progress_and_can_be_opened(run, tmp_path):
    at = open_page()
    at.slider(key="weights threshold").set_value(0.8).run()
    at.radio(key="weights mode").set_value("labels").run()
    assert "Pixels below the threshold of 0.80" in texts(at)
    at.text_input(key="weights out scored").set_value(str(tmp_path / "pruned")).run()
    button(at, "Write data set").click().run()
    deadline = time.monotonic() + 20
    while not at.success:
        assert time.monotonic() < deadline, texts(at)
        time.sleep(0.05)
        at.run()
    assert f"12 frames in {tmp_path / 'pruned'}" in texts(at)
    assert at.code[0].value == f"folder:{tmp_path / 'pruned'}"
    assert len(open_dataset(at.code[0].value)) == 12
    button(at, "Write data set").click().run()
    while not at.error:
        assert time.monotonic() < deadline, texts(at)
        time.sleep(0.05)
        at.run()
    assert "Nothing was written" in at.error[0].value and "exists" in at.error[0].value


def test_scoring_starts_detached_and_says_why_it_failed(root, frames, tiny):
    path = make_run(root, "bare", frames["source"], tiny, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)  # and nothing in it
    at = open_page()
    button(at, "Score the whole corpus").click().run()
    assert not at.exception
    deadline = time.monotonic() + 40
    while not at.error:
        assert time.monotonic() < deadline, texts(at)
        time.sleep(0.2)
        at.run()
    assert at.error[0].value.startswith("Scoring stopped: no checkpoint")


def test_progress_counts_the_finished_parts(run):
    folder = RunFolder(run)
    assert scoring.frames_scored(folder) == 0
    (run / "scores/parts").mkdir()
    for part in range(2):
        (run / f"scores/parts/{part:06d}.parquet").write_bytes((run / "scores/index.parquet").read_bytes())
    assert scoring.frames_scored(folder) == 24


def test_no_torch_in_the_dashboard():
    code = "import sys, app.weights_export, app.weights_detail, app.weights_scoring; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"
