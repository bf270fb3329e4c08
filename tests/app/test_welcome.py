"""What a first visit is told, against the shipped run that its picture is of."""

import pytest

from app import welcome
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.runs.folder import RunFolder
from hrs.scoring.areatable import AreaTable
from hrs.scoring.panel import open_panel
from tests.app.conftest import ROOT


def test_its_captions_are_true_of_the_shipped_run(monkeypatch):
    monkeypatch.setattr(welcome, "SHIPPED", ROOT / "checkpoints")
    assert len(welcome.pictures()) == len(welcome.CAPTIONS) == 3
    run = RunFolder(ROOT / "checkpoints" / welcome.RUN)
    corpus = open_panel(run, run.panel_steps()[-1])
    row, names = corpus.find(welcome.FRAME), corpus.space.classes
    label, weights = corpus.frame(row).read_label(), corpus.frame(row).read_maps()["combined"]
    areas = AreaTable.of(corpus).of_frame(row)
    told = [each for each in areas if (names[each.label], names[each.seen]) == ("Fence", "Tree")]
    tree = max(told, key=lambda area: area.pixels)
    assert tree.pixels > 1000 and "tree says Fence" in welcome.CAPTIONS[1][0]
    inside = corpus.read_reasons(row).areas == tree.number
    rest = float(weights[~inside & (label != IGNORE)].mean())
    share = tree.weights["combined"] / rest
    assert share == pytest.approx(1 / 5, abs=0.03) and "counts a fifth as much as the rest" in welcome.CAPTIONS[2][0]


def test_without_the_shipped_run_there_is_no_picture(monkeypatch, tmp_path):
    monkeypatch.setattr(welcome, "SHIPPED", tmp_path)
    with pytest.raises(HRSError):
        welcome.pictures()
