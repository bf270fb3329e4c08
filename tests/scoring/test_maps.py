import cv2
import numpy as np
import pytest

from hrs.errors import HRSError
from hrs.scoring.maps import read_frame, read_maps, write_frame, write_maps


def test_maps_come_back_within_a_quantum(tmp_path):
    rng = np.random.default_rng(0)
    maps = {"combined": (3 * rng.random((8, 9))).astype(np.float32), "pixel": rng.random((8, 9), np.float32)}
    write_maps(tmp_path / "deep" / "a.npz", maps)
    back = read_maps(tmp_path / "deep" / "a.npz")
    quantum = maps["combined"].max() / 255
    assert set(back) == {"combined", "pixel"}
    for name in maps:
        np.testing.assert_allclose(back[name], maps[name], atol=quantum)


def test_maps_of_zeros_stay_zeros(tmp_path):
    write_maps(tmp_path / "a.npz", {"combined": np.zeros((2, 3), np.float32)})
    assert not read_maps(tmp_path / "a.npz")["combined"].any()


def test_a_damaged_file_is_one_clear_line(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK not a zip")
    with pytest.raises(HRSError, match="score the run again"):
        read_maps(tmp_path / "a.npz")


def test_a_frame_comes_back_with_its_label_exact(tmp_path):
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (24, 32, 3), np.uint8), (9, 9), 4)
    label = np.random.default_rng(2).choice(np.array([0, 3, 255], np.uint8), (24, 32))
    write_frame(tmp_path, "town/0001", image, label)
    image_back, label_back = read_frame(tmp_path, "town/0001")
    np.testing.assert_array_equal(label_back, label)
    assert np.abs(image_back.astype(int) - image).mean() < 4
    assert (tmp_path / "town__0001.jpg").is_file()


def test_a_missing_frame_is_one_clear_line(tmp_path):
    with pytest.raises(HRSError, match="missing or damaged"):
        read_frame(tmp_path, "nothing")
