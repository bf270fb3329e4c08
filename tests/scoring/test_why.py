"""Why an area weighs what it does, on areas made by hand."""

from dataclasses import replace

import pytest

from hrs.scoring.areatable import Area, AreaTable
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.why import Cause, causes, sentence
from hrs.scoring.write import Judges
from hrs.selection.scale import MapScale, Scale
from tests.scoring.weighted_run import make_scores

LEVELS = ("pixel", "region", "image")
JUDGES = Judges(seen_by="real images", acting=LEVELS, combination="product", signals=("agreement", "usefulness"))
SCALE = Scale(maps={name: MapScale(means=(0.5, 0.1), strength=1.0) for name in ("combined", *LEVELS)})


def area(combined, pixel=1.0, region=1.0, image=1.0, **scores):
    """An area of class 0 in which class 1 is seen; ``scores`` of the region level by signal."""
    known = {"agreement": 0.0, "usefulness": 0.0}
    return Area(
        row=0,
        number=1,
        label=0,
        seen=1,
        confidence=0.93,
        pixels=100,
        box=(0, 0, 10, 10),
        weights={"combined": combined, "pixel": pixel, "region": region, "image": image},
        scores={"pixel": known, "region": {**known, **scores}, "image": known},
        harm=None,
        planted=None,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (area(0.27, pixel=0.9, region=0.3, image=1.0), ["region"]),
        (area(0.27, pixel=0.5, region=0.49, image=1.1), ["region", "pixel"]),
        (area(1.8, pixel=0.8, region=1.1, image=2.0), ["image"]),
        (area(1.05, pixel=0.5, region=2.1), []),
        (area(0.95, region=0.4, image=2.3), []),
    ],
)
def test_the_levels_that_account_for_most_are_named(given, expected):
    assert [each.level for each in causes(given, JUDGES, SCALE)] == expected


def test_a_level_that_does_not_act_is_no_cause():
    judges = replace(JUDGES, acting=("pixel", "region"))
    assert [each.level for each in causes(area(0.5, region=0.6, image=0.1), judges, SCALE)] == ["region"]
    assert causes(area(0.5, image=0.1), judges, SCALE) == ()


def test_of_a_mean_of_levels_the_part_is_what_a_level_adds():
    """A quarter less of 0.8 is more than a half less of 0.1."""
    means = {"combined": 0.5, "pixel": 0.8, "region": 0.1, "image": 0.5}
    scale = Scale(maps={name: MapScale(means=(mean,), strength=1.0) for name, mean in means.items()})
    given = area(0.8, pixel=0.75, region=0.5)
    assert [each.level for each in causes(given, replace(JUDGES, combination="mean"), scale)] == ["pixel"]
    assert [each.level for each in causes(given, JUDGES, scale)] == ["region"]


def test_the_signal_is_the_one_that_moved_the_level_most():
    low = area(0.3, region=0.3, agreement=-0.2, usefulness=-1.5)
    assert causes(low, JUDGES, SCALE) == (Cause(level="region", signal="usefulness"),)
    high = area(1.9, region=1.9, agreement=1.2, usefulness=-1.5)
    assert causes(high, JUDGES, SCALE) == (Cause(level="region", signal="agreement"),)


@pytest.fixture(scope="module")
def table(tmp_path_factory, frames):
    folder = tmp_path_factory.mktemp("why")
    make_scores(folder, frames["source"])
    return AreaTable.of(ScoredCorpus.open(folder))


def test_the_sentence_says_label_opinion_weight_and_level(table):
    said = "Label: sky. Real images say: road (0.93). Weight"
    low = area(0.27, pixel=0.9, region=0.3)
    assert sentence(low, table) == f"{said} 0.27, mostly by region."
    assert sentence(area(0.98), table) == f"{said} 0.98, about as without selection."
    several = replace(table, judges=JUDGES)
    assert sentence(low, several) == f"{said} 0.27, mostly by region (agreement)."
    both = area(0.27, pixel=0.5, region=0.5, usefulness=-1.0)
    assert sentence(both, several).endswith("mostly by pixel (agreement) and region (usefulness).")
    assert sentence(area(0.27, pixel=0.5, region=0.5), several).endswith("mostly by pixel and region (agreement).")
    network = replace(table, judges=replace(table.judges, seen_by="network"))
    assert "sky. The network says: road (0.93)." in sentence(low, network)
