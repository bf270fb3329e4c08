import shutil

import numpy as np
import pytest

from hrs.errors import HRSError
from hrs.inference import Predictor
from hrs.inference.backends import OnnxBackend, TorchBackend
from hrs.inference.export import read_metadata, weights_hash
from hrs.inference.quantise import quantise
from hrs.inference.realism import fit_gauge, write_gauge
from tests.inference.conftest import SPACE, checkpoint, exported, photo

__all__ = ["checkpoint", "exported"]


@pytest.fixture(scope="module")
def eight(checkpoint, exported, tmp_path_factory):
    """A copy of the checkpoint that has its network in both forms beside it."""
    folder = tmp_path_factory.mktemp("eight") / "best"
    shutil.copytree(checkpoint, folder)
    shutil.copy(exported.path, folder / "model.onnx")
    done = quantise(folder, folder / "model_int8.onnx", [photo(48, 64, seed) for seed in range(11)])
    return folder, done


def test_it_is_smaller_and_names_nearly_the_same_classes(eight):
    folder, done = eight
    assert (done.calibrated, done.checked) == (8, 3) and 0.9 < done.same <= 1
    assert done.path.stat().st_size < 0.4 * (folder / "model.onnx").stat().st_size
    other = photo(70, 90, seed=99)  # that it was not calibrated on
    exact, quick = (Predictor.load(folder, backend=name).segment(other) for name in ("torch", "auto"))
    assert (exact.labels == quick.labels).mean() > 0.9
    assert not np.array_equal(exact.confidence, quick.confidence)


def test_what_it_says_of_itself(eight):
    folder, done = eight
    about = read_metadata(done.path)
    assert about["bits"] == 8 and about["classes"] == list(SPACE.classes) and about["weights"] == weights_hash(folder)
    assert about.keys() - {"bits"} == read_metadata(folder / "model.onnx").keys()


def test_auto_takes_it_on_a_cpu_and_the_exact_ways_do_not(eight, tmp_path):
    folder, _ = eight
    used = Predictor.load(folder, backend="auto").backend
    assert isinstance(used, OnnxBackend) and used.path == folder / "model_int8.onnx"
    exact = Predictor.load(folder, backend="onnx").backend
    assert isinstance(exact, OnnxBackend) and exact.path == folder / "model.onnx"
    assert isinstance(Predictor.load(folder, backend="torch").backend, TorchBackend)


def test_it_says_nothing_of_realism(eight):
    """Its features are others than those that the gauge knows."""
    folder, _ = eight
    gauge = fit_gauge(*(np.random.default_rng(seed).normal(size=(9, 64)).astype(np.float32) for seed in (0, 1)))
    write_gauge(gauge, folder, weights=weights_hash(folder))
    seen = Predictor.load(folder, backend="auto").segment(photo(48, 64, seed=0))
    assert seen.realism is None and "Not known in 8 bits" in seen.realism_words
    (folder / "realism.safetensors").unlink()


def test_one_of_other_weights_is_left_alone(eight, tmp_path):
    folder, _ = eight
    ours = tmp_path / "best"
    shutil.copytree(folder, ours)
    shutil.copy(ours / "model.onnx", ours / "model_int8.onnx")
    assert Predictor.load(ours, backend="auto").backend.path == ours / "model_int8.onnx"  # the same weights
    with open(ours / "model.safetensors", "r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    assert Predictor.load(ours, backend="auto").backend.path.name != "model_int8.onnx"


def test_a_damaged_one_leaves_the_exact_network(eight, tmp_path, caplog):
    folder, _ = eight
    ours = tmp_path / "best"
    shutil.copytree(folder, ours)
    (ours / "model_int8.onnx").write_bytes((folder / "model_int8.onnx").read_bytes()[:1000])
    assert isinstance(Predictor.load(ours, backend="auto").backend, TorchBackend)
    assert "model_int8.onnx" in caplog.text and "export it again" in caplog.text


def test_a_few_images_are_nothing_to_calibrate_on(checkpoint, tmp_path):
    with pytest.raises(HRSError, match="7 images are too few to calibrate 8 bits on; give at least 8"):
        quantise(checkpoint, tmp_path / "out.onnx", [photo(48, 64, seed) for seed in range(7)])
    assert not (tmp_path / "out.onnx").exists()


def test_images_that_it_was_not_calibrated_on_decide(eight, tmp_path):
    """Calibrated on black alone, it is right on black; the photos among the images tell."""
    folder, _ = eight
    images = [photo(48, 64, i) if i % 4 == 0 else np.zeros((48, 64, 3), np.uint8) for i in range(12)]
    with pytest.raises(HRSError, match="calibrate it on images like those it is for"):
        quantise(folder, tmp_path / "out.onnx", images)
    assert not (tmp_path / "out.onnx").exists()
