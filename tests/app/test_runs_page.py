"""The Runs page with no run, one and many: what is selected, what is drawn, what can be done."""

import json
import shutil

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import context
from hrs.errors import HRSError
from hrs.launch.queue import LocalQueue
from hrs.pictures import write_picture
from hrs.runs import registry
from hrs.runs.folder import RunFolder
from hrs.runs.status import KILLED
from hrs.runs.work import cancel
from tests.app.conftest import button, labels, press, words
from tests.app.made_runs import make_run, make_runs, training_row
from tests.damage import DAMAGES


def asked(at: AppTest) -> list[str]:
    """The runs in the address."""
    found = at.query_params["run"]
    return [found] if isinstance(found, str) else list(found)


def charts(at: AppTest) -> list[str]:
    return [each.key for each in at.get("plotly_chart")]


def score_on(run: RunFolder, spec: str, images: list[str]) -> None:
    """Record what a run was scored on."""
    surveys = [
        {"role": role, "spec": spec, "frames": count, "classes": {}}
        for role, count in (("target", 5), ("validation", len(images)))
    ]
    run.write_data({"data_sets": surveys, "target": ["1"], "validation": images, "held_out": None})


def kill(run: RunFolder) -> None:
    """As kill -9 leaves it: the status says running, the process is gone."""
    stored = json.loads(run.status.read_text())
    run.status.write_text(
        json.dumps({**stored, "state": "running", "pid": 2**22 - 1, "pid_started": 1.0, "host": None})
    )


def test_the_newest_run_is_shown_first(root, open_page):
    make_run(root, "a")
    at = open_page("runs")
    assert asked(at) == ["a"]
    assert charts(at) == [f"runs curve {name}" for name in ("mIoU", "loss", "effective_share", "learning_rate")]


def test_a_page_that_opens_shows_the_run_in_its_address_and_asks_nothing(root, open_page):
    """Such as the one that was just started, in a tab that looked at others before."""
    for name in ("a", "b"):
        make_run(root, name)
    at = open_page("runs", run="a")
    press(at, "Delete")
    assert "Delete for good" in str(labels(at))
    at.query_params["run"] = "b"
    at.session_state[context._OPENED] = True  # as the dashboard says when another page is drawn than before
    at.run()
    assert asked(at) == ["b"] and "Delete for good" not in str(labels(at))
    at.query_params["run"] = "a"
    at.run()
    assert asked(at) == ["b"]  # an address that comes late, of a page that stays


def test_runs_named_in_the_address_are_drawn_over_each_other(root, open_page):
    for name in ("a", "b", "c"):
        make_run(root, name)
    at = open_page("runs", run=["a", "c"])
    assert "2 runs selected" in words(at)
    assert button(at, "Rename").disabled and not button(at, "Delete").disabled


def test_what_a_run_was_scored_on_is_said_and_that_others_do_not_compare(root, open_page):
    score_on(make_run(root, "a"), "camvid:/data/camvid-all?split=val", ["1", "2"])
    score_on(make_run(root, "b"), "camvid:/data/camvid-all?split=val", ["1", "2"])
    score_on(make_run(root, "c"), "folder:/data/photos?split=val", ["1"])
    make_run(root, "old")  # of which no record says
    at = open_page("runs", run=["a", "b", "old"])
    table = at.dataframe[0].value.set_index("name")
    assert table.loc["a", "scored"] == "camvid-all val, 2 images" and table.loc["c", "scored"] == "photos val, 1 image"
    assert "scored" in at.dataframe[0].proto.column_order and table.loc["old", "scored"] == "render:camera"
    assert "different images" not in words(at)
    for view in ("Curves", "Classes"):
        said = words(open_page("runs", run=["a", "b", "c"], view=view))
        assert "Scored on different images: do not compare heights" in said
        assert "c on photos val, 1 image; b and a on camvid-all val, 2 images." in said
    assert "different images" not in words(open_page("runs", run=["a", "c"], view="Log"))


def test_a_score_of_a_run_that_ships_says_that_it_is_of_the_clip_it_learned_from(root, tmp_path, open_page):
    score_on(make_run(tmp_path / "checkpoints", "street"), "camvid:/data/camvid-all?split=val", ["1", "2"])
    at = open_page("runs", run="street")
    table = at.dataframe[0].value.set_index("name")
    assert table.loc["street", "scored"] == "its training clip, camvid-all val, 2 images"
    for view in ("Curves", "Classes"):
        assert "street was scored on the clip that" in words(open_page("runs", run="street", view=view))
    shutil.copytree(tmp_path / "checkpoints" / "street", root / "own")
    assert "own was scored on the clip that" in words(open_page("runs", run="own", view="Curves"))
    make_run(root, "another", "seed=7")
    assert "the clip that" not in words(open_page("runs", run="another", view="Curves"))


def test_an_image_that_a_run_was_not_validated_on_is_called_so(root, open_page):
    for name, image in (("a", "one"), ("b", "two")):
        score_on_image(make_run(root, name), image)
    said = words(open_page("runs", run=["a", "b"], view="Pictures"))
    assert "is not among its validation pictures." in said and "nothing was drawn" not in said


def score_on_image(run: RunFolder, image: str) -> RunFolder:
    for step in run.preview_steps("val"):
        run.write_preview_scores(step, {image: 50.0})
    score_on(run, f"folder:/data/{image}?split=val", [image])
    return run


def welcomed(at: AppTest) -> bool:
    """Whether what this is stands above all else on the page."""
    kinds = [each.type for each in at.main.children.values()]
    return "bidi_component" in kinds[:2]


def test_what_this_is_stands_above_on_a_first_visit_alone(root, tmp_path, open_page):
    make_run(tmp_path / "checkpoints", "street")
    assert welcomed(open_page("runs"))
    assert not welcomed(open_page("runs", run="street"))
    make_run(root, "mine")
    assert not welcomed(open_page("runs"))


def test_the_runs_of_studies_are_one_click_away(root, open_page):
    make_run(root, "a")
    make_run(root / "studies" / "few", "joint-0")
    at = open_page("runs")
    assert "The runs of one study are not in this list" in words(at) and at.dataframe[0].value["name"].tolist() == ["a"]
    assert [each.label for each in at.page_link] == ["Study few"]


def test_select_none(root, open_page):
    make_run(root, "a")
    make_run(root, "b")
    at = open_page("runs", run=["a", "b"])
    press(at, "Select none")
    assert "Select one or more runs" in words(at) and not charts(at)


def test_an_unknown_name_in_the_address_is_said_with_near_ones(root, open_page):
    make_run(root, "a")
    make_run(root, "hrs-1")
    at = open_page("runs", run="hrs-2")
    assert "There is no run called hrs-2." in words(at) and "Select one or more runs" in words(at)
    press(at, "Open hrs-1")
    assert charts(at) and "There is no run" not in words(at)


CLASS_WEIGHTS = ("runs class weights a", "runs class weights b")


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("Classes", ["runs classes", "runs confusion a", "runs confusion b"]),
        ("Weights", [*(f"runs weights {name}_share" for name in ("effective", "loss")), *CLASS_WEIGHTS]),
    ],
)
def test_tabs_draw_the_selected_runs(root, open_page, view, expected):
    make_run(root, "a")
    make_run(root, "b")
    assert sorted(charts(open_page("runs", run=["a", "b"], view=view))) == sorted(expected)


def test_pictures_of_all_runs_follow_one_step_slider(root, open_page):
    make_run(root, "a")
    make_run(root, "b")
    at = open_page("runs", run=["a", "b"], view="Pictures")
    assert captions(at) == ["a, step 100", "b, step 100"]
    at.select_slider[0].set_value(50).run()
    assert captions(at) == ["a, step 50", "b, step 50"]


def test_weights_that_acted_otherwise_than_they_are_drawn_say_so(root, open_page):
    drawn = "draws frames by their image weight"
    for name, settings in (
        ("plain", "seed=0"),
        ("wrong", "method=shuffled"),
        ("drawn", "selection.image_acts=sampling"),
    ):
        run = make_run(root, name, settings)
        for step in (50, 100):
            run.preview("val", step).unlink()
    said = words(open_page("runs", run=["plain", "wrong", "drawn"], view="Pictures"))
    assert f"drawn {drawn}, which multiplies no loss" in said and said.count(drawn) == 1
    assert "wrong is a control: the weights of hrs in the wrong places" in said and said.count("control") == 1
    curves = words(open_page("runs", run=["plain", "wrong", "drawn"], view="Weights"))
    assert f"drawn {drawn}: these curves do not show how often" in curves and curves.count(drawn) == 1


def test_predictions_stand_side_by_side_with_their_iou(root, open_page):
    a, b = make_run(root, "a"), make_run(root, "b")
    for run, high in ((a, 30.0), (b, 40.0)):
        for step in (50, 100):
            write_picture(run.preview("val", step), np.full((22 + 2 * 24, 96, 3), step, np.uint8))
            run.write_preview_scores(step, {"first": high + step / 100, "second": None})
    at = open_page("runs", run=["a", "b"], view="Pictures")
    assert captions(at) == [
        "Image",
        "Label",
        *["Step 100, IoU 31.0", "Step 100, IoU 41.0"],
        *["Step 50, IoU 30.5", "Step 50, IoU 40.5"],
    ]
    at.selectbox(key="runs image").set_value("second").run()
    next(each for each in at.multiselect if each.label == "Steps").set_value([100]).run()
    assert captions(at) == ["Image", "Label", "Step 100, nothing to score", "Step 100, nothing to score"]
    bare = make_run(root, "bare")
    for step in (50, 100):
        bare.preview("val", step).unlink()
    at = open_page("runs", run=["a", "bare"], view="Pictures")
    assert "Step 100, IoU 31.0" in captions(at) and "It has no pictures of its predictions." in words(at)
    b.preview_scores(50).unlink()
    b.preview_scores(100).write_text("[")
    assert "a, step 100" in captions(open_page("runs", run=["a", "b"], view="Pictures"))


def test_images_of_one_name_from_two_data_sets_are_two_images(root, open_page):
    for name, image in (("a", "1"), ("b", "2")):
        run = make_run(root, name)
        score_on(run, f"folder:{name}", [image])
        write_picture(run.preview("val", 100), np.full((22 + 24, 96, 3), 9, np.uint8))
        run.write_preview_scores(100, {"first": 30.0})
        run.preview("val", 50).unlink()
    at = open_page("runs", run=["a", "b"], view="Pictures")
    assert sorted(captions(at)) == sorted(2 * ["Image", "Label", "Step 100, IoU 30.0"])
    assert "Scored on different images" in words(at)


def test_pictures_that_are_not_there_are_explained(root, tmp_path, open_page):
    ships = make_run(tmp_path / "checkpoints", "street")
    for step in ships.preview_steps("val"):
        ships.preview("val", step).unlink()
    at = open_page("runs", run="street", view="Pictures")
    assert at.segmented_control(key="runs pictures").value == "Weights" and at.image
    at.segmented_control(key="runs pictures").set_value("Predictions").run()
    assert "street comes with hrs without its predictions" in words(at)


def test_columns_are_chosen_settings_among_them(root, open_page):
    make_run(root, "a", "train.learning_rate=0.005")
    at = open_page("runs", run="a")
    at.multiselect(key="runs columns").set_value(["state", "train.learning_rate", "notes"]).run()
    assert at.dataframe[0].value["train.learning_rate"].tolist() == ["0.005"]
    assert list(at.dataframe[0].proto.column_order) == ["name", "state", "train.learning_rate", "notes"]


def test_every_column_is_offered_once(root, open_page):
    make_run(root, "a")
    offered = open_page("runs").multiselect(key="runs columns").options
    assert len(set(offered)) == len(offered) and "Method" in offered


def test_no_two_curves_look_the_same_after_many_were_selected(root, open_page):
    make_runs(root, 30)
    at = open_page("runs", run=[f"run-{i}" for i in range(30)])
    for runs in (["run-0", "run-21"], ["run-29", "run-8"]):
        at.query_params["run"] = runs
        at.session_state[context._OPENED] = True
        at.run()
        lines = [trace["line"] for trace in json.loads(at.get("plotly_chart")[0].proto.spec)["data"]]
        assert len(lines) == 2 and len({(line["color"], line["dash"]) for line in lines}) == 2


def test_weights_that_were_never_a_number_are_not_drawn(root, open_page):
    run = make_run(root, "a")
    run.metrics.unlink()
    run.append_metrics(training_row(10, class_weight=[None, None, None]))
    assert "a: no weights by class were recorded" in words(open_page("runs", run="a", view="Weights"))


def test_notes_are_kept_with_the_run(root, open_page):
    run = make_run(root, "a")
    at = open_page("runs", run="a")
    at.text_area[0].input("The one for the paper_1\nsecond line").run()
    assert run.read_notes() == "The one for the paper_1\nsecond line"
    assert "Notes: The one for the paper_1" in [fold.label.replace("\\", "") for fold in at.expander]


def test_notes_that_another_tab_wrote_are_not_lost(root, open_page):
    run = make_run(root, "a")
    first, second = open_page("runs", run="a"), open_page("runs", run="a")
    first.text_area[0].input("three hours of thoughts").run()
    second.text_input(key="runs filter").input("a").run()
    assert run.read_notes() == "three hours of thoughts"
    second.text_area[0].input("a line more").run()
    assert run.read_notes() == second.text_area[0].value == "three hours of thoughts\n\na line more"
    second.text_area[0].input("shorter").run()
    assert run.read_notes() == "shorter"


def captions(at: AppTest) -> list[str]:
    return sorted(text.replace("\\", "") for each in at.image for text in each.captions)


def test_settings_show_where_runs_differ(root, open_page):
    make_run(root, "a", "method=joint")
    make_run(root, "b", "method=mixing")
    at = open_page("runs", run=["a", "b"], view="Settings")
    differ = at.dataframe[1].value
    assert differ.index.tolist() == ["method"] and differ.loc["method"].to_dict() == {
        "Setting": "Method",
        "a": "joint",
        "b": "mixing",
    }


def test_of_a_setting_that_one_run_lacks_nothing_is_said(root, open_page):
    make_run(root, "a", "data.classes={crate: ignore}")
    make_run(root, "b")
    differ = open_page("runs", run=["a", "b"], view="Settings").dataframe[1].value
    assert differ.loc["data.classes.*.crate"].tolist()[1:] in (["ignore", ""], ["", "ignore"])


def test_the_log_is_shown(root, open_page):
    make_run(root, "a")
    assert "step 100/100 loss 1.1" in words(open_page("runs", run="a", view="Log"))


def test_a_log_opens_at_its_newest_lines(root, open_page):
    make_run(root, "a").log.write_text("".join(f"line {i}\n" for i in range(200)))
    at = open_page("runs", run="a", view="Log")
    newest, before = (each.value.splitlines() for each in at.code)
    assert newest == [f"line {i}" for i in range(185, 200)] and before == [f"line {i}" for i in range(185)]
    assert "185 lines before" in [fold.label for fold in at.expander]
    RunFolder(root / "a").log.write_text("".join(f"line {i}\n" for i in range(16)))
    assert "1 line before" in [fold.label for fold in at.run().expander]


def test_a_filter_among_two_hundred_runs(root, open_page):
    make_runs(root, 200)
    at = open_page("runs", run="run-7")
    at.text_input(key="runs filter").set_value("joint run-19").run()
    assert sorted(at.dataframe[0].value["name"]) == ["run-19", "run-191", "run-193", "run-195", "run-197", "run-199"]
    assert "6 of 200 runs" in words(at)
    assert asked(at) == ["run-7"]  # still selected, though it is filtered away


def test_a_killed_run_is_reported_with_its_last_lines(root, open_page):
    kill(make_run(root, "a"))
    at = open_page("runs", run="a")
    assert at.error[0].value.replace("\\", "") == f"**a** failed: {KILLED}"
    assert "step 100/100 loss 1.1" in words(at)
    assert not button(at, "Resume").disabled and button(at, "Cancel").disabled


def test_a_run_at_work_says_what_it_is_at(root, open_page):
    make_run(root, "a").write_status(state="running", phase={"what": "rendering", "done": 7, "total": 40})
    at = open_page("runs", run="a")
    assert at.dataframe[0].value["doing"].tolist() == ["rendering 7/40"]
    (bar,) = at.get("progress")
    assert bar.proto.text == "**a**: rendering 7/40" and bar.proto.value == 17


def test_what_a_run_is_at_pushes_no_score_out_of_the_table_and_shows_the_time_left(root, open_page):
    make_run(root, "a").write_status(state="running", step=1200, steps=40_000, eta=5000.0)
    at = open_page("runs", run="a")
    order = list(at.dataframe[0].proto.column_order)
    assert order.index("doing") > max(order.index("best"), order.index("last"))
    assert at.dataframe[0].value["doing"].tolist() == ["1,200/40,000, 1 h 23 min left"]
    (bar,) = at.get("progress")
    assert bar.proto.text == "**a**: training 1,200/40,000, 1 h 23 min left"


def test_cancel(root, open_page):
    run = make_run(root, "a")
    run.write_status(state="queued")
    at = open_page("runs", run="a")
    press(at, "Cancel")
    assert run.read_status().state == "cancelled"


def test_resume_queues_the_run_again(root, open_page, monkeypatch):
    kill(make_run(root, "a"))
    resumed = []
    monkeypatch.setattr(LocalQueue, "resume", lambda _, run: resumed.append(run.name))
    press(open_page("runs", run="a"), "Resume")
    assert resumed == ["a"]


def test_an_action_that_fails_says_why(root, open_page, monkeypatch):
    kill(make_run(root, "a"))

    def refuse(_, run):
        raise HRSError("no room left on the device; free some")

    monkeypatch.setattr(LocalQueue, "resume", refuse)
    at = open_page("runs", run="a")
    press(at, "Resume")
    assert "no room left" in words(at)


def test_runs_that_end_as_they_are_cancelled_hold_up_no_other(root, open_page, monkeypatch):
    runs = [make_run(root, name) for name in "abc"]
    for run in runs:
        run.write_status(state="queued")

    def ends_first(_, run):
        if run.name == "b":
            run.write_status(state="finished")
        cancel(run)

    monkeypatch.setattr(LocalQueue, "cancel", ends_first)
    at = open_page("runs", run=["a", "b", "c"])
    press(at, "Cancel")
    assert [run.read_status().state for run in runs] == ["cancelled", "finished", "cancelled"]
    assert "Stopping c, b, a" in words(at) and "only a queued" not in words(at)


@pytest.mark.parametrize("presses", [["Resume"], ["Delete", ":red[Delete for good]"]])
def test_what_cannot_be_done_with_one_run_is_done_with_the_others(root, open_page, monkeypatch, presses):
    for name in "abc":
        kill(make_run(root, name))
    done = []

    def act(run):
        if run.name == "b":
            raise HRSError("run b is locked")
        done.append(run.name)

    monkeypatch.setattr(LocalQueue, "resume", lambda _, run: act(run))
    monkeypatch.setattr(registry, "delete", act)
    at = open_page("runs", run=["a", "b", "c"])
    for label in presses:
        press(at, label)
    assert sorted(done) == ["a", "c"] and "run b is locked" in words(at)


def test_delete_asks_first(root, open_page):
    run = make_run(root, "a")
    make_run(root, "b")
    at = open_page("runs", run="a")
    press(at, "Delete")
    assert run.exists() and "cannot be undone" in words(at)
    press(at, "Keep")
    assert run.exists() and "cannot be undone" not in words(at)
    press(at, "Delete")
    press(at, ":red[Delete for good]")
    assert not run.path.exists() and at.dataframe[0].value["name"].tolist() == ["b"]


def test_delete_says_what_stays_and_how_much_goes(root, tmp_path, open_page):
    make_run(tmp_path / "checkpoints", "street")
    gone = make_run(root, "a")
    (gone.path / "large.bin").write_bytes(bytes(3_000_000))
    make_run(root, "live").write_status(state="running")
    at = open_page("runs", run=["a", "live", "street"])
    press(at, "Delete")
    said = words(at)
    assert "Delete **a** with checkpoints, metrics and pictures, 3.0 MB on disk?" in said
    assert "street stays: it comes with hrs." in said and "live stays: it is running; cancel it first." in said


def test_rename(root, open_page):
    make_run(root, "a")
    make_run(root, "taken")
    at = open_page("runs", run="a")
    press(at, "Rename")
    field = next(each for each in at.text_input if each.label == "New name")
    field.set_value(" ").run()
    press(at, "Rename run")
    assert "Give the run a name." in words(at)
    next(each for each in at.text_input if each.label == "New name").set_value("taken").run()
    press(at, "Rename run")
    assert "exists" in words(at)
    next(each for each in at.text_input if each.label == "New name").set_value("fresh").run()
    press(at, "Rename run")
    assert (root / "fresh").is_dir() and not (root / "a").exists()
    assert asked(at) == ["fresh"]


def test_shipped_runs_cannot_be_changed(root, open_page, tmp_path):
    make_run(tmp_path / "checkpoints", "street")
    at = open_page("runs", run="street")
    disabled = {each.label for each in at.button if each.disabled}
    assert disabled >= {"Cancel", "Resume", "Rename", "Delete"}
    assert charts(at)


def test_clone_opens_the_form_with_the_runs_settings(root, open_page):
    make_run(root, "a", "method=joint")
    at = open_page("runs", run="a")
    press(at, "Clone")
    assert at.title[0].value == "Launch"
    assert "joint" in [each.value for each in at.selectbox]


def test_damaged_runs_take_no_other_down(root, open_page):
    make_run(root, "sound")
    names = [f"run-{i}" for i in range(len(DAMAGES))]
    for name, damage in zip(names, DAMAGES.values(), strict=True):
        damage(make_run(root, name))
    for first in range(0, len(names), 11):
        for view in ("Curves", "Classes", "Pictures"):
            chosen = ["sound", *names[first : first + 11]]
            at = open_page("runs", run=chosen, view=view)
            assert {"sound", *names} == set(at.dataframe[0].value["name"])
            assert view != "Classes" or "runs confusion sound" in charts(at)
    at = open_page("weights", run=names[-1])
    assert "is damaged" in words(at) or "cannot be read" in words(at) or "older version" in words(at)


def test_what_is_damaged_is_said_of_that_run(root, open_page):
    make_run(root, "sound")
    DAMAGES["a byte behind results.csv"](make_run(root, "hurt"))
    DAMAGES["no text in metrics"](RunFolder(root / "hurt"))
    said = words(open_page("runs", run=["sound", "hurt"]))
    assert "hurt: " in said.replace("*", "") and "results.csv is damaged (no text from byte" in said
    assert "hurt: 1 damaged line of metrics.jsonl left out." in said and "sound: 1 damaged" not in said
