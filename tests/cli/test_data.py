"""hrs check and classes: what they print, write, and say of what cannot be."""

import json

import cv2
import numpy as np
import pytest

from tests.cli.command import leftovers
from tests.conftest import write_frames


def test_check_writes_a_report_and_examples(hrs, frames, tmp_path):
    result = hrs("check", frames["source"], "--out", tmp_path / "report")
    assert result.code == 0 and "12 usable pairs" in result.out and "sky" in result.out
    assert json.loads((tmp_path / "report/report.json").read_text())["pairs"] == 12
    assert cv2.imread(str(tmp_path / "report/examples.png")) is not None
    assert leftovers(tmp_path) == []


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


def test_check_where_all_pairs_differ_in_size(hrs, tmp_path):
    root = write_frames(tmp_path / "d", 2, seed=0)
    for file in (root / "labels").iterdir():
        cv2.imwrite(str(file), np.zeros((8, 8), np.uint8))
    assert "found 2 pairs, 2 of them unusable, and 0 other files; 000.png" in hrs("check", f"folder:{root}").error
