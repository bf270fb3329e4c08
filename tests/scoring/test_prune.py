"""Copies of a scored data set against a slow loop."""

import json
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hrs.config import load_config
from hrs.data.layouts import open_dataset, open_sources
from hrs.errors import HRSError
from hrs.labels import CAMVID, IGNORE
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.prune import export_dataset, with_copy
from tests.conftest import CLASSES, write_frames
from tests.data.files import write_classes, write_streets
from tests.scoring.weighted_run import make_scores


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


def ids(corpus, rows):
    return [corpus.frame(int(row)).id for row in rows]


def test_copied_frames_are_the_chosen_ones_pixel_by_pixel(corpus, source, tmp_path):
    rows = corpus.select(sort="weight")[:4]
    steps = []
    done = export_dataset(corpus, rows, tmp_path / "out", progress=lambda done, total: steps.append((done, total)))
    assert done.frames == 4 and done.labelled.sum() > 0 and not done.removed.any()
    copy, original = open_dataset(f"folder:{tmp_path / 'out'}"), open_dataset(source)
    places = {frame.id: i for i, frame in enumerate(original.frames)}
    assert {frame.id for frame in copy.frames} == set(ids(corpus, rows))
    assert copy.space.classes == CLASSES
    assert copy.space.palette == original.space.palette
    for i, frame in enumerate(copy.frames):
        assert np.array_equal(copy.read_image(i), original.read_image(places[frame.id]))
        assert np.array_equal(copy.read_label(i), original.read_label(places[frame.id]))
    assert steps == [(i, 4) for i in range(1, 5)]


def test_no_frame_is_looked_up_more_than_once(corpus, tmp_path, monkeypatch):
    looked, frame = [], ScoredCorpus.frame
    monkeypatch.setattr(ScoredCorpus, "frame", lambda self, row: looked.append(row) or frame(self, row))
    rows = corpus.select(sort="weight")[:4]
    export_dataset(corpus, rows, tmp_path / "out")
    assert sorted(looked) == sorted(rows)


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


@pytest.mark.parametrize("keep", ["above", "below"])
def test_a_pixel_whose_weight_nobody_knows_keeps_its_label(tmp_path, keep):
    """Its cell was unlabelled at the size that was scored."""
    root = write_frames(tmp_path / "source", 1, seed=6)
    label = cv2.imread(str(root / "labels/000.png"), cv2.IMREAD_UNCHANGED)
    label[10:40:2, 10:40:2] = IGNORE  # of every cell the pixel that is kept at half the size
    cv2.imwrite(str(root / "labels/000.png"), label)
    make_scores(tmp_path / "scores", f"folder:{root}")
    corpus = ScoredCorpus.open(tmp_path / "scores")
    limit = 1e9 if keep == "above" else 0
    export_dataset(corpus, corpus.select(), tmp_path / "out", mode="labels", threshold=limit, keep=keep)
    known = np.ones(label.shape, bool)
    known[10:40, 10:40] = False
    found = open_dataset(f"folder:{tmp_path / 'out'}").read_label(0)
    assert (found[known] == IGNORE).all() and np.array_equal(found[~known], label[~known])


def test_classes_are_those_of_the_corpus_where_it_was_scored_in_another_space(tmp_path):
    root = write_frames(tmp_path / "source", 2, seed=6)
    make_scores(tmp_path / "scores", f"folder:{root}")
    about = json.loads((tmp_path / "scores/corpus.json").read_text())
    (tmp_path / "scores/corpus.json").write_text(json.dumps({**about, "space": CAMVID.to_dict()}))
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


def test_a_copy_has_the_classes_that_the_run_gave_them(corpus, source, tmp_path):
    renamed = replace(corpus, about=replace(corpus.about, classes={"car": "road"}))
    export_dataset(renamed, corpus.select(), tmp_path / "out")
    copy, original = open_dataset(f"folder:{tmp_path / 'out'}"), open_dataset(source)
    car, road = (original.space.classes.index(name) for name in ("car", "road"))
    wanted = np.where(original.read_label(0) == car, road, original.read_label(0))
    assert np.array_equal(copy.read_label(0), wanted)


def test_a_copy_needs_not_every_class_of_a_map_that_serves_several_sources(corpus, source, tmp_path):
    shared = replace(corpus, about=replace(corpus.about, classes={"lorry": "car", "tree": "sky"}))
    export_dataset(shared, corpus.select(), tmp_path / "out")
    copy, original = open_dataset(f"folder:{tmp_path / 'out'}"), open_dataset(source)
    tree, sky = (original.space.classes.index(name) for name in ("tree", "sky"))
    wanted = np.where(original.read_label(0) == tree, sky, original.read_label(0))
    assert np.array_equal(copy.read_label(0), wanted)


def copied(config, scored):
    data = with_copy(config, scored, "folder:copy").data
    return data.sources, data.classes


def test_a_copy_takes_the_place_of_what_was_scored_alone():
    sources = ["folder:a?classes=m", "folder:b", "folder:c"]
    classes = {"folder:a": {"x": "road"}, "folder:b": {"y": "road"}, "folder:t": {"z": "road"}}
    config = load_config({"data": {"sources": sources, "target": "folder:t", "classes": classes}})
    assert copied(config, sources[0]) == (
        ("folder:copy", *sources[1:]),
        {k: classes[k] for k in ("folder:b", "folder:t")},
    )
    assert copied(config, sources[2]) == ((*sources[:2], "folder:copy"), classes)
    assert copied(config, "folder:elsewhere") == (("folder:copy",), {"folder:t": {"z": "road"}})
    twice = load_config({"data": {"sources": ["folder:a?split=1", "folder:a"], "classes": {"folder:a": {"x": "road"}}}})
    assert copied(twice, "folder:a")[1] == {"folder:a": {"x": "road"}}
    alone = load_config({"data": {"sources": ["folder:a"], "classes": {"x": "road"}}})
    assert copied(alone, "folder:a") == (("folder:copy",), {})


def test_a_copy_is_not_renamed_by_the_map_of_the_other_sources(frames, tmp_path):
    lists = ("{0: sky, 1: asphalt, 2: car, 3: pole}", "{0: sky, 1: floor, 2: car, 3: tree}", "{0: sky, 2: car}")
    specs = [
        f"folder:{write_classes(write_streets(tmp_path / name), f'classes: {text}')}"
        for name, text in zip(("scored", "other", "copy"), lists, strict=True)
    ]
    given = {"asphalt, floor": "road", "car": "tree", "pole": "ignore"}
    data = {"sources": specs[:2], "target": frames["target"], "classes": given}
    space = open_dataset(frames["target"]).space
    config = with_copy(load_config({"data": data}), specs[0], specs[2])
    assert config.data.classes == {"*": {"floor": "road", "car": "tree"}, specs[2]: {}}
    copy, other = open_sources(config.sources, space, classes=config.data.classes)
    assert [space.classes[i] for i in np.unique(copy.read_label(0)) if i != IGNORE] == ["sky", "car"]
    assert [space.classes[i] for i in np.unique(other.read_label(0))] == ["sky", "road", "tree"]


def test_masks_of_planted_departures_come_along(tmp_path):
    root = write_frames(tmp_path / "source", 2, seed=6, planted=True)
    cv2.imwrite(str(root / "planted/000.png"), np.full((48, 64), 4, np.uint8))
    (root / "planted/001.png").unlink()
    make_scores(tmp_path / "scores", f"folder:{root}")
    corpus = ScoredCorpus.open(tmp_path / "scores")
    export_dataset(corpus, corpus.select(), tmp_path / "out")
    copy = open_dataset(f"folder:{tmp_path / 'out'}")
    assert (copy.read_planted(0) == 4).all() and copy.read_planted(1) is None
