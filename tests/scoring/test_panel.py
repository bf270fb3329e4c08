"""The panel of a run, written and read back, against the arrays it was given."""

import re

import cv2
import numpy as np
import pytest

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.runs.folder import RunFolder
from hrs.scoring import maps as stored
from hrs.scoring.moments import Moments
from hrs.scoring.panel import PanelFrame, PanelWriter, open_panel
from hrs.scoring.prune import export_dataset
from tests.conftest import CLASSES, write_frames
from tests.scoring.weighted_run import make_panel, make_raw, panel_scale, small


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return f"folder:{write_frames(tmp_path_factory.mktemp('panel') / 'source', 2, seed=4)}"


@pytest.fixture(scope="module")
def run(tmp_path_factory, source):
    run = RunFolder(tmp_path_factory.mktemp("watched"))
    make_panel(run, source)
    return run


def test_in_the_warm_up_every_labelled_pixel_weighs_exactly_one(run):
    corpus = open_panel(run, 0)
    for row in range(len(corpus)):
        frame = corpus.frame(row)
        for values in frame.read_maps().values():
            assert (values[frame.read_label() != IGNORE] == 1).all()
    for name in ("weight", "effective_share", "pixel/mean", "region/car"):
        assert (corpus.values(name) == 1).all()
    assert (corpus.values("pixel/std") == 0).all()


def test_later_steps_hold_the_weights_that_acted(run, source):
    corpus, data = open_panel(run, 5), open_dataset(source)
    assert (corpus.about.step, corpus.dataset, corpus.space) == (5, None, data.space)
    for row in range(2):
        label = small(data.read_label(row))
        expected = panel_scale(5).apply(make_raw(row, label), label)
        frame = corpus.frame(row)
        assert frame.id == data.frames[row].id
        maps = frame.read_maps()
        assert np.array_equal(frame.read_label(), label) and frame.read_picture().shape == (*label.shape, 3)
        for name, values in expected.items():
            np.testing.assert_allclose(maps[name], values, rtol=0.03)
        assert corpus.values("weight")[row] == pytest.approx(maps["combined"].mean(), rel=1e-5)
        assert corpus.values("pixel/std")[row] == pytest.approx(maps["pixel"].std(ddof=1), rel=1e-4)
        for i, name in enumerate(CLASSES):
            assert corpus.values(f"region/{name}")[row] == pytest.approx(maps["region"][label == i].mean(), rel=1e-5)


def test_a_frame_has_the_same_statistics_in_panel_and_corpus(run, source):
    """One writer: what a table says follows from raw maps and scale alone."""
    corpus, data = open_panel(run, 5), open_dataset(source)
    moments = []
    for i in range(2):
        label = small(data.read_label(i))
        raw = {name: stored.pack(values) for name, values in make_raw(i, label).items()}
        moments.append(Moments.of(raw, label, len(CLASSES)))
    expected = Moments.join(moments).statistics(corpus.about.scale, CLASSES)
    assert set(corpus.statistics) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(corpus.values(name), values)


def test_pictures_are_written_once_and_nothing_is_read_back(tmp_path, source, monkeypatch):
    run, data = RunFolder(tmp_path), open_dataset(source)
    image, label = small(data.read_image(0)), small(data.read_label(0))
    writer = PanelWriter(run=run, space=data.space, frames=[PanelFrame(id="town/1", image=image, label=label)])
    monkeypatch.setattr(np, "load", None)
    monkeypatch.setattr(cv2, "imdecode", None)
    writer.write(0, [make_raw(0, label)], panel_scale(0))
    (pictures,) = run.all_panel_frames()
    before = {path: path.stat().st_mtime_ns for path in pictures.iterdir()}
    writer.write(5, [make_raw(0, label)], panel_scale(5))
    writer.write(5, [make_raw(0, label)], panel_scale(5))  # a resumed run comes by again
    monkeypatch.undo()
    assert {path.name for path in before} == {"town__1.jpg", "town__1.png"}
    assert {path: path.stat().st_mtime_ns for path in pictures.iterdir()} == before
    assert run.panel_steps() == run.preview_steps("weights") == [0, 5]
    assert open_panel(run, 5).frame(0).id == "town/1"


def test_each_step_shows_the_frames_of_its_time(tmp_path, source):
    """A run may go on with other frames, with more of them, or with a label that was mended."""
    run, data = RunFolder(tmp_path), open_dataset(source)
    images, labels = ([small(read(i)) for i in range(2)] for read in (data.read_image, data.read_label))
    mended = np.where(labels[0] == 0, 1, labels[0]).astype(np.uint8)
    before, after, more = ("a", 0, labels[0]), ("a", 0, mended), ("b", 1, labels[1])
    watched = [[before], [after], [after, more], [before]]
    for step, panel in enumerate(watched):
        frames = [PanelFrame(id=name, image=images[i], label=label) for name, i, label in panel]
        writer = PanelWriter(run=run, space=data.space, frames=frames)
        writer.write(step, [make_raw(0, label) for _, _, label in panel], panel_scale(5))
    for step, panel in enumerate(watched):
        corpus = open_panel(run, step)
        assert len(corpus) == len(panel)
        for row, (name, _, label) in enumerate(panel):
            frame = corpus.frame(row)
            assert frame.id == name and np.array_equal(frame.read_label(), label) and frame.read_maps()
            assert frame.read_picture().shape == (*label.shape, 3)
    assert len(run.all_panel_frames()) == 3


def test_a_panel_says_nothing_of_the_machine_and_cannot_be_copied(run, tmp_path):
    corpus = open_panel(run, 5)
    assert (
        b"/" not in re.sub(rb"\.\./frames_[0-9a-f]+/|maps/", b"", corpus.export_csv(corpus.select())).split(b"\n", 1)[1]
    )
    with pytest.raises(HRSError, match="score the run"):
        export_dataset(corpus, corpus.select(), tmp_path / "out")


def test_a_panel_of_an_older_version_is_one_clear_line(tmp_path):
    run = RunFolder(tmp_path)
    run.panel_step(3).path.mkdir(parents=True)
    np.savez(run.panel_step(3).path / "a.npz", combined=np.zeros((2, 3), np.uint8))
    with pytest.raises(HRSError, match="older version"):
        open_panel(run, 3)
