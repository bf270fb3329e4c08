"""What a study's file may say, and the runs that follow from it."""

from pathlib import Path

import pytest

from hrs.errors import HRSError
from hrs.study.plan import Study, load_study, plan


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
    ],
)
def test_a_study_that_makes_no_sense_is_one_line(tmp_path, text, message):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(HRSError, match=message) as caught:
        plan(load_study(path))
    assert "\n" not in str(caught.value)


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
    with pytest.raises(HRSError, match=r"study .*methods: Input should be a valid tuple"):
        load_study(path)
