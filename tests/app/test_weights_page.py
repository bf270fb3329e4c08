"""The weights page without a browser: what it offers for each kind of run, and what its widgets choose."""

import shlex
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from streamlit.testing.v1 import AppTest

from app.figures.maps import Lens
from app.launch import forms
from app.weights.export import start_copying
from app.weights.grid import Selection
from app.weights.scoring import start_scoring
from hrs.config import load_config
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.launch.queue import LocalQueue
from hrs.launch.task import Task, Teller
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.panel import open_panel
from hrs.scoring.tags import Tags
from hrs.scoring.write import write_table
from tests.app.conftest import button, labels, press, wait_for, words
from tests.conftest import tiny_config, write_frames
from tests.scoring.weighted_run import make_run


@pytest.fixture
def run(root, frames, tiny):
    return make_run(root, "scored", frames["source"], tiny)


def test_a_run_without_maps_offers_to_score_it(root, frames, tiny, open_page):
    path = make_run(root, "bare", frames["source"], tiny, panel=False, scores=False)
    at = open_page("weights")
    assert "has finished and left neither weight maps nor a checkpoint" in words(at)
    RunFolder(path).write_status(state="cancelled")
    at.run()
    assert "was cancelled and left neither" in words(at) and "Resume it on the Runs page" in words(at)
    (path / "checkpoints/best").mkdir(parents=True)
    at.run()
    assert "Score the whole corpus" in labels(at)
    assert f"python -m hrs score {path / 'checkpoints/best'}" in words(at)


def test_a_command_for_a_terminal_can_be_pasted(root, tmp_path, tiny, open_page):
    data = f"folder:{write_frames(tmp_path / 'my frames', 2, seed=1)}"
    path = make_run(root, "bare", data, tiny_config({"source": data, "target": data, "val": data}), scores=False)
    (path / "checkpoints/best").mkdir(parents=True)
    said = next(line for line in words(open_page("weights")).splitlines() if line.startswith("Or in a terminal"))
    command = shlex.split(said.partition("`")[2].rstrip("`"))
    assert command == ["python", "-m", "hrs", "score", str(path / "checkpoints/best"), data]


def test_a_method_without_weights_says_so(root, frames, open_page):
    make_run(root, "joint", frames["source"], tiny_config(frames, "method=joint"), panel=False, scores=False)
    at = open_page("weights")
    assert "Joint training (joint) learns no weights. Choose a run of hrs, hrs_mixing or shuffled" in words(at)
    assert "Score the whole corpus" not in labels(at)


def test_what_is_scored_is_offered_not_demanded(root, frames, tiny, open_page):
    path = make_run(root, "bare", frames["source"], tiny, panel=False, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)

    def offered() -> list[str]:
        found = open_page("weights").selectbox
        return next(each for each in found if each.label == "Synthetic data set to score").options

    assert offered()[0] == f"{frames['source']} · 12 frames"
    time.sleep(0.01)  # settings are read anew where the file is
    (path / "config.yaml").write_text(tiny_config(frames, "data.sources=[folder:/gone]").to_yaml())
    assert offered()[0] == "Frames that come with hrs · 96 frames" and not any("gone" in each for each in offered())


def test_a_run_that_ships_is_scored_as_a_copy(root, tmp_path, frames, tiny, open_page, monkeypatch):
    handed_in = []
    monkeypatch.setattr(LocalQueue, "submit", lambda _, task: handed_in.append(task))
    path = make_run(tmp_path / "checkpoints", "street", frames["source"], tiny, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)
    at = open_page("weights", run="street")
    press(at, "Score the whole corpus")
    (task,) = handed_in
    assert task.path == (root / "street/tasks/score").resolve() and not (path / "tasks").exists()
    assert task.read_order().command == ("score", str(root / "street/checkpoints/best"), frames["source"])
    assert "Scoring: starting." in [bar.text for bar in at.progress]


def test_the_command_for_a_terminal_leaves_a_run_that_ships_as_it_is(root, tmp_path, frames, tiny, open_page):
    path = make_run(tmp_path / "checkpoints", "street", frames["source"], tiny, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)
    said = next(line for line in words(open_page("weights", run="street")).splitlines() if "Or in a terminal" in line)
    command = shlex.split(said.partition("`")[2].rstrip("`"))
    assert command[4:] == [str(path / "checkpoints/best"), frames["source"], "--out", "street_scores"]


def test_frames_of_a_run_that_ships_get_no_tags(root, tmp_path, run, frames, tiny, open_page):
    make_run(tmp_path / "checkpoints", "street", frames["source"], tiny)
    assert "Tags" in [each.label for each in open_page("weights", run="scored", frame="004").multiselect]
    at = open_page("weights", run="street", frame="004")
    assert "**004**" in words(at) and "Tags" not in [each.label for each in at.multiselect]


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


def test_a_page_says_over_what_weights_average_1(run, open_page):
    at = open_page("weights", run="scored")
    assert "weigh 1 on average over this corpus" in words(at)
    corpus = ScoredCorpus.open(run / "scores")
    maps = [(frame.read_maps()["combined"], frame.read_label()) for frame in map(corpus.frame, range(len(corpus)))]
    for label in range(len(corpus.space)):
        assert np.mean(np.concatenate([weights[ids == label] for weights, ids in maps])) == pytest.approx(1, abs=0.01)
    at.segmented_control(key="weights source").set_value("panel").run()
    assert "weigh 1 on average over what training saw of late, not over these few frames" in words(at)


def test_a_tile_has_a_number_for_every_map_and_the_one_that_sorts(run, open_page, monkeypatch):
    sent = {}
    monkeypatch.setattr("app.weights.grid._GRID", lambda *, data, **_: sent.update(data))
    corpus = ScoredCorpus.open(run / "scores")
    open_page("weights", run="scored", map="pixel")
    assert sent["sort"] == {"map": "combined", "title": "Weight of the frame"}
    for tile in sent["tiles"]:
        maps = corpus.frame(corpus.find(tile["id"])).read_maps()
        assert {name: float(said) for name, said in tile["notes"].items()} == pytest.approx(
            {name: each.mean() for name, each in maps.items()}, abs=0.02
        )
        assert tile["sort"] == tile["notes"]["combined"]
    open_page("weights", run="scored", sort="region/mean")
    assert sent["sort"]["map"] == "region"
    open_page("weights", run="scored", sort="region/car")
    assert sent["sort"] == {"map": "", "title": "Region: car"}
    assert [float(tile["sort"]) for tile in sent["tiles"]] == sorted(float(tile["sort"]) for tile in sent["tiles"])


def test_the_grid_counts_sorts_and_filters(run, open_page):
    at = open_page("weights")
    assert "12 of 12 frames" in words(at)
    at.selectbox(key="weights filter by").select("weight").run()
    slider = next(each for each in at.slider if each.label == "Weight of the frame")
    values = ScoredCorpus.open(run / "scores").values("weight")
    slider.set_range(slider.min, 1.0).run()
    assert not at.exception
    assert f"{(values <= 1).sum()} of 12 frames" in words(at)
    assert f"Weight of the frame: hides {(values > 1).sum()} of 12 frames" in words(at)
    assert f"Export {(values <= 1).sum()} frames" in [each.label for each in at.expander]


def test_pages_of_24_start_again_when_the_filter_changes(root, tmp_path, tiny, open_page):
    run = make_run(root, "large", f"folder:{write_frames(tmp_path / 'large', 50, seed=9)}", tiny, panel=False)
    at = open_page("weights")
    assert "50 of 50 frames" in words(at)
    key = f"weights page {run / 'scores'} weight False []"
    assert at.session_state[key] == 1
    at.session_state[key] = 3
    at.run()
    assert at.session_state[key] == 3 and not at.exception
    least = float(ScoredCorpus.open(run / "scores").values("weight").min())
    at.selectbox(key="weights filter by").select("weight").run()
    slider = next(each for each in at.slider if each.label == "Weight of the frame")
    slider.set_range(slider.min, least + 0.01).run()
    assert not at.exception and not at.get("pagination")
    assert f"{(ScoredCorpus.open(run / 'scores').values('weight') <= least + 0.01).sum()} of 50 frames" in words(at)


def test_a_filter_at_full_range_hides_nothing_and_a_missing_class_is_a_choice(root, tmp_path, tiny, open_page):
    folder = write_frames(tmp_path / "some", 8, seed=9)
    run = make_run(root, "some", f"folder:{folder}", tiny, panel=False)
    lacking = lacks_class(run, "combined/car", rows=(1, 2, 5))
    at = open_page("weights")
    at.selectbox(key="weights filter by").select("combined/car").run()
    assert "8 of 8 frames" in words(at)
    choice = at.segmented_control(key="weights without combined/car")
    assert choice.label == f"{lacking} frames without car" and choice.value == "keep"
    choice.set_value("hide").run()
    assert f"{8 - lacking} of 8 frames" in words(at) and f"hides {lacking} of 8 frames: {lacking} without car" in words(
        at
    )
    at.segmented_control(key="weights without combined/car").set_value("only").run()
    assert f"{lacking} of 8 frames" in words(at) and f"hides {8 - lacking} of 8 frames, those that have car" in words(
        at
    )
    next(each for each in at.button if each.label.startswith("Remove the filter")).click().run()
    assert "8 of 8 frames" in words(at) and "filter" not in at.query_params


def lacks_class(run, statistic, rows):
    """Have a corpus lack a statistic of some frames; how many."""
    file = run / "scores/index.parquet"
    table = pq.read_table(file)
    values = [None if row in rows else value for row, value in enumerate(table[statistic].to_pylist())]
    at = table.schema.get_field_index(statistic)
    write_table(file, table.set_column(at, statistic, pa.array(values, pa.float64())))
    return len(rows)


def test_the_address_holds_order_and_filters(run, open_page):
    values = ScoredCorpus.open(run / "scores").values("weight")
    at = open_page("weights", sort="weight", order="highest", filter=["weight:0:1:keep", "nonsense:0:1:keep", "x"])
    assert f"{(values <= 1).sum()} of 12 frames" in words(at)
    assert at.segmented_control(key="weights order").value == "highest"
    assert [each.value.count("is left out") for each in at.warning] == [1, 1]
    at.segmented_control(key="weights order").set_value("lowest").run()
    assert "order" not in at.query_params
    at.selectbox(key="weights sort").select("effective_share").run()
    assert at.query_params["sort"] == "effective_share"


def test_a_tag_that_is_gone_can_be_taken_off_the_filter(run, open_page):
    at = open_page("weights", tag="gone")
    assert "0 of 12 frames" in words(at)
    kept = at.multiselect(key="weights tags kept")
    assert kept.options == kept.value == ["gone"]
    kept.set_value([]).run()
    assert not at.exception and "tag" not in at.query_params and "12 of 12 frames" in words(at)


def test_frames_are_tagged_and_kept_by_tag(run, open_page):
    at = open_page("weights", frame="004")
    tags = Tags(RunFolder(run).tags)
    tags.put("007", ["dark"])
    at.run()
    box = at.multiselect(key="weights tags 004")
    assert box.options == ["dark"] and box.value == []
    box.set_value(["dark"]).run()
    assert tags.read() == {"004": ["dark"], "007": ["dark"]}
    button(at, "All frames").click().run()
    at.multiselect(key="weights tags kept").set_value(["dark"]).run()
    assert "2 of 12 frames" in words(at) and "Tagged dark: hides 10 of 12 frames" in words(at)
    assert at.query_params["tag"] == "dark" or at.query_params["tag"] == ["dark"]


def test_labels_are_not_pruned_without_a_threshold(run, open_page):
    at = open_page("weights")
    at.radio(key="weights mode").set_value("labels").run()
    assert "Raise the threshold" in words(at)
    assert button(at, "Write data set").disabled


def test_sorting_by_a_class_asks_which(run, open_page):
    at = open_page("weights")
    at.selectbox(key="weights sort").select("region/").run()
    classes = next(each for each in at.selectbox if each.label == "Class")
    assert classes.options == ["sky", "road", "car", "tree"]
    classes.select("region/car").run()
    at.query_params["frame"] = "000"
    at.run()
    order = ScoredCorpus.open(run / "scores").select(sort="region/car").tolist()
    assert f":gray[{order.index(0) + 1} of 12]" in words(at)


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


def test_the_pruned_data_set_is_written_with_progress_and_can_be_opened(run, tmp_path, open_page):
    at = open_page("weights", threshold="0.8")
    at.radio(key="weights mode").set_value("labels").run()
    assert "Pixels below the threshold of 0.80" in words(at)
    at.text_input(key="weights out scored").set_value(str(tmp_path / "pruned")).run()
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.success)
    assert f"12 frames in {tmp_path / 'pruned'}" in words(at)
    assert at.code[0].value == f"folder:{tmp_path / 'pruned'}"
    assert len(open_dataset(at.code[0].value)) == 12
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.error)
    assert "Nothing was written" in at.error[0].value and "exists" in at.error[0].value


def test_a_copy_that_ends_while_the_page_is_drawn_leaves_no_button_waiting(run, tmp_path, open_page, monkeypatch):
    at = open_page("weights")
    at.text_input(key="weights out scored").set_value(str(tmp_path / "pruned")).run()
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.success)
    answers = [True]
    monkeypatch.setattr(Task, "active", lambda _: bool(answers) and answers.pop())
    at.run()
    assert not answers and at.success and not button(at, "Write data set").disabled


def test_the_frames_to_copy_are_listed_without_opening_any(run, monkeypatch):
    handed_in = []
    monkeypatch.setattr(LocalQueue, "submit", lambda _, task: handed_in.append(task))
    corpus = ScoredCorpus.open(run / "scores")
    selection = Selection(rows=corpus.select()[::-1], sort="weight", name="all")
    monkeypatch.setattr(ScoredCorpus, "frame", None)
    lens = Lens(level="combined", opacity=1, threshold=0.8)
    start_copying(RunFolder(run), corpus, selection, "frames", lens, run / "pruned")
    assert "--threshold" not in handed_in[0].read_order().command  # which whole frames know nothing of
    assert (handed_in[0].path / "frames.txt").read_text().split() == [f"{i:03d}" for i in range(12)][::-1]


def test_launch_opens_with_what_was_written_in_place_of_the_runs_own_frames(run, tmp_path, open_page):
    at = open_page("weights")
    at.text_input(key="weights out scored").set_value(str(tmp_path / "fewer")).run()
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.success)
    button(at, "Open in Launch").click().run()
    assert not at.exception and at.title[0].value == "Launch"
    assert at.session_state[forms.KEY + "data.sources"] == f"folder:{tmp_path / 'fewer'}"
    assert at.session_state[forms.KEY + "data.width"] == str(load_config(run / "config.yaml").data.width)


def test_launch_keeps_the_sources_that_were_not_scored(root, frames, tmp_path, open_page):
    config = tiny_config(frames, f"data.sources=['{frames['source']}', '{frames['val']}']", "data.classes={car: tree}")
    make_run(root, "scored", frames["source"], config)
    at = open_page("weights")
    at.text_input(key="weights out scored").set_value(str(tmp_path / "fewer")).run()
    button(at, "Write data set").click().run()
    wait_for(at, lambda: at.success)
    button(at, "Open in Launch").click().run()
    copy = f"folder:{tmp_path / 'fewer'}"
    assert not at.exception and at.session_state[forms.KEY + "data.sources"] == f"{copy}\n{frames['val']}"
    assert yaml.safe_load(at.session_state[forms.KEY + "data.classes"]) == {"*": {"car": "tree"}, copy: {}}


def test_scoring_starts_detached_and_says_why_it_failed(root, frames, tiny, open_page):
    path = make_run(root, "bare", frames["source"], tiny, scores=False)
    (path / "checkpoints/best").mkdir(parents=True)  # and nothing in it
    at = open_page("weights")
    button(at, "Score the whole corpus").click().run()
    assert not at.exception
    wait_for(at, lambda: at.error)
    assert at.error[0].value.startswith("Scoring stopped: no checkpoint")


def test_scoring_shows_how_far_it_is_and_can_be_cancelled(root, frames, tiny, open_page):
    folder = RunFolder(make_run(root, "bare", frames["source"], tiny, scores=False))
    task = Task.create(folder.tasks / "score", ["score", "bare"], out=folder.scores.path)
    at = open_page("weights")
    assert at.progress[0].text == "Scoring: starting."

    def work():
        with task.at_work():
            Teller(task)(7, 12)
            at.run()
            assert at.progress[0].text == "Scoring: 7 of 12 frames." and at.progress[0].value == 58
            assert "Score the whole corpus" not in labels(at)
            button(at, "Cancel").click().run()
            Teller(task)(8, 12)

    with pytest.raises(HRSError, match="task score was cancelled"):
        work()
    at.run()
    assert "Scoring was cancelled after 7 frames" in words(at)


def test_scoring_twice_at_once_is_one_line(root, frames, tiny, open_page):
    folder = RunFolder(make_run(root, "bare", frames["source"], tiny, scores=False))
    folder.best.mkdir(parents=True)
    Task.create(folder.tasks / "score", ["score", "bare"], out=folder.scores.path)
    with pytest.raises(HRSError, match="task score is queued"):
        start_scoring(folder)
