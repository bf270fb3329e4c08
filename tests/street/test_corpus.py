"""Rendered frames as dataset folders, and the frames that are shipped."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import psutil
import pytest
import yaml

from hrs import street
from hrs.errors import HRSError
from hrs.street import corpus, gl
from tests.conftest import until

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


@pytest.mark.parametrize("name", ["classes.yaml", "images/a.jpg", "notes.txt"])
def test_a_folder_that_holds_no_render_stays_as_it_is(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(HRSError, match=f"holds {name.split('/')[0]} and no render; name a folder that is new"):
        street.render_corpus(tmp_path, "camera", frames=1, **SMALL)
    assert contents(tmp_path) == {name: b"mine"}


def test_a_render_that_was_killed_before_its_first_frame_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus.yaml, "safe_dump", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        street.render_corpus(tmp_path, "camera", frames=1, **SMALL)
    monkeypatch.undo()
    monkeypatch.setattr(gl, "can_render", lambda: False)
    with pytest.raises(street.RendererUnavailable):
        street.render_corpus(tmp_path, "camera", frames=1, **SMALL)
    assert {"classes.yaml", "render.json"} <= contents(tmp_path).keys()


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


@needs_gl
def test_a_part_of_the_corpus_is_drawn_without_the_frames_before_it(tmp_path):
    calls = []
    whole = contents(street.render_corpus(tmp_path / "whole", "synthetic", frames=4, workers=1, **SMALL))
    out = tmp_path / "part"
    street.render_corpus(out, "synthetic", first=2, frames=2, workers=1, progress=lambda *c: calls.append(c), **SMALL)
    assert calls == [(1, 2), (2, 2)]
    assert contents(out) == {
        name: data for name, data in whole.items() if "000000." not in name and "000001." not in name
    }


def test_what_another_process_drew_meanwhile_is_not_drawn_again(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "render_frame", lambda *_, **__: pytest.fail("it is drawn already"))
    job = corpus._Job(out=tmp_path, domain="camera", quality=95, faults=True, **SMALL)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/000004.jpg").touch()
    assert corpus._draw(job, 4) == 1


def test_two_processes_that_start_together_draw_in_different_orders(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(gl, "can_render", lambda: True)
    monkeypatch.setattr(corpus, "_run", lambda job, missing, workers: asked.append((missing, workers)) or [])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    for _ in range(2):
        street.render_corpus(tmp_path, "camera", first=3, frames=40, **SMALL)
    (one, workers), (other, _) = asked
    assert one != other and sorted(one) == sorted(other) == list(range(3, 43))
    assert workers == 3, "as many as this process may use cores"


class Killer:
    """Ends the process that it is sent to."""

    def __reduce__(self):
        return os._exit, (9,)


def test_a_killed_worker_is_told_in_a_line():
    with pytest.raises(HRSError, match=r'memory runs out.*if __name__ == "__main__"') as caught:
        list(corpus._run(Killer(), [0, 1], 2))
    assert "\n" not in str(caught.value)


@needs_gl
def test_workers_do_not_outlive_their_parent(tmp_path):
    script = tmp_path / "draw.py"
    script.write_text(
        "from hrs import street\n"
        "if __name__ == '__main__':\n"
        f"    street.render_corpus({str(tmp_path / 'c')!r}, 'camera', frames=5000, workers=2, **{SMALL})"
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    try:
        until(lambda: list(tmp_path.glob("c/images/*.jpg")))
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) >= 2
    finally:
        parent.kill()
        parent.wait()
    _, left = psutil.wait_procs(family, timeout=20)
    for process in left:
        process.kill()
    assert not left


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"first": -1}, {"workers": 0}, {"domain": "x"}, {"width": 4200}])
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
