"""Labels on disk to raw ids."""

import pytest

from hrs.data.encoding import by_name
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from tests.data.files import own_classes, photo


def test_labels_with_the_wrong_channels_are_refused_when_read(tmp_path):
    own_classes(tmp_path)
    photo(tmp_path / "images/a.png")
    photo(tmp_path / "labels/a.png")
    with pytest.raises(HRSError, match=r"is in colour \(.*\); expected class ids in one channel: name the colours"):
        open_dataset(f"folder:{tmp_path}").read_label(0)


@pytest.mark.parametrize("channel", ["index", "colour"])
@pytest.mark.parametrize("damaged", [b"GIF8\xfd", b"GIF89a\x01", b"BM\x00", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_label_is_one_line_whatever_it_was(tmp_path, channel, damaged):
    (tmp_path / "label.png").write_bytes(damaged)
    encoding = by_name({0: "a", 1: "b"}, channel=channel, void=frozenset(), name="own")
    with pytest.raises(HRSError, match="cannot be decoded"):
        encoding.raw_file(tmp_path / "label.png")
