"""Formats whose labels are outlines, YOLO, COCO and LabelMe, as they are in common."""

import numpy as np
import pytest

from hrs.data.doctor import inspect
from hrs.data.layouts import open_dataset
from hrs.data.spec import looks_like
from tests.data.outlined import CORNERS, SQUARE, change, coco, labelme, only_the_square, photos, yolo


def test_the_doctor_counts_what_is_drawn(tmp_path):
    report = inspect(yolo(tmp_path))
    assert report.classes["box"] == pytest.approx(100 * 400 / 3072) and report.unknown == {}


def test_label_studio_s_exports(tmp_path):
    """YOLO with classes.txt and notes.json; COCO with result.json; names with what it puts before them."""
    photos(tmp_path / "yolo", "images/ab12cd34-a.png")
    (tmp_path / "yolo/labels").mkdir()
    line = "1 .15625 .16667 .453125 .16667 .453125 .5625 .15625 .5625"
    (tmp_path / "yolo/labels/ab12cd34-a.txt").write_text(line)
    (tmp_path / "yolo/classes.txt").write_text("sky\nbox")
    (tmp_path / "yolo/notes.json").write_text("{}")
    coco(tmp_path / "coco", [CORNERS], place="result.json", image="images/ab12cd34-a.png")
    change(tmp_path / "coco/result.json", images={"file_name": "images\\ab12cd34-a.png"})
    for name, ground in (("yolo", "background"), ("coco", "floor")):
        spec = f"{name}:{tmp_path / name}"
        assert looks_like(tmp_path / name)[0] == spec
        only_the_square(open_dataset(spec), ground=ground)


@pytest.mark.parametrize("name", ["Background", "background", "_background_", "BACKGROUND"])
def test_one_s_own_background_is_the_implied_one(tmp_path, name):
    data = open_dataset(yolo(tmp_path, names=f"[{name}, box]"))
    assert data.space.classes == ("background", "box")
    only_the_square(data)
    square = {"points": SQUARE, "shape_type": "polygon"}
    everything = {"points": [[0, 0], [64, 0], [64, 48], [0, 48]], "shape_type": "polygon"}
    only_the_square(
        open_dataset(labelme(tmp_path / "labelme", {"label": name, **everything}, {"label": "box", **square}))
    )


def test_names_that_differ_in_spelling_are_one_class_and_a_note_says_so(tmp_path):
    square = {"points": SQUARE, "shape_type": "polygon"}
    corner = {"points": [[40, 30], [49, 30], [49, 39], [40, 39]], "shape_type": "polygon"}
    of_labelme = labelme(tmp_path / "l", {"label": "traffic light", **square}, {"label": "Traffic_Light", **corner})
    of_coco = coco(tmp_path / "c", [CORNERS])
    change(tmp_path / "c/annotations/instances_train.json", categories={"name": "BOX"})
    for spec, names in (
        (of_labelme, ("background", "Traffic_Light")),
        (of_coco, ("background", "BOX")),
    ):
        data = open_dataset(spec)
        assert data.space.classes == names and any("are one class: " in note for note in data.notes)
        assert set(np.unique(data.read_label(0))) <= {0, 1} and (data.read_label(0)[8:28, 10:30] == 1).all()


def names(spec):
    return open_dataset(spec).space.classes


def void_notes(spec):
    return [note for note in open_dataset(spec).notes if "as the name says" in note]


@pytest.mark.parametrize("name", ["void", "Ignore", "unlabeled", "__ignore__", ""])
def test_what_is_called_void_is_ignored_whatever_the_format(tmp_path, name):
    square = {"points": SQUARE, "shape_type": "polygon"}
    corner = {"label": "cat", "points": [[40, 30], [49, 30], [49, 39], [40, 39]], "shape_type": "polygon"}
    of_coco = coco(tmp_path / "coco", [CORNERS])
    change(tmp_path / "coco/annotations/instances_train.json", categories={"name": "cat"})
    change(tmp_path / "coco/annotations/instances_train.json", at=1, categories={"name": name})
    of_yolo = yolo(tmp_path / "yolo", names=f"[cat, '{name}']")
    of_labelme = labelme(tmp_path / "labelme", {"label": name, **square}, corner)
    for spec in (of_coco, of_yolo, of_labelme):
        assert names(spec) == ("background", "cat")
        (note,) = void_notes(spec)
        assert note.endswith(f"ignored, as the name says: {name or '(no name)'}")
        label = open_dataset(spec).read_label(0)
        assert (label[8:28, 10:30] == 255).all() and (label == 255).sum() == 400
        assert inspect(spec).unknown == {}


def test_names_that_may_mean_void_are_told_whatever_the_format(tmp_path):
    spec = coco(tmp_path, [CORNERS])
    change(tmp_path / "annotations/instances_train.json", categories={"name": "unknown"})
    assert any("a class like the others: unknown; if its pixels" in note for note in open_dataset(spec).notes)
