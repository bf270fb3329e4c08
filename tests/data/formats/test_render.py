"""The built-in street as a data set."""

import logging

import pytest

from hrs.data.formats import render as rendering
from hrs.data.formats.table import FORMATS
from hrs.data.layouts import open_dataset
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from tests.conftest import write_frames


@pytest.fixture
def no_opengl(monkeypatch):
    monkeypatch.setattr("hrs.street.can_render", lambda: False)


def test_without_opengl_shipped_frames_are_used_and_the_log_says_so(no_opengl, caplog):
    with caplog.at_level(logging.WARNING, "hrs"):
        data = open_dataset("render:synthetic?frames=10&start=2")
    assert len(data) == 10 and data.skipped == ()
    assert data.read_label(0).shape == data.read_image(0).shape[:2] == data.read_planted(0).shape
    (record,) = caplog.records
    assert "no OpenGL here, so 10 frames that come with hrs are used instead of 10" in record.getMessage()
    assert data.frames[0].id == open_dataset("render:synthetic?frames=3").frames[2].id


def test_without_opengl_the_cameras_splits_are_disjoint(no_opengl):
    splits = [{f.id for f in open_dataset("render:camera?frames=1000", split=s).frames} for s in rendering.SPLITS]
    assert [len(ids) for ids in splits] == [16, 16, 16]
    assert len(set.union(*splits)) == 48


def test_with_opengl_each_split_is_a_street_of_its_own(monkeypatch, tmp_path):
    asked = []

    def draw(out, domain, *, frames, seed, height, width, progress, faults):
        asked.append((domain, frames, seed, height, width))
        return out if out.exists() else write_frames(out, frames, seed=seed)

    monkeypatch.setattr("hrs.street.can_render", lambda: True)
    monkeypatch.setattr("hrs.street.render_corpus", draw)
    monkeypatch.setenv("HRS_CACHE", str(tmp_path))
    for split in rendering.SPLITS:
        data = open_dataset("render:camera?frames=2&start=1&seed=5&height=48&width=64", split=split)
        assert [frame.id for frame in data.frames] == ["001", "002"]
    assert asked == [("camera", 3, 15 + i, 48, 64) for i in range(3)]


def test_a_look_counts_and_draws_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr("hrs.street.can_render", lambda: pytest.fail("nothing is to be drawn"))
    monkeypatch.setenv("HRS_CACHE", str(tmp_path))

    def missing(name):
        spec = DatasetSpec.parse(name)
        look = FORMATS["render"].look(spec)
        return look.total, look.missing

    assert missing("render:synthetic?frames=8") == (8, 8)
    drawn = rendering._cache(DatasetSpec.parse("render:synthetic"), "synthetic", "train") / "images"
    drawn.mkdir(parents=True)
    for i in range(5):
        (drawn / f"{i:06d}.jpg").touch()
    assert missing("render:synthetic?frames=4") == (4, 0)
    assert missing("render:synthetic?frames=8") == (8, 3)
    assert missing("render:synthetic?frames=4&start=7") == (4, 4)
    with pytest.raises(HRSError, match="expected a whole number"):
        missing("render:synthetic?frames=none")


def test_without_faults_is_a_corpus_of_its_own(monkeypatch, tmp_path):
    asked = []

    def draw(out, domain, *, frames, faults, **_):
        asked.append((out.name, faults))
        return write_frames(out, frames, seed=0)

    monkeypatch.setattr("hrs.street.can_render", lambda: True)
    monkeypatch.setattr("hrs.street.render_corpus", draw)
    monkeypatch.setenv("HRS_CACHE", str(tmp_path))
    for name in ("render:synthetic?frames=1", "render:synthetic?frames=1&faults=none"):
        open_dataset(name)
    (first, planted), (second, true) = asked
    assert (planted, true) == (True, False)
    assert first != second


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("render:synthetic?faults=some", "expected planted or none"),
        ("render:camera?faults=none", "leave faults out"),
    ],
)
def test_faults_that_make_no_sense_are_refused(name, said):
    with pytest.raises(HRSError, match=said):
        open_dataset(name)


def test_without_opengl_frames_with_faults_are_not_passed_off_as_true(monkeypatch, tmp_path):
    monkeypatch.setattr("hrs.street.can_render", lambda: False)
    monkeypatch.setenv("HRS_CACHE", str(tmp_path))
    with pytest.raises(HRSError, match="have planted faults"):
        open_dataset("render:synthetic?frames=2&faults=none")
