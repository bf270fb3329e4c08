"""CamVid: SegNet's ids, and the original colours."""

import cv2
import numpy as np
import pytest

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labels import CAMVID, CAMVID_ORIGINAL
from tests.data.files import first_row, grey, photo, row


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
