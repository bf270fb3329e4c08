"""Files below a folder, and what is left aside."""

import os

import pytest

from hrs.errors import HRSError
from hrs.system.tree import files_below, folder_bytes, folders_in, in_words


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def found(root):
    tree = files_below(root, {".png"})
    aside = {item.path.relative_to(root).as_posix(): item.reason for item in tree.aside}
    return [path.relative_to(root).as_posix() for path in tree.files], aside


def test_what_a_folder_holds_counts_links_as_links(tmp_path):
    make(tmp_path, "a.png", "b/c/d.txt")
    (tmp_path / "b" / "large").symlink_to("/" + "x" * 40)
    assert folder_bytes(tmp_path) == 2 + 41
    assert folder_bytes(tmp_path / "gone") == 0


def test_what_systems_and_tools_leave_is_left_aside_and_said(tmp_path):
    make(tmp_path, "b/a.PNG", "a.png", ".ipynb_checkpoints/a-checkpoint.png", "@eaDir/a.png/t.png", "__MACOSX/._a.png")
    make(tmp_path, "._a.png", "notes.txt")
    assert found(tmp_path) == (
        ["a.png", "b/a.PNG"],
        {
            "._a.png": "is hidden",
            ".ipynb_checkpoints": "is a hidden folder",
            "@eaDir": "is a folder that a system made",
            "__MACOSX": "is a folder that a system made",
            "notes.txt": "is of a kind that is not read here",
        },
    )
    assert folders_in(tmp_path) == ["b"]


def test_links_are_followed_but_not_in_circles_or_to_nothing(tmp_path):
    make(tmp_path, "store/x.png", "data/own/y.png")
    os.symlink("../store", tmp_path / "data/linked")
    os.symlink("..", tmp_path / "data/own/up")
    os.symlink("nowhere.png", tmp_path / "data/gone.png")
    os.symlink("self.png", tmp_path / "data/self.png")
    files, aside = found(tmp_path / "data")
    assert files == ["linked/x.png", "own/y.png"]
    assert aside == {
        "own/up": "is a link to a folder that it lies in",
        "gone.png": "is a link to nothing",
        "self.png": "is a link to nothing",
    }


def test_a_line_counts_and_names(tmp_path):
    make(tmp_path, *(f"{i}.txt" for i in range(5)), ".a")
    assert in_words(files_below(tmp_path, {".png"}).aside) == (
        "5 files (is of a kind that is not read here: 0.txt, 1.txt, 2.txt, …), 1 file (is hidden: .a)"
    )
    assert in_words(()) == "nothing"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(HRSError, match="cannot be read"):
        files_below(tmp_path / "none", {".png"})
