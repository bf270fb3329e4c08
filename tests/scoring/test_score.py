"""Scoring a corpus with a checkpoint, as the command does."""

import json
import shutil
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from hrs.checkpoint import save_checkpoint
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.methods.build import build_method
from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL, CorpusFolder
from hrs.scoring import score as scoring
from hrs.scoring import stamps
from hrs.scoring.areas import NONE
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.moments import Moments
from hrs.scoring.panel import open_panel
from hrs.scoring.prune import export_dataset
from hrs.scoring.score import score
from hrs.training.trainer import train
from tests.conftest import CLASSES, tiny_config, write_frames

FACTORS = np.array([1.0, 0.3, 0.05, 0.004], np.float32)
"""How much lower the classes score than the network says, so that they differ by orders of magnitude."""


@dataclass(frozen=True)
class ByClass:
    """Weights of a batch, each class brought down by its factor."""

    weights: object
    labels: np.ndarray

    def maps(self, i):
        return {name: values * FACTORS[self.labels[i]] for name, values in self.weights.maps(i).items()}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, frames):
    folder, space = tmp_path_factory.mktemp("untrained") / "best", open_dataset(frames["source"]).space
    config = tiny_config(frames, "selection.min_effective=0.9")
    save_checkpoint(folder, method=build_method(config, len(space)), config=config, space=space, step=0, metrics={})
    return folder


@pytest.fixture
def by_class(monkeypatch):
    real = scoring.weight_reasons

    def reasons(method, batch):
        found = real(method, batch)
        return replace(found, raw=ByClass(found.raw, batch.labels.numpy()))

    monkeypatch.setattr(scoring, "weight_reasons", reasons)
    monkeypatch.setattr(scoring, "PART", 4)


def read(corpus):
    frames = [corpus.frame(row) for row in range(len(corpus))]
    return np.stack([frame.read_label() for frame in frames]), [frame.read_maps() for frame in frames]


def test_the_mean_weight_over_the_corpus_is_one_in_every_class(checkpoint, frames, tmp_path, by_class):
    score(checkpoint, frames["source"], tmp_path, batch=2, workers=0)
    corpus = ScoredCorpus.open(tmp_path)
    labels, maps = read(corpus)
    for name in corpus.maps:
        weights = np.stack([each[name] for each in maps])
        for c in range(len(CLASSES)):
            assert weights[labels == c].mean() == pytest.approx(1, abs=0.01), (name, c)
    assert corpus.about.dataset == frames["source"] and len(corpus.about.checkpoint) == 128
    assert corpus.images(corpus.select()[:1])[0].endswith("000.png")


def test_what_acts_keeps_the_effective_share_of_the_config(checkpoint, frames, tmp_path, by_class):
    score(checkpoint, frames["source"], tmp_path, batch=2, workers=0)
    scale = ScoredCorpus.open(tmp_path).about.scale
    weights = np.concatenate([maps["combined"].ravel() for maps in read(ScoredCorpus.open(tmp_path))[1]])
    share = weights.sum() ** 2 / (weights.size * np.square(weights).sum())
    assert share >= 0.9 - 1e-3
    assert all(scale.maps[name].strength == 1 for name in ("pixel", "region", "image"))


def test_scores_say_which_classes_the_photos_of_the_run_show(frames, tmp_path):
    photos = write_frames(tmp_path / "photos", 4, seed=3)
    for path in (photos / "labels").iterdir():
        label = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.where(label == CLASSES.index("car"), 0, label))
    config = tiny_config({**frames, "target": f"folder:{photos}"}, "train.steps=2")
    run = RunFolder.create(tmp_path, "run", config.to_yaml())
    train(config, run)
    score(run.best, frames["source"], tmp_path / "scores", limit=4, batch=4, workers=0)
    shown = tuple(c for c, name in enumerate(CLASSES) if name != "car")
    for corpus in (ScoredCorpus.open(tmp_path / "scores"), open_panel(run, 2)):
        assert corpus.about.judges.taught == shown


def test_a_frame_has_the_same_statistics_whether_training_watched_it_or_a_corpus_was_scored(
    frames, tmp_path, monkeypatch
):
    """After the last step, under one scale: otherwise only that differs, a corpus being fitted on its own frames."""
    config = tiny_config(frames, "train.steps=4", "selection.warmup=0.1", "selection.ramp=0.1")
    run = RunFolder.create(tmp_path, "run", config.to_yaml())
    train(config, run)
    panel = open_panel(run, 4)
    monkeypatch.setattr(Moments, "fit", lambda *_, **__: panel.about.scale)
    score(run.last, frames["source"], tmp_path / "scores", batch=4, workers=0)
    corpus = ScoredCorpus.open(tmp_path / "scores")
    assert corpus.statistics == panel.statistics and panel.values("pixel/std").min() > 0
    rows = [corpus.find(panel.frame(row).id) for row in range(len(panel))]
    for name in panel.statistics:
        np.testing.assert_allclose(corpus.values(name)[rows], panel.values(name), rtol=1e-3, atol=1e-3, err_msg=name)


def test_a_raised_limit_goes_on_and_fits_the_scale_again(checkpoint, frames, tmp_path, by_class):
    score(checkpoint, frames["source"], tmp_path / "grown", limit=4, batch=2, workers=0)
    first = ScoredCorpus.open(tmp_path / "grown")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "grown/maps").iterdir()}
    seen = []
    score(checkpoint, frames["source"], tmp_path / "grown", batch=2, workers=0, progress=lambda *at: seen.append(at))
    score(checkpoint, frames["source"], tmp_path / "whole", batch=2, workers=0)
    assert seen[0] == (6, 12) and len(before) == 4
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    grown, whole = ScoredCorpus.open(tmp_path / "grown"), ScoredCorpus.open(tmp_path / "whole")
    assert grown.about.scale == whole.about.scale != first.about.scale
    pd.testing.assert_frame_equal(*(pd.read_parquet(tmp_path / name / "index.parquet") for name in ("grown", "whole")))


def test_scores_of_an_older_version_are_written_anew(checkpoint, frames, tmp_path):
    (tmp_path / "parts").mkdir()
    pd.DataFrame({"frame": [f"{i:03d}" for i in range(12)]}).to_parquet(tmp_path / "parts/000000.parquet")
    (tmp_path / "index.parquet").write_bytes((tmp_path / "parts/000000.parquet").read_bytes())
    (tmp_path / "scores.json").write_text("{}")
    with pytest.raises(HRSError, match="older version; score the run again"):
        ScoredCorpus.open(tmp_path)
    score(checkpoint, frames["source"], tmp_path, batch=8, workers=0)
    assert len(ScoredCorpus.open(tmp_path)) == 12


def test_a_damaged_part_is_done_again(checkpoint, frames, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "PART", 4)
    score(checkpoint, frames["source"], tmp_path, batch=2, workers=0)
    (tmp_path / "parts/000001.parquet").write_bytes(b"PAR1 cut short")
    seen = []
    score(checkpoint, frames["source"], tmp_path, batch=2, workers=0, progress=lambda *at: seen.append(at))
    assert seen == [(10, 12), (12, 12)] and len(ScoredCorpus.open(tmp_path)) == 12


def test_what_was_mended_is_weighed_again_and_nothing_else(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "PART", 4)
    data, seen = write_frames(tmp_path / "data", 12, seed=4), []

    def again():
        seen.clear()
        score(checkpoint, f"folder:{data}", tmp_path / "out", batch=2, workers=0, progress=lambda *at: seen.append(at))
        return ScoredCorpus.open(tmp_path / "out")

    before = again().frame(5).read_label()
    again()
    assert seen == []
    cv2.imwrite(str(data / "labels/005.png"), np.full_like(before, 1))
    assert (again().frame(5).read_label() == 1).all() and not (before == 1).all()
    assert seen == [(10, 12), (12, 12)]
    monkeypatch.setattr(stamps, "SCORING", stamps.SCORING + 1)
    again()
    assert len(seen) == 6


def test_frames_are_weighed_again_where_their_ids_mean_something_else(checkpoint, tmp_path, by_class):
    data, seen = write_frames(tmp_path / "data", 4, seed=4), []

    def again():
        seen.clear()
        options = {"batch": 2, "workers": 0, "progress": lambda *at: seen.append(at)}
        score(checkpoint, f"folder:{data}?classes={tmp_path / 'map.yaml'}", tmp_path / "out", **options)
        return ScoredCorpus.open(tmp_path / "out").frame(0).read_label()

    (tmp_path / "map.yaml").write_text("car: car")
    before = again()
    (tmp_path / "map.yaml").write_text("car: road")
    assert np.array_equal(again(), np.where(before == 2, 1, before))
    text = (data / "classes.yaml").read_text()
    (data / "classes.yaml").write_text(text.replace("sky", "no").replace("tree", "sky").replace("no", "tree"))
    swapped = again()
    assert ((swapped == 0) == (before == 3)).all() and ((swapped == 3) == (before == 0)).all() and seen[-1] == (4, 4)
    again()
    assert seen == []


def test_a_frame_that_has_gone_leaves_no_row_and_takes_none_with_it(checkpoint, tmp_path, by_class):
    data = write_frames(tmp_path / "data", 9, seed=4)
    score(checkpoint, f"folder:{data}", tmp_path / "out", batch=2, workers=0)
    (data / "images" / "001.png").unlink()
    score(checkpoint, f"folder:{data}", tmp_path / "out", batch=2, workers=0)
    corpus = ScoredCorpus.open(tmp_path / "out")
    assert [corpus.frame(row).id for row in range(len(corpus))] == [f"{i:03d}" for i in range(9) if i != 1]


def test_frames_of_like_names_have_files_of_their_own(checkpoint, tmp_path, by_class):
    data, names = write_frames(tmp_path / "data", 2, seed=4), ("a/b", "a__b")
    for kind in ("images", "labels"):
        (data / kind / "a").mkdir()
        for i, name in enumerate(names):
            (data / kind / f"{i:03d}.png").rename(data / kind / f"{name}.png")
    score(checkpoint, f"folder:{data}", tmp_path / "out", batch=2, workers=0)
    corpus, original = ScoredCorpus.open(tmp_path / "out"), open_dataset(f"folder:{data}")
    for row, frame in enumerate(original.frames):
        assert corpus.frame(row).id == frame.id and frame.id in names
        assert np.array_equal(corpus.frame(row).read_label(), original.read_label(row))
        numbers = {area.number for area in AreaTable.of(corpus).of_frame(row)}
        assert set(np.unique(corpus.read_reasons(row).areas)) - {NONE} == numbers
    assert (
        export_dataset(corpus, corpus.select(), tmp_path / "copy").frames
        == len(open_dataset(f"folder:{tmp_path}/copy"))
        == 2
    )


def test_some_planted_masks_may_be_absent(checkpoint, tmp_path, by_class):
    data = write_frames(tmp_path / "data", 4, seed=4, planted=True)
    (data / "planted" / "000.png").unlink()
    score(checkpoint, f"folder:{data}", tmp_path / "out", batch=2, workers=0)
    table = AreaTable.of(ScoredCorpus.open(tmp_path / "out"))
    assert [{area.harm for area in table.of_frame(row)} for row in range(4)] == [{None}, {0}, {0}, {0}]
    assert not table.knows_harm and all(group.harm is None for group in table.groups())


def test_a_folder_of_other_scores_is_refused(checkpoint, frames, tmp_path):
    score(checkpoint, frames["source"], tmp_path, limit=1, workers=0)
    with pytest.raises(HRSError, match="another checkpoint or corpus"):
        score(checkpoint, frames["val"], tmp_path, workers=0)


def test_one_process_scores_into_a_folder(checkpoint, frames, tmp_path):
    """One that asks for fewer frames would take rows from the other."""
    refused = []

    def another(done, total):
        with pytest.raises(HRSError, match=r"another process scores into .*; wait until it ends, or choose another"):
            score(checkpoint, frames["source"], tmp_path / "a", limit=2, workers=0)
        refused.append(done)

    score(checkpoint, frames["source"], tmp_path / "a", workers=0, progress=another)
    assert refused and len(ScoredCorpus.open(tmp_path / "a")) == 12


def test_a_run_that_was_moved_knows_its_scores_and_another_model_does_not(checkpoint, frames, tmp_path):
    first = shutil.copytree(checkpoint, tmp_path / "first")
    score(first, frames["source"], tmp_path / "out", limit=1, workers=0)
    score(first.rename(tmp_path / "second"), frames["source"], tmp_path / "out", limit=1, workers=0)
    model = tmp_path / "second" / MODEL
    tensors = load_file(model)
    save_file({name: values + 1 if values.is_floating_point() else values for name, values in tensors.items()}, model)
    with pytest.raises(HRSError, match="another checkpoint or corpus"):
        score(model.parent, frames["source"], tmp_path / "out", limit=1, workers=0)


def test_scores_that_an_older_version_began_go_on(checkpoint, frames, tmp_path, by_class):
    score(checkpoint, frames["source"], tmp_path, limit=4, batch=2, workers=0)
    claim, model = CorpusFolder(tmp_path).claim, checkpoint / MODEL
    now, facts = claim.read_text(), model.stat()
    known = f"{model.resolve()} {facts.st_size} {facts.st_mtime_ns}"
    claim.write_text(json.dumps({**json.loads(now), "checkpoint": known}, indent=2))
    seen = []
    score(checkpoint, frames["source"], tmp_path, batch=2, workers=0, progress=lambda *at: seen.append(at))
    assert seen[0] == (6, 12) and claim.read_text() == now
    claim.write_text(json.dumps({**json.loads(now), "checkpoint": f"{known}0"}, indent=2))
    with pytest.raises(HRSError, match="another checkpoint or corpus"):
        score(checkpoint, frames["source"], tmp_path, batch=2, workers=0)


def test_scores_say_why_in_every_area(checkpoint, frames, tmp_path):
    score(checkpoint, frames["source"], tmp_path, batch=4, workers=0)
    table = AreaTable.of(ScoredCorpus.open(tmp_path))
    assert table.judges.signals == ("agreement",) and set(table.column("row")) == set(range(12))
    for row in (0, 11):
        maps, ids = table.corpus.frame(row).read_maps(), table.corpus.read_reasons(row).areas
        for area in table.of_frame(row):
            assert area.weights["region"] == pytest.approx(maps["region"][ids == area.number].mean(), rel=0.02)


def test_parts_that_do_not_say_why_are_done_again(checkpoint, frames, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "PART", 4)
    score(checkpoint, frames["source"], tmp_path, batch=2, workers=0)
    CorpusFolder(tmp_path).areas_file(4).unlink()
    seen = []
    score(checkpoint, frames["source"], tmp_path, batch=2, workers=0, progress=lambda *at: seen.append(at))
    assert seen == [(10, 12), (12, 12)] and CorpusFolder(tmp_path).areas_file(4).is_file()


def test_scores_that_are_made_anew_are_not_shown_until_they_are_whole(checkpoint, tmp_path, by_class):
    data, out = write_frames(tmp_path / "data", 12, seed=4), tmp_path / "out"
    again = partial(score, checkpoint, f"folder:{data}", out, batch=2, workers=0)
    again(limit=8)
    index = CorpusFolder(out).index

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(progress=stop)
    assert len(ScoredCorpus.open(out)) == 8  # what is there is as it was
    cv2.imwrite(str(data / "labels/001.png"), np.full((48, 64), 1, np.uint8))
    with pytest.raises(KeyboardInterrupt):
        again(progress=stop)
    assert not index.is_file()
    seen = []
    again(progress=lambda *at: seen.append(at))
    corpus = ScoredCorpus.open(out)
    assert seen[0] == (6, 12) and len(corpus) == 12 and (corpus.frame(1).read_label() == 1).all()


def test_scores_of_other_weights_give_way_where_that_is_asked(checkpoint, frames, tmp_path, by_class):
    out = tmp_path / "out"
    score(checkpoint, frames["source"], out, batch=2, workers=0)
    other = replace_weights(shutil.copytree(checkpoint, tmp_path / "other"))
    with pytest.raises(HRSError, match="another checkpoint or corpus; put these in their place with --replace"):
        score(other, frames["source"], out, batch=2, workers=0)
    assert len(ScoredCorpus.open(out)) == 12

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(other, frames["source"], out, batch=2, workers=0, replace=True, progress=stop)
    assert not CorpusFolder(out).complete() and len(list(CorpusFolder(out).maps.iterdir())) == 2
    score(other, frames["source"], out, limit=4, batch=2, workers=0, replace=True)
    assert ScoredCorpus.open(out).about.checkpoint == stamps.weights_digest(other)
    assert len(list(CorpusFolder(out).maps.iterdir())) == 4


def test_weights_that_training_replaces_meanwhile_are_scored_under_their_own_name(
    checkpoint, frames, tmp_path, monkeypatch
):
    own, real = shutil.copytree(checkpoint, tmp_path / "best"), scoring.load_checkpoint
    once = iter([True])

    def load(folder, **options):
        found = real(folder, **options)
        if next(once, False):
            replace_weights(own)
        return found

    monkeypatch.setattr(scoring, "load_checkpoint", load)
    score(own, frames["source"], tmp_path / "out", limit=4, batch=4, workers=0)
    monkeypatch.undo()
    score(own, frames["source"], tmp_path / "whole", limit=4, batch=4, workers=0)
    found, whole = (ScoredCorpus.open(tmp_path / name) for name in ("out", "whole"))
    assert found.about == whole.about
    np.testing.assert_array_equal(found.values("pixel/car"), whole.values("pixel/car"))


def replace_weights(checkpoint):
    """Other ones in their place."""
    model = checkpoint / MODEL
    tensors = load_file(model)
    save_file({name: value * 1.5 if value.is_floating_point() else value for name, value in tensors.items()}, model)
    return checkpoint


@pytest.mark.parametrize("mode", ["frames", "labels"])
def test_frames_that_changed_since_they_were_scored_are_not_copied(checkpoint, tmp_path, mode):
    data = write_frames(tmp_path / "data", 6, seed=4)
    score(checkpoint, f"folder:{data}", tmp_path / "out", batch=2, workers=0)
    corpus = ScoredCorpus.open(tmp_path / "out")
    copy = partial(export_dataset, corpus, mode=mode, threshold=1.0)
    assert copy(corpus.select(), tmp_path / "before").frames == 6
    cv2.imwrite(str(data / "labels/003.png"), np.full((48, 64), 1, np.uint8))
    with pytest.raises(HRSError, match="1 of 6 frames changed since they were scored, such as 003; score the run aga"):
        copy(corpus.select(), tmp_path / "after")
    assert copy(np.array([0, 1, 4]), tmp_path / "others").frames == 3 and not (tmp_path / "after").exists()
    part = CorpusFolder(tmp_path / "out").part(0)
    pd.read_parquet(part).drop(columns=stamps.STAMP).to_parquet(part)  # as an older version's
    assert copy(corpus.select(), tmp_path / "unknown").frames == 6
    part.write_bytes(b"PAR1 cut short")
    with pytest.raises(HRSError, match=r"000000.parquet cannot be read .*; score the run again"):
        copy(corpus.select(), tmp_path / "damaged")


def test_frames_that_cannot_be_read_are_left_out_and_named(checkpoint, tmp_path, by_class):
    """As training does. Areas still lie in their own frames."""
    data, out = write_frames(tmp_path / "data", 12, seed=4), tmp_path / "out"
    good = {i: (data / f"images/{i:03d}.png").read_bytes() for i in (1, 4, 5, 6, 7)}  # of a part, and a whole one
    for i, content in good.items():
        (data / f"images/{i:03d}.png").write_bytes(damaged(content))
    seen = []
    again = partial(score, checkpoint, f"folder:{data}", out, batch=2, workers=0)
    again(progress=lambda *at: seen.append(at))
    corpus = ScoredCorpus.open(out)
    assert seen[-1] == (12, 12) and [corpus.frame(row).id for row in range(len(corpus))] == [
        f"{i:03d}" for i in range(12) if i not in good
    ]
    assert [(each.place, each.frame) for each in corpus.about.left_out] == [(i, f"{i:03d}") for i in good]
    assert corpus.left_out_in_words().startswith("5 of 12 frames cannot be read and are left out, such as 001 (")
    check_areas(AreaTable.of(corpus))
    seen.clear()
    again(progress=lambda *at: seen.append(at))
    assert seen == []
    for i, content in good.items():
        (data / f"images/{i:03d}.png").write_bytes(content)
    again(progress=lambda *at: seen.append(at))
    corpus = ScoredCorpus.open(out)
    assert seen[0] == (6, 12) and len(corpus) == 12 and corpus.left_out_in_words() == ""
    check_areas(AreaTable.of(corpus))


def damaged(content):
    """A picture that looks well from outside, but cannot be decoded."""
    middle = len(content) // 2
    return content[:middle] + bytes(400) + content[middle + 400 :]


def check_areas(table):
    """Every frame has those that its maps show."""
    assert set(table.column("row")) == set(range(len(table.corpus)))
    places = np.arange(len(table))
    for row in range(len(table.corpus)):
        ids, areas = table.corpus.read_reasons(row).areas, table.of_frame(row)
        assert {area.number: area.pixels for area in areas} == {
            int(number): int((ids == number).sum()) for number in np.unique(ids) if number != NONE
        }
        assert table.take(places[table.column("row") == row]) == areas


def test_a_data_set_of_which_nothing_can_be_read_is_refused(checkpoint, tmp_path):
    data = write_frames(tmp_path / "data", 2, seed=4)
    for path in (data / "images").iterdir():
        path.write_bytes(damaged(path.read_bytes()))
    with pytest.raises(HRSError, match="none of 2 frames can be read"):
        score(checkpoint, f"folder:{data}", tmp_path / "out", batch=2, workers=0)
