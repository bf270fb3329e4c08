"""A scored corpus: its table against pandas, its copies against a slow loop."""

import io
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import pytest

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labels import CAMVID, IGNORE
from hrs.runs.folder import RunFolder
from hrs.scoring import corpus as scores
from hrs.scoring.corpus import Between, ScoredCorpus, enlarge, export_dataset
from hrs.scoring.maps import write_maps
from hrs.scoring.panel import open_panel
from tests.conftest import CLASSES, write_frames
from tests.scoring.weighted_run import make_maps, make_run, make_scores


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return f"folder:{write_frames(tmp_path_factory.mktemp('scored') / 'source', 9, seed=4)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, source):
    out = tmp_path_factory.mktemp("scores")
    make_scores(out, source)
    return out


@pytest.fixture
def corpus(folder):
    return ScoredCorpus.open(folder)


@pytest.fixture(scope="module")
def table(folder):
    return pd.read_parquet(folder / "index.parquet")


def ids(corpus, rows):
    return [corpus.frame(int(row)).id for row in rows]


@pytest.mark.parametrize("statistic", ["weight", "effective_share", "region/std", "combined/car"])
@pytest.mark.parametrize("descending", [False, True])
def test_order_is_that_of_pandas(corpus, table, statistic, descending):
    expected = table.sort_values(statistic, ascending=not descending, kind="stable")["frame"].tolist()
    assert ids(corpus, corpus.select(sort=statistic, descending=descending)) == expected


def test_conditions_are_all_met(corpus, table):
    where = [Between(statistic="weight", low=0.6, high=1.2), Between(statistic="pixel/mean", low=0.98, high=9)]
    expected = table[table["weight"].between(0.6, 1.2) & table["pixel/mean"].between(0.98, 9)]["frame"].tolist()
    assert 0 < len(expected) < len(table)
    assert ids(corpus, corpus.select(where=where)) == expected


def test_frames_without_the_class_come_last_and_fail_its_condition(tmp_path):
    rows = [
        {"frame": name, "map": "m", "combined/car": value} for name, value in zip("abc", (None, 2.0, 1.0), strict=True)
    ]
    corpus = ScoredCorpus.of_rows(tmp_path, rows, None)
    assert ids(corpus, corpus.select(sort="combined/car")) == ["c", "b", "a"]
    assert ids(corpus, corpus.select(sort="combined/car", descending=True)) == ["b", "c", "a"]
    assert ids(corpus, corpus.select(where=[Between(statistic="combined/car", low=0, high=9)])) == ["b", "c"]
    assert corpus.mean("combined/car") == 1.5


def test_pages_touch_only_their_frames(corpus):
    rows = corpus.select(sort="weight")
    pages = [corpus.page(rows, number, 4) for number in range(4)]
    assert [len(page) for page in pages] == [4, 4, 1, 0]
    assert [frame.id for page in pages for frame in page] == ids(corpus, rows)


def test_a_frame_reads_its_maps_and_its_picture(corpus, source):
    data = open_dataset(source)
    row = corpus.find("003")
    frame = corpus.frame(row)
    image, label = frame.read_frame()
    assert np.array_equal(label, data.read_label(3)[::2, ::2])
    assert image.shape == (24, 32, 3)
    maps, expected = frame.read_maps(), make_maps(3, label)
    assert set(maps) == set(corpus.maps) == {"combined", "pixel", "region", "image"}
    for name in maps:
        assert np.allclose(maps[name], expected[name], atol=expected["combined"].max() / 255)
    assert corpus.find("nowhere") is None


def test_statistics_are_numbers_and_unknown_ones_are_named(corpus, table):
    assert {"weight", "effective_share", "pixel/mean", "combined/car"} <= set(corpus.statistics)
    assert "frame" not in corpus.statistics
    assert np.allclose(corpus.values("weight"), table["weight"])
    with pytest.raises(HRSError, match="no statistic 'wieght'"):
        corpus.values("wieght")


def test_columns_are_read_when_asked_for(folder, monkeypatch):
    read, real = [], scores.pq.read_table

    def spy(source, *, columns):
        read.extend(columns)
        return real(source, columns=columns)

    monkeypatch.setattr(scores.pq, "read_table", spy)
    corpus = ScoredCorpus.open(folder)
    corpus.page(corpus.select(sort="weight"), 0, 4)
    corpus.select(sort="weight", descending=True)
    assert sorted(read) == ["frame", "map", "weight"]


def test_csv_holds_the_chosen_rows_in_order(corpus, table):
    rows = corpus.select(sort="weight", descending=True)[:5]
    written = pd.read_csv(io.BytesIO(corpus.export_csv(rows)), dtype={"frame": str})
    expected = table.sort_values("weight", ascending=False)[:5].reset_index(drop=True)
    pd.testing.assert_frame_equal(written, expected, check_dtype=False)


def test_an_open_corpus_stays_as_it_is_when_it_is_scored_again(tmp_path, source):
    make_scores(tmp_path, source)
    corpus = ScoredCorpus.open(tmp_path)
    before = corpus.values("weight").copy()
    fresh = tmp_path / "fresh.parquet"
    pd.read_parquet(tmp_path / "index.parquet").head(2).to_parquet(fresh)
    os.replace(fresh, tmp_path / "index.parquet")
    assert len(corpus) == len(before)
    assert len(ScoredCorpus.open(tmp_path)) == 2


def test_missing_and_damaged_corpora_say_what_to_do(tmp_path):
    with pytest.raises(HRSError, match="score the run first"):
        ScoredCorpus.open(tmp_path)
    (tmp_path / "index.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "scores.json").write_text("{}")
    with pytest.raises(HRSError, match="cannot be read"):
        ScoredCorpus.open(tmp_path)


# Copies of the data set


def test_copied_frames_are_the_chosen_ones_pixel_by_pixel(corpus, source, tmp_path):
    rows = corpus.select(sort="weight")[:4]
    steps = []
    assert export_dataset(corpus, rows, tmp_path / "out", progress=lambda done, total: steps.append((done, total))) == 4
    copy, original = open_dataset(f"folder:{tmp_path / 'out'}"), open_dataset(source)
    places = {frame.id: i for i, frame in enumerate(original.frames)}
    assert {frame.id for frame in copy.frames} == set(ids(corpus, rows))
    assert copy.space.classes == CLASSES
    assert copy.space.palette == original.space.palette
    for i, frame in enumerate(copy.frames):
        assert np.array_equal(copy.read_image(i), original.read_image(places[frame.id]))
        assert np.array_equal(copy.read_label(i), original.read_label(places[frame.id]))
    assert steps == [(i, 4) for i in range(1, 5)]


def test_labels_of_low_weight_are_unlabelled_at_the_original_size(corpus, source, tmp_path):
    export_dataset(corpus, corpus.select(), tmp_path / "out", mode="labels", threshold=0.6, level="region")
    copy, original = open_dataset(f"folder:{tmp_path / 'out'}"), open_dataset(source)
    for i in range(len(copy)):
        weights = corpus.frame(i).read_maps()["region"]
        expected = original.read_label(i).copy()
        for y in range(48):
            for x in range(64):
                if weights[y * 24 // 48, x * 32 // 64] < 0.6:
                    expected[y, x] = IGNORE
        assert (expected == IGNORE).any() and (expected != IGNORE).any()
        assert np.array_equal(copy.read_label(i), expected)


def test_thresholds_by_class_cut_a_data_set_into_two_sides(corpus, source, tmp_path):
    limits = [0.5, 1.5, 0.9, 1.1]
    for keep in ("above", "below"):
        export_dataset(corpus, corpus.select(), tmp_path / keep, mode="labels", threshold=limits, keep=keep)
    upper, lower = (open_dataset(f"folder:{tmp_path / keep}") for keep in ("above", "below"))
    original = open_dataset(source)
    for i in range(len(upper)):
        label, weights = original.read_label(i), corpus.frame(i).read_maps()["combined"]
        high = np.repeat(np.repeat(weights, 2, 0), 2, 1) >= np.asarray(limits, np.float32)[label]
        assert high.any() and not high.all()
        assert np.array_equal(upper.read_label(i), np.where(high, label, IGNORE))
        assert np.array_equal(lower.read_label(i), np.where(high, IGNORE, label))


def test_classes_are_those_of_the_corpus_where_it_was_scored_in_another_space(tmp_path):
    root = write_frames(tmp_path / "source", 2, seed=6)
    make_scores(tmp_path / "scores", f"folder:{root}")
    about = json.loads((tmp_path / "scores/scores.json").read_text())
    (tmp_path / "scores/scores.json").write_text(json.dumps({**about, "space": CAMVID.to_dict()}))
    corpus = ScoredCorpus.open(tmp_path / "scores")
    export_dataset(corpus, corpus.select(), tmp_path / "out")
    copy = open_dataset(f"folder:{tmp_path / 'out'}")
    assert copy.space.classes == CAMVID.classes and copy.space.palette == CAMVID.palette
    original = cv2.imread(str(root / "labels/000.png"), cv2.IMREAD_UNCHANGED)
    table = np.array([CAMVID.classes.index(name) for name in ("Sky", "Road", "Car", "Tree")], np.uint8)
    assert np.array_equal(copy.read_label(0), table[original])


def test_images_are_linked_where_the_disk_can(corpus, source, tmp_path):
    export_dataset(corpus, corpus.select()[:1], tmp_path / "out")
    frame = open_dataset(source).frames[0]
    linked = tmp_path / "out/images" / frame.image.name
    assert linked.read_bytes() == frame.image.read_bytes()
    assert os.path.samestat(linked.stat(), frame.image.stat()) or linked.stat().st_dev != frame.image.stat().st_dev


def test_a_copy_refuses_what_cannot_be_done_and_leaves_nothing(tmp_path):
    root = write_frames(tmp_path / "source", 2, seed=7)
    make_scores(tmp_path / "scores", f"folder:{root}")
    corpus = ScoredCorpus.open(tmp_path / "scores")
    (tmp_path / "there").mkdir()
    with pytest.raises(HRSError, match="exists"):
        export_dataset(corpus, corpus.select(), tmp_path / "there")
    with pytest.raises(HRSError, match="no frame"):
        export_dataset(corpus, corpus.select()[:0], tmp_path / "out")
    (tmp_path / "scores/maps/001.npz").unlink()
    with pytest.raises(HRSError, match=r"001\.npz"):
        export_dataset(corpus, corpus.select(), tmp_path / "out", mode="labels", threshold=1)
    (root / "images/000.png").unlink()
    with pytest.raises(HRSError, match="1 of 2 images are gone"):
        export_dataset(corpus, corpus.select(), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores", "source", "there"]


def test_enlarging_takes_the_pixel_below_the_centre():
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    large = enlarge(weights, 5, 7)
    for y in range(5):
        for x in range(7):
            assert large[y, x] == weights[int((y + 0.5) * 2 / 5), int((x + 0.5) * 3 / 7)]
    assert np.array_equal(enlarge(large, 2, 3), weights)


# The panel


def test_the_panel_has_the_statistics_of_scoring_at_every_step(tmp_path, source, frames, tiny):
    run = make_run(tmp_path, "one", source, tiny, scores=False)
    assert RunFolder(run).panel_steps() == [0, 5]
    space = open_dataset(source).space
    first, last = (open_panel(RunFolder(run), step, space) for step in (0, 5))
    assert np.allclose(first.values("weight"), 1, atol=0.01)
    assert np.allclose(first.values("effective_share"), 1, atol=0.01)
    frame = last.frame(1)
    maps, (_, label) = frame.read_maps(), frame.read_frame()
    assert last.values("weight")[1] == pytest.approx(maps["combined"].mean())
    assert last.values("pixel/std")[1] == pytest.approx(maps["pixel"].std(ddof=1))
    for i, name in enumerate(CLASSES):
        assert last.values(f"region/{name}")[1] == pytest.approx(maps["region"][label == i].mean())


def test_a_panel_without_pictures_still_has_weights(tmp_path):
    write_maps(tmp_path / "weights/step_000003/a.npz", {"combined": np.ones((4, 5), np.float32)})
    (tmp_path / "weights/step_later").mkdir()
    corpus = open_panel(RunFolder(tmp_path), 3, CAMVID)
    assert corpus.statistics == ("weight", "effective_share")
    assert corpus.frame(0).id == "a" and not corpus.frame(0).picture.is_file()
    with pytest.raises(HRSError, match="score the run"):
        export_dataset(corpus, corpus.select(), tmp_path / "out")


def test_reading_needs_no_torch():
    code = "import sys, hrs.scoring.corpus, hrs.scoring.panel; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
