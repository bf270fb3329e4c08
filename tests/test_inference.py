import cv2
import numpy as np
import pytest
import torch

from hrs.errors import HRSError
from hrs.evaluation import ConfusionMatrix
from hrs.inference import Predictor, evaluate, read_photograph, segment_files
from hrs.labels import LabelSpace
from hrs.networks.segmenter import build_segmenter
from tests.conftest import CLASSES, COLOURS


@pytest.fixture
def predictor():
    torch.manual_seed(0)
    space = LabelSpace(name="four", classes=CLASSES, palette=tuple(map(tuple, COLOURS.tolist())))
    return Predictor(build_segmenter("compact", len(CLASSES)).eval(), space, height=48, width=64)


def photo(height=70, width=90, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_predictions_have_the_size_of_each_photo(predictor):
    images = [photo(70, 90), photo(48, 64), photo(33, 200)]
    predicted = predictor.predict(images)
    assert [p.shape for p in predicted] == [(70, 90), (48, 64), (33, 200)]
    assert all(p.dtype == np.uint8 and p.max() < len(CLASSES) for p in predicted)


def test_probabilities_sum_to_one_and_agree_with_the_prediction(predictor):
    image = photo()
    probabilities = predictor.probabilities(image)
    assert probabilities.shape == (4, 70, 90)
    np.testing.assert_allclose(probabilities.sum(0), 1, atol=1e-5)
    (predicted,) = predictor.predict([image])
    assert np.array_equal(probabilities.argmax(0), predicted)


def test_evaluation_is_one_confusion_matrix(predictor, frames):
    from hrs.data.layouts import open_dataset

    dataset = open_dataset(frames["val"])
    matrix = ConfusionMatrix(dataset.space)
    for i in range(len(dataset)):
        matrix.update(predictor.predict([dataset.read_image(i)])[0], dataset.read_label(i))
    seen = []
    scores = evaluate(predictor, dataset, progress=lambda done, total: seen.append((done, total)))
    assert scores == matrix.scores()
    assert seen[-1] == (4, 4)


def test_files_and_folders_are_segmented(predictor, tmp_path):
    cv2.imwrite(str(tmp_path / "one.jpg"), photo()[..., ::-1])
    (tmp_path / "more").mkdir()
    cv2.imwrite(str(tmp_path / "more" / "two.png"), photo(seed=1)[..., ::-1])
    assert segment_files(predictor, [tmp_path / "one.jpg", tmp_path / "more"], tmp_path / "out") == 2
    ids = cv2.imread(str(tmp_path / "out" / "two.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(ids, predictor.predict([photo(seed=1)])[0])
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "one.png",
        "one_overlay.jpg",
        "two.png",
        "two_overlay.jpg",
    ]


def test_bad_files_are_one_clear_line(predictor, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for name, message in (
        ("text.jpg", "cannot be read as an image"),
        ("empty.jpg", "cannot be read as an image"),
        ("folder", "holds no images"),
        ("nothing.jpg", "does not exist"),
    ):
        with pytest.raises(HRSError, match=message):
            segment_files(predictor, [tmp_path / name], tmp_path / "out")


def test_exif_orientation_is_followed(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.fromarray(photo(40, 60)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_photograph(tmp_path / "turned.jpg").shape == (60, 40, 3)
