import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.inference import Predictor, calibrate, read_gauge, write_gauge
from hrs.inference.export import weights_hash
from hrs.inference.realism import fit_gauge
from tests.conftest import write_frames
from tests.inference.conftest import SPACE, network


def vectors(count, seed, shift=0.0):
    """Correlated: the second half repeats the first."""
    half = np.random.default_rng(seed).normal(shift, 1, (count, 20))
    return np.hstack([half, half + 0.1]).astype(np.float32)


def test_real_images_spread_evenly_and_others_are_at_zero():
    gauge = fit_gauge(vectors(60, 0), vectors(99, 1))
    real = [gauge.realism(v) for v in vectors(200, 2)]
    assert 0.4 < np.mean(real) < 0.6 and 0.05 < np.mean(np.array(real) < 0.1) < 0.2
    assert max(gauge.realism(v) for v in vectors(50, 3, shift=3)) == 0


def test_realism_is_the_share_of_real_images_that_are_as_far_or_farther():
    gauge = fit_gauge(vectors(60, 0), vectors(99, 1))
    for seen in vectors(50, 2):
        (distance,) = gauge.distance(seen[None])
        assert gauge.realism(seen) == pytest.approx(float(np.mean(gauge.reference >= distance)))


def test_what_breaks_a_correlation_is_far():
    gauge = fit_gauge(vectors(200, 0), vectors(99, 1))
    broken = np.random.default_rng(2).normal(0, 1, (50, 40)).astype(np.float32)
    assert gauge.distance(broken).mean() > 1.2 * gauge.distance(vectors(50, 3)).mean()


def test_the_distance_is_that_of_the_shrunk_covariance():
    real, other = vectors(30, 0), vectors(5, 1)
    gauge = fit_gauge(real, vectors(9, 2))
    z = (real - gauge.mean) / gauge.spread
    covariance = 0.5 * z.T @ z / len(z) + 0.5 * np.eye(40)
    centred = (other - gauge.mean) / gauge.spread
    wanted = np.sqrt(np.einsum("nd,de,ne->n", centred, np.linalg.inv(covariance), centred))
    np.testing.assert_allclose(gauge.distance(other), wanted, rtol=1e-3)


def test_words_follow_the_number():
    gauge = fit_gauge(vectors(60, 0), vectors(99, 1))
    assert "is like the real images" in gauge.words(0.5)
    assert "unusual" in gauge.words(0.05)
    assert "far from the real images this model was trained on" in gauge.words(0.0)


def test_the_reference_knows_more_than_held_out_images():
    """Each part of the training images beside what the others say, and the held-out ones beside all."""
    real, held_out = vectors(20, 0), vectors(5, 1, shift=0.1)
    gauge = fit_gauge(real, held_out)
    apart = [
        fit_gauge(np.delete(real, [i, i + 1], axis=0), held_out).distance(real[i : i + 2]) for i in range(0, 20, 2)
    ]
    wanted = np.sort(np.concatenate([*apart, gauge.distance(held_out)]))
    np.testing.assert_allclose(gauge.reference, wanted, rtol=1e-5)


def test_photos_of_training_are_not_far_because_the_held_out_ones_are_all_alike():
    """As where the held-out images are frames of one clip, and the others of several streets."""
    streets = [vectors(30, seed, shift=shift) for seed, shift in enumerate((-1.0, 0.0, 1.0))]
    gauge = fit_gauge(np.concatenate(streets), vectors(21, 9) * 0.2)
    words = [gauge.words(gauge.realism(v)) for street in streets for v in street]
    assert not any("far from" in each for each in words)


@pytest.mark.parametrize(("real", "held_out"), [(4, 20), (20, 4), (0, 0)])
def test_too_few_images(real, held_out):
    with pytest.raises(HRSError, match="at least 5 of each"):
        fit_gauge(vectors(real, 0), vectors(held_out, 1))


@pytest.fixture
def own(checkpoint, tmp_path):
    """A checkpoint that the test may change."""
    return Path(shutil.copytree(checkpoint, tmp_path / "best"))


def test_a_predictor_is_calibrated_and_remembers(frames, tmp_path, predictor, own):
    real = open_dataset(frames["target"])
    held_out = open_dataset(f"folder:{write_frames(tmp_path / 'held_out', 12, seed=9)}")
    steps = []
    gauge = calibrate(predictor, real, held_out, progress=lambda *step: steps.append(step))
    assert steps[-1] == (18, 18)
    write_gauge(gauge, own, weights=weights_hash(own))
    again = Predictor(network(), SPACE, height=48, width=64, gauge=read_gauge(own))
    like = np.mean([again.segment(held_out.read_image(i)).realism for i in range(12)])
    noise = again.segment(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    assert 0.4 < like < 0.7
    assert noise.realism == 0 and "far from" in noise.realism_words


def test_calibration_takes_evenly_spread_images(frames, predictor):
    data = open_dataset(frames["source"])
    gauge = calibrate(predictor, data, data, most=5)
    assert len(gauge.reference) == 10


def test_a_damaged_gauge_is_one_clear_line(tmp_path):
    assert read_gauge(tmp_path) is None
    (tmp_path / "realism.safetensors").write_bytes(b"cut short")
    with pytest.raises(HRSError, match="calibrate the model again"):
        read_gauge(tmp_path)


def test_a_gauge_is_of_the_weights_that_it_was_made_from(own):
    gauge, weights = fit_gauge(vectors(9, 0), vectors(9, 1)), weights_hash(own)
    write_gauge(gauge, own, weights=weights)
    assert read_gauge(own) is not None
    data = (own / "model.safetensors").read_bytes()
    (own / "model.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert read_gauge(own) is None
    with pytest.raises(HRSError, match="was replaced meanwhile"):
        write_gauge(gauge, own, weights=weights)


def test_a_gauge_that_does_not_say_its_weights_counts_where_it_fits(own):
    """As those from before it was said."""
    (own / "realism.safetensors").write_bytes(save(vars(fit_gauge(vectors(9, 0), vectors(9, 1)))))
    assert len(read_gauge(own).reference) == 18
    result = Predictor.load(own).segment(np.zeros((48, 64, 3), np.uint8))  # which has other features
    assert result.realism is None and result.realism_words.startswith("Not known")
