"""Labels on disk to raw ids."""

import pytest

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from tests.data.files import own_classes, photo


def test_labels_with_the_wrong_channels_are_refused_when_read(tmp_path):
    own_classes(tmp_path)
    photo(tmp_path / "images/a.png")
    photo(tmp_path / "labels/a.png")
    with pytest.raises(HRSError, match=r"is in colour \(.*\); expected class ids in one channel: name the colours"):
        open_dataset(f"folder:{tmp_path}").read_label(0)
