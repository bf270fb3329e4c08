"""hrs prune: what it prints, writes, and says of what cannot be."""

import numpy as np
import pytest

from hrs.data.layouts import open_dataset
from hrs.labels import IGNORE
from hrs.scoring.corpus import ScoredCorpus, enlarge
from tests.conftest import tiny_config
from tests.scoring.weighted_run import make_run


def test_prune_writes_the_frames_that_meet_every_condition(hrs, scored, tmp_path):
    corpus = ScoredCorpus.open(scored / "mine/scores")
    weights, cars = corpus.values("weight"), corpus.values("combined/car")
    middle, most = float(np.median(weights)), float(np.nanmax(cars))
    kept = {corpus.frame(i).id for i in range(12) if weights[i] >= middle and cars[i] <= most - 0.01}
    where = ("--where", f"weight={middle}:", "--where", f"combined/car=:{most - 0.01}")
    result = hrs("prune", "mine", "--out", "pruned", *where)
    assert 0 < len(kept) < 7 and f"{len(kept)} of 12 frames" in result.out
    assert f"weight lies between {weights.min():.3g} and {weights.max():.3g} in the 12 frames" in result.out
    assert {frame.id for frame in open_dataset("folder:pruned").frames} == kept
    (tmp_path / "names.txt").write_text("003\n004\n")
    assert hrs("prune", scored / "mine", "--out", "two", "--frames", "names.txt").code == 0
    assert [frame.id for frame in open_dataset("folder:two").frames] == ["003", "004"]


@pytest.mark.parametrize("keep", ["above", "below"])
def test_prune_takes_labels_away_on_one_side_of_the_threshold(hrs, scored, frames, keep):
    words = ("--mode", "labels", "--threshold", 0.7, "--level", "region", "--keep", keep)
    said = hrs("prune", scored / "mine/scores", "--out", "pruned", *words).out
    corpus = ScoredCorpus.open(scored / "mine/scores")
    before, after = open_dataset(frames["source"]), open_dataset("folder:pruned")
    light = enlarge(corpus.frame(5).read_maps()["region"], 48, 64) < 0.7
    gone = light if keep == "above" else ~light
    assert 0 < gone.mean() < 1
    pixels = [sum((each.read_label(i) != IGNORE).sum() for i in range(12)) for each in (before, after)]
    share = 100 * (1 - pixels[1] / pixels[0])
    assert f"removed the labels of {share:.1f} % of the labelled pixels: of " in said
    assert (after.read_label(5) == np.where(gone, IGNORE, before.read_label(5))).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--mode", "labels"), "give one above 0"),
        (("--threshold", 0.5), "--threshold is for --mode labels; add that, or choose frames with --where weight=0.5:"),
        (("--keep", "below"), "--keep is for --mode labels; add that"),
        (("--level", "region"), "--level is for --mode labels; add that"),
        (
            ("--mode", "labels", "--threshold", 1, "--level", "pixle"),
            "--level 'pixle': expected combined, pixel, region, image",
        ),
        (("--where", "weight>1"), "--where 'weight>1': expected STATISTIC=LOW:HIGH"),
        (("--where", "weight=1"), "expected STATISTIC=LOW:HIGH"),
        (("--where", "weight=a:"), "expected STATISTIC=LOW:HIGH"),
        (("--where", "wait=1:"), "no statistic 'wait'; known: "),
        (("--where", "weight=99:"), "no frame was chosen: weight lies between "),
        (("--frames", "names.txt"), "names nobody, which was not scored"),
        (("--frames", "nothing.txt"), "--frames nothing.txt does not exist"),
    ],
)
def test_prune_says_what_it_cannot_do(hrs, scored, tmp_path, words, message):
    (tmp_path / "names.txt").write_text("003\nnobody\n")
    assert message in hrs("prune", "mine", "--out", "pruned", *words).error
    assert not (tmp_path / "pruned").exists()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_prune_takes_a_list_as_other_systems_write_it(hrs, scored, tmp_path, encoding):
    (tmp_path / "names.txt").write_text("003\r\n\r\n005 \r\n", encoding=encoding)
    assert hrs("prune", "mine", "--out", "pruned", "--frames", "names.txt").code == 0
    assert sorted(path.stem for path in (tmp_path / "pruned/images").iterdir()) == ["003", "005"]


def test_prune_needs_scores(hrs, scored, frames):
    assert "no run named 'yours'" in hrs("prune", "yours", "--out", "pruned").error
    make_run(scored, "bare", frames["source"], tiny_config(frames), scores=False)
    assert "score the run first" in hrs("prune", "bare", "--out", "pruned").error
