"""CamVid: SegNet's ids, and the original colours."""

import cv2
import numpy as np
import pytest

from hrs.data.layouts import open_dataset
from hrs.data.spec import looks_like
from hrs.errors import HRSError
from hrs.labels import CAMVID, CAMVID_ORIGINAL
from tests.data.files import first_row, grey, photo, pictured, row, save, street, write_classes


def test_camvid_segnet_ids(tmp_path):
    photo(tmp_path / "val/a.jpg")
    grey(tmp_path / "valannot/a.png", row(0, 3, 10, 11, 12))
    data = open_dataset(f"camvid:{tmp_path}", split="val")
    assert first_row(data, 5) == ["Sky", "Road", "Bicyclist", None, None]


@pytest.mark.parametrize(
    ("images", "labels"), [("train", "train_labels"), ("701_StillsRaw_full", "LabeledApproved_full")]
)
def test_camvid_original_colours(tmp_path, images, labels):
    photo(tmp_path / images / "0001TP_1.png")
    names = ["Road", "Building", "Void", "LaneMkgsDriv", "Bicyclist"]
    colours = {name: colour for colour, name in CAMVID_ORIGINAL.items()}
    label = np.full((4, 6, 3), colours["Sky"], np.uint8)
    label[0, :5] = [colours[name] for name in names]
    label[0, 5] = (1, 2, 3)
    (tmp_path / labels).mkdir()
    cv2.imwrite(str(tmp_path / labels / "0001TP_1_L.png"), label[..., ::-1])
    data = open_dataset(f"camvid:{tmp_path}")
    assert data.space == CAMVID
    assert first_row(data, 6) == ["Road", "Building", None, None, "Bicyclist", None]
    assert data.read_label(0)[1:].tolist() == np.zeros((3, 6), int).tolist()
    assert {*data.encoding.ids, *data.encoding.void} == {(r << 16) + (g << 8) + b for r, g, b in CAMVID_ORIGINAL}


def test_the_original_camvid_has_no_splits(tmp_path):
    photo(tmp_path / "701_StillsRaw_full/a.png")
    with pytest.raises(HRSError, match="has no splits"):
        open_dataset(f"camvid:{tmp_path}", split="val")


def own(root, *, images="train/f{}.png", labels="trainannot/f{}.png", of=None):
    for i in range(2):
        save(root / images.format(i), pictured(street(i)))
        save(root / labels.format(i), of[street(i)] if of is not None else street(i))


OWN = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)  # the second is CamVid's Building


@pytest.mark.parametrize("labels", ["trainannot/f{}.png", "train_labels/f{}.png", "train_labels/f{}_L.png"])
@pytest.mark.parametrize("of", [None, OWN], ids=["ids", "colours"])
def test_a_list_of_other_classes_says_what_labels_hold(tmp_path, labels, of):
    own(tmp_path, labels=labels, of=of)
    write_classes(tmp_path, "name,r,g,b\nwall,0,0,0\nfloor,128,0,0\nbox,0,128,0\n", "class_dict.csv")
    assert looks_like(tmp_path)[0] == f"camvid:{tmp_path}"
    data = open_dataset(f"camvid:{tmp_path}")
    assert data.space.classes == ("wall", "floor", "box") and len(data) == 2
    assert (data.read_label(0) == street(0)).all()


@pytest.mark.parametrize("end", ["", "_L"])
def test_a_list_of_camvid_s_own_classes_changes_nothing(tmp_path, end):
    """class_dict.csv of the 32 colours, as others pass CamVid on."""
    colours = np.array([CAMVID.palette[i] for i in (0, 3, 8)], np.uint8)
    own(tmp_path, labels=f"train_labels/f{{}}{end}.png", of=colours)
    lines = [f"{name},{r},{g},{b}" for (r, g, b), name in CAMVID_ORIGINAL.items()]
    write_classes(tmp_path, "\n".join(["name,r,g,b", *lines]), "class_dict.csv")
    data = open_dataset(f"camvid:{tmp_path}")
    assert data.space == CAMVID and len(data) == 2
    assert (data.read_label(0) == np.array([0, 3, 8])[street(0)]).all()


def test_a_list_of_segnet_s_ids_changes_nothing(tmp_path):
    own(tmp_path)
    write_classes(tmp_path, "\n".join([*CAMVID.classes, "Unlabelled"]), "classes.txt")
    assert open_dataset(f"camvid:{tmp_path}").space == CAMVID
