"""Tiny data sets whose labels are outlines: a square of a class box on each photo."""

import json

import numpy as np

from tests.data.files import pictured, save, street

SQUARE = [[10, 8], [29, 8], [29, 27], [10, 27]]  # corners in pixels of a frame of 64x48
CORNERS = [10, 8, 30, 8, 30, 28, 10, 28]  # the same between pixels, as COCO has it


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


def labelme(root, *shapes):
    photos(root, "room/a.png")
    (root / "room/a.json").write_text(json.dumps({"shapes": list(shapes), "imagePath": "a.png"}))
    return f"labelme:{root}"


def change(path, at=0, **entries):
    """Sets what the first entry of each kind, or another, has; None takes it away."""
    stored = json.loads(path.read_text())
    for key, values in entries.items():
        merged = stored[key][at] | values
        stored[key][at] = {name: value for name, value in merged.items() if value is not None}
    path.write_text(json.dumps(stored))


def add(path, **entries):
    """Adds an entry to each kind."""
    stored = json.loads(path.read_text())
    for key, entry in entries.items():
        stored[key].append(entry)
    path.write_text(json.dumps(stored))
