"""Lists of names in text files."""

import pytest

from hrs.data.lists import pick_listed, read_list


@pytest.mark.parametrize(
    "line",
    [
        "images/a.png",
        "images/a.png labels/a.png",
        "images/a.jpg,labels/a.png",
        "images\\a.png\r",
        "images/a",
        "images/a 1",
        "  images/a.JPEG  ",
    ],
)
def test_a_line_is_a_name_whatever_follows(tmp_path, line):
    (tmp_path / "train.txt").write_bytes(f"\ufeff{line}\n\n".encode())
    assert read_list(tmp_path / "train.txt") == ("images/a",)


def test_names_may_have_spaces_before_a_suffix(tmp_path):
    (tmp_path / "train.txt").write_text("C:\\my data\\photo 1.jpg\n")
    assert read_list(tmp_path / "train.txt") == ("C:/my data/photo 1",)


def test_a_folder_in_a_list_tells_names_apart():
    names = ["kitchen/a", "kitchen/b", "office/a"]
    assert pick_listed(["images/office/a"], names) == (frozenset({"office/a"}), [])
    assert pick_listed(["a", "x/b"], names) == (frozenset({"kitchen/a", "office/a"}), ["x/b"])
    assert pick_listed(["data/images/b"], ["b", "c"]) == (frozenset({"b"}), [])
