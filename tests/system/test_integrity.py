"""Whether a file is all there."""

import pytest

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.system.integrity import is_whole, is_whole_file
from tests.data.files import photo


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_files_cut_short_or_damaged_are_told_from_whole_ones(tmp_path, suffix, capfd):
    file = tmp_path / f"a{suffix}"
    photo(file, 100, 120)
    data = file.read_bytes()
    assert is_whole(data) and is_whole_file(file) and is_whole(data + b"appended")
    file.write_bytes(data[: len(data) // 2])
    assert not is_whole_file(file)
    assert not any(is_whole(data[:length]) for length in range(8, len(data), 501))
    with pytest.raises(HRSError, match="has no usable frame"):
        open_dataset(f"images:{tmp_path}")
    assert capfd.readouterr() == ("", "")


def test_a_thumbnail_in_the_header_is_no_end_of_a_photograph(tmp_path):
    photo(tmp_path / "a.jpg", 40, 40)
    data = (tmp_path / "a.jpg").read_bytes()
    thumbnail = b"\xff\xe1\x00\x06\xff\xd8\xff\xd9"
    assert is_whole(data[:2] + thumbnail + data[2:])
    assert not is_whole(data[:2] + thumbnail + data[2:-200])


def test_a_wrong_checksum_is_found_when_the_file_is_read(tmp_path, capfd):
    photo(tmp_path / "a.png", 100, 120)
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(HRSError, match="cannot be decoded"):
        open_dataset(f"images:{tmp_path}").read_image(0)
    assert capfd.readouterr() == ("", "")
