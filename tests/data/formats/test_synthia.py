"""SYNTHIA: 16-bit colour."""

import cv2
import numpy as np

from hrs.data.layouts import open_dataset
from tests.data.files import first_row, photo, row


def test_synthia_class_is_in_the_red_channel_of_16_bit_pngs(tmp_path):
    photo(tmp_path / "RGB/0000001.png")
    label = np.zeros((4, 6, 3), np.uint16)
    label[..., 2] = row(3, 1, 21, 17, 0, 22)
    label[..., 1] = np.arange(24).reshape(4, 6) + 300  # instances
    (tmp_path / "GT/LABELS").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "GT/LABELS/0000001.png"), label)
    data = open_dataset(f"synthia:{tmp_path}")
    assert data.space.name == "synthia16"
    assert first_row(data, 6) == ["road", "sky", "wall", "rider", None, None]
    assert data.read_raw(0)[0].tolist() == [3, 1, 21, 17, 0, 22]
