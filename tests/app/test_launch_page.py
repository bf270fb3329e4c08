"""The Launch page: where its values come from, what it finds out before the start, and what it starts."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.environment import ON_VARIABLE
from app.launch import before, forms, jobs, place
from app.launch.jobs import Job
from hrs.config import load_config
from hrs.launch import queue
from hrs.launch.launcher import launcher
from hrs.runs.folder import RunFolder
from hrs.runs.names import STUDIES
from hrs.runs.registry import list_runs, study_folders
from hrs.study.plan import load_study, plan
from hrs.study.table import Estimate
from hrs.trial.findings import ALIKE, LIGHT, PHOTOS, WEIGHTED, Findings, Way, uses
from tests.app.conftest import button, labels, press, wait_for, words
from tests.app.made_runs import make_run
from tests.data.files import write_classes, write_streets


@pytest.fixture(autouse=True)
def _only_queued(monkeypatch):
    monkeypatch.setattr(queue, "_spawn", lambda run, ticket, share: None)  # the queue alone is of interest here


def said(at: AppTest) -> str:
    """The error, as it is read."""
    return at.error[0].value.replace("\\", "")


def test_the_page_opens_on_the_built_in_example(open_page):
    at = open_page("launch")
    assert at.text_area(key="config.data.sources").value == "render:synthetic?frames=160"
    assert button(at, "Start") and not at.error


def test_a_preset_fills_the_form(open_page):
    at = open_page("launch")
    names = at.selectbox(key="launch choice").options
    assert names[0] == "The built-in example"
    assert names[1:] == [
        "CARLA and CamVid",
        "GTA5 and Cityscapes",
        "Own folders",
        "The model that ships",
        "SYNTHIA and Cityscapes",
    ]
    at.selectbox(key="launch choice").set_value("gta5-cityscapes").run()
    assert at.text_input(key="config.data.target").value == "cityscapes:/data/cityscapes"
    assert at.text_input(key="config.train.learning_rate").value == "6e-05"
    assert "24,966 game frames" in words(at)


def test_a_run_is_cloned_into_the_form(root, open_page):
    make_run(root, "mine", "seed=7", "data.n_real=null")
    at = open_page("launch", clone="mine")
    assert at.text_input(key="config.seed").value == "7"
    assert at.text_input(key="config.data.n_real").value == ""
    assert "Filled from run mine." in at.info[0].value and "clone" not in at.query_params
    at.text_input(key="config.seed").input("3").run()
    assert at.text_input(key="config.seed").value == "3" and not at.info


def test_a_form_whose_fields_come_back_empty_shows_what_it_held(root, open_page):
    """As Streamlit gives them where a field of a page that was left speaks late."""
    make_run(root, "mine", "seed=7", "method=joint")
    at = open_page("launch", clone="mine")
    at.text_input(key="launch name").input("next").run()
    for leaf in forms.leaves():
        if leaf.number:
            at.session_state[leaf.key] = ""
    at.session_state["launch name"] = ""
    at.run()
    assert at.text_input(key="config.seed").value == "7" and at.text_input(key="launch name").value == "next"
    assert "seed=7" in at.query_params["set"] and not at.error


def test_a_run_that_is_not_there_is_not_cloned(open_page):
    assert "There is no run named nobody" in open_page("launch", clone="nobody").info[0].value


def test_a_file_fills_the_form(open_page):
    at = open_page("launch")
    at.file_uploader(key="launch file").set_value(("mine.yaml", b"seed: 5\ndata: {n_real: 3}", "text/yaml")).run()
    assert at.text_input(key="config.seed").value == "5" and "Filled from mine.yaml." in at.info[0].value
    at.file_uploader(key="launch file").set_value(("bad.yaml", b"sead: 5", "text/yaml")).run()
    assert "unknown key sead; did you mean seed?" in at.info[0].value
    assert at.text_input(key="config.seed").value == "5"
    at.file_uploader(key="launch file").set_value(("../../bad.yaml", b"a: [", "text/yaml")).run()
    assert at.info[0].value.startswith("config bad.yaml is not valid YAML")


def test_a_name_is_gone_from_the_form_once_a_run_has_it(root, open_page, frames):
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(frames["source"])
    at.text_input(key="launch name").input("mine").run()
    button(at, "Start").click().run()
    at.switch_page("pages/launch.py").run()
    assert at.text_input(key="launch name").value == "" and not at.error
    assert at.text_area(key="config.data.sources").value == frames["source"]


def test_a_folder_without_a_format_is_not_checked_as_if_a_run_could_take_it(open_page, frames):
    at = open_page("launch")
    at.text_input(key="config.data.target").input(frames["target"].partition(":")[2]).run()
    press(at, "Check the data")
    assert "launch checked" not in at.session_state and len(at.error) == 2


def test_start_queues_the_run_that_the_form_shows(root, open_page, frames):
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(frames["source"])
    at.text_input(key="config.train.steps").input("7")
    at.text_input(key="launch name").input("mine").run()
    button(at, "Start").click().run()
    config = load_config(RunFolder(root / "mine").config)
    assert config.train.steps == 7 and config.data.sources == (frames["source"],)
    assert launcher().waiting() == ((root / "mine").resolve(),)
    assert not at.exception and at.query_params["run"] in ("mine", ["mine"])


@pytest.fixture
def looked(monkeypatch) -> list[str]:
    """Grows with every drawing of the part of the page that looks again every second while a check goes on."""
    found: list[str] = []
    monkeypatch.setattr(before, "draw", lambda config: found.append(config.method))
    return found


def test_a_start_leaves_before_anything_is_drawn_that_is_looked_at_again(root, open_page, frames, looked):
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(frames["source"])
    at.text_input(key="launch name").input("mine").run()
    count = len(looked)
    assert count
    press(at, "Start")
    assert at.title[0].value == "Runs" and RunFolder(root / "mine").exists()
    assert len(looked) == count


@pytest.mark.parametrize(("baselines", "page"), [(False, "Runs"), (True, "Compare")])
def test_a_double_click_starts_once(root, open_page, frames, monkeypatch, baselines, page):
    monkeypatch.setattr(queue, "_spawn", lambda *_: None)
    ordinary = st.button

    def clicked_twice(label, *, on_click=None, args=(), **options):
        """The second click comes before the page is drawn anew."""
        twice = (lambda *given: (on_click(*given), on_click(*given))) if label == "Start" else on_click
        return ordinary(label, on_click=twice, args=args, **options)

    monkeypatch.setattr(st, "button", clicked_twice)
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(frames["source"])
    at.text_input(key="config.data.target").input(frames["target"])
    at.checkbox(key="launch baselines").set_value(baselines).run()
    press(at, "Start")
    assert at.title[0].value == page
    assert len(list_runs(root)) + len(study_folders(root)) == 1


def test_what_is_typed_with_the_start_counts(root, open_page, frames):
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(frames["source"]).run()
    at.text_input(key="launch name").input("mine")
    at.text_input(key="config.train.steps").input("none")
    press(at, "Start")
    assert "steps is 'none'; expected a whole number" in said(at) and not list_runs(root)
    at.text_input(key="config.train.steps").input("9").run()
    at.text_input(key="config.train.steps").input("8")
    press(at, "Start")
    assert load_config(RunFolder(root / "mine").config).train.steps == 8


def test_a_preset_can_be_taken_back_and_chosen_again(open_page):
    at = open_page("launch")
    at.text_input(key="config.train.steps").input("77").run()
    for _ in range(2):
        at.selectbox(key="launch choice").set_value("demo").run()
        assert at.text_input(key="config.train.steps").value != "77"
        assert "Filled from The built-in example, in place of what stood here." in at.info[0].value
        press(at, "Take back what stood there")
        assert at.text_input(key="config.train.steps").value == "77" and "Take back what stood there" not in labels(at)
    at.selectbox(key="launch choice").set_value("demo").run()
    at.text_input(key="config.train.steps").input("78").run()
    assert "Take back what stood there" not in labels(at), "which would take that with it"


@pytest.mark.parametrize("left", [False, True])
def test_a_clone_and_a_file_can_be_taken_back(root, open_page, left):
    make_run(root, "mine", "seed=7")
    at = open_page("launch")
    at.text_input(key="config.seed").input("77").run()
    if left:
        at.switch_page("pages/runs.py").run()
        at.switch_page("pages/launch.py")
    at.query_params["clone"] = "mine"
    at.run()
    assert at.text_input(key="config.seed").value == "7"
    press(at, "Take back what stood there")
    assert at.text_input(key="config.seed").value == "77" and "The form began with" not in words(at)
    at.file_uploader(key="launch file").set_value(("own.yaml", b"seed: 5", "text/yaml")).run()
    assert at.text_input(key="config.seed").value == "5"
    press(at, "Take back what stood there")
    assert at.text_input(key="config.seed").value == "77" and "Take back what stood there" not in labels(at)


def test_what_filled_the_form_is_said_there_and_after_a_reload(root, open_page):
    make_run(root, "mine", "seed=7")
    at = open_page("launch", clone="mine")
    again = open_page("launch", **{key: at.query_params[key] for key in ("set", "filled")})
    for page in (at, again):
        assert page.selectbox(key="launch choice").proto.placeholder == "Run mine"
        assert "Streets of two domains" not in words(page) and "The form began with run mine." in words(page)
    again.selectbox(key="launch choice").set_value("demo").run()
    assert "Streets of two domains" in words(again) and "filled" not in again.query_params


def test_a_clone_of_what_ships_says_that_its_photos_do_not(tmp_path, open_page):
    make_run(tmp_path / "checkpoints", "street", "data.target=camvid:/no/camvid-all")
    at = open_page("launch", clone="street")
    assert "Its real images, camvid:/no/camvid-all, do not come with hrs" in words(at)
    at.selectbox(key="launch choice").set_value("street").run()
    assert "python -m benchmarks.settings data" in words(at)


def test_where_is_asked_where_there_are_clusters(root, open_page, frames, monkeypatch):
    assert place.KEY not in [box.key for box in open_page("launch").selectbox]
    monkeypatch.setenv(ON_VARIABLE, " 127.0.0.1:1, auto")
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(frames["source"])
    where = at.selectbox(key=place.KEY)
    assert where.options == ["This machine", "Cluster 127.0.0.1:1", "Cluster auto"]
    where.set_value("127.0.0.1:1").run()
    assert "as many at once as it has room for" in words(at)
    for baselines in (False, True):
        at.checkbox(key="launch baselines").set_value(baselines)
        at.text_input(key="launch name").input("mine").run()
        button(at, "Start").click().run()
        assert "no Ray cluster at 127.0.0.1:1" in said(at) and not list_runs(root)
    assert not list((root / STUDIES).iterdir()), "a study that nobody does keeps its name"


def test_a_name_that_is_taken_is_one_line(root, open_page):
    make_run(root, "run-0")
    at = open_page("launch")
    at.text_input(key="launch name").input("run-0").run()
    assert "Name: run run-0 exists" in said(at) and button(at, "Start").disabled


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("-5", "steps is '-5'; expected at least 1"),
        ("many", "steps is 'many'; expected a whole number"),
        ("2.5", "expected a whole number"),
        ("99999999999999999999", "expected at most 1,000,000,000"),
        ("", "steps is empty; expected a whole number"),
    ],
)
def test_a_number_out_of_range_is_said_at_its_field_and_stops_the_start(root, open_page, typed, message):
    at = open_page("launch")
    at.text_input(key="config.train.steps").input(typed).run()
    at_field = [each.value for each in at.markdown if "material/error" in each.value]
    assert len(at_field) == 1 and message in at_field[0].replace("\\", "")
    assert "Steps (`train.steps`): " in said(at) and button(at, "Start").disabled
    at.text_input(key="config.train.steps").input("5").run()
    assert not at.error and not button(at, "Start").disabled


def test_a_field_that_is_folded_away_marks_its_fold(open_page):
    at = open_page("launch")
    at.text_input(key="config.train.clip").input("0").run()
    assert [fold.label for fold in at.expander if fold.icon == ":material/error:"] == ["More training settings"]


@pytest.mark.parametrize(
    ("key", "typed", "message"),
    [
        ("data.target", "folder:/no/such", "the folder /no/such does not exist"),
        ("data.target", "gta7:/data", "unknown format"),
        ("data.target", "render:camera?frames=0", "expected a whole number of at least 1"),
        ("data.val", "images:{photos}", "has no labels"),
        ("data.sources", "render:synthetic?faults=some", "expected planted or none"),
        ("data.space", "cityscapes20", "cityscapes19"),
        ("data.classes", "/no/map.yaml", "/no/map.yaml"),
    ],
)
def test_data_sets_are_checked_when_their_field_is_left(open_page, frames, tmp_path, key, typed, message):
    photos = tmp_path / "photos"
    photos.symlink_to(f"{frames['target'].partition(':')[2]}/images")
    at = open_page("launch")
    field = (at.text_area if key in ("data.sources", "data.classes") else at.text_input)(key=f"config.{key}")
    field.input(typed.format(photos=photos)).run()
    assert message in said(at) and f"(`{key}`)" in said(at) and button(at, "Start").disabled


def test_a_folder_without_format_is_guessed(open_page, frames):
    folder = frames["source"].partition(":")[2]
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(f"render:synthetic?frames=5\n{folder}").run()
    (take,) = [each for each in at.button if each.label.replace("\\", "") == f"Take folder:{folder}"]
    take.click().run()
    assert at.text_area(key="config.data.sources").value.endswith(f"\nfolder:{folder}") and not at.error


def test_an_unknown_network_has_near_ones(open_page):
    at = open_page("launch", set="network.name=segformer-b9")
    assert "did you mean segformer-b" in said(at) and button(at, "Start").disabled
    at.selectbox(key="config.network.name").set_value("compact").run()
    assert "compact has no pretrained weights" in said(at)


def test_what_is_known_is_offered_with_its_cost(root, open_page, frames):
    make_run(root, "a", f"data.sources=[{frames['source']}]", "data.target=folder:/gone")
    at = open_page("launch")
    networks = at.selectbox(key="config.network.name").options
    assert "segformer-b2 · 27.4 M parameters · 7.2x compact's time" in networks
    known = at.selectbox(key="offer data.sources")
    assert f"{frames['source']} · 12 frames" in known.options
    assert not any("gone" in each for each in at.selectbox(key="offer data.target").options)
    known.set_value(frames["source"]).run()
    assert at.text_area(key="config.data.sources").value == f"render:synthetic?frames=160\n{frames['source']}"


def test_the_form_survives_a_reload_mistakes_included(open_page):
    at = open_page("launch")
    at.selectbox(key="launch choice").set_value("own-folders").run()
    at.text_input(key="config.train.steps").input("-5")
    at.multiselect(key="config.selection.levels").set_value(["region"])
    at.checkbox(key="config.network.pretrained").uncheck()
    at.text_input(key="launch name").input("mine").run()
    kept = {key: at.query_params[key] for key in ("preset", "set", "name")}
    again = open_page("launch", **kept)
    assert again.text_input(key="config.train.steps").value == "-5"
    assert again.multiselect(key="config.selection.levels").value == ["region"]
    assert not again.checkbox(key="config.network.pretrained").value
    assert again.text_input(key="config.data.target").value == "folder:/data/photos"
    assert again.text_input(key="launch name").value == "mine"


@pytest.mark.parametrize(
    "entry", ["nonsense", "train.nothing=3", "method=magic", "selection.levels=[", "network.pretrained=3"]
)
def test_nonsense_in_the_address_is_passed_over(open_page, entry):
    at = open_page("launch", set=[entry, "seed=3"], preset="none")
    assert at.text_input(key="config.seed").value == "3" and not at.error


def test_baselines_are_started_with_the_run_as_one_study(root, open_page, frames, monkeypatch):
    monkeypatch.setattr(queue, "_spawn", lambda *_: None)
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(frames["source"])
    at.text_input(key="config.data.target").input(frames["target"])
    at.text_input(key="launch name").input("few")
    at.checkbox(key="launch baselines").check().run()
    assert "12 runs, about 12 times as long as one." in words(at)
    press(at, "Start")
    assert at.title[0].value == "Compare" and "Study: starting." in [bar.proto.text for bar in at.get("progress")]
    assert len(plan(load_study(root / "studies" / "few" / "study.yaml"))) == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": str(2**31 - 1)}, "With baselines: config: seed is 2147483648; expected less"),
        ({"method": "target_only", "data.sources": ""}, "With baselines: config: data.sources is empty"),
    ],
)
def test_baselines_that_cannot_train_are_said_and_stop_the_start(open_page, frames, changes, message):
    at = open_page("launch")
    at.text_input(key="config.data.target").input(frames["target"])
    for key, value in changes.items():
        next(each for each in (*at.text_input, *at.text_area, *at.selectbox) if each.key == f"config.{key}").set_value(
            value
        )
    at.run()
    assert not at.exception and not button(at, "Start").disabled
    at.checkbox(key="launch baselines").check().run()
    assert not at.exception and button(at, "Start").disabled and message in said(at)


def test_values_that_make_no_sense_cannot_be_started(open_page):
    at = open_page("launch")
    at.text_input(key="config.train.ema").input("1.0").run()
    assert "Averaged network (EMA) (`train.ema`): ema is '1.0'; expected less than 1" in said(at)
    assert button(at, "Start").disabled


def test_the_data_check_shows_both_sides(open_page, frames):
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(frames["source"])
    at.text_input(key="config.data.target").input("folder:/no/such/folder").run()
    button(at, "Check the data").click().run()
    wait_for(at, lambda: "12 usable frames" in words(at) and at.error)
    assert "the folder /no/such/folder does not exist" in said(at)
    assert not at.exception


@pytest.fixture
def found(tmp_path, monkeypatch) -> Path:
    """What every estimate finds, without the time it takes."""
    answer, script = tmp_path / "found.json", tmp_path / "python"
    parts = {"rendering": 0.0, "regions": 20.0, "training": 7200.0, "validating": 300.0, "saving": 90.0}
    rest = {"device": "cuda", "parameters": 27_400_000, "seconds_per_step": 0.18, "timed_steps": 33}
    memory = {"memory": 3 << 30, "loaders": 2 << 30, "gpu_memory": 9 << 30}
    answer.write_text(json.dumps({**parts, **rest, **memory, "total": sum(parts.values()), "least": 7590.0}))
    script.write_text(f'#!/bin/sh\n[ "$3 $5" = "estimate --json" ] && cp {answer} "$6"\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return answer


def test_an_estimate_of_nothing_that_takes_time_lists_nothing():
    parts = dict.fromkeys(("rendering", "regions", "training", "validating", "saving", "memory", "loaders"), 0)
    assert "else it does now. Waiting" in before.made_of({**parts, "timed_steps": 3, "device": "cpu"}, current=True)


@pytest.mark.usefixtures("found")
def test_the_estimate_says_what_it_is_made_of(open_page):
    at = open_page("launch")
    button(at, "Estimate time and memory").click().run()
    wait_for(at, lambda: at.metric)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown == {
        "Time": "2 h 6 min to 2 h 7 min",
        "Memory": "3.0 GiB",
        "GPU memory": "9.0 GiB",
        "A step": "0.18 s",
    } | {"Network": "27.4 M"}
    assert "With its loader processes it needs 5.0 GiB at most." in words(at)
    assert "From 33 timed steps on this machine (cuda)" in words(at)
    assert "regions 20 s, training 2 h 0 min, validating 5 min, saving 2 min" in words(at)
    at.text_input(key="config.seed").input("3").run()
    assert "For earlier settings." in words(at)


@pytest.fixture
def tried(tmp_path, monkeypatch) -> Findings:
    """What every trial finds, without the time it takes: frames that cost, and selection that wins something back."""
    over = {ALIKE: Estimate(-1.2, 0.4, 9), LIGHT: Estimate(-0.3, 0.5, 9), WEIGHTED: Estimate(-0.9, 0.4, 9)}
    ways = [
        Way(use=use, miou=52.0, iou=(80.04, None), over={PHOTOS: over.get(use.name, COSTS_NOTHING), ALIKE: SELECTED})
        for use in uses(load_config({"data": {"sources": ["render:synthetic?frames=8"]}}))
    ]
    facts = {"photos": 20, "learned": 16, "folds": 5, "frames": 8, "frames_there": 8, "size": (120, 160), "steps": 800}
    found = Findings(classes=("Road", "Sky"), ways=tuple(ways), **facts)
    answer, script = tmp_path / "tried.json", tmp_path / "python"
    answer.write_text(json.dumps(found.to_dict()))
    script.write_text(f'#!/bin/sh\n[ "$3 $5" = "trial --json" ] && cp {answer} "$6"\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return found


COSTS_NOTHING, SELECTED = Estimate(0.0, 0.0, 9), Estimate(0.3, 0.2, 9)


def test_a_trial_says_what_the_frames_bring_and_fills_the_form(open_page, tried):
    at = open_page("launch")
    button(at, "Try the frames").click().run()
    wait_for(at, lambda: "The synthetic frames: worse" in words(at))
    assert not at.exception
    assert "The synthetic frames: worse, -1.2 ± 0.4 mIoU over photos alone." in words(at)
    assert "Counting 0.3 as much: cannot be told from these photos, -0.3 ± 0.5 mIoU over photos alone." in words(at)
    assert "20 photos in 5 parts" in words(at)
    (table,) = [each.value for each in at.dataframe if PHOTOS in each.value]
    assert table[PHOTOS].tolist()[0] == 80.04
    button(at, LIGHT).click().run()
    assert at.selectbox(key="config.method").value == "joint"
    assert at.text_input(key="config.train.source_weight").value == "0.3"
    assert at.text_area(key="config.data.sources").value == "render:synthetic?frames=8"
    assert "For earlier settings." in words(at)
    button(at, PHOTOS).click().run()
    assert at.selectbox(key="config.method").value == "target_only"
    assert at.text_input(key="config.train.source_weight").value == "1"


def test_the_time_left_is_told_at_the_pace_since_it_was_asked(monkeypatch):
    """What a command needs to open its data says nothing of what follows."""
    job = Job.start(lambda out: ["--help"])
    job.process.wait()
    assert job.left is None
    for now, done, left in ((100, 20, None), (110, 20, None), (110, 40, 30), (120, 80, 6.7)):
        (job.out / "stderr.txt").write_text(f"trying {done}/100, 2 min left\n")
        monkeypatch.setattr(jobs.time, "monotonic", lambda now=now: now)
        assert job.left == (left and pytest.approx(left, abs=0.1))
    job.close()


def test_without_frames_there_is_nothing_to_try(open_page):
    at = open_page("launch")
    at.text_area(key="config.data.sources").input("")
    at.selectbox(key="config.method").select("target_only").run()
    assert "Try the frames" not in [each.label for each in at.button]


def test_the_data_check_shows_what_cannot_be_right_and_what_was_guessed(open_page, frames, tmp_path):
    root = write_classes(write_streets(tmp_path / "void", of=lambda ids: np.full_like(ids, 255)))
    near = write_classes(write_streets(tmp_path / "near"), "classes: {0: sky, 1: Roads, 2: crate}")
    at = open_page("launch")
    at.text_area(key="config.data.sources").input(f"folder:{root}\nfolder:{near}")
    at.text_input(key="config.data.target").input(frames["target"])
    at.text_area(key="config.data.classes").input("crate: ignore").run()
    button(at, "Check the data").click().run()
    wait_for(at, lambda: words(at).count("usable frames") == 3 or at.exception)
    assert "no pixel of its labels has a class" in said(at)
    at.text_area(key="config.data.classes").input("").run()
    button(at, "Check the data").click().run()
    wait_for(at, lambda: at.warning or at.exception)
    assert not at.exception
    tables = [each.value for each in at.dataframe]
    assert any(
        "Roads" in list(table.get("class", ())) and "singular and plural" in list(table["told by"]) for table in tables
    )


def test_labelled_photos_take_the_place_of_the_real_images_in_the_last_settings(root, open_page, frames):
    run = make_run(root, "before", "train.steps=77", "data.val=folder:/old", f"data.target={frames['target']}")
    at = open_page("launch", photos=frames["target"])
    values = {each.key: each.value for each in [*at.text_input, *at.text_area, *at.selectbox]}
    assert values["config.train.steps"] == "77"
    assert (values["config.data.target"], values["config.data.val"], values["config.data.n_real"]) == (
        frames["target"],
        "",
        "",
    )
    assert "photos that you labelled" in words(at)
    assert run.name in words(at)
    assert "photos" not in at.query_params
