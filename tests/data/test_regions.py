import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pytest

from hrs.data.regions import RegionCache, compact_regions, superpixels
from hrs.errors import HRSError
from hrs.labels import IGNORE
from tests.conftest import CAMVID


def street(seed: int = 0, height: int = 48, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Blobs of colour with some noise, and labels that do not follow them."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    image = cv2.add(image, rng.integers(0, 12, image.shape).astype(np.uint8))
    label = np.zeros((height, width), np.uint8)
    label[:, width // 3 :] = 4
    label[height // 2 :, : width // 2] = IGNORE
    return image, label


def real_frame() -> tuple[np.ndarray, np.ndarray]:
    photos = sorted((CAMVID / "val").glob("*"))
    if not photos:
        pytest.skip("CamVid is not here; set HRS_CAMVID")
    label = cv2.imread(str(CAMVID / "valannot" / f"{photos[0].stem}.png"), cv2.IMREAD_UNCHANGED)
    image = cv2.cvtColor(cv2.imread(str(photos[0])), cv2.COLOR_BGR2RGB)
    return cv2.resize(image, (256, 192), interpolation=cv2.INTER_AREA), cv2.resize(
        label, (256, 192), interpolation=cv2.INTER_NEAREST
    )


def contiguous(regions: np.ndarray) -> bool:
    return np.array_equal(np.unique(regions), np.arange(regions.max() + 1))


def test_ids_are_contiguous_and_about_as_many_as_asked() -> None:
    image, _ = street()
    regions = superpixels(image, None, segments=60)
    assert regions.dtype == np.int32 and regions.shape == image.shape[:2]
    assert contiguous(regions)
    assert 40 <= regions.max() + 1 <= 80


def test_labels_cut_regions_into_the_pairs_of_superpixel_and_label() -> None:
    image, label = street()
    uncut, cut = superpixels(image, None, segments=60), superpixels(image, label, segments=60)
    pairs = np.stack([uncut, label], axis=-1).reshape(-1, 2)
    expected = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(label.shape)
    np.testing.assert_array_equal(cut, expected)
    assert all(len(np.unique(label[cut == region])) == 1 for region in range(cut.max() + 1))


def test_real_photo() -> None:
    image, label = real_frame()
    regions = superpixels(image, label)
    assert contiguous(regions)
    assert 300 <= regions.max() + 1 <= 1200
    holds = np.zeros((regions.max() + 1, IGNORE + 1), bool)
    holds[regions, label] = True
    assert (holds.sum(axis=1) == 1).all()


def test_same_frame_same_regions_and_colour_matters() -> None:
    image, _ = street()
    np.testing.assert_array_equal(superpixels(image, None), superpixels(image.copy(), None))
    assert not np.array_equal(superpixels(image, None), superpixels(255 - street(1)[0], None))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3)])
def test_tiny_and_flat_images(shape: tuple[int, int]) -> None:
    assert contiguous(superpixels(np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)))


@pytest.mark.parametrize("options", [{"segments": 0}, {"compactness": 0}, {"compactness": float("nan")}])
def test_parameters_out_of_range_are_refused(options: dict, tmp_path: Path) -> None:
    with pytest.raises(HRSError, match="expected"):
        superpixels(*street(), **options)
    with pytest.raises(HRSError, match="expected"):
        RegionCache(tmp_path, **options)


def test_wrong_arrays_are_refused(tmp_path: Path) -> None:
    image, label = street()
    for bad_image, bad_label in ((image[..., 0], label), (image.astype(float), label), (image, label[1:])):
        with pytest.raises(ValueError, match="expected uint8"):
            superpixels(bad_image, bad_label)
        with pytest.raises(ValueError, match="expected uint8"):
            RegionCache(tmp_path).get(bad_image, bad_label)


@pytest.mark.parametrize("seed", range(4))
def test_compact_agrees_with_unique(seed: int) -> None:
    rng = np.random.default_rng(seed)
    regions = rng.choice([0, 3, 4, 90, 700], (13, 17)).astype(np.int32)
    compact, count = compact_regions(regions)
    values, inverse = np.unique(regions, return_inverse=True)
    np.testing.assert_array_equal(compact, inverse.reshape(regions.shape))
    assert count == len(values) and compact.dtype == np.int32


def test_compact_keeps_no_region_apart() -> None:
    compact, count = compact_regions(np.array([[-1, 5, 2], [5, -1, 9]], np.int32))
    np.testing.assert_array_equal(compact, [[-1, 1, 0], [1, -1, 2]])
    assert count == 3
    compact, count = compact_regions(np.full((2, 2), -1, np.int32))
    assert count == 0 and (compact == -1).all()
    assert compact_regions(np.zeros((0, 4), np.int32))[1] == 0


def test_cache_gives_what_superpixels_gives_and_keeps_one_small_file(tmp_path: Path) -> None:
    image, label = street()
    cache = RegionCache(tmp_path, 60, 12)
    expected = superpixels(image, label, segments=60, compactness=12)
    for _ in range(2):
        got = cache.get(image, label)
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == np.int32
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [cache.path(image, label)]
    assert files[0].stat().st_size < expected.nbytes / 4
    assert cv2.imread(str(files[0]), cv2.IMREAD_UNCHANGED).dtype == np.uint16


def test_a_kept_frame_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, label = street()
    expected = RegionCache(tmp_path, 60).get(image, label)
    monkeypatch.setattr("hrs.data.regions.superpixels", None)
    np.testing.assert_array_equal(RegionCache(tmp_path, 60).get(image, label), expected)


def test_every_input_is_part_of_the_key(tmp_path: Path) -> None:
    image, label = street()
    other = image.copy()
    other[0, 0, 0] ^= 1
    moved = label.copy()
    moved[0, 0] = 1
    cache = RegionCache(tmp_path)
    paths = {
        cache.path(image, label),
        cache.path(other, label),
        cache.path(image, moved),
        cache.path(image, None),
        cache.path(image.reshape(64, 48, 3), label.reshape(64, 48)),
        RegionCache(tmp_path, 300).path(image, label),
        RegionCache(tmp_path, 400, 20).path(image, label),
    }
    assert len(paths) == 7
    view = np.repeat(image, 2, axis=1)[:, ::2]
    assert cache.path(view, label) == RegionCache(tmp_path, 400, 10).path(image, label)


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "other size", "gap", "8 bit"])
def test_a_damaged_file_is_computed_anew(tmp_path: Path, damage: str) -> None:
    image, label = street()
    cache = RegionCache(tmp_path, 60)
    expected = cache.get(image, label)
    path = cache.path(image, label)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle] ^= 0xFF
    contents = {
        "empty": b"",
        "short": path.read_bytes()[:middle],
        "flipped": bytes(data),
        "other size": png(expected[:4].astype(np.uint16)),
        "gap": png((expected * 2).astype(np.uint16)),
        "8 bit": png((expected % 7).astype(np.uint8)),
    }
    path.write_bytes(contents[damage])
    np.testing.assert_array_equal(cache.get(image, label), expected)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), expected)


def png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def test_more_regions_than_16_bits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    many = np.arange(90_000, dtype=np.int32).reshape(300, 300)
    monkeypatch.setattr("hrs.data.regions.superpixels", lambda *_, **__: many)
    RegionCache(tmp_path).get(image, None)
    monkeypatch.setattr("hrs.data.regions.superpixels", None)
    np.testing.assert_array_equal(RegionCache(tmp_path).get(image, None), many)


def test_where_nothing_can_be_written_one_warning_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cache = RegionCache(blocked / "regions", 60)
    with caplog.at_level(logging.WARNING, logger="hrs"):
        for seed in range(3):
            image, label = street(seed)
            np.testing.assert_array_equal(cache.get(image, label), superpixels(image, label, segments=60))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(blocked) in caplog.text


def test_a_full_disk_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hrs.data.regions.os.replace", full)
    cache = RegionCache(tmp_path, 60)
    image, label = street()
    cache.get(image, label)
    cache.get(image, label)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(caplog.records) == 1


def get_twice(root: Path) -> int:
    cache = RegionCache(root, 60)
    return sum(int(cache.get(*street(seed)).sum()) for seed in (0, 1, 0, 1))


def test_several_processes_share_a_cache(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        sums = set(pool.map(get_twice, [tmp_path] * 4))
    assert sums == {get_twice(tmp_path)}
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HRS_CACHE", str(tmp_path))
    assert RegionCache().root == tmp_path / "regions"
