"""hrs check and classes: what they print, write, and say of what cannot be."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.command import files, leftovers
from tests.conftest import write_frames
from tests.data.files import photo, write_classes, write_streets


def test_check_writes_a_report_and_examples(hrs, frames, tmp_path):
    result = hrs("check", frames["source"], "--out", tmp_path / "report")
    assert result.code == 0 and "12 usable pairs" in result.out and "sky" in result.out
    assert json.loads((tmp_path / "report/report.json").read_text())["pairs"] == 12
    assert cv2.imread(str(tmp_path / "report/examples.png")) is not None
    assert leftovers(tmp_path) == []


def test_nothing_is_written_among_the_photos(hrs, tmp_path):
    root = write_frames(tmp_path / "d", 2, seed=0)
    before = files(tmp_path)
    for command in (("check", "folder:d"), ("classes", "folder:d", "camvid11")):
        for out in ("d", "d/images/../report", root / "images"):
            assert "lies in the data set's own folder" in hrs(*command, "--out", out).error
    assert files(tmp_path) == before
    assert hrs("check", "folder:d", "--out", "d-report").code == 0


def test_check_tells_wrong_sizes_unknown_ids_and_damaged_files(hrs, tmp_path):
    root = write_frames(tmp_path / "d", 4, seed=0)
    cv2.imwrite(str(root / "labels/000.png"), np.zeros((8, 8), np.uint8))
    cv2.imwrite(str(root / "labels/001.png"), np.full((48, 64), 99, np.uint8))
    image = root / "images/002.png"
    image.write_bytes(image.read_bytes()[:-200])
    result = hrs("check", f"folder:{root}")
    assert result.code == 0
    for part in ("000.png is 64x48, its label 8x8", "id 99: 3072 pixels", "002.png is cut short"):
        assert part in result.out


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("folder:nowhere", "does not exist"),
        ("camvid:EMPTY", "expected train/ and trainannot/ below"),
        ("images:EMPTY", "has no usable frame; expected a folder of images"),
        ("gta6:x", "did you mean gta5"),
        ("nothing", "expected format:path"),
    ],
)
def test_check_of_nothing(hrs, tmp_path, spec, message):
    (tmp_path / "empty").mkdir()
    result = hrs("check", spec.replace("EMPTY", "empty"), "--out", "report")
    assert message in result.error
    assert not (tmp_path / "report").exists()


@pytest.fixture
def own(tmp_path):
    """Three classes of one's own, and a map of them to Cityscapes."""
    write_classes(write_streets(tmp_path / "own"), "classes: {0: sky, 1: asphalt, 2: box}")
    (tmp_path / "map.yaml").write_text("asphalt: road\n2: ignore\n")
    return f"folder:{tmp_path / 'own'}"


def test_check_shows_what_each_class_on_disk_becomes_by_a_map(hrs, own):
    result = hrs("check", own, "--classes", "map.yaml", "--target", "cityscapes19", "--out", "report")
    table = result.out.partition("classes on disk")[2].splitlines()[1:4]
    assert [line.split() for line in table] == [
        ["sky", "->", "sky", "46.5", "name"],
        ["asphalt", "->", "road", "50.0", "class", "map"],
        ["box", "->", "ignored", "3.5", "class", "map"],
    ]
    assert json.loads(Path("report/report.json").read_text())["matches"][1]["share"] == 50


def test_a_map_that_names_what_is_not_there_is_refused_unless_others_share_it(hrs, own):
    Path("map.yaml").write_text("asphlat: road\n")
    for command in (["check", own], ["classes", own, "cityscapes19"]):
        assert "'asphlat' is no class of folder:" in (error := hrs(*command, "--classes", "map.yaml").error)
        assert error.endswith("did you mean asphalt?")
    assert (
        "also names what this data set does not have: asphlat"
        in hrs("check", own, "--classes", "map.yaml", "--shared").out
    )


def test_classes_with_a_map(hrs, own):
    lines = hrs("classes", own, "cityscapes19", "--classes", "map.yaml").out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["asphalt", "50.0", "->", "road", "(class", "map)"],
        ["sky", "46.5", "->", "sky", "(name)"],
        ["box", "3.5", "->", "ignored", "(class", "map)"],
    ]
    Path("map.yaml").write_text("asphalt: raod\n")
    assert "did you mean road?" in hrs("classes", own, "cityscapes19", "--classes", "map.yaml").error


@pytest.mark.parametrize("name", ["{}/camvd", "folder:{}/camvd", "folder:{}/camvd/deep"])
def test_check_of_a_path_that_does_not_exist_names_the_nearest(hrs, tmp_path, name):
    (tmp_path / "data/camvid").mkdir(parents=True)
    message = hrs("check", name.format(tmp_path / "data")).error
    assert "does not exist" in message and message.endswith(f"did you mean {tmp_path / 'data/camvid'}?")
    far = hrs("check", tmp_path / "data/zzz").error
    assert far.endswith(f"{tmp_path / 'data/zzz'} does not exist; check the path")


def test_check_where_all_pairs_differ_in_size(hrs, tmp_path):
    root = write_frames(tmp_path / "d", 2, seed=0)
    for file in (root / "labels").iterdir():
        cv2.imwrite(str(file), np.zeros((8, 8), np.uint8))
    assert "found 2 pairs, 2 of them unusable, and 0 other files; 000.png" in hrs("check", f"folder:{root}").error


def test_check_of_what_a_simulator_wrote_says_how_to_read_it(hrs, tmp_path):
    photo(tmp_path / "rgb_0000.png")
    photo(tmp_path / "semantic_segmentation_0000.png")
    (tmp_path / "semantic_segmentation_labels_0000.json").write_text("{}")
    error = hrs("check", tmp_path).error
    assert f"{tmp_path} looks like what Replicator (Isaac Sim) writes, which is not read as it lies: move" in error
    assert "labelme" not in error


def test_check_of_photos_in_folders_of_months_takes_them_as_photos(hrs, tmp_path):
    photo(tmp_path / "2024/05/a.JPG")
    result = hrs("check", tmp_path)
    assert result.code == 0 and f"looks like  images:{tmp_path};" in result.out
