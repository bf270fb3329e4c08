"""Cityscapes: two kinds of ids."""

import pytest

from hrs.data.layouts import open_dataset
from tests.data.files import first_row, grey, photo, row


@pytest.mark.parametrize(
    ("ending", "ids"), [("labelIds", row(7, 8, 33, 4, 255)), ("labelTrainIds", row(0, 1, 18, 255, 255))]
)
def test_cityscapes_both_kinds_of_ids(tmp_path, ending, ids):
    photo(tmp_path / "leftImg8bit/val/ulm/ulm_000000_000019_leftImg8bit.png")
    grey(tmp_path / f"gtFine/val/ulm/ulm_000000_000019_gtFine_{ending}.png", ids)
    photo(tmp_path / "gtFine/val/ulm/ulm_000000_000019_gtFine_color.png")
    (tmp_path / "gtFine/val/ulm/ulm_000000_000019_gtFine_polygons.json").write_text("{}")
    data = open_dataset(f"cityscapes:{tmp_path}", split="val")
    assert [frame.id for frame in data.frames] == ["ulm/ulm_000000_000019"]
    assert data.skipped == ()
    assert first_row(data, 5) == ["road", "sidewalk", "bicycle", None, None]
