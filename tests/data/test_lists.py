"""Lists of names in text files."""

import pytest

from hrs.data.lists import pick_listed, read_list
from hrs.errors import HRSError


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
    assert pick_listed(read_list(tmp_path / "train.txt"), ["images/a", "images/b"]) == (frozenset({"images/a"}), [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_list_in_every_unicode(tmp_path, encoding):
    start = "\ufeff" if encoding == "utf-16-le" else ""  # as PowerShell writes it
    (tmp_path / "train.txt").write_bytes(f"{start}ä.png\r\nb.png\r\n".encode(encoding))
    assert read_list(tmp_path / "train.txt") == ("ä.png", "b.png")


def test_a_list_in_no_unicode_says_so(tmp_path):
    (tmp_path / "train.txt").write_bytes("ä.png\n".encode("latin-1"))
    with pytest.raises(HRSError, match=r"train\.txt cannot be used: it is no UTF-8 text; save it as UTF-8"):
        read_list(tmp_path / "train.txt")


def test_names_may_have_spaces_before_a_suffix(tmp_path):
    (tmp_path / "train.txt").write_text("C:\\my data\\photo 1.jpg\n")
    assert pick_listed(read_list(tmp_path / "train.txt"), ["photo", "photo 1"]) == (frozenset({"photo 1"}), [])


def test_a_folder_in_a_list_tells_names_apart():
    names = ["kitchen/a", "kitchen/b", "office/a"]
    assert pick_listed(["images/office/a"], names) == (frozenset({"office/a"}), [])
    assert pick_listed(["a", "x/b"], names) == (frozenset({"kitchen/a", "office/a"}), ["x/b"])
    assert pick_listed(["data/images/b"], ["b", "c"]) == (frozenset({"b"}), [])


STREETS = ["street", "street 2", "street 3", "my room/a 1"]


@pytest.mark.parametrize(
    ("lines", "chosen", "missing"),
    [
        (["street 2", "street 3"], {"street 2", "street 3"}, []),
        (["street"], {"street"}, []),
        (["data/street 2"], {"street 2"}, []),
        (["street 2", "street 4"], {"street 2"}, ["street 4"]),
        (["street 4.png"], set(), ["street 4.png"]),
        (["street 1", "nothing -1"], {"street"}, ["nothing -1"]),
        (["my room/a 1 1"], {"my room/a 1"}, []),
    ],
)
def test_names_with_spaces_are_not_those_of_their_first_word(lines, chosen, missing):
    assert pick_listed(lines, STREETS) == (frozenset(chosen), missing)
