import json
import resource

import cv2
import numpy as np
import pytest
from PIL import Image

from hrs.errors import HRSError
from hrs.inference import segment_files
from tests.conftest import CLASSES
from tests.inference.conftest import SPACE, photo


def save(path, image=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), (photo() if image is None else image)[..., ::-1])
    return path


def video(path, frames=6, size=(48, 64)):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, size[::-1])
    for i in range(frames):
        writer.write(photo(*size, seed=i))
    writer.release()
    return path


def results(out):
    return sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())


def test_a_photo_gives_labels_overlay_and_json(predictor, tmp_path):
    source, out = save(tmp_path / "one.png"), tmp_path / "out"
    outcome = segment_files(predictor, [source], out)
    assert (outcome.done, outcome.failed) == (1, [])
    assert results(out) == ["one.json", "one.png", "one_overlay.jpg"]
    wanted = predictor.segment(photo())
    labels = Image.open(out / "one.png")
    assert labels.mode == "P" and np.array_equal(np.asarray(labels), wanted.labels)
    assert labels.getpalette()[: 3 * len(SPACE)] == [part for colour in SPACE.palette for part in colour]
    about = json.loads((out / "one.json").read_text())
    assert (about["width"], about["height"], about["classes"]) == (90, 70, list(CLASSES))
    assert about["coverage"] == pytest.approx(wanted.coverage, abs=1e-3)
    assert about["realism"] is None and 25 < about["confidence"] <= 100
    seen = cv2.imread(str(out / "one_overlay.jpg"))[..., ::-1]
    colours = np.array(SPACE.palette)[wanted.labels]
    assert np.abs(seen - (photo() / 2 + colours / 2)).mean() < 8


def test_folders_keep_their_sub_folders(predictor, tmp_path):
    for name in ("a.jpg", "rainy/a.jpg", "rainy/night/b.png"):
        save(tmp_path / "photos" / name)
    (tmp_path / "photos/notes.txt").write_text("not an image")
    assert segment_files(predictor, [tmp_path / "photos"], tmp_path / "out").done == 3
    assert [name for name in results(tmp_path / "out") if name.endswith(".json")] == [
        "a.json",
        "rainy/a.json",
        "rainy/night/b.json",
    ]


def test_files_of_one_name_are_told_apart(predictor, tmp_path):
    paths = [save(tmp_path / name) for name in ("x/a.jpg", "y/a.jpg", "y/a.png", "b.jpg")]
    assert segment_files(predictor, [*paths, paths[0]], tmp_path / "out").done == 4
    assert [name for name in results(tmp_path / "out") if name.endswith(".json")] == [
        "b.json",
        "x/a.json",
        "y/a.jpg.json",
        "y/a.png.json",
    ]


def test_results_of_an_earlier_call_are_no_photographs(predictor, tmp_path):
    save(tmp_path / "a.jpg")
    for _ in range(2):
        assert segment_files(predictor, [tmp_path], tmp_path / "out").done == 1


def test_a_bad_file_is_left_out_and_said(predictor, tmp_path):
    folder = tmp_path / "photos"
    save(folder / "good.jpg")
    (folder / "bad.jpg").write_text("no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "bad.mp4").write_bytes(b"no film")
    steps = []
    outcome = segment_files(predictor, [folder], tmp_path / "out", progress=lambda *step: steps.append(step))
    assert outcome.done == 1 and len(outcome.failed) == 3
    for name, line in zip(("bad.jpg", "bad.mp4", "empty.png"), sorted(outcome.failed), strict=True):
        assert name in line and "cannot be read as" in line
    assert steps[-1] == (4, 4)
    assert results(tmp_path / "out") == ["good.json", "good.png", "good_overlay.jpg"]


@pytest.mark.parametrize(("name", "message"), [("nothing.jpg", "does not exist"), ("empty", "holds no images")])
def test_nothing_to_do(predictor, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(HRSError, match=message):
        segment_files(predictor, [tmp_path / name], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_video_gives_an_overlay_and_json(predictor, tmp_path):
    source, steps = video(tmp_path / "drive.mp4"), []
    outcome = segment_files(
        predictor, [source], tmp_path / "out", frame_labels=True, progress=lambda *step: steps.append(step)
    )
    assert (outcome.done, outcome.failed) == (1, [])
    assert steps[0] == (1, 6) and steps[-1] == (6, 6)
    labels = [f"drive/{i:06d}.png" for i in range(6)]
    assert results(tmp_path / "out") == ["drive.json", *labels, "drive_overlay.mp4"]
    about = json.loads((tmp_path / "out/drive.json").read_text())
    assert (about["frames"], about["width"], about["height"], about["frames_per_second"]) == (6, 64, 48, 10)
    assert sum(about["coverage"].values()) == pytest.approx(100, abs=0.1)
    film = cv2.VideoCapture(str(tmp_path / "out/drive_overlay.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 6 and film.read()[1].shape == (48, 64, 3)


def test_labels_of_a_video_are_left_out_unless_asked_for(predictor, tmp_path):
    segment_files(predictor, [video(tmp_path / "drive.avi")], tmp_path / "out")
    assert results(tmp_path / "out") == ["drive.json", "drive_overlay.mp4"]


def test_a_broken_off_video_leaves_nothing(predictor, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise HRSError("no more memory")

    monkeypatch.setattr(type(predictor), "segment", fail)
    outcome = segment_files(predictor, [video(tmp_path / "drive.mp4")], tmp_path / "out")
    assert outcome.failed == ["no more memory"] and results(tmp_path / "out") == []


def test_a_disk_that_fills_up_under_a_video_is_said(predictor, tmp_path):
    """OpenCV itself does not say it. An overlay that was there stays."""
    source = video(tmp_path / "drive.mp4", frames=12, size=(240, 320))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/drive_overlay.mp4").write_bytes(b"whole")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        outcome = segment_files(predictor, [source], tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert outcome.done == 0 and "of 12 frames are there; free some space" in outcome.failed[0]
    assert results(tmp_path / "out") == ["drive_overlay.mp4"]
    assert (tmp_path / "out/drive_overlay.mp4").read_bytes() == b"whole"
