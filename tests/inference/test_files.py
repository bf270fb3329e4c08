import json
import os
import resource
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from PIL import Image

from hrs.errors import HRSError
from hrs.inference import Predictor, find_jobs, segment_files, videos
from hrs.inference.videos import count_frames, segment_video
from hrs.labels import LabelSpace
from hrs.system.files import DiskFull
from tests.conftest import CLASSES
from tests.inference.conftest import SPACE, photo


@pytest.fixture
def other(predictor):
    """A model of other classes."""
    space = LabelSpace(name="others", classes=tuple("wxyz"), palette=SPACE.palette[::-1])
    return Predictor(predictor.backend, space, height=48, width=64)


def save(path, image=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), (photo() if image is None else image)[..., ::-1])
    return path


def video(path, frames=6, size=(48, 64), codec="mp4v", rate=10):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, size[::-1])
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


def test_names_are_unlike_over_all_folders(predictor, tmp_path):
    """A short name may be another's place below the folder that all share."""
    files = ["cam1/0001.jpg", "cam2/0001.jpg", "old/cam1/0001.jpg", "cam1/0002.jpg", "cam2/0003.jpg", "old/4.jpg"]
    for name in files:
        save(tmp_path / name)
    outcome = segment_files(predictor, [tmp_path / "cam1", tmp_path / "cam2", tmp_path / "old"], tmp_path / "out")
    assert outcome.done == 6
    made = [name for name in results(tmp_path / "out") if name.endswith(".json")]
    assert made == ["0002.json", "0003.json", "4.json", "cam1/0001.json", "cam2/0001.json", "old/cam1/0001.json"]


def test_names_are_unlike_on_a_disk_that_knows_no_capitals(predictor, tmp_path):
    paths = [save(tmp_path / name) for name in ("x/A.jpg", "y/a.png", "z/b.png", "z/B.png", "z/b.png.jpg")]
    names = [str(job.name) for job in find_jobs(paths, tmp_path / "out")[0]]
    assert names[:2] == ["x/A", "y/a"] and len({name.lower() for name in names}) == 5


@pytest.mark.parametrize("given", ["album", "album/p1.jpg", "album/sub"])
@pytest.mark.parametrize("out", ["album", "."])
def test_results_do_not_go_among_the_photos(predictor, tmp_path, monkeypatch, given, out):
    monkeypatch.chdir(tmp_path)
    for name in ("p1.jpg", "p1.png", "p1_overlay.jpg", "sub/p2.jpg"):
        save(tmp_path / "album" / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    with pytest.raises(HRSError, match=r"among the photos themselves; name another output folder, such as .*segmented"):
        segment_files(predictor, [Path(given)], Path(out))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize(
    "name", ["a.png", "a_overlay.jpg", "a.json", "film.json", "film_overlay.mp4", "film/000001.png"]
)
def test_a_file_that_is_no_result_is_not_replaced(predictor, tmp_path, name):
    """Such as a label drawn by hand, or LabelMe's outlines."""
    photos, out = [save(tmp_path / "in/a.jpg"), video(tmp_path / "in/film.mp4", frames=2)], tmp_path / "labels"
    (out / "film").mkdir(parents=True)
    (out / name).write_text('{"version": "5.4", "shapes": [], "imagePath": "a.jpg"}')
    with pytest.raises(HRSError, match=f"{name} is there already.*move it away, or name another output folder"):
        segment_files(predictor, photos, out, frame_labels=True)
    assert results(out) == [name]


def test_earlier_results_are_replaced_whatever_was_interrupted(predictor, tmp_path, monkeypatch):
    photos, out = [save(tmp_path / "in/a.jpg"), video(tmp_path / "in/film.mp4", frames=3)], tmp_path / "out"

    def interrupt(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_files(predictor, photos, out, frame_labels=True, progress=interrupt)
    assert results(out) == ["a.json", "a.png", "a_overlay.jpg"]
    for _ in range(2):
        assert segment_files(predictor, photos, out, frame_labels=True).done == 2
    assert len(results(out)) == 8
    with pytest.raises(HRSError, match=r"film\.json is there already"):
        segment_files(predictor, [save(tmp_path / "in/film.jpg")], out)


def test_a_photo_that_cannot_be_written_whole_changes_nothing(predictor, other, tmp_path, monkeypatch):
    source, out = save(tmp_path / "a.jpg"), tmp_path / "out"
    for model in (predictor, other):
        before = contents(out)
        with monkeypatch.context() as patch:
            patch.setattr("hrs.inference.pictures.sync_folder", Mock(side_effect=DiskFull("disk full")))
            assert segment_files(model, [source], out).failed == ["disk full"]
        assert contents(out) == before
        segment_files(model, [source], out)


def test_a_video_that_is_broken_off_changes_nothing(predictor, other, tmp_path):
    """Labels of another model would mean other classes than the JSON beside them says."""
    source, out = video(tmp_path / "film.mp4", frames=4), tmp_path / "out"
    segment_files(predictor, [source], out, frame_labels=True)
    before = contents(out)
    steps = segment_video(other, source, out / "film", False, True)
    next(steps), next(steps)
    steps.close()
    assert contents(out) == before


@pytest.mark.parametrize("kept", range(6))
def test_what_a_kill_among_the_renames_leaves_is_replaced(predictor, other, tmp_path, monkeypatch, kept):
    photos, out = [save(tmp_path / "in/a.jpg"), video(tmp_path / "in/film.mp4", frames=2)], tmp_path / "out"
    left, replace_file = kept, os.replace

    def killed(source, target):
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        replace_file(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("hrs.inference.pictures.os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            segment_files(predictor, photos, out, frame_labels=True)
    remains = out / f".film.999999999-1.{'0' * 32}.tmp"
    remains.mkdir()
    assert segment_files(other, photos, out, frame_labels=True).done == 2
    assert len(results(out)) == 7 and not remains.exists()


def contents(out):
    return {name: (out / name).read_bytes() for name in results(out)}


def test_a_name_that_is_too_long_for_its_results_costs_itself_alone(predictor, tmp_path):
    paths = [save(tmp_path / f"in/{name}.png") for name in ("a", "b" * 245, "c" * 240)]
    outcome = segment_files(predictor, paths, tmp_path / "out")
    (line,) = outcome.failed
    assert outcome.done == 2 and "bbb: the name is too long" in line and len(results(tmp_path / "out")) == 6


def test_labels_of_a_video_do_not_go_among_results_of_photos(predictor, tmp_path):
    paths = [save(tmp_path / "in/film/000000.png"), video(tmp_path / "in/film.mp4", frames=2)]
    assert segment_files(predictor, [tmp_path / "in"], tmp_path / "out").done == 2
    with pytest.raises(HRSError, match=r"film\.mp4.*by itself"):
        segment_files(predictor, [tmp_path / "in"], tmp_path / "other", frame_labels=True)
    assert not (tmp_path / "other").exists() and all(path.is_file() for path in paths)


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


@pytest.mark.parametrize("make", [save, lambda path: video(path.with_suffix(".mp4"), frames=2)])
def test_realism_is_a_share_to_three_digits(predictor, tmp_path, monkeypatch, make):
    segment = type(predictor).segment
    monkeypatch.setattr(type(predictor), "segment", lambda *a, **b: replace(segment(*a, **b), realism=1 / 3))
    segment_files(predictor, [make(tmp_path / "one.png")], tmp_path / "out")
    assert json.loads((tmp_path / "out/one.json").read_text())["realism"] == 0.333


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
    segment_files(predictor, [source], tmp_path / "out")
    whole = (tmp_path / "out/drive_overlay.mp4").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        outcome = segment_files(predictor, [source], tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert outcome.done == 0 and "of 12 frames are there; free some space" in outcome.failed[0]
    assert results(tmp_path / "out") == ["drive.json", "drive_overlay.mp4"]
    assert (tmp_path / "out/drive_overlay.mp4").read_bytes() == whole


@pytest.mark.parametrize(
    ("rate", "written"),
    [(29.97, 29.97), (30000 / 1001, 29.97), (90.0013, 90), (239.9712, 239.97), (655.37, 655.4), (999.99, 1000)],
)
def test_any_rate_is_written_as_the_codec_allows(predictor, tmp_path, monkeypatch, rate, written):
    reader = cv2.VideoCapture

    class Timed:
        """A video that says this rate."""

        def __init__(self, path):
            self.video = reader(path)

        def __getattr__(self, name):
            return getattr(self.video, name)

        def get(self, which):
            return rate if which == cv2.CAP_PROP_FPS else self.video.get(which)

    source = video(tmp_path / "slow.mp4", frames=2)
    monkeypatch.setattr(cv2, "VideoCapture", Timed)
    assert segment_files(predictor, [source], tmp_path / "out").failed == []
    monkeypatch.undo()
    assert json.loads((tmp_path / "out/slow.json").read_text())["frames_per_second"] == rate
    made = cv2.VideoCapture(str(tmp_path / "out/slow_overlay.mp4"))
    assert made.get(cv2.CAP_PROP_FPS) == pytest.approx(written, abs=1e-6)


def test_frames_get_the_size_of_the_first(predictor, tmp_path, monkeypatch):
    frames = iter([photo(48, 64), photo(96, 80), photo(31, 33), None])
    monkeypatch.setattr("hrs.inference.videos._next", lambda _: next(frames))
    outcome = segment_files(predictor, [video(tmp_path / "a.mp4", frames=3)], tmp_path / "out", frame_labels=True)
    assert (outcome.done, outcome.failed) == (1, [])
    about = json.loads((tmp_path / "out/a.json").read_text())
    assert (about["frames"], about["width"], about["height"]) == (3, 64, 48)
    assert {cv2.imread(str(file)).shape for file in (tmp_path / "out/a").iterdir()} == {(48, 64, 3)}


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mkv", "MJPG"), ("a.webm", "VP80")])
def test_a_video_that_is_cut_short_is_kept_and_said(predictor, tmp_path, name, codec):
    whole, steps = video(tmp_path / name, frames=8, codec=codec).read_bytes(), []
    (tmp_path / name).write_bytes(whole[: len(whole) * 11 // 20])
    outcome = segment_files(
        predictor, [tmp_path / name, save(tmp_path / "b.jpg")], tmp_path / "out", progress=lambda *s: steps.append(s)
    )
    about = json.loads((tmp_path / "out/a.json").read_text())
    assert about["frames"] < 7 and about["cut_short"]
    (line,) = outcome.cut
    assert (outcome.done, outcome.failed) == (2, [])
    assert f"{name} is cut short" in line and f"{about['frames']} of its 8 frames" in line
    assert results(tmp_path / "out") == ["a.json", "a_overlay.mp4", "b.json", "b.png", "b_overlay.jpg"]
    assert steps[0] == (1, 9) and steps[-1] == (about["frames"] + 1, about["frames"] + 1)


@pytest.mark.parametrize(("said", "cut"), [(6, False), (7, False), (8, True), (5, False)])
def test_a_header_may_be_a_frame_out(predictor, tmp_path, monkeypatch, said, cut):
    monkeypatch.setattr("hrs.inference.videos._frames_of", lambda _: said)
    outcome = segment_files(predictor, [video(tmp_path / "a.mp4", frames=6)], tmp_path / "out")
    assert bool(outcome.cut) == cut
    assert json.loads((tmp_path / "out/a.json").read_text())["cut_short"] == cut


def without_duration(path):
    """A Matroska video that does not say how long it is, as a browser records it."""
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88")
    path.write_bytes(data[:at] + b"\xec\x89" + data[at + 2 :])  # an element to be passed over
    return path


def test_a_video_that_does_not_say_how_many_frames_it_has(predictor, tmp_path):
    source, steps = without_duration(video(tmp_path / "a.mkv", codec="MJPG")), []
    photo_ = save(tmp_path / "b.jpg")
    assert count_frames(source) is None
    outcome = segment_files(predictor, [source, photo_], tmp_path / "out", progress=lambda *step: steps.append(step))
    assert (outcome.done, outcome.cut) == (2, [])
    assert steps[:6] == [(i, i + 2) for i in range(1, 7)], "there may be one more, and there is the photo"
    assert steps[-1] == (7, 7) and all(done < total for done, total in steps[:-2])


def test_a_list_of_other_videos_is_no_video(predictor, tmp_path):
    """FFmpeg would open the files that it names, whatever it is called itself."""
    video(tmp_path / "secret.mp4")
    listed = tmp_path / "a.mp4"
    listed.write_text("ffconcat version 1.0\nfile secret.mp4\n")
    assert count_frames(listed) is None
    outcome = segment_files(predictor, [listed], tmp_path / "out")
    assert "a.mp4 cannot be read as a video" in outcome.failed[0] and results(tmp_path / "out") == []


@pytest.mark.parametrize("says", [True, False])
def test_more_frames_than_wanted_are_refused(predictor, tmp_path, says):
    source = video(tmp_path / "a.mkv", codec="MJPG")
    source = source if says else without_duration(source)
    (tmp_path / "out").mkdir()
    done = segment_video(predictor, source, tmp_path / "out/a", False, frame_labels=True, most=5)
    seen = []
    with pytest.raises(HRSError, match=("6" if says else "more than 5") + " frames; at most 5 are taken here"):
        seen.extend(done)
    assert len(seen) <= 5 and results(tmp_path / "out") == []
    assert list(segment_video(predictor, source, tmp_path / "out/a", False, frame_labels=False, most=6))[-1] == 6


def test_frames_of_too_many_pixels_are_refused_unread(predictor, tmp_path, monkeypatch):
    video(tmp_path / "huge.mp4")
    monkeypatch.setattr(videos, "MOST_PIXELS", 48 * 64 - 1)
    monkeypatch.setattr(videos, "_next", lambda _: pytest.fail("a frame was decoded"))
    with pytest.raises(HRSError, match="frames of 64x48 pixels"):
        list(videos.segment_video(predictor, tmp_path / "huge.mp4", tmp_path / "out", False, False))


def test_no_labels_of_an_earlier_longer_video_stay(predictor, tmp_path):
    for frames in (6, 4):
        list(segment_video(predictor, video(tmp_path / "a.mp4", frames), tmp_path / "a", False, True))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [f"{i:06d}.png" for i in range(4)]


def test_no_labels_of_an_earlier_model_stay_beside_a_new_result(predictor, tmp_path):
    source = video(tmp_path / "a.mp4", 3)
    for frame_labels in (True, False):
        list(segment_video(predictor, source, tmp_path / "a", False, frame_labels))
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.parametrize("frame_labels", [False, True])
def test_numbered_pictures_that_are_no_labels_of_before_stay(predictor, tmp_path, frame_labels):
    """Such as the frames of the video, taken out of it into a folder of its name."""
    source = video(tmp_path / "a.mp4", 4)
    list(segment_video(predictor, source, tmp_path / "a", False, False))
    kept = [save(tmp_path / f"a/{i:06d}.png") for i in (4, 5)]
    list(segment_video(predictor, source, tmp_path / "a", False, frame_labels))
    assert all(file.is_file() for file in kept)
