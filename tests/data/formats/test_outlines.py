"""Formats whose labels are outlines: YOLO, COCO, LabelMe."""

import base64
import json

import numpy as np
import pytest
from PIL import Image

from hrs.data.doctor import inspect
from hrs.data.layouts import open_dataset
from hrs.data.spec import looks_like
from hrs.errors import HRSError
from hrs.system.documents import MOST_BYTES
from hrs.system.images import encode
from tests.data.files import pictured, save, street, write_classes

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
        ("1 10 8 29 8 29 27", "has corners in pixels; expected shares of width and height"),
        ("1 nan 0 1 0 1 1", "a corner that is no number"),
    ],
)
def test_yolo_lines_that_are_none(tmp_path, line, message):
    with pytest.raises(HRSError, match=message):
        open_dataset(yolo(tmp_path, line)).read_label(0)


def test_yolo_names_that_stand_twice_are_one_class(tmp_path):
    square = ".15625 .16667 .453125 .16667 .453125 .5625 .15625 .5625"
    data = open_dataset(yolo(tmp_path, f"3 {square}", "[car, truck, car, box, bike]"))
    assert data.space.classes == ("background", "car", "truck", "box", "bike")
    only_the_square(data)
    only_the_square(open_dataset(yolo(tmp_path, f"2 {square}", "[car, truck, car, box, bike]")), "car")


def test_yolo_without_a_list_of_classes(tmp_path):
    spec = yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(
        HRSError, match=r"no data\.yaml or classes\.txt names the classes; the folder holds images, labels"
    ):
        open_dataset(spec)


def test_yolo_splits_that_are_lists(tmp_path):
    photos(tmp_path, "images/a.png", "images/b.png", "images/c.png")
    (tmp_path / "labels").mkdir()
    for name in "abc":
        (tmp_path / f"labels/{name}.txt").write_text("0 0 0 1 0 1 1")
    write_classes(tmp_path, "train: train.txt\nval: val.txt\nnames: [sky, box]\n", "data.yaml")
    (tmp_path / "train.txt").write_text("./images/a.png\n./images/c.png\n")
    (tmp_path / "val.txt").write_text(f"{tmp_path}/images/b.png\n")
    both = [open_dataset(f"yolo:{tmp_path}", split=split) for split in ("train", "val")]
    assert [[frame.id for frame in data.frames] for data in both] == [["a", "c"], ["b"]]
    assert [data.skipped for data in both] == [(), ()]


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


def change(path, **entries):
    """Sets what the first entry of each kind has; None takes it away."""
    stored = json.loads(path.read_text())
    for key, values in entries.items():
        merged = stored[key][0] | values
        stored[key][0] = {name: value for name, value in merged.items() if value is not None}
    path.write_text(json.dumps(stored))


def test_an_object_of_several_outlines_is_all_that_any_encloses(tmp_path):
    data = open_dataset(coco(tmp_path, [CORNERS, [10, 8, 19, 8, 19, 17, 10, 17]]))
    only_the_square(data, ground="floor")


@pytest.mark.parametrize("named", ["train\\a.png", "data/local-files/?d=a.png", "%61.png", "any/where/a.png"])
def test_coco_names_of_other_systems(tmp_path, named):
    spec = coco(tmp_path, [CORNERS])
    change(tmp_path / "annotations/instances_train.json", images={"file_name": named})
    only_the_square(open_dataset(spec), ground="floor")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"images": {"width": 640, "height": 480}}, "drawn on 640x480 pixels, a.png has 64x48; use the image that was"),
        ({"annotations": {"segmentation": []}}, "has a box and no outline; export segmentation, not detection"),
        ({"annotations": {"category_id": 9}}, "has an object of the category 9, which it does not name"),
        ({"annotations": {"image_id": None}}, "entry 0 of annotations lacks image_id"),
        ({"annotations": {"segmentation": "abc"}}, "an outline that is no list of corners"),
    ],
)
def test_coco_that_does_not_fit(tmp_path, entries, message):
    spec = coco(tmp_path, [CORNERS])
    change(tmp_path / "annotations/instances_train.json", **entries)
    with pytest.raises(HRSError, match=message):
        open_dataset(spec).read_label(0)


def test_coco_without_objects_and_with_objects_of_no_image(tmp_path):
    path = tmp_path / "annotations/instances_train.json"
    spec = coco(tmp_path, [CORNERS])
    change(path, annotations={"image_id": 99})
    (skipped,) = open_dataset(spec).skipped
    assert skipped.reason == "has 1 objects of images that it does not name"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": []}))
    with pytest.raises(HRSError, match="has no objects: its annotations are empty"):
        open_dataset(spec)


def test_coco_images_of_one_stem_are_two_frames(tmp_path):
    spec = coco(tmp_path, [CORNERS])
    photos(tmp_path, "train/a.jpg")
    path = tmp_path / "annotations/instances_train.json"
    stored = json.loads(path.read_text())
    stored["images"].append({"id": 2, "file_name": "a.jpg"})
    path.write_text(json.dumps(stored))
    data = open_dataset(spec)
    assert [frame.id for frame in data.frames] == ["a.jpg", "a.png"]
    only_the_square(data, i=1, ground="floor")
    assert (classes(data, 0) == "background").all()


@pytest.mark.parametrize("size", [(64, 48), (48, 64)], ids=["as stored", "upright"])
def test_outlines_on_a_photo_that_exif_turns(tmp_path, size):
    spec = coco(tmp_path, [CORNERS], size=size, image="train/a.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pictured(street())).save(tmp_path / "train/a.jpg", exif=exif)
    box = classes(open_dataset(spec)) == "box"
    assert box.shape == (64, 48)
    drawn = np.rot90(box) if size == (64, 48) else box
    assert drawn[8:28, 10:30].all() and box.sum() == 400


def test_labelme_masks_and_what_encloses_nothing(tmp_path):
    mask = base64.b64encode(encode(".png", np.full((20, 20), 255, np.uint8))).decode()
    box = {"label": "box", "shape_type": "mask", "points": [[10, 8], [29, 27]], "mask": mask}
    wire = {"label": "wire", "shape_type": "linestrip", "points": [[0, 0], [63, 47]]}
    data = open_dataset(labelme(tmp_path, box, wire))
    only_the_square(data)
    assert "shapes that enclose nothing are left out: 1 of type linestrip" in data.notes
    with pytest.raises(HRSError, match="has a mask that cannot be read"):
        open_dataset(labelme(tmp_path, box | {"mask": "AAAA"})).read_label(0)


@pytest.mark.parametrize("named", ["..\\photos\\a.png", "C:\\me\\a.png", "a.png"])
def test_labelme_files_in_a_folder_of_their_own(tmp_path, named):
    photos(tmp_path, "photos/a.png")
    (tmp_path / "labels").mkdir()
    stored = {"shapes": [{"label": "box", "points": SQUARE}], "imagePath": named, "imageWidth": 64, "imageHeight": 48}
    (tmp_path / "labels/a.json").write_text(json.dumps(stored))
    (tmp_path / "settings.json").write_text("{}")
    data = open_dataset(f"labelme:{tmp_path}")
    only_the_square(data)
    assert [(item.path.name, item.reason) for item in data.skipped] == [("settings.json", "has no image")]
    (tmp_path / "labels/a.json").write_text(json.dumps(stored | {"imageWidth": 640}))
    with pytest.raises(HRSError, match=r"drawn on 640x48 pixels, a\.png has 64x48"):
        open_dataset(f"labelme:{tmp_path}").read_label(0)


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
