"""The weights page without a browser: which run and frame it shows, its address, and areas that are asked about."""

import time

import pytest
from streamlit.testing.v1 import AppTest

from app.weights.corpus import area_table
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.panel import open_panel
from tests.app.conftest import button, press, words
from tests.scoring.weighted_run import make_run


def test_a_run_that_is_not_there_has_near_ones(root, run, open_page):
    at = open_page("weights", run="score")
    assert "There is no run called score." in words(at)
    press(at, "Open scored")
    assert "There is no run" not in words(at) and "12 of 12 frames" in words(at)


def test_runs_with_maps_come_first(root, frames, tiny, open_page):
    make_run(root, "first", frames["source"], tiny)
    time.sleep(0.01)
    make_run(root, "later", frames["source"], tiny, panel=False, scores=False)
    assert open_page("weights").selectbox[0].options == ["first", "later"]


def test_an_area_goes_with_its_source_and_its_run(root, run, frames, tiny, open_page):
    make_run(root, "other", frames["source"], tiny)
    at = open_page("weights", run="scored", frame="000", area="1")
    assert "Learned from **agreement**" in words(at)
    at.segmented_control(key="weights source").set_value("panel").run()
    assert "area" not in at.query_params and not at.exception
    at.query_params["area"] = "1"
    at.segmented_control(key="weights source").set_value("corpus").run()
    assert "area" not in at.query_params
    at.query_params["area"] = "1"
    at.run()
    assert "Learned from **agreement**" in words(at)
    at.selectbox(key="picked Run").select("other").run()
    assert "area" not in at.query_params and at.query_params["frame"] == "000" and not at.exception


@pytest.mark.parametrize(
    ("lens", "kept"), [({"step": "0"}, False), ({"step": "5"}, True), ({"step": "0", "piece": 4}, True)]
)
def test_an_area_goes_with_its_step(lens, kept):
    def page(lens):
        import streamlit as st

        from app.weights.lens import heard

        piece = lens.pop("piece", None)
        st.session_state["viewer"] = {"lens": lens, "piece": piece}
        heard("viewer", 5)

    at = AppTest.from_function(page, args=(dict(lens),))
    at.query_params["area"] = "4"
    at.run()
    assert not at.exception and at.query_params["step"] == lens["step"]
    assert ("area" in at.query_params) == kept


def test_a_browser_without_the_answer_to_its_last_question_undoes_nothing(run, open_page):
    at = open_page("weights", run="scored", frame="000")
    before = dict(at.query_params)
    press(at, "All frames")
    at.query_params.clear()
    at.query_params.update(before)
    at.segmented_control(key="weights order").set_value("highest").run()
    assert "frame" not in at.query_params and at.query_params["order"] == "highest" and not at.exception


def test_only_what_misleads_is_said_to_be_planted_to_mislead(run, open_page):
    areas = area_table(ScoredCorpus.open(run / "scores")).of_frame(0)
    for harm, told in ((0.0, "Nothing is planted there."), (1.0, "Planted to mislead: 100 % of it (labelled as")):
        number = next(each.number for each in areas if each.harm == harm)
        assert told in words(open_page("weights", run="scored", frame="000", area=str(number)))


def test_an_area_that_was_asked_about_can_be_closed(run, open_page):
    at = open_page("weights", run="scored", frame="000", area="1")
    press(at, "Close")
    assert "area" not in at.query_params and "**Why?** Click an area" in words(at)


@pytest.mark.parametrize(("piece", "kept"), [(7, "7"), (0, None)])
def test_the_viewer_asks_about_an_area_or_about_none(piece, kept):
    def page(piece):
        import streamlit as st

        from app.weights import detail

        st.session_state[detail._KEY] = {"piece": piece}
        detail._ask()

    at = AppTest.from_function(page, args=(piece,))
    at.query_params["area"] = "4"
    at.run()
    assert not at.exception and at.query_params.get("area", [None]) in ([kept], kept)


def test_a_frame_opens_from_the_address_and_leads_to_its_neighbours(run, open_page):
    order = ScoredCorpus.open(run / "scores").select(sort="weight")
    at = open_page("weights", frame="004")
    place = order.tolist().index(4)
    assert f"**004** :gray[{place + 1} of 12]" in words(at)
    assert "Whole frame, by class" in words(at)
    button(at, "Next").click().run()
    assert at.query_params["frame"] == f"{order[place + 1]:03d}"
    button(at, "Previous").click().run()
    assert at.query_params["frame"] == "004"
    button(at, "All frames").click().run()
    assert "frame" not in at.query_params
    assert "12 of 12 frames" in words(at)


def test_the_ends_of_the_order_have_one_neighbour(run, open_page):
    order = ScoredCorpus.open(run / "scores").select(sort="weight")
    at = open_page("weights", frame=f"{order[0]:03d}")
    assert button(at, "Previous").disabled and not button(at, "Next").disabled
    at.query_params["frame"] = f"{order[-1]:03d}"
    at.run()
    assert not button(at, "Previous").disabled and button(at, "Next").disabled


def test_the_threshold_is_told_of_and_kept(run, open_page):
    at = open_page("weights", frame="004")
    frame = ScoredCorpus.open(run / "scores").frame(4)
    at.query_params["threshold"] = "0.5"
    at.run()
    share = 100 * (frame.read_maps()["combined"] < 0.5).mean()
    assert f"{share:.1f} % of its pixels weigh less than 0.50" in words(at)
    button(at, "All frames").click().run()
    assert at.query_params["threshold"] == "0.5"


def test_the_panel_replays_training(run, open_page):
    at = open_page("weights", frame="001")
    at.segmented_control(key="weights source").set_value("panel").run()
    weights = open_panel(RunFolder(run), 5).frame(1).read_maps()["combined"]
    assert f"Frame 001: mean weight {weights.mean():.2f}" in words(at)
    assert at.query_params["source"] == "panel"
    at.query_params["step"] = "0"
    at.run()
    assert "Frame 001: mean weight 1.00" in words(at)
    assert "To copy a data set, score the whole corpus first" in words(at)


def test_an_unknown_frame_and_damaged_maps_leave_a_living_page(run, open_page):
    at = open_page("weights", frame="nowhere")
    assert "12 of 12 frames" in words(at)
    (run / "scores/maps/003.npz").write_bytes(b"half a fi")
    at.query_params["frame"] = "003"
    at.run()
    assert not at.exception
    assert "cannot be read" in words(at) and r"\_" in at.error[0].value  # the path is not taken for Markdown
