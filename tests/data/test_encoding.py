"""Labels on disk to raw ids."""

import pytest

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from tests.data.files import grey, own_classes, photo, row


def test_labels_with_the_wrong_channels_are_refused_when_read(tmp_path):
    own_classes(tmp_path)
    photo(tmp_path / "images/a.png")
    photo(tmp_path / "labels/a.png")
    with pytest.raises(HRSError, match="is in colour; expected one channel"):
        open_dataset(f"folder:{tmp_path}").read_label(0)
    photo(tmp_path / "rgb/a.png")
    grey(tmp_path / "seg/a.png", row(1))
    with pytest.raises(HRSError, match="has one channel; expected RGB"):
        open_dataset(f"carla:{tmp_path}?version=0.9.14").read_label(0)
