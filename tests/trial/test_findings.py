import json
import math
from dataclasses import replace

import pytest

from hrs.config import load_config
from hrs.data.classmap import EVERY
from hrs.data.layouts import open_sources
from hrs.labels import LabelSpace
from hrs.study.table import Estimate
from hrs.trial.findings import ALIKE, LIGHT, PHOTOS, WEIGHTED, Findings, Way, signed, surely, untried, uses
from tests.data.files import write_classes, write_streets

CLASSES = "classes: {0: sky, 1: asphalt, 2: crate, 3: tree}\n"
STREET = LabelSpace(
    name="street", classes=("sky", "road", "car", "tree"), palette=((0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0))
)
SOURCES = ("folder:a", "folder:b")
CONFIG = load_config({"data": {"sources": SOURCES}, "train": {"source_weight": 2.0}})
COSTS, WINS = Estimate(-1.0, 0.4, 5), Estimate(0.2, 0.1, 5)


def findings(frames=COSTS):
    ways = [Way(use=use, miou=50.0, iou=(60.0, 40.0, None), over={PHOTOS: frames}) for use in uses(CONFIG)]
    ways[3].over[ALIKE] = WINS
    facts = {"photos": 9, "learned": 7, "folds": 5, "frames": 120, "frames_there": 4000, "size": (48, 64), "steps": 800}
    return Findings(classes=("sky", "road", "car"), ways=tuple(ways), notes=("something was left out",), **facts)


def test_uses_are_settings_of_the_run():
    found = {use.name: use.of(CONFIG) for use in uses(CONFIG)}
    assert list(found) == [PHOTOS, ALIKE, LIGHT, WEIGHTED, "only folder:a", "only folder:b"]
    assert [each.method for each in found.values()] == ["target_only", "joint", "joint", "hrs", "joint", "joint"]
    assert found[LIGHT].train.source_weight == pytest.approx(0.6)
    assert found["only folder:b"].data.sources == ("folder:b",)
    assert found[ALIKE].train == found[WEIGHTED].train == CONFIG.train


def test_one_source_alone_keeps_no_class_map_of_another(tmp_path):
    """What all sources share keeps what this one has: else no run could begin with it."""
    near, far = (f"folder:{write_classes(write_streets(tmp_path / name), CLASSES)}" for name in ("near", "far"))
    write_classes(tmp_path / "far", CLASSES.replace("crate", "box"))
    data = {"sources": [near, far], "target": near}
    own = load_config({"data": data | {"classes": {far: {"box": "car"}, near: {"crate": "car"}}}})
    shared = load_config({"data": data | {"classes": {EVERY: {"box": "car", "crate": "car", "asphalt": "road"}}}})
    for config, kept in ((own, {near: {"crate": "car"}}), (shared, {EVERY: {"crate": "car", "asphalt": "road"}})):
        found = {use.name: use.of(config).data for use in uses(config)}
        assert found[f"only {near}"].classes == kept
        open_sources(found[f"only {near}"].sources, STREET, classes=found[f"only {near}"].classes)
        assert found[PHOTOS].classes == config.data.classes


@pytest.mark.parametrize("sources", [("folder:a",), ("folder:a", "folder:a")])
def test_one_source_is_not_tried_by_itself(sources):
    assert len(uses(load_config({"data": {"sources": sources}}))) == 4


def test_without_levels_there_is_no_selection_to_try():
    config = load_config({"method": "joint", "data": {"sources": SOURCES}, "selection": {"levels": [], "signals": []}})
    assert WEIGHTED not in [use.name for use in uses(config)]


def test_findings_survive_a_file():
    found = findings()
    assert Findings.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("difference", "sign", "words"),
    [
        (COSTS, -1, "worse, -1.0 ± 0.4 mIoU over photos alone."),
        (Estimate(1.0, 0.4, 5), 1, "better, +1.0 ± 0.4 mIoU over photos alone."),
        (Estimate(0.3, 0.4, 5), 0, "cannot be told from these photos, +0.3 ± 0.4 mIoU over photos alone."),
        (Estimate(3.0, None, 1), 0, "cannot be told from these photos, +3.0 mIoU over photos alone."),
        (Estimate(-0.04, 0.01, 5), 0, "cannot be told from these photos, +0.0 ± 0.0 mIoU over photos alone."),
    ],
)
def test_what_is_sure_is_said_and_no_more(difference, sign, words):
    assert surely(difference) == sign
    assert f"The synthetic frames: {words}" in findings(difference).verdict()


def test_frames_that_are_not_surely_better_are_held_against_less_of_them():
    assert "Counting 0.3 as much: worse, -1.0 ± 0.4 mIoU over photos alone." in findings().verdict()
    assert not any("0.3 as much" in line for line in findings(Estimate(1.0, 0.4, 5)).verdict())


def test_selection_is_held_against_all_frames_alike_and_each_source_against_photos():
    said = findings().verdict()
    assert "Selection (hrs): better, +0.2 ± 0.1 mIoU over all frames alike." in said
    assert said[-2] == "folder:b alone: worse, -1.0 ± 0.4 mIoU over photos alone."


def test_the_best_way_is_that_of_most_miou():
    found = findings()
    ways = [
        replace(way, miou=score) for way, score in zip(found.ways, (50.0, math.nan, 52.0, 51.0, 52.0, 3.0), strict=True)
    ]
    found = replace(found, ways=tuple(ways))
    assert found.best.name == LIGHT and found.verdict()[-1] == "Most mIoU: all frames, counting 0.3 as much, 52.0."


def test_the_text_has_a_line_a_way_and_says_of_what_it_is():
    text = findings().to_text()
    lines = text.splitlines()
    assert lines[0] == "something was left out"
    assert sum(line[3:].startswith(tuple(use.name for use in uses(CONFIG))) for line in lines) == 6
    assert "9 photos in 5 parts" in text and "at least 7 photos" in text and "120 of 4,000 synthetic" in text
    assert "64x48" in text and "lite0" in text
    assert max(map(len, text.split("9 photos")[0].splitlines())) < 100


def test_what_is_left_aside_is_said():
    data = {"sources": SOURCES, "unlabelled": "images:x", "style": "photos", "rare_classes": 0.5}
    own = {"data": data, "train": {"ema": 0.9}, "method": "mixing"}
    said = untried(load_config(own | {"selection": {"image_acts": "sampling"}}))
    assert len(said) == 5 and "method mixing is not tried" in said
    assert "photos come equally often here, whatever their classes: data.rare_classes has no part" in said
    assert untried(CONFIG) == []


def test_differences_have_a_sign_and_zero_is_not_below_itself():
    shown = [signed(Estimate(mean, 0.2, 4)) for mean in (1.26, -1.26, -0.01)]
    assert shown == ["+1.3 ± 0.2", "-1.3 ± 0.2", "+0.0 ± 0.2"]
