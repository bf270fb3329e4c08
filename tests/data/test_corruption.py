import numpy as np
import pytest
from numpy.typing import NDArray

from hrs.data import corruption
from hrs.data.corruption import corrupt

KINDS = ("_EXPOSURE", "_HAZE", "_DARK", "_BLUR", "_NOISE", "_JPEG")


def street() -> NDArray[np.uint8]:
    """Sky over road, with a red car: edges and every brightness."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24] = np.linspace(150, 250, 64)[:, None]
    image[24:] = 80
    image[20:36, 20:44] = (210, 40, 30)
    return image


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """One kind comes every time, the others never."""
    for kind in KINDS:
        monkeypatch.setattr(corruption, kind, 1.0 if kind == request.param else 0.0)


def many(often: float = 1.0, image: NDArray[np.uint8] | None = None) -> list[NDArray[np.uint8]]:
    given = street() if image is None else image
    return [corrupt(given, np.random.default_rng(seed), often) for seed in range(60)]


@pytest.mark.parametrize(("often", "share"), [(0.0, 0.0), (0.5, 0.58), (1.0, 0.86)])
def test_as_many_images_are_changed_as_is_said(often: float, share: float) -> None:
    image = street()
    changed = [not np.array_equal(image, corrupt(image, np.random.default_rng(i), often)) for i in range(600)]
    assert np.mean(changed) == pytest.approx(share, abs=0.06)


def test_a_seed_fixes_it_and_the_given_image_stays_as_it_is() -> None:
    image = street()
    for first, second in zip(many(), many(), strict=True):
        assert np.array_equal(first, second) and first.dtype == np.uint8 and first.shape == image.shape
    assert np.array_equal(image, street())


@pytest.mark.parametrize("always", ["_EXPOSURE"], indirect=True)
def test_exposure_goes_both_ways_and_keeps_black_and_white(always: None) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    found = [each[0, :, 0].astype(int) for each in many(image=ramp)]
    assert all(each[0] == 0 and each[255] == 255 and (np.diff(each) >= 0).all() for each in found)
    middle = [each[128] for each in found]
    assert min(middle) < 80 and max(middle) > 170


@pytest.mark.parametrize("always", ["_HAZE"], indirect=True)
def test_haze_takes_contrast(always: None) -> None:
    assert all(each.std() <= street().std() for each in many())
    assert min(each.std() for each in many()) < 0.7 * street().std()


@pytest.mark.parametrize("always", ["_DARK"], indirect=True)
def test_dark_images_have_half_of_the_light_at_most(always: None) -> None:
    brightness = np.array([each.mean() for each in many()]) / street().mean()
    assert brightness.min() > 0.14 and brightness.max() < 0.52


@pytest.mark.parametrize("always", ["_BLUR"], indirect=True)
def test_blur_softens_edges_and_keeps_brightness(always: None) -> None:
    edges = np.abs(np.diff(street().astype(int), axis=1)).max()
    for each in many():
        assert np.abs(np.diff(each.astype(int), axis=1)).max() < edges
        assert each.mean() == pytest.approx(street().mean(), abs=1)


@pytest.mark.parametrize("always", ["_NOISE"], indirect=True)
def test_noise_is_of_at_most_twelve_levels(always: None) -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    found = np.array([each.std() for each in many(image=grey)])
    assert found.max() < 12.5 and found.max() - found.min() > 6


@pytest.mark.parametrize("always", ["_JPEG"], indirect=True)
def test_jpeg_keeps_colours_as_they_are(always: None) -> None:
    for each in many():
        assert not np.array_equal(each, street())
        red, _, blue = each[26:32, 28:36].reshape(-1, 3).mean(axis=0)
        assert red - blue > 130
