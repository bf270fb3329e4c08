import math

import numpy as np
import pytest
import torch

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.evaluation import ConfusionMatrix
from hrs.inference import Predictor, evaluate
from hrs.inference.backends import TorchBackend
from tests.conftest import CLASSES
from tests.inference.conftest import SPACE, network, photo


def test_predictions_have_the_size_of_each_photo(predictor):
    images = [photo(70, 90), photo(48, 64), photo(33, 200)]
    predicted = predictor.predict(images)
    assert [p.shape for p in predicted] == [(70, 90), (48, 64), (33, 200)]
    assert all(p.dtype == np.uint8 and p.max() < len(CLASSES) for p in predicted)


def test_probabilities_sum_to_one_and_agree_with_the_prediction(predictor):
    probabilities = predictor.probabilities(photo())
    assert probabilities.shape == (4, 70, 90)
    np.testing.assert_allclose(probabilities.sum(0), 1, atol=1e-5)
    assert np.array_equal(probabilities.argmax(0), predictor.predict([photo()])[0])


def test_evaluation_is_one_confusion_matrix(predictor, frames):
    dataset = open_dataset(frames["val"])
    matrix = ConfusionMatrix(dataset.space)
    for i in range(len(dataset)):
        matrix.update(predictor.predict([dataset.read_image(i)])[0], dataset.read_label(i))
    seen = []
    assert evaluate(predictor, dataset, progress=lambda *step: seen.append(step)) == matrix.evaluation()
    assert seen[-1] == (4, 4)


def test_a_photo_of_the_training_shape_is_segmented_as_validation_does(predictor):
    result = predictor.segment(photo())
    assert np.array_equal(result.labels, predictor.predict([photo()])[0])
    best = predictor.probabilities(photo()).max(0)
    np.testing.assert_allclose(result.confidence, best, atol=1e-5)
    assert len(np.unique(result.labels)) > 1


@pytest.mark.parametrize("size", [(70, 90), (200, 50), (50, 900), (1, 1), (3, 700), (2000, 3)])
@pytest.mark.parametrize("augment", [False, True])
def test_any_size_and_shape(predictor, size, augment):
    result = predictor.segment(photo(*size), augment=augment)
    assert result.labels.shape == result.confidence.shape == size
    assert (result.labels.dtype, result.confidence.dtype) == (np.uint8, np.float32)
    assert 1 / len(CLASSES) - 1e-6 <= result.confidence.min() <= result.confidence.max() <= 1
    assert result.labels.max() < len(CLASSES)
    assert list(result.coverage) == list(CLASSES)
    assert sum(result.coverage.values()) == pytest.approx(100)


def test_coverage_is_the_share_of_pixels(predictor):
    result = predictor.segment(photo())
    for i, name in enumerate(CLASSES):
        assert result.coverage[name] == pytest.approx(100 * (result.labels == i).mean())


def test_above_two_megapixels_the_answer_is_enlarged(predictor):
    large, small = predictor.segment(photo(1800, 2400)), predictor.segment(photo(450, 600))
    assert large.labels.shape == (1800, 2400)
    assert (large.labels[2::4, 2::4] == small.labels).mean() > 0.98


@pytest.mark.parametrize("size", [(1, 5_000_000), (5_000_000, 1)])
def test_a_thin_photo_is_decided_at_two_megapixels_too(predictor, monkeypatch, size):
    def decide(logits, at):
        assert math.prod(at) <= 1 << 21
        return np.zeros(at, np.uint8), np.ones(at, np.float32)

    monkeypatch.setattr("hrs.inference.predictor.decide", decide)
    assert predictor.segment(np.zeros((*size, 3), np.uint8)).labels.shape == size


def test_tiles_agree_with_the_whole_where_context_does_not_matter(predictor):
    """A panorama of one photo over and over: its middle looks as a tile of its own."""
    result = predictor.segment(np.tile(photo(48, 64), (1, 8, 1)))
    repeated = result.labels.reshape(48, 8, 64).transpose(1, 0, 2)
    assert (repeated[3] == repeated[4]).mean() > 0.8


def test_averaging_a_photo_and_its_mirror_image_is_symmetric(predictor):
    image = photo()
    there, back = (predictor.segment(view, augment=True) for view in (image, np.ascontiguousarray(image[:, ::-1])))
    assert (there.labels == back.labels[:, ::-1]).mean() > 0.97


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_rgb_image_is_refused(predictor, bad):
    with pytest.raises(HRSError, match="expected RGB, uint8"):
        predictor.segment(bad)


def test_without_a_gauge_realism_is_unknown(predictor):
    result = predictor.segment(photo())
    assert result.realism is None and result.realism_words.startswith("Not known")


def test_bfloat16_changes_few_pixels(predictor):
    fast = Predictor(TorchBackend(network(), fast=True), SPACE, height=48, width=64)
    image = photo(480, 640)
    assert (fast.segment(image).labels == predictor.segment(image).labels).mean() > 0.97


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same_answer(predictor, checkpoint):
    fast = Predictor.load(checkpoint, device="cuda")
    assert (fast.segment(photo()).labels == predictor.segment(photo()).labels).mean() > 0.97
