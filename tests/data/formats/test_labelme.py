"""LabelMe: a JSON beside each photo."""

import base64
import itertools
import json
import shutil
from pathlib import Path, PurePath

import numpy as np
import pytest

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.system.images import encode
from tests.data.outlined import SQUARE, classes, labelme, only_the_square, photos


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


def test_labelme_files_whose_photos_are_elsewhere(tmp_path):
    root = labelme(tmp_path, {"label": "box", "points": SQUARE}).removeprefix("labelme:")
    for image in Path(root).rglob("*.png"):
        image.unlink()
    with pytest.raises(HRSError, match=r"has outlines in 1 file and no photo beside them; copy the photos there"):
        open_dataset(f"labelme:{root}")


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


def test_labelme_takes_no_image_of_another_frame(tmp_path):
    photos(tmp_path, "room2/1.png", "photos/2.png", "photos/3.png")
    for path, named in (
        ("room1/1", "1.png"),  # its image is not there, and room2's is another
        ("room2/1", "1.png"),
        ("room1/2", "../photos/2.png"),
        ("room2/2", "2.png"),  # the only one is that of room1
        ("room1/3", "3.png"),  # the only one may be that of either room
        ("room2/3", "3.png"),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        stored = {"shapes": [{"label": "box", "points": SQUARE}], "imagePath": named}
        (tmp_path / f"{path}.json").write_text(json.dumps(stored))
    data = open_dataset(f"labelme:{tmp_path}")
    images = {frame.id: frame.image.relative_to(data.spec.root).as_posix() for frame in data.frames}
    assert images == {"room2/1": "room2/1.png", "room1/2": "photos/2.png"}
    lost = {item.path.relative_to(data.spec.root).as_posix(): item.reason for item in data.skipped}
    names = ("room1/1.json", "room2/2.json", "room1/3.json", "room2/3.json")
    assert lost == dict.fromkeys(names, "has no image") | {"photos/3.png": "has no label"}


def test_labelme_files_are_matched_in_one_pass(tmp_path, monkeypatch):
    """Twice as many take twice the work: counted, since times vary."""
    hashed = [0]
    hash_of = PurePath.__hash__

    def counting(path):
        hashed[0] += 1
        return hash_of(path)

    def work(count):
        root = tmp_path / str(count)
        spec = labelme(root, {"label": "box", "points": SQUARE})
        for i, suffix in itertools.product(range(count), (".png", ".json")):
            shutil.copy(root / f"room/a{suffix}", root / f"room/a{i}{suffix}")
        before = hashed[0]
        open_dataset(spec)
        return hashed[0] - before

    monkeypatch.setattr(PurePath, "__hash__", counting)
    assert work(60) < 3 * work(30)


def test_labelme_files_are_parsed_once_to_open_and_once_to_draw(tmp_path, monkeypatch):
    spec = labelme(tmp_path, {"label": "box", "points": SQUARE})
    photos(tmp_path, "photos/b.png")
    (tmp_path / "labels").mkdir()
    stored = json.loads((tmp_path / "room/a.json").read_text())
    (tmp_path / "labels/b.json").write_text(json.dumps(stored | {"imagePath": "b.png"}))
    parsed, parse = [], json.loads
    monkeypatch.setattr(json, "loads", lambda text, **how: parsed.append(text) or parse(text, **how))
    data = open_dataset(spec)
    assert len(data) == len(parsed) == 2
    only_the_square(data)
    assert len(parsed) == 3


@pytest.mark.parametrize("kind", ["rotation", None, "", "Polygon", "rectangle"])
def test_labelme_areas_by_whatever_tool(tmp_path, kind):
    data = open_dataset(labelme(tmp_path, {"label": "box", "points": SQUARE, "shape_type": kind}))
    only_the_square(data)
    assert not any("left out" in note for note in data.notes)


def test_labelme_shapes_that_nobody_knows_are_refused(tmp_path):
    shape = {"label": "box", "points": SQUARE, "shape_type": "cuboid"}
    with pytest.raises(HRSError, match=r"a\.json has a shape of the type 'cuboid', which is not known; exp"):
        open_dataset(labelme(tmp_path, shape, {"label": "box", "points": SQUARE}))


def test_labelme_photos_without_an_area_are_told(tmp_path):
    spec = labelme(tmp_path, {"label": "box", "points": SQUARE})
    photos(tmp_path, "room/b.png")
    (tmp_path / "room/b.json").write_text(json.dumps({"shapes": []}))
    assert any(note.startswith("1 of 2 images have no object") for note in open_dataset(spec).notes)


@pytest.mark.parametrize("name", ["a.json", "via_region_data.json"])
@pytest.mark.parametrize("stored", [{"a.png12": {"regions": []}}, {"size": {}, "objects": []}, [{"annotations": []}]])
def test_json_of_other_tools_is_called_what_it_is(tmp_path, name, stored):
    photos(tmp_path, "a.png")
    (tmp_path / name).write_text(json.dumps(stored))
    with pytest.raises(HRSError, match=f"{name} is no JSON of LabelMe.* export COCO, and name that coco:FOLDER"):
        open_dataset(f"labelme:{tmp_path}")


def test_labelme_photos_beside_the_folders_of_splits_are_said(tmp_path):
    labelme(tmp_path / "train", {"label": "box", "points": SQUARE})
    photos(tmp_path, "b.png")
    data = open_dataset(f"labelme:{tmp_path}")
    assert [(item.path.name, item.reason) for item in data.skipped] == [("b.png", "lies in no split")]


@pytest.mark.parametrize("label", [{"label": ""}, {"label": None}, {"label": "  "}, {}])
def test_labelme_shapes_without_a_label_are_ignored_and_told(tmp_path, label):
    box = {"label": "box", "points": [[40, 30], [49, 30], [49, 39], [40, 39]]}
    data = open_dataset(labelme(tmp_path, box, {"points": SQUARE} | label))
    assert data.space.classes == ("background", "box") and (classes(data)[8:28, 10:30] == None).all()  # noqa: E711
    assert "1 files have shapes without a label, the first is a.json; give them one" in data.notes


def test_labelme_photos_that_a_file_does_not_name_are_told(tmp_path):
    spec = labelme(tmp_path, {"label": "box", "points": SQUARE})
    photos(tmp_path, "room/b.png")
    stored = json.loads((tmp_path / "room/a.json").read_text())
    (tmp_path / "room/b.json").write_text(json.dumps(stored))  # names a.png
    told = "1 files name another photo than that beside them, which is taken; the first is b.json, which names a.png"
    assert told in open_dataset(spec).notes
    for named in ("b.png", "..\\room\\b.png", "/home/me/b.png", "c.png", "", "\0", "a" * 999):
        (tmp_path / "room/b.json").write_text(json.dumps(stored | {"imagePath": named}))
        assert not any("another photo" in note for note in open_dataset(spec).notes)
