"""CARLA: tags by version."""

import cv2
import numpy as np
import pytest

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labels import CITYSCAPES
from tests.data.files import first_row, mode_of, photo, row


@pytest.mark.parametrize(
    ("version", "tags", "names"),
    [
        ("0.9.13", row(7, 10, 6, 13, 0), ["road", "vehicle", "road line", "sky", None]),
        ("0.9.14", row(7, 10, 6, 13, 0), ["traffic light", "terrain", "pole", "rider", None]),
    ],
)
def test_carla_tag_is_in_the_red_channel_of_rgba(tmp_path, version, tags, names):
    photo(tmp_path / "rgb/1.png")
    label = np.random.default_rng(0).integers(0, 256, (4, 6, 4), np.uint8)
    label[..., 2] = tags  # OpenCV writes b g r a
    (tmp_path / "seg").mkdir()
    cv2.imwrite(str(tmp_path / "seg/1.png"), label)
    assert mode_of(tmp_path / "seg/1.png") == "RGBA"
    data = open_dataset(f"carla:{tmp_path}?version={version}")
    assert first_row(data, 5) == names
    mapped = data.map_to(CITYSCAPES)
    expected = {"vehicle": "car", "road line": "road"}
    assert first_row(mapped, 5) == [expected.get(name, name) for name in names]


@pytest.mark.parametrize("query", ["", "?version=0.9.9"])
def test_carla_asks_for_its_version(tmp_path, query):
    with pytest.raises(HRSError, match=r"add \?version=0\.9\.13"):
        open_dataset(f"carla:{tmp_path}{query}")


def test_carla_says_how_names_were_matched_and_how_tags_are_read(tmp_path):
    photo(tmp_path / "rgb/1.png")
    label = np.zeros((4, 6, 3), np.uint8)
    label[..., 0] = row(7, 10, 6)  # OpenCV writes b g r
    (tmp_path / "seg").mkdir()
    cv2.imwrite(str(tmp_path / "seg/1_seg.png"), label)
    notes = open_dataset(f"carla:{tmp_path}?version=0.9.13").notes
    assert notes == (
        "1 labels were matched without _seg",
        "the labels have their tags in blue, not in red; they are read so",
    )
