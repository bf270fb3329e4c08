"""The photo app without a browser: models, what one photo and many give, and what happens to hostile ones."""

import base64
import html
import json
import os
import re
import shutil
import threading
import zipfile
from pathlib import Path

import cv2
import gradio as gr
import numpy as np
import onnx
import pytest
from PIL import Image as Pillow

from app.photo.corrections import Corrections
from app.photo.models import Models
from app.photo.service import MAX_BATCH, Photos, Shown, colour, empty, safe_stem, uploaded
from app.photo.view import (
    THUMBNAIL,
    BatchRow,
    ClassRow,
    batch_csv,
    batch_html,
    class_rows,
    confidence_colours,
    overlay_html,
    realism_html,
    rows_of,
    shrink,
)
from hrs.errors import HRSError
from hrs.inference import Segmentation, backends
from hrs.inference.backends import OnnxBackend, TorchBackend
from hrs.inference.export import weights_hash
from hrs.labelling.photoset import PhotoSet
from hrs.labels import LabelSpace
from hrs.runs import registry
from hrs.system.images import decode_rgb
from tests.app.photo_runs import hostile, make_runs, street, write_street

SPACE = LabelSpace(name="two", classes=("road", "<b>sky"), palette=((90, 90, 95), (120, 170, 230)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HRS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return make_runs(tmp_path_factory.mktemp("photo"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Where uploads and results lie."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads").mkdir()
    return tmp_path / "uploads"


@pytest.fixture(scope="module")
def models(trained, tmp_path_factory) -> Models:
    return Models(trained, shipped=tmp_path_factory.mktemp("shipped"), quicken=False)


@pytest.fixture
def photos(models) -> Photos:
    return Photos(models)


@pytest.fixture
def photo(folder) -> Path:
    return write_street(folder / "my street.jpg", 640, 480)


def segmentation(labels, confidence=None) -> Segmentation:
    labels = np.asarray(labels, np.uint8)
    sure = np.ones(labels.shape, np.float32) if confidence is None else np.asarray(confidence, np.float32)
    return Segmentation(
        labels=labels,
        confidence=sure,
        coverage={},
        realism=None,
        realism_words="Not known.",
        summary=np.zeros(2, np.float32),
    )


# Pictures and tables


def test_class_rows_hold_shares_and_confidence_of_the_classes_that_are_there():
    rows = class_rows(segmentation([[1, 1], [1, 0]], [[1, 0.5], [0, 0.25]]), SPACE)
    assert [(row.name, row.percent, row.confidence) for row in rows] == [("<b>sky", 75, 0.5), ("road", 25, 0.25)]


def test_class_rows_count_photos_of_many_strips_and_leave_absent_classes_out():
    (row,) = class_rows(segmentation(np.zeros((1001, 3))), SPACE)
    assert (row.name, row.percent, row.confidence) == ("road", 100, 1)


def test_confidence_is_dark_where_unsure_and_yellow_where_sure():
    dark, yellow = confidence_colours(np.array([[0, 1]], np.float32))[0]
    assert tuple(dark) == (68, 1, 84) and tuple(yellow) == (253, 231, 37)


@pytest.mark.parametrize(("shape", "small"), [((10, 20), (10, 20)), ((400, 3200), (200, 1600)), ((3200, 1), (1600, 1))])
def test_pictures_are_shrunk_to_the_screen(shape, small):
    assert shrink(np.zeros(shape, np.uint8), smooth=False).shape == small


def test_html_escapes_names_from_outside():
    assert "'=1+1.jpg," in batch_csv([BatchRow(photo="=1+1.jpg", classes=(sky(),))])
    page = batch_html([BatchRow(photo="<script>.jpg", problem="<i>"), BatchRow(photo="a", classes=(sky(),))])
    assert "<script>" not in page and "<i>" not in page and "<b>sky" not in page
    assert "&lt;script&gt;.jpg" in page and "&lt;b&gt;sky 40 %" in page
    assert "1 of 2 segmented, 1 left out" in page


def test_the_table_of_a_batch_has_a_confidence_only_where_it_is_of_the_class():
    about = {"coverage": {"road": 75.0, "<b>sky": 25.0}, "confidence": 80.0}
    rows = [BatchRow(photo="video.mp4", classes=rows_of(about, SPACE)), BatchRow(photo="photo.jpg", classes=(sky(),))]
    lines = batch_csv(rows).splitlines()
    assert lines[1:3] == ["video.mp4,road,75.0,", "video.mp4,<b>sky,25.0,"] and lines[3].endswith(",0.9")


def sky() -> ClassRow:
    return ClassRow(name="<b>sky", colour=(1, 2, 3), percent=40, confidence=0.9)


def test_classes_of_one_colour_are_all_named_under_the_pointer():
    rows = [ClassRow(name=name, colour=(0, 0, 142), percent=1, confidence=1) for name in ("car", "bus")]
    assert '{"0,0,142": "car or bus"}' in html.unescape(overlay_html(b"", b"", rows, 1))


def test_realism_has_a_bar_only_where_it_is_known():
    shown = realism_html(0.25, "unusual")
    assert 'aria-valuenow="0.25"' in shown and "at least as close as 25 % of the real images" in shown
    assert "meter" not in realism_html(None, "not known")


# Models


def test_models_are_named_with_their_miou_and_found_by_name(models):
    (model,) = models.list().values()
    assert model.name == "tiny" and models.title(model) == f"tiny · mIoU {model.miou:.1f}" and model.miou > 50
    assert models.find(None) == models.find("tiny") == model


@pytest.mark.parametrize("name", ["../../etc", "tinier", "", ["tiny"], {"path": "/"}])
def test_a_model_outside_the_list_is_refused(models, name):
    with pytest.raises(HRSError, match="choose one of: tiny"):
        models.find(name)


def test_without_a_model_it_is_said_how_to_get_one(tmp_path):
    models = Models(tmp_path / "none", shipped=tmp_path / "none")
    with pytest.raises(HRSError, match="make demo"):
        models.find(None)
    chooser, message = Photos(models).choices()
    assert chooser["choices"] == [] and chooser["value"] is None and message["visible"]


def test_shipped_models_come_first_and_give_way_in_name(trained):
    models = Models(trained, shipped=trained, quicken=False)
    assert list(models.list()) == ["tiny (shipped)", "tiny"]


def test_a_copy_of_a_model_that_came_with_hrs_shows_no_score_of_its_clip(trained, tmp_path, monkeypatch):
    models = Models(trained, shipped=tmp_path / "none", quicken=False)
    assert models.find("tiny").miou is not None
    monkeypatch.setattr(registry, "SHIPPED", trained)
    assert models.find("tiny").miou is None


def test_a_model_in_8_bits_shows_no_score_of_32(trained, tmp_path):
    shutil.copytree(trained / "tiny", tmp_path / "runs" / "tiny")
    models = Models(tmp_path / "runs", shipped=tmp_path / "none")
    model, eight_bits = models.find("tiny"), models.find("tiny").folder / "model_int8.onnx"
    eight_bits.write_bytes(b"cut short")  # so that 32 bits segment
    assert "mIoU" in models.title(model)
    network = onnx.helper.make_model(onnx.helper.make_graph([], "none", [], []))
    onnx.helper.set_model_props(network, {"weights": json.dumps(weights_hash(model.folder))})
    onnx.save(network, eight_bits)
    assert models.title(model) == "tiny · 8 bits" and Photos(models).choices()[0]["choices"] == [
        ("tiny · 8 bits", "tiny")
    ]
    assert "mIoU" in Models(tmp_path / "runs", shipped=tmp_path / "none", quicken=False).title(model)


def test_two_models_are_kept_in_memory_the_oldest_gives_way(trained, tmp_path):
    for name in ("a", "b", "c"):
        shutil.copytree(trained / "tiny", tmp_path / "runs" / name)
    models = Models(tmp_path / "runs", shipped=tmp_path / "none", quicken=False)
    a, b, c = (models.find(name) for name in "abc")
    for model in (a, b, a, c):
        models.load(model)
    assert [folder.parents[1].name for folder, _ in models._loaded] == ["a", "c"]


def not_here(checkpoint, out):
    pytest.fail("PyTorch's exporter changes PyTorch for all threads of a process that serves")


def test_a_model_answers_at_once_and_gets_faster_behind(trained, tmp_path, monkeypatch, folder):
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(backends, "export_network", not_here)
    models = Models(trained, shipped=tmp_path / "none")
    model = models.find("tiny")
    first = models.load(model)
    for thread in [each for each in threading.enumerate() if each.name == "faster model"]:
        thread.join(60)
    assert isinstance(first.backend, TorchBackend) and isinstance(models.load(model).backend, OnnxBackend)


def test_one_model_at_a_time_is_made_faster_and_none_that_gave_way(trained, tmp_path, monkeypatch):
    for name in "abcd":
        shutil.copytree(trained / "tiny", tmp_path / "runs" / name)
    made, begun, go_on = [], threading.Event(), threading.Event()

    def make(checkpoint):
        made.append(checkpoint.parents[1].name)
        begun.set()
        assert go_on.wait(60)

    monkeypatch.setattr("app.photo.models.make_onnx_apart", make)
    models = Models(tmp_path / "runs", shipped=tmp_path / "none")
    for name in "abcd":
        models.load(models.find(name))
        assert begun.wait(60)
    assert made == ["a"]
    go_on.set()
    for thread in [each for each in threading.enumerate() if each.name == "faster model"]:
        thread.join(60)
    assert sorted(made) == ["a", "c", "d"]


def test_a_checkpoint_that_was_replaced_is_loaded_anew(trained, tmp_path):
    shutil.copytree(trained / "tiny", tmp_path / "runs/a")
    models = Models(tmp_path / "runs", shipped=tmp_path / "none", quicken=False)
    model = models.find("a")
    first = models.load(model)
    os.utime(model.folder / "model.safetensors", (1, 1))
    assert models.load(model) is not first


def test_a_gauge_that_comes_later_is_used(trained, tmp_path):
    shutil.copytree(trained / "tiny", tmp_path / "runs/a")
    models = Models(tmp_path / "runs", shipped=tmp_path / "none", quicken=False)
    model = models.find("a")
    gauge = model.folder / "realism.safetensors"
    data = gauge.read_bytes()
    gauge.unlink()
    assert models.load(model).gauge is None
    gauge.write_bytes(data)
    assert models.load(model).gauge is not None


def test_a_damaged_or_vanished_checkpoint_is_told(trained, tmp_path):
    shutil.copytree(trained / "tiny", tmp_path / "runs/a")
    models = Models(tmp_path / "runs", shipped=tmp_path / "none", quicken=False)
    model = models.find("a")
    (model.folder / "model.safetensors").write_bytes(b"no")
    with pytest.raises(HRSError, match="cannot be read"):
        models.load(model)
    shutil.rmtree(model.folder)
    with pytest.raises(HRSError, match="is gone"):
        models.load(model)
    models.load_first().join()  # says so in the log, no more


# One photo


def read(file: str) -> np.ndarray:
    """Class ids of an indexed PNG."""
    with Pillow.open(file) as picture:
        assert picture.mode == "P"
        return np.asarray(picture)


def test_a_photo_gives_pictures_a_table_and_files(photos, photo):
    shown, hint, results, classes, confidence, table, realism, labels, numbers, *later = photos.show(
        str(photo), "tiny", False
    )
    assert later[0] is None and (later[1]["value"], later[1]["interactive"]) == (None, False)  # `colour` makes them
    compare, overlay = colour(shown, 50)
    assert shown.stem == "my_street" and not hint["visible"] and results["visible"]
    assert "data:image/png" in classes and "viridis" not in confidence and "% on average" in confidence
    assert table.index("road") < table.index("tree") and "Realism" in realism
    ids = read(labels)
    assert ids.shape == (480, 640) and ids[400, 600] == 1
    about = json.loads(Path(numbers).read_text())
    assert about["source"] == "my street.jpg" and about["checkpoint"] == "tiny" and about["coverage"]["road"] > 30
    assert Path(overlay["value"]).name == "my_street_overlay.jpg" and compare[1] == overlay["value"]
    assert overlay["interactive"]


def test_another_opacity_needs_no_network(photos, photo):
    shown = photos.show(str(photo), "tiny", False)[0]
    bare, full = (cv2.imread(colour(shown, opacity)[1]["value"], cv2.IMREAD_COLOR_RGB) for opacity in (0, 100))
    truth = cv2.imread(str(photo), cv2.IMREAD_COLOR_RGB)
    assert np.abs(bare.astype(int) - truth).mean() < 3
    assert np.abs(full.astype(int) - truth).mean() > 10


def test_a_forgotten_result_is_not_recoloured():
    assert all(update["__type__"] == "update" for update in colour(None, 50))


def test_without_a_photo_the_page_is_empty(photos):
    assert photos.show(None, "tiny", False) == empty()
    assert len(empty()) == 11


def test_a_careful_look_averages_views(photos, photo):
    plain, careful = (photos.show(str(photo), "tiny", how)[8] for how in (False, True))
    plain, careful = (json.loads(Path(file).read_text())["confidence"] for file in (plain, careful))
    assert plain != careful


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_file_is_a_message(photos, folder, name):
    data, message = hostile()[name]
    (folder / name).write_bytes(data)
    with pytest.raises(gr.Error, match=message) as told:
        photos.show(str(folder / name), "tiny", False)
    assert str(folder) not in str(told.value) and not told.value.print_exception


def test_of_an_animation_the_first_frame_is_taken(photos, folder):
    frames = [Pillow.new("RGB", (64, 48), colour) for colour in ("gray", "blue")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    assert isinstance(photos.show(str(folder / "moving.gif"), "tiny", False)[0], Shown)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("../../etc/passwd.jpg", "passwd"), ("a b/ü.png", "ü"), ("...jpg", "photo"), ('x" onload=".jpg', "x_onload")],
)
def test_downloads_have_harmless_names(name, stem):
    assert safe_stem(Path(name)) == stem


# Through the API


def test_the_api_answers_with_labels_and_numbers(photos, photo):
    labels, about = photos.answer({"path": str(photo)})
    assert read(labels.path).shape == (480, 640) and labels.orig_name == "my_street_labels.png"
    assert about["checkpoint"] == "tiny" and about["width"] == 640


@pytest.mark.parametrize("value", [None, 7, "/etc/passwd", {"path": "/etc/passwd"}, {"path": "../../etc/passwd"}, {}])
def test_only_uploads_are_read(value):
    with pytest.raises(HRSError, match="no uploaded file"):
        uploaded(value)


def test_a_link_out_of_the_uploads_is_not_followed(folder, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(HRSError, match="no uploaded file"):
        uploaded({"path": str(folder / "link.jpg")})


# Many photos


def test_a_batch_gives_a_zip_and_says_what_was_left_out(photos, photo, folder):
    (folder / "text.jpg").write_text("no photo")
    table, archive = photos.batch([str(photo), str(folder / "text.jpg"), str(photo)], "tiny", False)
    assert "Left out: " in table and table.count("my street.jpg") == 2
    with zipfile.ZipFile(archive["value"]) as results:
        names = results.namelist()
        assert results.read("summary.csv").startswith(b"photo,class,percent,confidence\nmy street.jpg,")
    assert [name for name in names if name.endswith("labels.png")] == [
        "001_my_street_labels.png",
        "003_my_street_labels.png",
    ]


def test_a_batch_shows_each_photo_and_video_under_its_classes(photos, photo, folder):
    make_video(folder / "drive.mp4", frames=2, size=(640, 480))
    table, archive = photos.batch([str(photo), str(folder / "drive.mp4")], "tiny", False)
    still, moving = pictures_in(table)
    with zipfile.ZipFile(archive["value"]) as results:
        (name,) = (name for name in results.namelist() if name.endswith("_overlay.jpg"))
        saved = decode_rgb(results.read(name))
    assert np.abs(still.astype(int) - shrink(saved, THUMBNAIL)).mean() < 6 and max(still.shape) <= THUMBNAIL
    assert moving.shape == (240, 320, 3) and moving.std() > 0


def pictures_in(page: str) -> list[np.ndarray]:
    found = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"', page)
    return [decode_rgb(base64.b64decode(each)) for each in found]


def test_a_photo_that_is_no_longer_kept_is_said_and_the_others_are_segmented(photos, photo, folder):
    gone = str(folder / "gone.jpg")
    table, archive = photos.batch([gone, str(photo)], "tiny", False)
    assert "no longer kept here; upload it again" in table and "002_my_street.json" in names_in(archive)
    with pytest.raises(gr.Error, match="no longer kept here"):
        photos.show(gone, "tiny", False)


def test_a_batch_that_fails_leaves_nothing_and_names_no_folder(photos, photo, folder, monkeypatch):
    monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *_: (folder / "none/file").read_bytes())
    with pytest.raises(gr.Error) as told:
        photos.batch([str(photo)], "tiny", False)
    assert str(folder) not in str(told.value)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [photo.name]


def test_results_of_a_batch_have_an_end(photos, photo, folder, monkeypatch):
    make_video(folder / "drive.mp4", frames=30, size=(640, 480))
    monkeypatch.setattr("app.photo.service.MOST_RESULTS", 2000)
    table, archive = photos.batch([str(folder / "drive.mp4"), str(photo), str(photo)], "tiny", False)
    assert table.count("send it by itself") == 2 and "python -m hrs segment" in table
    assert names_in(archive) == {"002_my_street_labels.png", "002_my_street_overlay.jpg", "002_my_street.json"}


def names_in(archive) -> set[str]:
    with zipfile.ZipFile(archive["value"]) as results:
        return set(results.namelist()) - {"summary.csv"}


def test_a_batch_takes_videos_too(photos, photo, folder):
    make_video(folder / "drive.mp4", frames=3)
    (folder / "broken.mp4").write_bytes(b"no video")
    table, archive = photos.batch([str(folder / "drive.mp4"), str(photo), str(folder / "broken.mp4")], "tiny", False)
    assert "broken.mp4 cannot be read as a video" in table
    assert str(folder) not in table
    with zipfile.ZipFile(archive["value"]) as results:
        about = json.loads(results.read("001_drive.json"))
        assert (about["frames"], about["source"]) == (3, "drive.mp4")
        assert len(results.read("001_drive_overlay.mp4")) > 100
        assert b"drive.mp4,road," in results.read("summary.csv")


def test_a_long_video_is_for_the_command_line(photos, folder, monkeypatch):
    make_video(folder / "long.mp4", frames=4)
    monkeypatch.setattr("app.photo.service.MAX_FRAMES", 3)
    table, _ = photos.batch([str(folder / "long.mp4")], "tiny", False)
    assert "4 frames" in table and "python -m hrs segment" in table


def test_a_long_video_that_does_not_say_so_is_stopped(photos, folder, monkeypatch):
    """As a browser records it: without a length."""
    make_video(folder / "long.mkv", frames=4, codec="MJPG")
    data = (folder / "long.mkv").read_bytes()
    at = data.index(b"\x44\x89\x88")  # its duration, which becomes an element to be passed over
    (folder / "long.mkv").write_bytes(data[:at] + b"\xec\x89" + data[at + 2 :])
    monkeypatch.setattr("app.photo.service.MAX_FRAMES", 3)
    table, archive = photos.batch([str(folder / "long.mkv")], "tiny", False)
    assert "long.mkv has more than 3 frames" in table and "python -m hrs segment" in table
    with zipfile.ZipFile(archive["value"]) as results:
        assert results.namelist() == ["summary.csv"]


def test_a_video_that_is_cut_short_is_kept_and_said(photos, folder):
    make_video(folder / "drive.avi", frames=8, codec="MJPG")
    data = (folder / "drive.avi").read_bytes()
    (folder / "drive.avi").write_bytes(data[: len(data) * 11 // 20])
    table, archive = photos.batch([str(folder / "drive.avi")], "tiny", False)
    with zipfile.ZipFile(archive["value"]) as results:
        about = json.loads(results.read("001_drive.json"))
        assert about["cut_short"] and 0 < about["frames"] < 7 and "001_drive_overlay.mp4" in results.namelist()
    assert f"drive.avi (cut short after {about['frames']} frames)" in table and "Left out" not in table


def make_video(path, frames, codec="mp4v", size=(64, 48)):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, size)
    for i in range(frames):
        writer.write(np.roll(street(*size), 7 * i, axis=1)[..., ::-1])
    writer.release()


@pytest.mark.parametrize(("files", "message"), [(None, "choose some"), (["a"] * (MAX_BATCH + 1), "at most")])
def test_a_batch_needs_some_photos_and_not_too_many(photos, files, message):
    with pytest.raises(gr.Error, match=message):
        photos.batch(files, "tiny", False)


class Asked:
    """What Gradio hands on of a request."""

    def __init__(self, host: str) -> None:
        self.headers = {"host": host}


def test_a_wrong_result_goes_to_the_label_page(models, photo, tmp_path):
    photos = Photos(models, Corrections(tmp_path / "datasets", 8501))
    said = photos.correct(str(photo), "tiny", Asked("my-machine:8502"))
    assert "http://my-machine:8501/label?set=corrections&amp;photo=my_street&amp;model=tiny" in said
    own = PhotoSet.open(tmp_path / "datasets/corrections")
    assert own.image_file("my_street").read_bytes() == photo.read_bytes()
    assert own.space.classes == models.load(models.find("tiny")).space.classes
    assert 'href="http://[::1]:8501/' in photos.correct(str(photo), "tiny", Asked("[::1]:8502"))
    assert len(own.photos()) == 1, "the same photo is kept once"


def test_nothing_is_corrected_without_a_photo(models, tmp_path):
    with pytest.raises(gr.Error, match="no photo to correct"):
        Photos(models, Corrections(tmp_path, 8501)).correct(None, "tiny", Asked("localhost"))
