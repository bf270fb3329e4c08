"""The Compare page: which runs are compared, and how plainly it says what they show."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import context
from app.comparing import groups
from app.context import RUNS_VARIABLE
from hrs.runs import RunFolder, list_runs
from tests.app.made_runs import make_run

PAGE = str(Path(__file__).resolve().parents[2] / "app/pages/compare.py")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setattr(context, "SHIPPED", tmp_path / "checkpoints")
    return tmp_path / "runs"


def seeds(root: Path, method: str, scores: list[float], *overrides: str) -> None:
    for seed, score in enumerate(scores):
        name = f"{method}-{len(list(root.glob('*')))}"
        make_run(root, name, f"method={method}", f"seed={seed}", *overrides, miou=score)


def open_page(**query: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=30)
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    kinds = (at.markdown, at.caption, at.info, at.warning)
    return "\n".join(each.value for kind in kinds for each in kind).replace("\\", "")


def test_without_runs_it_says_what_to_do(root):
    assert "No run yet" in words(open_page())


def test_unfinished_runs_are_not_compared(root):
    make_run(root, "a", state="failed")
    assert "No run has finished yet" in words(open_page())


def test_means_intervals_and_paired_differences(root):
    seeds(root, "joint", [30.0, 32.0, 34.0])
    seeds(root, "hrs", [33.0, 34.0, 38.0])
    at = open_page()
    table = at.dataframe[0].value.set_index("method")
    assert table.loc["joint", "mIoU"] == "32.0 ± 5.0" and table.loc["joint", "against joint"] == ""
    assert table.loc["hrs", "mIoU"] == "35.0 ± 6.6" and table.loc["hrs", "against joint"] == "+3.0 ± 2.5 (n=3)"
    assert not at.warning and len(at.get("plotly_chart")) == 1
    assert "| hrs | 20 | 3 | 35.0 ± 6.6 | +3.0 ± 2.5 (n=3) |" in at.code[0].value
    assert "hrs,20,3,35.00,6.57,3.00,2.48,3,,,\n" in at.code[1].value


def test_last_and_best_validation(root):
    run = make_run(root, "a", miou=40.0)
    run.write_status(best={"step": 50, "miou": 55.0})
    at = open_page()
    assert at.dataframe[0].value["mIoU"].tolist() == ["40.0"]
    at.segmented_control[0].set_value("Best validation").run()
    assert at.dataframe[0].value["mIoU"].tolist() == ["55.0"]


@pytest.mark.parametrize(("count", "message"), [(1, "One seed each"), (2, "fewer than 3 seeds")])
def test_too_few_seeds_are_named(root, count, message):
    seeds(root, "joint", [30.0, 32.0][:count])
    assert message in words(open_page())


def test_only_runs_of_one_setting_are_compared(root):
    seeds(root, "joint", [30.0, 31.0])
    seeds(root, "hrs", [35.0], "train.learning_rate=0.01")
    seeds(root, "hrs", [36.0], "train.log_every=5", "data.n_real=50")
    found = groups(list_runs(root))
    assert [len(group.runs) for group in found] == [3, 1]
    assert "train.learning_rate=0.002" in found[0].label and "train.learning_rate=0.01" in found[1].label
    assert {(each.method, each.n_real) for each in found[0].outcomes("last")} == {("joint", 20), ("hrs", 50)}


def test_a_method_with_settings_of_its_own_is_a_method_of_its_own(root):
    seeds(root, "hrs", [35.0])
    seeds(root, "hrs", [36.0], "selection.levels=[pixel]")
    assert set(open_page().dataframe[0].value["method"]) == {"hrs", "hrs (levels=pixel)"}


def test_a_study_is_chosen_by_name(root):
    seeds(root, "joint", [30.0])
    seeds(root / "studies" / "few", "mixing", [41.0])
    assert open_page().dataframe[0].value["method"].tolist() == ["joint"]
    assert open_page(of="Study few").dataframe[0].value["method"].tolist() == ["mixing"]


def test_two_hundred_runs(root):
    for seed in range(200):
        run = RunFolder.create(root, f"run-{seed}", f"seed: {seed}\nmethod: joint\n")
        run.append_result({"step": 1, "miou": 40.0 + seed % 2})
        run.write_status(state="finished")
    table = open_page().dataframe[0].value
    assert table["seeds"].tolist() == ["200"] and table["mIoU"].tolist() == ["40.5 ± 0.1"]
