"""Rendered frames as dataset folders, and the frames that are shipped."""

import json

import cv2
import numpy as np
import pytest
import yaml

from hrs import street
from hrs.errors import HRSError
from hrs.street import corpus, gl

needs_gl = pytest.mark.skipif(not street.can_render(), reason="no OpenGL on this machine")
SMALL = {"seed": 3, "height": 72, "width": 96}


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@needs_gl
def test_workers_do_not_change_the_corpus_and_every_file_is_there(tmp_path):
    calls = []
    one = street.render_corpus(tmp_path / "one", "synthetic", frames=3, workers=1, **SMALL)
    two = street.render_corpus(
        tmp_path / "two", "synthetic", frames=3, workers=2, progress=lambda *c: calls.append(c), **SMALL
    )
    assert contents(one) == contents(two)
    assert calls == [(1, 3), (2, 3), (3, 3)]
    names = [f"{kind}/{i:06d}.{end}" for kind, end in FILES for i in range(3)]
    assert sorted(contents(one)) == sorted([*names, "classes.yaml", "render.json"])


FILES = (("images", "jpg"), ("labels", "png"), ("planted", "png"), ("info", "json"))


@needs_gl
def test_what_is_written_is_what_was_rendered(tmp_path):
    out = street.render_corpus(tmp_path / "c", "camera", frames=1, workers=1, **SMALL)
    frame = street.render_frame("camera", index=0, **SMALL)
    assert (cv2.imread(str(out / "labels/000000.png"), cv2.IMREAD_UNCHANGED) == frame.label).all()
    assert (cv2.imread(str(out / "planted/000000.png"), cv2.IMREAD_UNCHANGED) == frame.planted).all()
    assert json.loads((out / "info/000000.json").read_text()) == frame.info
    image = cv2.imread(str(out / "images/000000.jpg"))[..., ::-1]
    assert np.abs(image.astype(int) - frame.image).mean() < 6
    told = yaml.safe_load((out / "classes.yaml").read_text())
    assert told["classes"] == dict(enumerate(street.CLASS_NAMES)) and told["palette"][3] == [128, 64, 128]
    render = json.loads((out / "render.json").read_text())
    assert render["domain"] == "camera" and render["seed"] == 3 and render["renderer"] == street.RENDERER_VERSION


@needs_gl
def test_a_cut_off_render_goes_on_and_keeps_what_is_there(tmp_path):
    out = tmp_path / "c"
    whole = contents(street.render_corpus(tmp_path / "whole", "synthetic", frames=3, workers=1, **SMALL))
    street.render_corpus(out, "synthetic", frames=2, workers=1, **SMALL)
    (out / "images/000001.jpg").unlink()
    (out / "labels/000001.png").write_bytes(b"half written")
    kept = (out / "images/000000.jpg").stat().st_mtime_ns
    calls = []
    street.render_corpus(out, "synthetic", frames=3, workers=1, progress=lambda *c: calls.append(c), **SMALL)
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert (out / "images/000000.jpg").stat().st_mtime_ns == kept
    assert contents(out) == whole


@needs_gl
def test_a_folder_of_another_render_is_refused(tmp_path):
    street.render_corpus(tmp_path, "camera", frames=1, workers=1, **SMALL)
    with pytest.raises(HRSError, match="another render"):
        street.render_corpus(tmp_path, "synthetic", frames=1, workers=1, **SMALL)


def test_a_finished_corpus_needs_no_opengl(tmp_path, monkeypatch):
    monkeypatch.setattr(gl, "can_render", lambda: False)
    with pytest.raises(street.RendererUnavailable):
        street.render_corpus(tmp_path, "camera", frames=1, **SMALL)
    frame = street.RenderedFrame(
        image=np.zeros((72, 96, 3), np.uint8),
        label=np.zeros((72, 96), np.uint8),
        planted=np.zeros((72, 96), np.uint8),
        info={},
    )
    corpus.write_frame(tmp_path, 0, frame, quality=95)
    assert street.render_corpus(tmp_path, "camera", frames=1, **SMALL) == tmp_path


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"workers": 0}, {"domain": "x"}])
def test_senseless_orders_are_refused(tmp_path, wrong):
    values = {"domain": "camera", "frames": 1, **SMALL} | wrong
    with pytest.raises(HRSError):
        street.render_corpus(tmp_path, values.pop("domain"), **values)


@pytest.mark.parametrize(("domain", "frames"), [("synthetic", 96), ("camera", 48)])
def test_shipped_frames_read_back(domain, frames):
    folder = street.shipped_frames(domain)
    images = sorted((folder / "images").glob("*.jpg"))
    assert len(images) == frames
    seen = np.zeros(256, int)
    for path in images:
        label = cv2.imread(str(folder / "labels" / f"{path.stem}.png"), cv2.IMREAD_UNCHANGED)
        planted = cv2.imread(str(folder / "planted" / f"{path.stem}.png"), cv2.IMREAD_UNCHANGED)
        assert cv2.imread(str(path)).shape == (180, 240, 3) and label.shape == planted.shape == (180, 240)
        seen += np.bincount(label.ravel(), minlength=256)
        assert domain == "synthetic" or not planted.any()
    assert (seen[: len(street.CLASS_NAMES)] > 0).all() and not seen[len(street.CLASS_NAMES) :].any()


def test_shipped_frames_stay_small():
    sizes = [
        p.stat().st_size for d in ("synthetic", "camera") for p in street.shipped_frames(d).rglob("*") if p.is_file()
    ]
    assert sum(sizes) < 5_000_000


def test_shipped_frames_of_an_unknown_domain_are_refused():
    with pytest.raises(HRSError, match="unknown domain"):
        street.shipped_frames("martian")
