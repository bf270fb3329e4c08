"""What a study's file may say, and the runs that follow from it."""

from pathlib import Path

import pytest

from hrs.errors import HRSError
from hrs.runs.folder import NAME
from hrs.study.plan import Study, load_study, plan, to_yaml


def test_a_plan_has_every_run_once_and_goes_seed_by_seed():
    study = Study.model_validate(
        {
            "base": {"train": {"steps": 7}, "selection": {"temperature": 0.4}},
            "methods": ["joint", {"method": "hrs", "selection": {"levels": ["region"]}}],
            "n_real": [5, None],
            "seeds": [0, 3],
        }
    )
    jobs = plan(study)
    assert [job.config.seed for job in jobs] == [0] * 4 + [3] * 4
    assert [job.name for job in jobs[:4]] == [
        "joint-n5-s0",
        "hrs-levels-region-temperature-0.4-n5-s0",
        "joint-nall-s0",
        "hrs-levels-region-temperature-0.4-nall-s0",
    ]
    own = jobs[1].config
    assert (own.train.steps, own.data.n_real, own.selection.levels, own.selection.temperature) == (
        7,
        5,
        ("region",),
        0.4,
    )


def test_a_label_is_what_the_table_calls_a_method():
    twice = [{"method": "joint", "train": {"steps": 5}, "label": "joint, short"}, "joint"]
    jobs = plan(Study.model_validate({"methods": twice, "seeds": [0]}))
    assert [(job.name, job.label) for job in jobs] == [
        ("joint-short-n20-s0", "joint, short"),
        ("joint-n20-s0", "joint"),
    ]
    assert jobs[0].config.train.steps == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("methods: [joint, joint]", "joint-n20-s0 more than once"),
        ("methods: [jiont]", "method"),
        ("methods: []", "methods"),
        ("metods: [joint]", "metods"),
        ("methods: [joint]\nparallel: 0", "parallel"),
        ("methods: [joint]\nbase: {train: {step: 3}}", "did you mean train.steps"),
        ("methods: [", "cannot be read"),
        ("methods: [{method: joint, seed: 9}]", "every method gets"),
        ("methods: [{method: joint, data: {n_real: 9}}]", "every method gets"),
        ("methods: [joint]\nbase: {data: 5}", "data is 5; expected settings"),
        ("methods: [joint]\nagainst: [jiont]", "compares with jiont, which is none of its methods: joint"),
    ],
)
def test_a_study_that_makes_no_sense_is_one_line(tmp_path, text, message):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(HRSError, match=message) as caught:
        plan(load_study(path))
    assert "\n" not in str(caught.value) and "Value error" not in str(caught.value)


def test_a_missing_study_is_one_line(tmp_path):
    with pytest.raises(HRSError, match="cannot be read"):
        load_study(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[2] / "benchmarks" / "studies").glob("*.yaml")), ids=lambda f: f.stem
)
def test_this_projects_own_studies_can_be_planned_and_compare_with_their_own_rows(file: Path):
    study = load_study(file)
    assert set(study.against) <= {job.label for job in plan(study)}


def test_a_study_without_methods_is_one_line(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("base: {train: {steps: 40}}\nmethods:\n")
    with pytest.raises(HRSError, match=r"study .*methods is empty; expected a list"):
        load_study(path)


def test_the_config_of_a_run_can_be_the_base():
    base = {"seed": 7, "data": {"n_real": 50, "height": 60}}
    (job,) = plan(Study.model_validate({"base": base, "methods": ["joint"]}))
    assert (job.config.seed, job.config.data.n_real, job.config.data.height) == (7, 50, 60)
    (job,) = plan(Study.model_validate({"base": base, "methods": ["joint"], "n_real": [5], "seeds": [1]}))
    assert (job.config.seed, job.config.data.n_real) == (1, 5)


def test_long_and_foreign_labels_are_folders_of_their_own():
    labels = ["ü", "ö", "x" * 120 + "1", "x" * 120 + "2", "..."]
    methods = [{"method": "joint", "label": each} for each in labels]
    names = [job.name for job in plan(Study.model_validate({"methods": methods, "seeds": [0]}))]
    assert len(set(names)) == len(labels) and all(NAME.fullmatch(name) for name in names)
    (job,) = plan(Study.model_validate({"methods": [{"method": "joint", "label": "x" * 90}], "seeds": [0]}))
    assert job.name == "x" * 90 + "-n20-s0"  # what fits stays, so that a study goes on where it was


@pytest.mark.parametrize(
    "given",
    [
        {"methods": ["target_only", "hrs"]},
        {"methods": ["joint", "hrs"]},
        {"methods": ["target_only", "hrs"], "against": ["target_only"]},
        {"methods": ["hrs", "mixing"], "against": []},
        {"methods": ["hrs"], "base": {"seed": 4, "data": {"n_real": None}}},
        {"methods": ["shuffled", {"method": "hrs", "label": "ours"}], "n_real": [5, None], "seeds": [1], "parallel": 2},
    ],
)
def test_what_is_kept_of_a_study_plans_the_same_runs(tmp_path, given):
    study = Study.model_validate(given)
    file = tmp_path / "study.yaml"
    file.write_text(to_yaml(study))
    kept = load_study(file)
    assert kept == study and plan(kept) == plan(study)
