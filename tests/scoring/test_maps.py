import cv2
import numpy as np
import pytest

from hrs.errors import HRSError
from hrs.scoring.maps import file_stem, pack, read_label, read_maps, read_picture, write_frame, write_maps


def test_maps_come_back_within_a_share_of_each_weight_however_low(tmp_path):
    rng = np.random.default_rng(0)
    low = 10 ** rng.uniform(-4, 0, (80, 90))
    maps = {"combined": low.astype(np.float32), "pixel": rng.uniform(0.05, 1, (80, 90)).astype(np.float32)}
    packed = {name: pack(values) for name, values in maps.items()}
    write_maps(tmp_path / "deep" / "a.npz", packed)
    back = read_maps(tmp_path / "deep" / "a.npz")
    assert list(back) == ["combined", "pixel"]
    for name, share in (("combined", 0.019), ("pixel", 0.006)):  # half of (1e4)^(1/254) and of 20^(1/254)
        assert back[name].codes.dtype == np.uint8
        np.testing.assert_allclose(back[name].unpack(), maps[name], rtol=share)
        np.testing.assert_array_equal(back[name].unpack(), packed[name].unpack())


def test_no_two_frames_share_a_file():
    assert [file_stem(each) for each in ("000", "a/b_c", "_a")] == ["000", "a__b_c", "_a"]
    ids = ["a/b", "a__b", "a_/b", "a/_b", "a___b", "a%5F%5Fb", "a%b", "a/b/c", "a__b/c", "a/b__c"]
    stems = [file_stem(each) for each in ids]
    assert len({stem.casefold() for stem in stems}) == len(ids) and not any("/" in stem for stem in stems)


@pytest.mark.parametrize("value", [0.0, 0.37, 1.0])
def test_a_map_of_one_value_is_exact(tmp_path, value):
    write_maps(tmp_path / "a.npz", {"combined": pack(np.full((2, 3), value, np.float32))})
    assert (read_maps(tmp_path / "a.npz")["combined"].unpack() == np.float32(value)).all()


def test_zero_stays_zero_beside_other_weights():
    values = np.array([[0, 1e-12, 0.001, 1]], np.float32)
    back = pack(values).unpack()
    assert back[0, 0] == 0 and 0 < back[0, 1] <= 2e-6
    np.testing.assert_allclose(back[0, 2:], values[0, 2:], rtol=0.03)


@pytest.mark.parametrize("damage", ["text", "cut short", "empty", "other arrays"])
def test_a_damaged_file_is_one_clear_line(tmp_path, damage):
    if damage == "text":
        (tmp_path / "a.npz").write_bytes(b"PK not a zip")
    elif damage == "empty":
        (tmp_path / "a.npz").touch()
    elif damage == "cut short":
        write_maps(tmp_path / "a.npz", {"combined": pack(np.full((20, 30), 0.5, np.float32))})
        (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    else:
        np.savez(tmp_path / "a.npz", combined=np.zeros((2, 3), np.uint8))
    with pytest.raises(HRSError, match="score the run again"):
        read_maps(tmp_path / "a.npz")


def test_a_frame_comes_back_with_its_label_exact(tmp_path):
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (24, 32, 3), np.uint8), (9, 9), 4)
    label = np.random.default_rng(2).choice(np.array([0, 3, 255], np.uint8), (24, 32))
    picture = tmp_path / "frames" / "town__0001.jpg"
    write_frame(picture, image, label)
    np.testing.assert_array_equal(read_label(picture), label)
    assert np.abs(read_picture(picture).astype(int) - image).mean() < 4


@pytest.mark.parametrize("read", [read_label, read_picture])
def test_a_missing_frame_is_one_clear_line(tmp_path, read):
    with pytest.raises(HRSError, match="missing or damaged"):
        read(tmp_path / "nothing.jpg")
