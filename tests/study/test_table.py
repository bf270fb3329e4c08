"""Means, intervals and paired differences against numbers worked out by hand."""

from dataclasses import replace

import pytest

from hrs.config import load_config
from hrs.study.table import (
    Outcome,
    differences,
    estimate,
    method_label,
    paired,
    setup,
    study_table,
    table_cells,
    to_csv,
    to_markdown,
    unlike,
)


def outcome(method="hrs", n_real=10, seed=0, score=40.0):
    return Outcome(method=method, n_real=n_real, seed=seed, score=score)


def test_the_interval_is_students_t():
    found = estimate([10.0, 12.0, 14.0])
    assert (found.mean, found.count) == (12.0, 3)
    assert found.half == pytest.approx(4.302653 * 2 / 3**0.5)  # t(0.975, 2) from tables
    assert estimate([1.0, 3.0]).half == pytest.approx(12.706205 * 2**0.5 / 2**0.5)


def test_one_value_has_no_interval_and_none_is_an_error():
    assert estimate([5.0]).half is None and str(estimate([5.0])) == "5.0"
    with pytest.raises(ValueError, match="no values"):
        estimate([])


def by_seed(scores, images=""):
    return {
        seed: Outcome(method="hrs", n_real=10, seed=seed, score=score, images=images) for seed, score in scores.items()
    }


def test_pairs_are_the_seeds_that_both_have():
    found = paired(by_seed({0: 10.0, 1: 20.0, 2: 90.0}), by_seed({0: 9.0, 1: 17.0, 5: 1.0}))
    assert (found.mean, found.count) == (2.0, 2)
    assert paired(by_seed({0: 1.0}), by_seed({1: 1.0})) is None


def test_runs_that_saw_other_images_are_no_pair():
    one, other, unknown = by_seed({0: 10.0}, "a"), by_seed({0: 9.0}, "b"), by_seed({0: 8.0})
    assert paired(one, other) is None and paired(one, one).mean == 0 and paired(one, unknown).mean == 2.0
    assert unlike([one[0], unknown[0], other[0]]) == (one[0], other[0])
    assert unlike([one[0], unknown[0]]) is None


def test_pairing_sees_what_means_hide():
    """Seeds differ by 30, methods by 1 on every seed."""
    runs = [outcome("joint", seed=seed, score=score) for seed, score in enumerate((10.0, 40.0, 25.0))]
    runs += [outcome("hrs", seed=seed, score=score) for seed, score in enumerate((11.0, 41.0, 26.0))]
    hrs = study_table(runs)[1]
    assert hrs.score.half > 30 and hrs.against["joint"].half == pytest.approx(0)


def test_lines_go_by_method_then_number_with_all_last():
    runs = [outcome("joint", None), outcome("hrs", 50), outcome("joint", 5), outcome("hrs", 5)]
    assert [(line.method, line.n_real) for line in study_table(runs)] == [
        ("joint", 5),
        ("joint", None),
        ("hrs", 5),
        ("hrs", 50),
    ]


def test_of_equal_runs_the_first_counts():
    assert study_table([outcome(score=1.0), outcome(score=9.0)])[0].score.mean == 1.0


def test_a_baseline_is_compared_at_the_same_number_alone():
    lines = study_table([outcome("joint", 5, score=30.0), outcome("hrs", 10, score=35.0)])
    assert lines[1].against == {"joint": None}  # and not with mixing, which did not run


def test_tables_as_text():
    lines = study_table([outcome("joint", seed=0, score=30.0), outcome("mixing", None, seed=0, score=29.96)])
    head, rows = table_cells(lines)
    assert head == ["method", "real images", "seeds", "mIoU", "against joint", "against mixing"]
    assert rows[1] == ["mixing", "all", "1", "30.0", "", ""]
    assert to_markdown(lines).splitlines()[1] == "| --- | ---: | ---: | ---: | ---: | ---: |"
    assert to_csv(lines).splitlines()[2] == "mixing,all,1,29.96,,,,,,,"
    assert to_csv([replace(lines[0], method="=1+1")]).splitlines()[1].startswith("'=1+1,")
    label = [replace(lines[0], method="a|b", against={"=1+1": None})]
    assert to_markdown(label).splitlines()[2].startswith(r"| a\|b | ") and ",'=1+1_difference," in to_csv(label)
    assert to_csv([]).startswith("method,n_real") and to_markdown([]).startswith("| method")


def test_what_makes_runs_comparable():
    base = setup(load_config())
    for same in ("seed=3", "method=joint", "data.n_real=5", "train.log_every=7", "selection.floor=0.2"):
        assert setup(load_config(None, (same,))) == base
    for other in ("train.steps=7", "data.width=512", "network.name=segformer-b0", "train.batch_source=2"):
        assert setup(load_config(None, (other,))) != base


def test_settings_that_bear_on_a_result():
    hrs, joint = load_config(None, ("method=hrs",)), load_config(None, ("method=joint",))
    floor = "selection.floor=0.2"
    assert differences(joint, load_config(None, ("method=joint", floor, "train.log_every=7"))) == []
    assert differences(hrs, load_config(None, ("method=hrs", floor))) == ["selection.floor"]
    assert differences(joint, load_config(None, ("method=joint", "seed=4", "data.n_real=5"))) == ["data.n_real", "seed"]
    assert "method" in differences(hrs, joint)


def test_a_method_is_named_with_its_own_settings():
    assert method_label(load_config(None, ("method=joint", "selection.floor=0.2"))) == "joint"
    assert method_label(load_config(None, ("selection.levels=[pixel, image]",))) == "hrs (levels=pixel+image)"
    assert method_label(load_config(None, ("method=finetune", "finetune.source_share=0.3"))) == (
        "finetune (source_share=0.3)"
    )
