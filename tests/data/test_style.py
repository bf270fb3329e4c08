"""Synthetic frames in the colours of photos."""

import numpy as np
from skimage.color import rgb2lab

from hrs.data.layouts import open_dataset
from hrs.data.loaders import FrameReader, TrainingSteps
from hrs.data.style import all_moments, colour_moments, restyle
from tests.conftest import tiny_config

RNG = np.random.default_rng(0)


def picture(low: int, high: int) -> np.ndarray:
    return RNG.integers(low, high, (24, 32, 3)).astype(np.uint8)


def test_moments_are_those_of_another_library():
    image = picture(0, 256)
    lab = rgb2lab(image).reshape(-1, 3)
    np.testing.assert_allclose(
        colour_moments(image), [lab.mean(axis=0), lab.std(axis=0)], atol=0.15
    )  # OpenCV takes cube roots from a table


def test_a_frame_takes_over_mean_and_spread_and_keeps_its_shapes():
    frame, photo = picture(60, 110), picture(90, 190)
    styled = restyle(frame, colour_moments(photo))
    np.testing.assert_allclose(colour_moments(styled), colour_moments(photo), atol=0.7)
    lightness = [rgb2lab(image)[..., 0].ravel() for image in (frame, styled)]
    assert np.corrcoef(*lightness)[0, 1] > 0.99
    assert np.abs(restyle(frame, colour_moments(frame)).astype(int) - frame).max() <= 1


def test_a_frame_of_one_colour_takes_the_photos_mean_and_gains_no_contrast():
    flat = np.full((8, 8, 3), 77, np.uint8)
    styled = restyle(flat, colour_moments(picture(90, 190)))
    assert (styled == styled[0, 0]).all() and (styled != 77).any()


def test_synthetic_frames_alone_are_restyled_and_differ_by_time(frames):
    config = tiny_config(frames, "data.scale_min=1", "data.scale_max=1", "data.jitter=0").data
    reader = FrameReader([open_dataset(frames["source"])], config, regions=False)
    styles = all_moments([picture(0, 40), picture(200, 256)])
    plain = TrainingSteps(reader, reader, lambda step: (4, 4), seed=3)[0]
    styled = TrainingSteps(reader, reader, lambda step: (4, 4), seed=3, styles=styles)[0]
    means = [float(image.float().mean()) for image in styled.source.images]
    assert min(means) < 60 and max(means) > 180
    assert (styled.target.images == plain.target.images).all() and (styled.source.labels == plain.source.labels).all()
