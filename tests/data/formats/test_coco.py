"""COCO: one JSON for many photos."""

import json

import numpy as np
import pytest
from PIL import Image

from hrs.data.layouts import open_dataset
from hrs.data.splits import role_of
from hrs.errors import HRSError
from hrs.system.documents import MOST_BYTES
from tests.data.files import pictured, save, street
from tests.data.outlined import CORNERS, add, change, classes, coco, only_the_square, photos


def frames(spec):
    data = open_dataset(spec)
    return {frame.id: frame.image.relative_to(data.spec.root).as_posix() for frame in data.frames}


def turned_photo(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pictured(street())).save(path, exif=exif)


COMPRESSED = "X?d0l00000000000000000000000000000000000000hb1"  # as pycocotools writes the square
PAIRS = [[10, 8], [30, 8], [30, 28], [10, 28]]
COUNTS = [10 * 48 + 8, *([20, 28] * 19), 20, 34 * 48 + 20]


@pytest.mark.parametrize(
    "segmentation",
    [
        [CORNERS],
        {"size": [48, 64], "counts": COMPRESSED},
        {"size": [48, 64], "counts": COUNTS},
        PAIRS,
        [PAIRS],
        [PAIRS, CORNERS, []],
    ],
    ids=["polygon", "rle", "counts", "corners", "lists of corners", "mixed"],
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


def test_a_large_export_is_read(tmp_path):
    """Outlines of many photos take more than any document of hrs may have."""
    name = coco(tmp_path, [CORNERS])
    path = tmp_path / "annotations/instances_train.json"
    path.write_text(path.read_text() + " " * MOST_BYTES)
    only_the_square(open_dataset(name), ground="floor")


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
        ({"annotations": {"segmentation": 5}}, "an outline that is no list of corners"),
        ({"annotations": {"segmentation": [[[10, 8, 2], [29, 8, 2], [29, 27, 2]] * 2]}}, "no list of corners"),
        ({"annotations": {"segmentation": [[10, 8, float("nan"), 8, 29, 27]]}}, "a corner that is no number"),
    ],
)
def test_coco_that_does_not_fit(tmp_path, entries, message):
    spec = coco(tmp_path, [CORNERS])
    change(tmp_path / "annotations/instances_train.json", **entries)
    with pytest.raises(HRSError, match=message):
        open_dataset(spec).read_label(0)


@pytest.mark.parametrize("large", [{"id": 10**22}, {"attributes": {"hash": 2**64 - 1}}])
def test_coco_whose_tool_wrote_numbers_of_more_than_64_bits(tmp_path, large):
    spec = coco(tmp_path, [CORNERS])
    change(tmp_path / "annotations/instances_train.json", annotations=large)
    only_the_square(open_dataset(spec), ground="floor")


@pytest.mark.parametrize("width", [float("nan"), float("inf"), "64", None])
def test_coco_sizes_that_are_no_numbers_are_the_images_own(tmp_path, width):
    spec = coco(tmp_path, [CORNERS])
    change(tmp_path / "annotations/instances_train.json", images={"width": width})
    only_the_square(open_dataset(spec), ground="floor")


def test_coco_without_objects_and_with_objects_of_no_image(tmp_path):
    path = tmp_path / "annotations/instances_train.json"
    spec = coco(tmp_path, [CORNERS])
    change(path, annotations={"image_id": 99})
    (skipped,) = open_dataset(spec).skipped
    assert skipped.reason == "has 1 objects of images that it does not name"
    change(path, at=1, annotations={"image_id": "a"})
    with pytest.raises(HRSError, match=r"its objects are of no image that it names \(there is no 99 among 1\)"):
        open_dataset(spec)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": []}))
    with pytest.raises(HRSError, match="has no objects: its annotations are empty"):
        open_dataset(spec)


def test_coco_images_of_one_stem_are_two_frames(tmp_path):
    spec = coco(tmp_path, [CORNERS])
    photos(tmp_path, "train/a.jpg")
    add(tmp_path / "annotations/instances_train.json", images={"id": 2, "file_name": "a.jpg"})
    data = open_dataset(spec)
    assert [frame.id for frame in data.frames] == ["a.jpg", "a.png"]
    only_the_square(data, i=1, ground="floor")
    assert (classes(data, 0) == "background").all()


@pytest.mark.parametrize("size", [(64, 48), (48, 64)], ids=["as stored", "upright"])
@pytest.mark.parametrize("kind", ["jpg", "tif"])
def test_outlines_on_a_photo_that_exif_turns(tmp_path, size, kind):
    spec = coco(tmp_path, [CORNERS], size=size, image=f"train/a.{kind}")
    turned_photo(tmp_path / f"train/a.{kind}")
    box = classes(open_dataset(spec)) == "box"
    assert box.shape == (64, 48)
    drawn = np.rot90(box) if size == (64, 48) else box
    assert drawn[8:28, 10:30].all() and box.sum() == 400


@pytest.mark.parametrize(
    ("key", "second", "message"),
    [
        ("images", {"id": 1, "file_name": "b.png"}, r"two entries of images have the id 1 \(a\.png, b\.png\); ids"),
        ("images", {"id": 1, "file_name": "a.png"}, r"images have the id 1 \(a\.png, a\.png\)"),
        ("categories", {"id": 7, "name": "lamp"}, r"two entries of categories have the id 7 \(box, lamp\)"),
    ],
)
def test_coco_ids_that_stand_twice_are_refused(tmp_path, key, second, message):
    spec = coco(tmp_path, [CORNERS])
    add(tmp_path / "annotations/instances_train.json", **{key: second})
    with pytest.raises(HRSError, match=message):
        open_dataset(spec)


def test_coco_categories_that_stand_twice_alike_are_one(tmp_path):
    spec = coco(tmp_path, [CORNERS])
    add(tmp_path / "annotations/instances_train.json", categories={"id": 7, "name": "box"})
    only_the_square(open_dataset(spec), ground="floor")


def test_coco_takes_no_image_of_another_split(tmp_path):
    spec = coco(tmp_path, [CORNERS], image="train/a.png")
    add(tmp_path / "annotations/instances_train.json", images={"id": 2, "file_name": "b.png"})
    photos(tmp_path, "val/b.png", "val2017/b.png")
    assert frames(spec) == {"a": "train/a.png"}
    change(tmp_path / "annotations/instances_train.json", at=1, images={"file_name": "val/b.png"})
    assert frames(spec) == {"a": "train/a.png", "val/b": "val/b.png"}  # the list says so itself


@pytest.mark.parametrize(
    ("there", "kept", "others"),
    [
        ("room2/a.png", {"room2/a": "room2/a.png"}, {"room1/a.png"}),
        ("photos/a.png", {}, {"room1/a.png", "room2/a.png"}),  # may be either of both
        ("photos/b.png", {"room2/b": "photos/b.png"}, set()),
    ],
)
def test_coco_one_file_is_one_image(tmp_path, there, kept, others):
    spec = coco(tmp_path, [CORNERS], image="train/c.png")
    path = tmp_path / "annotations/instances_train.json"
    for i, named in enumerate(("room1/a.png", "room2/a.png", "room2/b.png"), 2):
        add(path, images={"id": i, "file_name": named})
    photos(tmp_path, there)
    assert frames(spec) == {"c": "train/c.png"} | kept
    skipped = {item.path.as_posix(): item.reason for item in open_dataset(spec).skipped}
    assert skipped.keys() == {"room1/a.png", "room2/a.png", "room2/b.png"} - {f"{key}.png" for key in kept}
    assert {name for name, reason in skipped.items() if "only files of that name that seem" in reason} == others
    assert all("seem" in reason or reason.endswith("but not there") for reason in skipped.values())


def test_coco_run_lengths_say_their_size(tmp_path):
    path = tmp_path / "annotations/instances_train.json"
    spec = coco(tmp_path, {"size": [64, 48], "counts": COUNTS})
    with pytest.raises(HRSError, match=r"run lengths of the size \[64, 48\], the image has 64x48; expected \[48, 64\]"):
        open_dataset(spec).read_label(0)
    coco(tmp_path, {"size": [48, 64], "counts": COUNTS}, image="train/a.jpg")
    change(path, images={"width": None, "height": None}, annotations={"area": None})
    change(path, at=1, annotations={"segmentation": {"size": [48, 64], "counts": [0, 3072]}})
    turned_photo(tmp_path / "train/a.jpg")
    box = np.rot90(classes(open_dataset(spec)) == "box")
    assert box[8:28, 10:30].all() and box.sum() == 400


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("annotations/instances_train_a", "annotations/instances_train_b"), "2 lists of the split train: "),
        (("annotations/instances_train2014", "annotations/instances_train2017"), "train2017.json; merge them"),
        (("batch1", "batch2"), r"2 lists: batch1\.json, batch2\.json; merge them, or leave one in its place"),
        (("annotations/batch1", "annotations/batch2"), "2 lists: "),
    ],
)
def test_coco_of_several_lists_is_refused(tmp_path, names, message):
    for name in names:
        spec = coco(tmp_path, [CORNERS], place=f"{name}.json")
    with pytest.raises(HRSError, match=message):
        open_dataset(spec)
    (tmp_path / f"{names[0]}.json").write_text("{}")  # not one of objects
    only_the_square(open_dataset(spec), ground="floor")


def test_coco_has_no_split_that_no_list_says(tmp_path):
    with pytest.raises(HRSError, match="no split val; it has no splits"):
        open_dataset(coco(tmp_path, [CORNERS], place="batch.json"), split="val")


@pytest.mark.parametrize("area", [None, 0, "none"])
@pytest.mark.parametrize(
    "segmentation", [[CORNERS], CORNERS, {"size": [48, 64], "counts": COMPRESSED}], ids=["polygons", "polygon", "rle"]
)
def test_coco_without_areas_has_small_over_large(tmp_path, area, segmentation):
    spec = coco(tmp_path, segmentation)
    for i in range(2):
        change(tmp_path / "annotations/instances_train.json", at=i, annotations={"area": area})
    only_the_square(open_dataset(spec), ground="floor")


def test_coco_ids_are_compared_as_text(tmp_path):
    spec = coco(tmp_path, [CORNERS])
    path = tmp_path / "annotations/instances_train.json"
    change(path, images={"id": "1"}, categories={"id": "3"})
    change(path, at=1, annotations={"image_id": 1.0, "category_id": 3.0})
    data = open_dataset(spec)
    assert data.skipped == ()
    only_the_square(data, ground="floor")


def test_coco_images_without_an_object_are_told(tmp_path):
    spec = coco(tmp_path, [CORNERS])
    photos(tmp_path, "train/b.png", "train/c.png")
    for i, name in enumerate("bcd", 2):  # d is not there
        add(tmp_path / "annotations/instances_train.json", images={"id": i, "file_name": f"{name}.png"})
    told = "2 of 3 images have no object and are background all over; if they are merely unlabelled, take them out"
    assert told in open_dataset(spec).notes


@pytest.mark.parametrize(
    ("corners", "pixels"),
    [
        ([10, 10, 20, 10, 20, 20, 10, 20], 100),
        ([10.4, 10.4, 20.4, 10.4, 20.4, 20.4, 10.4, 20.4], 100),
        ([9.6, 9.6, 20.6, 9.6, 20.6, 20.6, 9.6, 20.6], 121),
        ([10, 10, 20, 10, 10, 20], 45),  # half of the square; centres on the long side are outside
        ([-5, -5, 5, -5, 5, 5, -5, 5], 25),
        ([60, 40, 99, 40, 99, 99, 60, 99], 32),
        ([10, 10, 20, 10, 20, 20, 15, 20, 15, 30, 15, 20, 10, 20], 100),  # a spike that encloses nothing
        ([70, 10, 80, 10, 80, 20], 0),
    ],
)
def test_coco_outlines_enclose_what_they_enclose(tmp_path, corners, pixels):
    assert (classes(open_dataset(coco(tmp_path, [corners]))) == "box").sum() == pixels


def test_coco_areas_of_boxes_decide_nothing(tmp_path):
    """A thin diagonal pole has a large box; what is behind it and smaller than that box does not cover it."""
    spec = coco(tmp_path, [[0, 0, 4, 0, 64, 48, 60, 48]])
    path = tmp_path / "annotations/instances_train.json"
    behind = {"image_id": 1, "category_id": 3, "area": 900, "segmentation": [[10, 8, 40, 8, 40, 38, 10, 38]]}
    add(path, annotations=behind)
    change(path, annotations={"area": 3072})
    change(path, at=1, annotations={"area": 3073})
    assert (classes(open_dataset(spec)) == "box").sum() == 4 * 48


def test_coco_images_of_one_name_in_many_folders_are_found_by_these_at_once(tmp_path, monkeypatch):
    spec, path = coco(tmp_path, [CORNERS], image="scene_000/rgb.png"), tmp_path / "annotations/instances_train.json"
    for i in range(1, 40):
        photos(tmp_path, f"scene_{i:03d}/rgb.png")
    stored = json.loads(path.read_text())
    entry = stored["images"][0]
    stored["images"] = [entry | {"id": i + 1, "file_name": f"scene_{i:03d}/rgb.png"} for i in range(40)]
    path.write_text(json.dumps(stored))
    looked_at = []
    monkeypatch.setattr("hrs.data.formats.coco.role_of", lambda name: looked_at.append(name) or role_of(name))
    frames = open_dataset(spec).frames
    assert [frame.image.parent.name for frame in frames] == [f"scene_{i:03d}" for i in range(40)]
    assert len(looked_at) < 40 * 20


@pytest.mark.parametrize("name", ["panoptic_val2017", "stuff_val2017"])
def test_coco_s_other_lists_are_said_not_to_be_read(tmp_path, name):
    photos(tmp_path, "val2017/a.png")
    (tmp_path / "annotations").mkdir()
    (tmp_path / f"annotations/{name}.json").write_text("{}")
    with pytest.raises(HRSError, match=rf"{name}\.json is not read: .* instances_SPLIT\.json has"):
        open_dataset(f"coco:{tmp_path}")
