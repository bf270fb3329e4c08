import dataclasses

import numpy as np
import pytest

from hrs.data.corruption import corrupt
from hrs.data.transforms import PAD_COLOUR, Sample, augment, compact_regions, fit, mirror, resize
from hrs.errors import HRSError
from hrs.labels import IGNORE

MAPS = ("label", "regions", "planted")


def coded(height: int = 48, width: int = 64, step: int = 1) -> Sample:
    """A frame whose arrays all tell where a pixel came from: red and label the column, green and planted the row,
    regions both; blue marks the frame against its border."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([columns * step, rows * step, np.full_like(rows, 255)], axis=-1)
    return Sample(
        image=image.astype(np.uint8),
        label=columns.astype(np.uint8),
        regions=(rows * width + columns).astype(np.int32),
        planted=rows.astype(np.uint8),
    )


def same(first: Sample, second: Sample) -> bool:
    return all(
        np.array_equal(getattr(first, field.name), getattr(second, field.name)) for field in dataclasses.fields(Sample)
    )


def assert_maps_moved_with_the_image(view: Sample, width: int, step: int, tolerance: float) -> None:
    """Where the image shows the frame, its colours and each map tell the same origin; elsewhere all maps are empty."""
    border = view.label == IGNORE
    assert np.array_equal(border, view.regions == -1)
    assert (view.image[border] == PAD_COLOUR).all()
    assert (view.planted[border] == 0).all()
    inside = ~border
    assert (view.image[inside][:, 2] == 255).all()
    red, green = view.image[inside][:, 0] / step, view.image[inside][:, 1] / step
    label, planted, regions = view.label[inside], view.planted[inside], view.regions[inside]
    np.testing.assert_array_equal(regions, planted.astype(int) * width + label)
    assert np.abs(red - label).max() <= tolerance
    assert np.abs(green - planted).max() <= tolerance


@pytest.mark.parametrize("seed", range(40))
def test_maps_move_with_the_image(seed: int) -> None:
    sample = coded(step=3)
    view = augment(sample, np.random.default_rng(seed), height=48, width=64, jitter=0)
    assert view.size == (48, 64)
    assert (view.label != IGNORE).mean() > 0.4
    assert_maps_moved_with_the_image(view, 64, 3, tolerance=1.2)


@pytest.mark.parametrize(("height", "width"), [(24, 30), (48, 64), (77, 101), (30, 90)])
@pytest.mark.parametrize("seed", range(5))
def test_maps_move_with_the_image_into_other_sizes(height: int, width: int, seed: int) -> None:
    view = augment(coded(step=3), np.random.default_rng(seed), height=height, width=width, scale=(0.5, 2), jitter=0)
    assert view.size == (height, width)
    assert_maps_moved_with_the_image(view, 64, 3, tolerance=2.2)


@pytest.mark.parametrize(("height", "width"), [(24, 32), (48, 64), (96, 128), (31, 77), (1, 1)])
def test_resize_keeps_maps_under_the_image(height: int, width: int) -> None:
    view = resize(coded(step=3), height, width)
    assert view.size == (height, width)
    if (height, width) != (1, 1):
        assert_maps_moved_with_the_image(view, 64, 3, tolerance=1.2)
    assert [view.label.dtype, view.regions.dtype, view.planted.dtype] == [np.uint8, np.int32, np.uint8]


def test_nearest_takes_the_pixel_under_the_centre() -> None:
    label = np.arange(6, dtype=np.uint8).reshape(1, 6)
    sample = Sample(image=np.zeros((1, 6, 3), np.uint8), label=label)
    np.testing.assert_array_equal(resize(sample, 1, 2).label, [[1, 4]])
    np.testing.assert_array_equal(resize(sample, 1, 3).label, [[1, 3, 5]])
    np.testing.assert_array_equal(resize(sample, 2, 12).label, np.repeat(np.repeat(label, 2, axis=1), 2, axis=0))


def test_shrinking_averages_and_does_not_alias() -> None:
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::4] = 200
    assert (resize(Sample(image=stripes), 2, 2).image == 50).all()


def test_large_region_ids_survive() -> None:
    regions = np.full((8, 8), 1_000_003, np.int32)
    sample = Sample(image=np.zeros((8, 8, 3), np.uint8), regions=regions)
    assert (resize(sample, 20, 20).regions == 1_000_003).all()
    assert (mirror(sample).regions == 1_000_003).all()
    view = augment(sample, np.random.default_rng(0), height=16, width=16, scale=(0.5, 0.5))
    assert set(np.unique(view.regions)) == {-1, 1_000_003}


def test_fit_is_resize_and_leaves_a_frame_of_that_size_alone() -> None:
    sample = coded()
    assert same(fit(sample, 30, 40), resize(sample, 30, 40))
    assert same(fit(sample, 48, 64), sample)


def test_mirror_twice_is_the_frame_and_once_is_not() -> None:
    sample = coded()
    assert same(mirror(mirror(sample)), sample)
    np.testing.assert_array_equal(mirror(sample).label, sample.label[:, ::-1])
    np.testing.assert_array_equal(mirror(sample).image, sample.image[:, ::-1])


def test_flip_mirrors_about_half_of_the_frames() -> None:
    rng = np.random.default_rng(0)
    options = {"height": 48, "width": 64, "scale": (1, 1), "jitter": 0}
    flipped = [same(augment(coded(), rng, **options), mirror(coded())) for _ in range(200)]
    assert 70 < sum(flipped) < 130
    assert all(same(augment(coded(), rng, flip=False, **options), coded()) for _ in range(20))


@pytest.mark.parametrize("seed", range(5))
def test_same_seed_same_result(seed: int) -> None:
    first, second = (augment(coded(), np.random.default_rng(seed), height=40, width=50) for _ in range(2))
    assert same(first, second)
    assert not same(first, augment(coded(), np.random.default_rng(seed + 100), height=40, width=50))


def test_options_do_not_shift_later_draws() -> None:
    states = []
    for options in ({}, {"flip": False}, {"jitter": 0}, {"scale": (1, 1)}):
        rng = np.random.default_rng(3)
        augment(coded(), rng, height=20, width=20, **options)
        states.append(rng.random())
    assert len(set(states)) == 1


def test_jitter_changes_colours_only() -> None:
    for seed in range(10):
        plain = augment(coded(), np.random.default_rng(seed), height=48, width=64, jitter=0)
        changed = augment(coded(), np.random.default_rng(seed), height=48, width=64, jitter=0.3)
        assert all(np.array_equal(getattr(plain, name), getattr(changed, name)) for name in MAPS)
        assert not np.array_equal(plain.image, changed.image)


def test_corruption_comes_after_all_else_and_moves_nothing() -> None:
    options = {"height": 48, "width": 64, "scale": (0.5, 2.0)}
    for seed in range(20):
        plain = augment(coded(), np.random.default_rng(seed), **options)
        view = augment(coded(), np.random.default_rng(seed), **options, corruption=1.0)
        after = np.random.default_rng(seed)
        after.random(8)
        assert np.array_equal(view.image, corrupt(plain.image, after, 1.0))
        assert all(np.array_equal(getattr(view, name), getattr(plain, name)) for name in MAPS)


def test_jitter_keeps_grey_grey_and_stays_moderate() -> None:
    grey = Sample(image=np.full((20, 20, 3), 120, np.uint8))
    values = []
    for seed in range(100):
        image = augment(grey, np.random.default_rng(seed), height=20, width=20, scale=(1, 1), jitter=0.3).image
        assert np.ptp(image) <= 1
        values.append(int(image[0, 0, 0]))
    assert min(values) >= 120 * 0.7 - 1 and max(values) <= 120 * 1.3 + 1
    assert np.mean(values) == pytest.approx(120, abs=6)


def test_jitter_moves_hue_and_saturation_both_ways() -> None:
    red = Sample(image=np.broadcast_to(np.uint8([140, 90, 90]), (8, 8, 3)).copy())
    pixels = np.array(
        [
            augment(red, np.random.default_rng(seed), height=8, width=8, scale=(1, 1), jitter=0.5).image[0, 0]
            for seed in range(200)
        ],
        dtype=float,
    )
    assert (pixels.argmax(axis=1) == 0).mean() > 0.9
    turn = pixels[:, 1] - pixels[:, 2]
    assert turn.min() < -5 and turn.max() > 5
    # In an image of one colour contrast changes colour against luma by 0.5 to 1.5; the rest is saturation.
    vivid = np.ptp(pixels, axis=1) / (pixels @ [0.299, 0.587, 0.114])
    before = 50 / (np.array([140, 90, 90]) @ [0.299, 0.587, 0.114])
    assert vivid.min() < 0.4 * before and vivid.max() > 1.8 * before


@pytest.mark.parametrize("seed", range(10))
def test_labels_are_original_ones_or_ignore(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = rng.choice([2, 7, 200], (33, 41)).astype(np.uint8)
    sample = Sample(image=rng.integers(0, 256, (33, 41, 3)).astype(np.uint8), label=label)
    view = augment(sample, rng, height=29, width=37, scale=(0.4, 3))
    assert set(np.unique(view.label)) <= {2, 7, 200, IGNORE}
    assert set(np.unique(resize(sample, 50, 20).label)) <= {2, 7, 200}


def test_scale_sets_how_much_of_the_frame_is_seen() -> None:
    rng = np.random.default_rng(0)
    small = augment(coded(), rng, height=48, width=64, scale=(0.5, 0.5), jitter=0)
    assert (small.label != IGNORE).mean() == pytest.approx(0.25)
    large = augment(coded(), rng, height=48, width=64, scale=(2, 2), jitter=0)
    assert len(np.unique(large.label)) in (32, 33) and len(np.unique(large.planted)) in (24, 25)


@pytest.mark.parametrize(("scale", "kept"), [(0.5, 2), (2.0, 4)])
def test_crops_and_borders_come_in_every_position(scale: float, kept: int) -> None:
    """Frames of 4 pixels shrunk to 2 or grown to 8, seen through a window of 4."""
    rng = np.random.default_rng(0)
    tops, lefts = set(), set()
    for _ in range(100):
        view = augment(coded(4, 4), rng, height=4, width=4, scale=(scale, scale), flip=False, jitter=0)
        inside = view.label != IGNORE
        assert inside.sum() == kept * kept
        tops.add((int(inside.any(axis=1).argmax()), *view.planted[inside].tolist()))
        lefts.add((int(inside.any(axis=0).argmax()), *view.label[inside].tolist()))
    assert len(tops) == len(lefts) == (3 if scale < 1 else 5)


def test_the_given_frame_is_left_alone_and_results_suit_torch() -> None:
    sample, untouched = coded(), coded()
    for seed in range(10):
        view = augment(sample, np.random.default_rng(seed), height=48, width=64)
        for name in ("image", *MAPS):
            assert getattr(view, name).flags.c_contiguous
            getattr(view, name).flags.writeable  # noqa: B018
    assert same(sample, untouched)


def test_maps_that_are_missing_stay_missing() -> None:
    photo = Sample(image=coded().image)
    for view in (augment(photo, np.random.default_rng(0), height=9, width=9), fit(photo, 9, 9), mirror(photo)):
        assert view.label is None and view.regions is None and view.planted is None


def test_regions_after_a_crop_can_be_made_compact() -> None:
    view = augment(coded(), np.random.default_rng(1), height=48, width=64, scale=(0.6, 0.6))
    compact, count = compact_regions(view.regions)
    assert np.array_equal(compact == -1, view.regions == -1)
    assert set(np.unique(compact)) == set(range(-1, count))


@pytest.mark.parametrize(
    "options",
    [
        {"scale": (0, 1)},
        {"scale": (2, 1)},
        {"jitter": -0.1},
        {"jitter": 1.5},
        {"corruption": 1.1},
        {"height": 0},
        {"width": -3},
    ],
)
def test_options_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(HRSError, match="expected"):
        augment(coded(), np.random.default_rng(0), **{"height": 8, "width": 8, **options})


@pytest.mark.parametrize(
    "arrays",
    [
        {"image": np.zeros((4, 4, 3), np.float32)},
        {"image": np.zeros((4, 4), np.uint8)},
        {"label": np.zeros((4, 5), np.uint8)},
        {"label": np.zeros((4, 4), np.int64)},
        {"regions": np.zeros((4, 4), np.int64)},
        {"planted": np.zeros((4, 4), bool)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        Sample(**{"image": np.zeros((4, 4, 3), np.uint8), **arrays})
