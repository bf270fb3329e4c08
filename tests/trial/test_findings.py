import json

import pytest

from hrs.config import load_config
from hrs.study.table import Estimate
from hrs.trial.findings import ALIKE, LIGHT, PHOTOS, WEIGHTED, Findings, Way, surely, uses

CONFIG = load_config({"data": {"sources": ["folder:a", "folder:b"]}, "train": {"source_weight": 2.0}})


COSTS, WINS = Estimate(-1.0, 0.4, 5), Estimate(0.2, 0.1, 5)


def findings(frames=COSTS):
    ways = [Way(use=use, miou=50.0, iou=(60.0, 40.0, None), over={PHOTOS: frames}) for use in uses(CONFIG)]
    ways[3].over[ALIKE] = WINS
    facts = {"photos": 9, "units": 5, "folds": 4, "frames": 120, "size": (48, 64), "steps": 800}
    return Findings(classes=("sky", "road", "car"), ways=tuple(ways), **facts)


def test_uses_are_settings_of_the_run():
    found = {use.name: use.of(CONFIG) for use in uses(CONFIG)}
    assert list(found) == [PHOTOS, ALIKE, LIGHT, WEIGHTED, "folder:a alone", "folder:b alone"]
    assert [each.method for each in found.values()] == ["target_only", "joint", "joint", "hrs", "joint", "joint"]
    assert found[LIGHT].train.source_weight == pytest.approx(0.6)
    assert found["folder:b alone"].data.sources == ("folder:b",)
    assert found[ALIKE].train == found[WEIGHTED].train == CONFIG.train


def test_one_source_is_not_tried_by_itself():
    assert len(uses(load_config({"data": {"sources": ["folder:a"]}}))) == 4


def test_findings_survive_a_file():
    found = findings()
    assert Findings.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("difference", "sign", "words"),
    [
        (Estimate(-1.0, 0.4, 5), -1, "The synthetic frames cost: -1.0 ± 0.4 mIoU."),
        (Estimate(1.0, 0.4, 5), 1, "The synthetic frames help: +1.0 ± 0.4 mIoU."),
        (Estimate(0.3, 0.4, 5), 0, "The synthetic frames make no difference that these photos show: +0.3 ± 0.4 mIoU."),
        (Estimate(3.0, None, 1), 0, "The synthetic frames make no difference that these photos show: +3.0 mIoU."),
    ],
)
def test_what_is_sure_is_said_and_no_more(difference, sign, words):
    assert surely(difference) == sign
    assert words in findings(difference).verdict()


def test_frames_that_do_not_surely_help_are_held_against_less_of_them():
    assert any("0.3" in line for line in findings().verdict())
    assert not any("0.3" in line for line in findings(Estimate(1.0, 0.4, 5)).verdict())


def test_the_text_has_a_line_a_way_and_says_of_what_it_is():
    lines = findings().to_text().splitlines()
    assert "9 photos" in lines[0] and "5 drives or sequences" in lines[0] and "64x48" in lines[0]
    assert sum(line.startswith(tuple(use.name for use in uses(CONFIG))) for line in lines) == 6
