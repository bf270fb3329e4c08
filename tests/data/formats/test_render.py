"""The built-in street as a data set."""

import logging
import shutil

import pytest

from hrs.data.formats import render as rendering
from hrs.data.glance import glance, look_at
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


@pytest.mark.parametrize(
    ("name", "own"),
    [("render:synthetic?start=200", 96), ("render:camera?start=16", 16), ("render:camera?start=16&split=val", 16)],
)
def test_without_opengl_a_part_that_did_not_come_with_hrs_is_refused(no_opengl, name, own):
    for ask in (open_dataset, look_at):
        with pytest.raises(HRSError, match=f"of the {own} frames that come with hrs none is left from start="):
            ask(name)


def test_without_opengl_a_look_counts_the_frames_that_came_with_hrs(no_opengl):
    def told(name):
        return look_at(name).total, look_at(name).missing

    assert told("render:synthetic") == (96, 0)
    assert told("render:camera?start=10&split=val") == (6, 0)
    with pytest.raises(HRSError, match="have planted faults"):
        look_at("render:synthetic?faults=none")


def test_without_opengl_the_log_names_what_is_ignored(no_opengl, caplog):
    with caplog.at_level(logging.WARNING, "hrs"):
        open_dataset("render:synthetic?seed=4&frames=8&width=640")
    assert "instead of 8 drawn ones, without regard to seed and width; on Debian" in caplog.text


def test_without_opengl_drawn_frames_are_known_by_their_names(no_opengl, monkeypatch):
    """Of frames 0 to 3 and 5 the first four are drawn ones; where 4 is asked for, none is."""
    monkeypatch.setattr("hrs.street.render_corpus", lambda out, *_, **__: out)  # what is asked for is there
    name = "render:synthetic?seed=77&height=48&width=64"
    draw(asked_for(name).folder, frames=6)
    (asked_for(name).folder / "images/000004.jpg").unlink()
    assert [len(open_dataset(f"{name}&frames={n}").read_label(0)) for n in (4, 5, 6)] == [48, 180, 180]
    assert len(open_dataset(f"{name}&frames=1&start=5").read_label(0)) == 48


def asked_for(name):
    return rendering._asked(DatasetSpec.parse(name))


def draw(out, *, first=0, frames, **_):
    """Stands in for the renderer: frames of 64x48 that all look alike, where they are missing."""
    scratch = write_frames(out.with_name(f"{out.name}-one"), 1, seed=0)
    for kind in ("images", "labels"):
        (out / kind).mkdir(parents=True, exist_ok=True)
        for i in range(first, first + frames):
            shutil.copy(scratch / kind / "000.png", out / kind / f"{i:06d}.{'jpg' if kind == 'images' else 'png'}")
    shutil.copy(scratch / "classes.yaml", out)
    shutil.rmtree(scratch)
    return out


@pytest.fixture
def drawing(monkeypatch, tmp_path):
    """What the stand-in for the renderer is asked for."""
    asked = []

    def recorded(out, domain, **values):
        asked.append({"out": out.name, "domain": domain, **values})
        return draw(out, **values)

    monkeypatch.setattr("hrs.street.can_render", lambda: True)
    monkeypatch.setattr("hrs.street.render_corpus", recorded)
    monkeypatch.setenv("HRS_CACHE", str(tmp_path))
    return asked


def test_with_opengl_each_split_is_a_street_of_its_own(drawing):
    for split in rendering.SPLITS:
        data = open_dataset("render:camera?frames=2&start=1&seed=5&height=48&width=64", split=split)
        assert [frame.id for frame in data.frames] == ["000001", "000002"]
    keys = ("domain", "first", "frames", "seed", "height", "width")
    assert [tuple(each[key] for key in keys) for each in drawing] == [
        ("camera", 1, 2, 15 + i, 48, 64) for i in range(3)
    ]


def test_only_what_is_asked_for_is_drawn_and_read(drawing):
    data = open_dataset("render:synthetic?start=30&frames=2")
    assert [frame.id for frame in data.frames] == ["000030", "000031"]
    assert [(each["first"], each["frames"]) for each in drawing] == [(30, 2)]
    (data.frames[0].image.parent / "000030.jpg").rename(data.frames[0].image.parent / "000010.jpg")
    assert look_at("render:synthetic?start=30&frames=2").missing == 1
    other = open_dataset("render:synthetic?start=31&frames=1")
    assert [frame.id for frame in other.frames] == ["000031"] and not other.skipped


def test_a_glimpse_draws_a_few_of_its_own_part(drawing):
    found = glance("render:synthetic?start=100&frames=200", few=4)
    assert found.total == 200 and len(found.dataset) == 4
    assert [(each["first"], each["frames"]) for each in drawing] == [(100, 4), (100, 6)]


def test_a_look_counts_and_draws_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr("hrs.street.can_render", lambda: True)
    monkeypatch.setattr("hrs.street.render_corpus", lambda *_, **__: pytest.fail("nothing is to be drawn"))
    monkeypatch.setenv("HRS_CACHE", str(tmp_path))

    def missing(name):
        look = look_at(name)
        return look.total, look.missing

    assert missing("render:synthetic?frames=8") == (8, 8)
    draw(asked_for("render:synthetic").folder, frames=5)
    assert missing("render:synthetic?frames=8") == (8, 3)
    assert missing("render:synthetic?frames=4&start=3") == (4, 2)
    assert missing("render:synthetic?frames=4&start=7") == (4, 4)
    monkeypatch.setattr("hrs.street.can_render", lambda: pytest.fail("nothing has to be drawn"))
    assert missing("render:synthetic?frames=4") == (4, 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("frames=none", "expected a whole number of at least 1"),
        ("frames=1000000", "frames='1000000'; expected a whole number from 1 to 999999"),
        (f"seed={'9' * 300}", "expected a whole number from 0 to 9223372036854775807"),
        (f"start={'9' * 5000}", "expected a whole number from 0 to 999999"),
        ("height=40", "size 480x40 is too small"),
        ("height=48&width=4200", "size 4200x48 is too large"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_before_anything_is_drawn(monkeypatch, options, said):
    monkeypatch.setattr("hrs.street.render_corpus", lambda *_, **__: pytest.fail("nothing is to be drawn"))
    for ask in (open_dataset, look_at, glance):
        with pytest.raises(HRSError, match=said) as caught:
            ask(f"render:synthetic?{options}")
        assert len(str(caught.value)) < 500


def test_without_faults_is_a_corpus_of_its_own(drawing):
    for name in ("render:synthetic?frames=1", "render:synthetic?frames=1&faults=none"):
        open_dataset(name)
    first, second = drawing
    assert (first["faults"], second["faults"]) == (True, False)
    assert first["out"] != second["out"]


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
