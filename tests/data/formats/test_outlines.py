"""Formats whose labels are outlines: YOLO, COCO, LabelMe."""

import json

import numpy as np
import pytest

from hrs.data.doctor import inspect
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.system.documents import MOST_BYTES
from tests.data.files import pictured, save, street

SQUARE = [[10, 8], [29, 8], [29, 27], [10, 27]]  # corners in pixels of a frame of 64x48
CORNERS = [number for corner in SQUARE for number in corner]


def photos(root, *names):
    for i, name in enumerate(names):
        save(root / name, pictured(street(i)))


def classes(data, i=0):
    return np.array([*data.space.classes, None], object)[np.minimum(data.read_label(i), len(data.space))]


def only_the_square(data, name="box", i=0, ground="background"):
    found = classes(data, i)
    assert (found[8:28, 10:30] == name).all() and (found == name).sum() == 400
    assert (np.delete(found, np.s_[8:28], axis=0) == ground).all()


def yolo(root, line="1 .15625 .16667 .453125 .16667 .453125 .5625 .15625 .5625", names="[sky, box]"):
    photos(root, "images/train/a.png", "images/val/b.png")
    for split, name in (("train", "a"), ("val", "b")):
        (root / f"labels/{split}").mkdir(parents=True, exist_ok=True)
        (root / f"labels/{split}/{name}.txt").write_text(f"{line}\n")
    (root / "data.yaml").write_text(f"path: .\nnames: {names}\n")
    return f"yolo:{root}"


def test_yolo_polygons_are_drawn_on_background(tmp_path):
    spec = yolo(tmp_path)
    data, val = open_dataset(spec), open_dataset(spec, split="val")
    assert data.space.classes == ("background", "sky", "box") and [frame.id for frame in val.frames] == ["b"]
    only_the_square(data)
    assert data.skipped == () and "outside of all outlines" in data.notes[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 .5 .5 .2 .2", "a.txt line 1 is a box; expected a class and the corners of a polygon"),
        ("1 .5 .5 .2 .2 .3", "line 1 has 5 numbers"),
        ("7 0 0 1 0 1 1", "has the class 7, which no list names; known: 0, 1"),
        ("box 0 0 1 0 1 1", "is no class and polygon"),
    ],
)
def test_yolo_lines_that_are_none(tmp_path, line, message):
    with pytest.raises(HRSError, match=message):
        open_dataset(yolo(tmp_path, line)).read_label(0)


def test_yolo_without_a_list_of_classes(tmp_path):
    spec = yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(
        HRSError, match=r"no data\.yaml or classes\.txt names the classes; the folder holds images, labels"
    ):
        open_dataset(spec)


def coco(root, segmentation, *, place="annotations/instances_train.json", image="train/a.png", size=(64, 48)):
    photos(root, image)
    big = {"image_id": 1, "category_id": 3, "area": 3072, "segmentation": [[0, 0, 64, 0, 64, 48, 0, 48]]}
    small = {"image_id": 1, "category_id": 7, "area": 400, "segmentation": segmentation}
    stored = {
        "images": [{"id": 1, "file_name": image.rpartition("/")[2], "height": size[1], "width": size[0]}],
        "annotations": [small, big],
        "categories": [{"id": 3, "name": "floor"}, {"id": 7, "name": "box"}],
    }
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(json.dumps(stored))
    return f"coco:{root}"


COMPRESSED = "X?d0l00000000000000000000000000000000000000hb1"  # as pycocotools writes the square
COUNTS = [10 * 48 + 8, *([20, 28] * 19), 20, 34 * 48 + 20]


@pytest.mark.parametrize(
    "segmentation",
    [[CORNERS], {"size": [48, 64], "counts": COMPRESSED}, {"size": [48, 64], "counts": COUNTS}],
    ids=["polygon", "rle", "counts"],
)
def test_coco_objects_small_over_large(tmp_path, segmentation):
    data = open_dataset(coco(tmp_path, segmentation))
    assert data.space.classes == ("background", "floor", "box")
    only_the_square(data, ground="floor")


@pytest.mark.parametrize(
    ("place", "image"),
    [
        ("train/_annotations.coco.json", "train/a.png"),
        ("result.json", "images/a.png"),
        ("annotations/instances_train2017.json", "train2017/a.png"),
        ("annotations/instances_default.json", "images/a.png"),
    ],
)
def test_coco_as_others_export_it(tmp_path, place, image):
    only_the_square(open_dataset(coco(tmp_path, [CORNERS], place=place, image=image)), ground="floor")


def test_coco_run_lengths_that_are_none(tmp_path):
    noise = np.array([[0, 1, 1, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 1, 0], [1, 0, 0, 1, 1], [1, 1, 0, 0, 0]])
    noise = np.vstack([noise, [[1, 0, 0, 0, 0], [0, 1, 1, 0, 0]]])
    spec = coco(tmp_path, {"size": [7, 5], "counts": "331N00000140L05OM"}, size=(5, 7))
    save(tmp_path / "train/a.png", np.zeros((7, 5, 3), np.uint8))
    assert ((classes(open_dataset(spec)) == "box") == noise).all()
    for counts, message in ((COUNTS, "run lengths for 3072 pixels, the image has 5x7"), ("o", "cannot be read")):
        coco(tmp_path, {"size": [7, 5], "counts": counts}, size=(5, 7))
        save(tmp_path / "train/a.png", np.zeros((7, 5, 3), np.uint8))
        with pytest.raises(HRSError, match=message):
            open_dataset(spec).read_label(0)


def test_coco_splits_and_images_of_one_name(tmp_path):
    for split in ("train", "val"):
        coco(tmp_path, [CORNERS], place=f"annotations/instances_{split}2017.json", image=f"{split}2017/a.png")
    for split in ("train", "val"):
        (frame,) = open_dataset(f"coco:{tmp_path}", split=split).frames
        assert frame.image.parent.name == f"{split}2017"
    with pytest.raises(HRSError, match="no split test; it has the splits train, val"):
        open_dataset(f"coco:{tmp_path}", split="test")


def test_coco_that_lacks_something(tmp_path):
    (tmp_path / "annotations").mkdir()
    with pytest.raises(HRSError, match=r"no JSON such as annotations/instances_train\.json"):
        open_dataset(f"coco:{tmp_path}")
    (tmp_path / "annotations/instances.json").write_text("{}")
    with pytest.raises(HRSError, match="lacks images, annotations, categories"):
        open_dataset(f"coco:{tmp_path}")
    (tmp_path / "annotations/instances.json").write_text("{")
    with pytest.raises(HRSError, match="is no whole JSON file"):
        open_dataset(f"coco:{tmp_path}")
    coco(tmp_path, [CORNERS], place="annotations/instances.json")
    (tmp_path / "train/a.png").rename(tmp_path / "train/b.png")
    with pytest.raises(HRSError, match="has no usable frame"):
        open_dataset(f"coco:{tmp_path}")


def labelme(root, *shapes):
    photos(root, "room/a.png")
    (root / "room/a.json").write_text(json.dumps({"shapes": list(shapes), "imagePath": "a.png"}))
    return f"labelme:{root}"


def test_labelme_shapes_later_over_earlier(tmp_path):
    whole = {"label": "floor", "shape_type": "rectangle", "points": [[0, 0], [63, 47]]}
    line = {"label": "wire", "shape_type": "linestrip", "points": [[0, 0], [63, 47]]}
    data = open_dataset(labelme(tmp_path, whole, {"label": "box", "points": SQUARE}, line))
    assert data.space.classes == ("background", "box", "floor") and data.skipped == ()
    only_the_square(data, ground="floor")
    hidden = {"label": "__ignore__", "points": SQUARE}
    assert (classes(open_dataset(labelme(tmp_path, whole, hidden)))[8:28, 10:30] == None).all()  # noqa: E711


def test_labelme_without_shapes(tmp_path):
    with pytest.raises(HRSError, match="has no outline of any class"):
        open_dataset(labelme(tmp_path))


def test_the_doctor_counts_what_is_drawn(tmp_path):
    report = inspect(yolo(tmp_path))
    assert report.classes["box"] == pytest.approx(100 * 400 / 3072) and report.unknown == {}


def test_a_large_export_is_read(tmp_path):
    """Outlines of many photos take more than any document of hrs may have."""
    name = coco(tmp_path, [CORNERS])
    path = tmp_path / "annotations/instances_train.json"
    path.write_text(path.read_text() + " " * MOST_BYTES)
    only_the_square(open_dataset(name), ground="floor")
