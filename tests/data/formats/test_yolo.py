"""YOLO: a line for each polygon."""

import pytest

from hrs.data.holdout import other_split
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from tests.data.files import write_classes
from tests.data.outlined import only_the_square, photos, yolo


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
        ("1e999 0 0 1 0 1 1", "is no class and polygon"),
        ("1 10 8 29 8 29 27", "has corners in pixels; expected shares of width and height"),
        ("1 nan 0 1 0 1 1", "a corner that is no number"),
    ],
)
def test_yolo_lines_that_are_none(tmp_path, line, message):
    with pytest.raises(HRSError, match=message):
        open_dataset(yolo(tmp_path, line)).read_label(0)


def test_yolo_points_of_poses_are_refused(tmp_path):
    spec = yolo(tmp_path, "0 .5 .5 .2 .2 .4 .4 2 .5 .5 2 .6 .6 2")
    write_classes(tmp_path, "names: [sky, box]\nkpt_shape: [3, 3]\n", "data.yaml")
    with pytest.raises(HRSError, match=r"data\.yaml has kpt_shape, so its labels are points of poses; export segment"):
        open_dataset(spec)


def test_yolo_polygons_within_others_lie_over_them_in_whatever_order(tmp_path):
    spec = yolo(tmp_path)
    label, all_over = tmp_path / "labels/train/a.txt", "0 0 0 1 0 1 1 0 1\n"
    for text in (label.read_text() + all_over, all_over + label.read_text()):
        label.write_text(text)
        only_the_square(open_dataset(spec), ground="sky")


def test_yolo_images_without_polygons_are_said(tmp_path):
    spec = yolo(tmp_path)
    photos(tmp_path, "images/train/c.png")
    (tmp_path / "labels/train/c.txt").write_text("\n")
    assert any("1 of 2 images have no object and are background all over" in each for each in open_dataset(spec).notes)


def test_yolo_images_beside_the_folders_of_splits_are_said(tmp_path):
    spec = yolo(tmp_path)
    photos(tmp_path, "images/c.png")
    assert [(item.path.name, item.reason) for item in open_dataset(spec).skipped] == [("c.png", "lies in no split")]


def test_yolo_names_that_stand_twice_are_one_class(tmp_path):
    square = ".15625 .16667 .453125 .16667 .453125 .5625 .15625 .5625"
    data = open_dataset(yolo(tmp_path, f"3 {square}", "[car, truck, car, box, bike]"))
    assert data.space.classes == ("background", "car", "truck", "box", "bike")
    only_the_square(data)
    only_the_square(open_dataset(yolo(tmp_path, f"2 {square}", "[car, truck, car, box, bike]")), "car")


@pytest.mark.parametrize("names", ["[box]", "{0: box}"])
def test_yolo_of_one_class_is_that_and_background(tmp_path, names):
    data = open_dataset(yolo(tmp_path, "0 .15625 .16667 .453125 .16667 .453125 .5625 .15625 .5625", names))
    assert data.space.classes == ("background", "box")
    only_the_square(data)


def test_yolo_without_a_list_of_classes(tmp_path):
    spec = yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(
        HRSError, match=r"no data\.yaml or classes\.txt names the classes; the folder holds images, labels"
    ):
        open_dataset(spec)


def test_yolo_s_list_of_classes_may_lie_beside_its_labels(tmp_path):
    spec = yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "labels/train/classes.txt").write_text("sky\nbox\n")
    only_the_square(open_dataset(spec))
    assert open_dataset(spec).skipped == ()


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


def test_yolo_splits_with_a_year(tmp_path):
    spec = yolo(tmp_path)
    for folder in ("images", "labels"):
        for split in ("train", "val"):
            (tmp_path / folder / split).rename(tmp_path / folder / f"{split}2017")
    assert [frame.id for frame in open_dataset(spec).frames] == ["a"]
    assert [frame.id for frame in open_dataset(spec, split="val").frames] == ["b"]


def named(tmp_path, images, labels, text):
    """Two photos in folders that are not called like splits."""
    for name, photo in (("first", "a"), ("second", "b")):
        photos(tmp_path, f"{images.format(name)}/{photo}.png")
        (tmp_path / labels.format(name)).mkdir(parents=True)
        (tmp_path / labels.format(name) / f"{photo}.txt").write_text("0 0 0 1 0 1 1")
    write_classes(tmp_path, f"{text}\nnames: [sky, box]\n", "data.yaml")
    return [open_dataset(f"yolo:{tmp_path}", split=split) for split in ("train", "val")]


@pytest.mark.parametrize(
    ("images", "labels", "text"),
    [
        ("images/{}", "labels/{}", "train: images/first\nval: images/second"),
        ("images/{}", "labels/{}", "path: .\ntrain: [images/first]\nval: [images/second]"),
        ("{}/images", "{}/labels", "train: ../first/images\nval: ../second/images"),
    ],
)
def test_yolo_splits_that_data_yaml_names(tmp_path, images, labels, text):
    train, val = named(tmp_path, images, labels, text)
    assert [frame.id for frame in train.frames] == ["a"] and [frame.id for frame in val.frames] == ["b"]
    assert train.read_label(0).max() == 1


def test_yolo_photos_that_are_train_and_val_are_one_split(tmp_path):
    photos(tmp_path, "images/a.png", "images/b.png")
    (tmp_path / "labels").mkdir()
    for name in "ab":
        (tmp_path / f"labels/{name}.txt").write_text("0 0 0 1 0 1 1")
    write_classes(tmp_path, "train: images\nval: images\nnames: [sky, box]\n", "data.yaml")
    assert other_split(f"yolo:{tmp_path}") is None
    assert len(open_dataset(f"yolo:{tmp_path}")) == 2


def test_yolo_places_beside_the_data_set_are_not_read(tmp_path):
    photos(tmp_path, "old/images/val9/z.png")
    _, val = named(
        tmp_path / "new",
        "images/{}",
        "labels/{}",
        f"path: {tmp_path}/old\ntrain: images/first\nval: ../new/images/second",
    )
    assert [frame.id for frame in val.frames] == ["b"]
    (tmp_path / "new/data.yaml").write_text("train: ../old/images/val9\nval: ../old/images/val9\nnames: [sky, box]\n")
    assert other_split(f"yolo:{tmp_path / 'new'}") is None


def test_yolo_lists_that_data_yaml_names(tmp_path):
    photos(tmp_path, "images/a.png", "images/b.png")
    (tmp_path / "labels").mkdir()
    for name in "ab":
        (tmp_path / f"labels/{name}.txt").write_text("0 0 0 1 0 1 1")
        (tmp_path / f"lists_{name}.txt").write_text(f"images/{name}.png\n")
    write_classes(tmp_path, "train: lists_a.txt\nval: lists_b.txt\nnames: [sky, box]\n", "data.yaml")
    both = [open_dataset(f"yolo:{tmp_path}", split=split) for split in ("train", "val")]
    assert [[frame.id for frame in data.frames] for data in both] == [["a"], ["b"]]


def test_yolo_labels_that_are_not_where_data_yaml_says(tmp_path):
    named(tmp_path, "images/{}", "labels/{}", "train: images/first\nval: images/second")
    (tmp_path / "labels/second").rename(tmp_path / "labels/third")
    with pytest.raises(
        HRSError, match=r"data\.yaml says val is .*images/second, but its labels are not at .*labels/second"
    ):
        open_dataset(f"yolo:{tmp_path}", split="val")


@pytest.mark.parametrize("gone", ["labels/train/a.txt", "images/train/a.png"])
def test_yolo_files_that_go_after_opening_are_one_line(tmp_path, gone):
    data = open_dataset(yolo(tmp_path))
    (tmp_path / gone).unlink()
    with pytest.raises(HRSError, match=rf"{gone} (does not exist|cannot be read)"):
        data.read_label(0)


def test_yolo_s_data_yaml_comes_before_another_list(tmp_path):
    spec = yolo(tmp_path)
    write_classes(tmp_path, "dog\nperson\n", "classes.txt")
    data = open_dataset(spec)
    only_the_square(data)
    assert any("classes.txt differs and is not read: id 0 is dog there" in note for note in data.notes)
    write_classes(tmp_path, "train: images/train\nval: images/val\n", "data.yaml")
    assert open_dataset(spec).space.classes == ("background", "dog", "person")
