"""The Compare page: which runs are compared, and how plainly it says what they show."""

import json
import os
from pathlib import Path

import pytest

from app.runs.comparing import groups
from hrs.config import load_config
from hrs.launch.queue import LocalQueue
from hrs.runs.folder import RunFolder
from hrs.runs.registry import list_runs
from hrs.study.baselines import beside_baselines, start_study
from hrs.study.plan import FILE, Study, load_study, plan
from hrs.study.run import keep_plan
from tests.app.conftest import press, words
from tests.app.made_runs import make_run


def seeds(root: Path, method: str, scores: list[float], *overrides: str) -> None:
    for seed, score in enumerate(scores):
        name = f"{method}-{len(list(root.glob('*')))}"
        make_run(root, name, f"method={method}", f"seed={seed}", *overrides, miou=score)


def flat(job) -> list[str]:
    config = job.config
    return [f"method={config.method}", f"seed={config.seed}", f"train.steps={config.train.steps}"]


def test_unfinished_runs_are_not_compared(root, open_page):
    make_run(root, "a", state="failed")
    assert "No run has finished yet" in words(open_page("compare"))


def test_beside_a_run_that_ships_nothing_is_called_missing(root, tmp_path, open_page):
    make_run(tmp_path / "checkpoints", "street")
    said = words(open_page("compare"))
    assert "There is one finished run, street" in said and "No run yet" not in said and "One seed each" in said


def saw(run: RunFolder, target: list[str], validation: list[str], held_out: str | None = None) -> None:
    frames = {"target": len(target), "validation": len(validation)}
    surveys = [{"role": role, "frames": count, "classes": {}} for role, count in frames.items()]
    run.write_data({"data_sets": surveys, "target": target, "validation": validation, "held_out": held_out})


def test_runs_of_a_photo_set_that_grew_are_compared_apart(root, open_page):
    words_of = "1 of 3 labelled images is held out"
    saw(make_run(root, "before", "method=joint"), ["1", "2"], ["3"], words_of)
    saw(make_run(root, "after", "method=target_only"), ["1", "2", "3"], ["4"], words_of)
    found = groups(list_runs(root))
    assert [len(group.runs) for group in found] == [1, 1] and "labelled photos to draw from 3" in found[0].setting
    assert "to score on" not in found[0].setting  # one photo each
    assert found[0].validation == f"held-out images of render:camera?frames=60: {words_of}"


def test_runs_that_saw_other_photos_are_no_pair(root, open_page):
    saw(make_run(root, "one", "method=joint"), ["1", "2"], ["3"])
    saw(make_run(root, "other", "method=mixing"), ["1", "3"], ["2"])
    at = open_page("compare")
    assert "saw other" not in words(at) and "trained or validated on other real images" in words(at)
    assert at.dataframe[0].value["against joint"].tolist() == ["", ""]


def test_a_study_says_how_far_it_is_and_goes_on_where_it_stopped(root, open_page, monkeypatch):
    handed_in = []
    monkeypatch.setattr(LocalQueue, "submit", lambda _, task: handed_in.append(task))
    task = start_study(beside_baselines(load_config(None)), root, "few")
    seeds(root / "studies" / "few", "joint", [30.0])
    make_run(root / "studies" / "few", "live", "method=mixing", state="failed").write_status(state="running", steps=100)
    task.write_status(state="running", step=1, steps=12, eta=600.0)
    at = open_page("compare", of="Study few")
    assert [bar.text for bar in at.progress] == ["Study: 1 of 12 runs, 10 min left."]
    runs = next(each.value for each in at.dataframe if "doing" in each.value)
    assert set(runs["doing"]) == {"", "100/100"}
    task.write_status(state="cancelled")
    at.run()
    press(at, "Go on with the study")
    assert handed_in == [task, task] and [bar.text for bar in at.progress] == ["Study: starting."]


def test_a_study_that_stopped_in_a_terminal_says_what_it_lacks_and_goes_on(root, open_page, monkeypatch):
    folder = root / "studies" / "half"
    study = beside_baselines(load_config(None))
    jobs = plan(study)
    for job in jobs[:2]:
        make_run(folder, job.name, *flat(job))
    keep_plan(study, folder)
    make_run(folder, "live", state="failed").write_status(state="running")
    at = open_page("compare", of="Study half")
    assert f"2 of {len(jobs)} runs finished; the others are at work." in words(at)
    RunFolder(folder / "live").write_status(state="failed")
    at.run()
    command = f"python -m hrs study {folder / FILE} --out {folder}"
    assert f"2 of {len(jobs)} runs finished; go on here, or with: `{command}`" in at.warning[0].value
    handed_in = []
    monkeypatch.setattr(LocalQueue, "submit", lambda _, task: handed_in.append(task))
    press(at, "Go on with the study")
    assert len(handed_in) == 1


def test_a_study_of_a_cluster_goes_on_there(root, open_page, monkeypatch):
    monkeypatch.setattr(LocalQueue, "submit", lambda *_: None)
    task = start_study(beside_baselines(load_config(None)), root, "far")
    task.write_status(state="cancelled", keeper="10.0.0.1:6379")
    asked = []
    monkeypatch.setattr("app.runs.studying.hand_in", lambda file, folder, on: asked.append(on))
    press(open_page("compare", of="Study far"), "Go on with the study")
    assert asked == ["10.0.0.1:6379"]


def test_means_intervals_and_paired_differences(root, open_page):
    seeds(root, "joint", [30.0, 32.0, 34.0])
    seeds(root, "hrs", [33.0, 34.0, 38.0])
    at = open_page("compare")
    table = at.dataframe[0].value.set_index("method")
    assert table.loc["joint", "mIoU"] == "32.0 ± 5.0" and table.loc["joint", "against joint"] == ""
    assert table.loc["hrs", "mIoU"] == "35.0 ± 6.6" and table.loc["hrs", "against joint"] == "+3.0 ± 2.5 (n=3)"
    assert not at.warning and len(at.get("plotly_chart")) == 1
    assert "| hrs | 20 | 3 | 35.0 ± 6.6 | +3.0 ± 2.5 (n=3) |" in at.code[0].value
    assert "hrs,20,3,35.00,6.57,3.00,2.48,3\n" in at.code[1].value


def test_of_runs_that_repeat_each_other_the_newest_counts_and_the_others_are_named(root, open_page):
    for when, (name, score) in enumerate({"old": 60.0, "new": 40.0, "unscored": 0.0}.items()):
        os.utime(make_run(root, name, miou=score).config, (1e9 + when, 1e9 + when))
    RunFolder(root / "unscored").results_csv.unlink()
    make_run(root, "other", "seed=1", miou=44.0)
    at = open_page("compare")
    assert at.selectbox[0].options[0].startswith("2 runs: ")
    assert "the newest counts; left out: unscored, old." in words(at)
    assert at.dataframe[0].value["mIoU"].str.split(" ").str[0].tolist() == ["42.0"]
    dots, _ = json.loads(at.get("plotly_chart")[0].proto.spec)["data"]
    assert sorted(dots["y"]) == [40.0, 44.0]


def test_last_and_best_validation(root, open_page):
    run = make_run(root, "a", miou=40.0)
    run.write_status(best={"step": 50, "miou": 55.0})
    at = open_page("compare")
    assert at.dataframe[0].value["mIoU"].tolist() == ["40.0"]
    at.segmented_control[0].set_value("Best validation").run()
    assert at.dataframe[0].value["mIoU"].tolist() == ["55.0"]


@pytest.mark.parametrize(("count", "message"), [(1, "One seed each"), (2, "fewer than 3 seeds")])
def test_too_few_seeds_are_named(root, open_page, count, message):
    seeds(root, "joint", [30.0, 32.0][:count])
    assert message in words(open_page("compare"))


def test_only_runs_of_one_setting_are_compared(root):
    seeds(root, "joint", [30.0, 31.0])
    seeds(root, "hrs", [35.0], "train.learning_rate=0.01")
    seeds(root, "hrs", [36.0], "train.log_every=5", "data.n_real=50")
    found = groups(list_runs(root))
    assert [len(group.runs) for group in found] == [3, 1]
    assert "learning rate 0.002" in found[0].label and "learning rate 0.01" in found[1].label
    assert {(each.method, each.n_real) for each in found[0].outcomes("last")} == {("joint", 20), ("hrs", 50)}


def test_settings_inside_a_map_are_named_by_their_key(root):
    seeds(root, "joint", [30.0])
    seeds(root, "hrs", [35.0], "data.classes={crate: ignore}")
    assert any("data.classes.*.crate ignore" in group.label for group in groups(list_runs(root)))


def test_what_is_off_is_said_and_what_is_unset_is_not(root):
    seeds(root, "joint", [30.0], "train.ema=0")
    seeds(root, "hrs", [35.0], "train.ema=0.5", "data.classes={crate: ignore}")
    off, on = sorted((group.setting for group in groups(list_runs(root))), key=lambda text: "crate" in text)
    assert "(ema) 0.0" in off and "(ema) 0.5" in on and "None" not in off + on


def test_settings_that_differ_in_what_is_validated_on_are_told_apart(root, open_page):
    seeds(root, "joint", [30.0])
    seeds(root, "hrs", [35.0], "data.val=folder:elsewhere")
    assert len({group.setting for group in groups(list_runs(root))}) == 2
    assert len(open_page("compare").selectbox[0].options) == 2


def test_a_method_with_settings_of_its_own_is_a_method_of_its_own(root, open_page):
    seeds(root, "hrs", [35.0])
    seeds(root, "hrs", [36.0], "selection.levels=[pixel]")
    assert set(open_page("compare").dataframe[0].value["method"]) == {"hrs", "hrs (levels=pixel)"}


def test_a_study_is_chosen_by_name(root, open_page):
    seeds(root, "joint", [30.0, 31.0])
    seeds(root / "studies" / "few", "mixing", [41.0])
    assert open_page("compare", of="All runs").dataframe[0].value["method"].tolist() == ["joint"]
    assert open_page("compare", of="Study few").dataframe[0].value["method"].tolist() == ["mixing"]


def test_a_study_is_shown_as_it_was_planned(root, open_page):
    """Arms that differ in settings, by its own names, over what it compares with."""
    arms = ({"method": "joint"}, {"method": "joint", "label": "joint half", "train": {"steps": 50}}, {"method": "hrs"})
    study = Study(base={"train": {"steps": 100}}, methods=arms, seeds=(0, 1), against=("joint half",))
    folder = root / "studies" / "halves"
    for job, score in zip(plan(study), (30.0, 28.0, 33.0, 32.0, 29.0, 36.0), strict=True):
        make_run(folder, job.name, *flat(job), miou=score)
    make_run(folder, "by-hand", "method=mixing")
    assert len(open_page("compare", of="Study halves").selectbox) == 2  # place and setting, of which there are several
    keep_plan(study, folder)
    table = open_page("compare", of="Study halves").dataframe[0].value.set_index("method")
    assert table["mIoU"].str.split(" ").str[0].to_dict() == {"joint": "31.0", "joint half": "28.5", "hrs": "34.5"}
    assert table.loc["hrs", "against joint half"].startswith("+6.0") and "against joint" not in table


def test_a_study_that_names_nothing_to_compare_with_keeps_its_words(root, open_page):
    arms = ({"method": "target_only"}, {"method": "hrs", "label": "ours"})
    study = Study(methods=arms, seeds=(0, 1))
    folder = root / "studies" / "alone"
    for job, score in zip(plan(study), (30.0, 33.0, 32.0, 36.0), strict=True):
        make_run(folder, job.name, *flat(job), miou=score)
    keep_plan(study, folder)
    table = open_page("compare", of="Study alone").dataframe[0].value
    assert set(table["method"]) == {"target_only", "ours"}
    assert [job.name for job in plan(load_study(folder / FILE))] == [job.name for job in plan(study)]


def said_at(root: Path, when: float) -> None:
    """As if the runs of a folder had said something last at a time."""
    for status in root.glob("*/status.json"):
        status.write_text(json.dumps({**json.loads(status.read_text()), "updated": when}))


def test_it_opens_on_what_is_newest(root, open_page):
    seeds(root, "joint", [30.0, 31.0])
    seeds(root / "studies" / "halves", "mixing", [40.0])
    for when, place in ((2e9, "Study halves"), (1e9, "All runs")):
        said_at(root / "studies" / "halves", when)
        os.utime(root / "studies" / "halves", (3e9 - when, 3e9 - when))  # as of a note or a copy
        assert open_page("compare").selectbox(key="of").value == place


def test_with_fewer_than_two_runs_it_opens_on_the_newest_study(root, open_page):
    seeds(root, "joint", [30.0])
    for when, name in enumerate(("newer", "older")):
        seeds(root / "studies" / name, "mixing", [40.0 + when])
        said_at(root / "studies" / name, 2e9 - when)
    at = open_page("compare")
    assert at.selectbox(key="of").value == "Study newer" and at.dataframe[0].value["mIoU"].tolist() == ["40.0"]
    at.selectbox(key="of").set_value("All runs").run()
    assert at.dataframe[0].value["method"].tolist() == ["joint"]
