"""What outlines tell before any is drawn, as opening a data set and the doctor say it."""

import numpy as np
import pytest

from hrs.data.doctor import inspect
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from tests.data.files import save
from tests.data.outlined import CORNERS, SQUARE, add, change, classes, coco, labelme, only_the_square, photos, yolo

BOX = [10, 8, 30, 8, 30, 28, 10, 28]
TURNED = [20, 10, 30, 20, 20, 30, 10, 20]
HOUSE = [10, 20, 20, 10, 30, 20, 30, 30, 10, 30]
MASK = {"size": [48, 64], "counts": [0, 3072]}


def objects(root, outlines, *, size=(64, 48)):
    """COCO's list of one photo with these outlines of the class box."""
    spec = coco(root, outlines[0], size=size)
    save(root / "train/a.png", np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8))
    path = root / "annotations/instances_train.json"
    change(path, at=1, annotations={"category_id": 7, "segmentation": outlines[1 % len(outlines)]})
    for i, outline in enumerate(outlines[2:]):
        add(path, annotations={"id": i, "image_id": 1, "category_id": 7, "segmentation": outline})
    return spec


def warnings(spec):
    return [finding.text for finding in inspect(spec).findings]


def notes(spec):
    return [note for note in open_dataset(spec).notes if "draw nothing" in note]


def test_outlines_in_shares_of_the_image_are_refused(tmp_path):
    shares = [[0.1, 0.1, 0.5, 0.1, 0.5, 1.002]]
    with pytest.raises(HRSError, match=r"in shares of the image, since no corner is farther than 1\.002; expected pix"):
        open_dataset(objects(tmp_path / "coco", [shares, shares]))
    with pytest.raises(HRSError, match=r"farther than 1; expected pixels: multiply x by the width"):
        open_dataset(labelme(tmp_path / "labelme", {"label": "box", "points": [[0, 0], [1, 0], [1, 1]]}))
    open_dataset(objects(tmp_path / "both", [shares, [BOX]]))


@pytest.mark.parametrize(
    ("factor", "size", "count", "warned"),
    [(1, (400, 300), 9, True), (1, (400, 300), 5, False), (1, (150, 300), 9, False), (0.5, (400, 300), 9, False)],
)
def test_outlines_in_percent_are_doubted(tmp_path, factor, size, count, warned):
    outlines = [[(np.array(HOUSE) * factor * (3.2 if i else 1)).tolist()] for i in range(count)]
    told = [text for text in warnings(objects(tmp_path, outlines, size=size)) if "percent" in text]
    assert len(told) == warned and all("no corner of any outline is farther than 96, however large" in x for x in told)


@pytest.mark.parametrize(
    "outline",
    [
        [[20, 20, 40, 40]],
        [[]],
        [[70, 10, 80, 10, 80, 20]],
        [[-9, 5, -2, 5, -2, 9]],
        [[20.6, 20, 21.4, 20, 21.4, 40]],
        [[20, 20, 30, 20, 40, 20]],
        [[20, 20], [40, 20]],
    ],
)
def test_objects_that_draw_nothing_are_counted(tmp_path, outline):
    spec = objects(tmp_path, [[HOUSE], [HOUSE], outline, [[1, 1, 2, 2], HOUSE], MASK])
    assert [note.partition(":")[0] for note in notes(spec)] == [
        "1 of 5 objects draw nothing, the first is 0 of the class box"
    ]
    assert warnings(spec) == ["only the class box has pixels: nothing can be told from it"]


def test_what_is_drawn_is_not_counted(tmp_path):
    tiny = [20.4, 20.4, 20.6, 20.4, 20.6, 20.6, 20.4, 20.6]  # around the middle of a pixel
    assert notes(objects(tmp_path, [[tiny], [[-5, -5, 5, -5, 5, 5]], MASK, [[60, 40, 99, 40, 99, 99]]])) == []
    data = open_dataset(objects(tmp_path, [[tiny], [tiny]]))
    assert (classes(data) == "box").sum() == 1


def test_labelme_s_shapes_that_draw_nothing_are_counted(tmp_path):
    dot = {"label": "dot", "points": [[5, 5], [5, 5], [5, 5]]}  # its border belongs to it
    lost = {"label": "cat", "points": [[70, 5], [80, 5], [80, 9]]}
    spec = labelme(tmp_path, dot, {"label": "box", "points": SQUARE}, lost, {"label": "box", "points": SQUARE[:2]})
    change_size(tmp_path / "room/a.json")
    assert notes(spec)[0].startswith("2 of 4 objects draw nothing, the first is one of a.json of the class cat: ")
    assert [text.partition(";")[0] for text in warnings(spec)] == [
        "classes all of whose objects draw nothing, and how many these are: cat (1)"
    ]


def change_size(path):
    path.write_text(path.read_text().replace("{", '{"imageWidth": 64, "imageHeight": 48, ', 1))


def test_a_class_all_of_whose_objects_draw_nothing_is_a_warning(tmp_path):
    spec = coco(tmp_path, [[1, 1, 2, 2]])
    assert [text for text in warnings(spec) if "draw nothing" in text] == [
        "classes all of whose objects draw nothing, and how many these are: box (1); export them anew"
    ]


@pytest.mark.parametrize(
    ("outlines", "warned"),
    [
        ([[BOX], [[*BOX, 10, 8]], [TURNED]] * 3, True),
        ([[BOX]] * 5, False),
        ([[BOX]] * 8 + [[HOUSE]], False),
        ([[BOX]] * 8 + [MASK], False),
        ([[[10, 8, 30, 8, 30, 28, 11, 28]]] * 9, False),
    ],
    ids=["boxes", "few", "one that is none", "a mask", "drawn by hand"],
)
def test_outlines_that_are_all_boxes_are_doubted(tmp_path, outlines, warned):
    told = [text for text in warnings(objects(tmp_path, outlines)) if "as for detection" in text]
    assert len(told) == warned


def test_boxes_of_yolo_and_labelme_are_doubted_too(tmp_path):
    turned = "1 .3125 .208333 .46875 .416667 .3125 .625 .15625 .416667\n"
    of_yolo = yolo(tmp_path / "yolo", line=turned * 8)
    of_labelme = labelme(tmp_path / "l", *[{"label": "box", "shape_type": "rectangle", "points": [[5, 5], [9, 9]]}] * 8)
    for spec in (of_yolo, of_labelme):
        assert any("all outlines are boxes of four corners" in text for text in warnings(spec))
    (tmp_path / "yolo/labels/train/a.txt").write_text(turned * 8 + "1 0 0 1 0 1 1\n")
    assert not any("boxes" in text for text in warnings(of_yolo))


def test_a_list_with_an_outline_that_cannot_be_read_keeps_its_other_photos(tmp_path):
    spec = coco(tmp_path, [CORNERS])
    path = tmp_path / "annotations/instances_train.json"
    photos(tmp_path, "train/b.png")
    add(path, images={"id": 2, "file_name": "b.png"})
    add(path, annotations={"image_id": 2, "category_id": 7, "segmentation": [[1, 2, 3]]})
    report = inspect(spec)
    assert report.pairs == 1 and "no list of corners" in report.unreadable[0].reason
    only_the_square(report.dataset, ground="floor")
