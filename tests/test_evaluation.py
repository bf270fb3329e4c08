import json
import math

import numpy as np
import pytest
import torch

from hrs.evaluation import ConfusionMatrix, Evaluation
from hrs.labels import IGNORE, LabelSpace

SPACE = LabelSpace(name="toy", classes=("road", "car", "sky"), palette=((1, 1, 1), (2, 2, 2), (3, 3, 3)))


def slow_counts(prediction: np.ndarray, label: np.ndarray, classes: int) -> np.ndarray:
    counts = np.zeros((classes, classes), np.int64)
    for predicted, true in zip(prediction.ravel().tolist(), label.ravel().tolist(), strict=True):
        if true != IGNORE:
            counts[true, predicted] += 1
    return counts


def random_pair(seed: int, shape: tuple[int, ...] = (17, 23), classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, shape).astype(np.uint8)
    label[rng.random(shape) < 0.2] = IGNORE
    return rng.integers(0, classes, shape), label


def test_counts_agree_with_a_slow_loop_over_several_images() -> None:
    matrix = ConfusionMatrix(5)
    expected = np.zeros((5, 5), np.int64)
    for seed in range(4):
        prediction, label = random_pair(seed)
        matrix.update(prediction, label)
        expected += slow_counts(prediction, label, 5)
    np.testing.assert_array_equal(matrix.matrix, expected)
    assert matrix.matrix.dtype == np.int64
    assert matrix.images == 4


def test_iou_agrees_with_sets_of_pixels() -> None:
    prediction, label = random_pair(7)
    matrix = ConfusionMatrix(5)
    matrix.update(prediction, label)
    seen = label != IGNORE
    for index, iou in enumerate(matrix.iou()):
        true, predicted = (label == index) & seen, (prediction == index) & seen
        assert iou == pytest.approx(100 * (true & predicted).sum() / (true | predicted).sum())
    assert matrix.pixel_accuracy() == pytest.approx(100 * (prediction == label)[seen].mean())


def test_hand_computed_values() -> None:
    matrix = ConfusionMatrix(SPACE)
    matrix.update(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, IGNORE]], np.uint8))
    np.testing.assert_array_equal(matrix.matrix, [[1, 0, 0], [1, 1, 0], [0, 0, 0]])
    np.testing.assert_allclose(matrix.iou(), [50, 50, np.nan])
    assert matrix.miou() == pytest.approx(50)
    assert matrix.pixel_accuracy() == pytest.approx(200 / 3)


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    matrix = ConfusionMatrix(3)
    matrix.update(np.array([[0, 2]]), np.array([[0, 0]], np.uint8))
    np.testing.assert_allclose(matrix.iou(), [50, np.nan, 0])
    assert matrix.miou() == pytest.approx(25)


def test_a_class_that_labels_cannot_be_of_is_not_scored() -> None:
    label, prediction = np.array([[0, 0, 1, 1]]), np.array([[0, 2, 1, 1]])
    matrix = ConfusionMatrix(3, {0, 1})
    matrix.update(prediction, label)
    assert matrix.iou()[:2].tolist() == [50.0, 100.0] and math.isnan(matrix.iou()[2])
    assert matrix.miou() == 75.0 and matrix.pixel_accuracy() == 75.0


def test_all_pixels_are_pooled_before_the_ratio() -> None:
    matrix = ConfusionMatrix(2)
    matrix.update(np.array([[0, 0]]), np.array([[0, 0]], np.uint8))  # IoU of class 0 alone: 100
    matrix.update(np.array([[1, 1, 1, 1, 1, 1]]), np.array([[0, 0, 0, 0, 0, 0]], np.uint8))  # alone: 0
    np.testing.assert_allclose(matrix.iou(), [25, 0])  # the mean over images would give 50


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.int64])
def test_integer_types_tensors_and_batches_give_the_same(kind: type) -> None:
    prediction, label = random_pair(3, (4, 9, 11))
    one_by_one, batched, tensors = ConfusionMatrix(5), ConfusionMatrix(5), ConfusionMatrix(5)
    for each, true in zip(prediction, label, strict=True):
        one_by_one.update(each, true)
    batched.update(prediction.astype(kind), label.astype(kind))
    tensors.update(torch.from_numpy(prediction.astype(kind)), torch.from_numpy(label))
    for other in (batched, tensors):
        np.testing.assert_array_equal(other.matrix, one_by_one.matrix)
        assert other.images == 4


def test_read_only_and_mirrored_arrays_are_fine() -> None:
    prediction, label = random_pair(4)
    plain, awkward = ConfusionMatrix(5), ConfusionMatrix(5)
    plain.update(prediction, label)
    label.flags.writeable = False
    awkward.update(prediction[:, ::-1], label[:, ::-1])
    np.testing.assert_array_equal(plain.matrix, awkward.matrix)


def test_merge_adds_up() -> None:
    first, second, both = ConfusionMatrix(5), ConfusionMatrix(5), ConfusionMatrix(5)
    for part, seed in ((first, 1), (second, 2)):
        part.update(*random_pair(seed))
        both.update(*random_pair(seed))
    first.merge(second)
    np.testing.assert_array_equal(first.matrix, both.matrix)
    assert first.images == 2
    with pytest.raises(ValueError, match="cannot merge"):
        first.merge(ConfusionMatrix(4))


def test_the_matrix_given_out_is_a_copy() -> None:
    matrix = ConfusionMatrix(2)
    matrix.matrix[:] = 9
    assert matrix.matrix.sum() == 0


@pytest.mark.parametrize(
    ("prediction", "label", "message"),
    [
        ([[3]], [[0]], "prediction holds the id 3; expected classes 0 to 2"),
        ([[-1]], [[0]], "prediction holds the id -1"),
        ([[0]], [[7]], "label holds the id 7"),
        ([[0, 1]], [[0]], "expected"),
        ([0], [0], "expected"),
    ],
)
def test_impossible_input_is_refused_and_not_counted(prediction: list, label: list, message: str) -> None:
    matrix = ConfusionMatrix(3)
    with pytest.raises(ValueError, match=message):
        matrix.update(np.array(prediction), np.array(label))
    assert matrix.images == 0 and matrix.matrix.sum() == 0


def test_a_prediction_below_ignore_does_not_matter() -> None:
    matrix = ConfusionMatrix(3)
    matrix.update(np.array([[IGNORE, 1]]), np.array([[IGNORE, 1]]))
    assert matrix.matrix.sum() == 1


def test_json_is_exact_rounded_and_valid() -> None:
    matrix = ConfusionMatrix(SPACE)
    matrix.update(np.array([[0, 0, 0, 1]]), np.array([[0, 0, 1, 1]], np.uint8))
    result = matrix.evaluation().to_json_dict()
    assert result == {
        "miou": 58.33,
        "iou": {"road": 66.67, "car": 50.0, "sky": None},
        "pixel_accuracy": 75.0,
        "images": 1,
    }
    assert list(result["iou"]) == list(SPACE.classes)
    json.dumps(result, allow_nan=False)


def test_nothing_seen_is_undefined_not_zero() -> None:
    matrix = ConfusionMatrix(SPACE)
    matrix.update(np.zeros((2, 2), np.uint8), np.full((2, 2), IGNORE, np.uint8))
    assert math.isnan(matrix.miou()) and math.isnan(matrix.pixel_accuracy())
    assert matrix.evaluation().to_json_dict() == {
        "miou": None,
        "iou": {"road": None, "car": None, "sky": None},
        "pixel_accuracy": None,
        "images": 1,
    }


def test_the_table_shows_every_class_with_a_bar_as_long_as_its_iou() -> None:
    found = Evaluation(miou=50.0, iou={"road": 100.0, "car": 25.0, "sky": None}, pixel_accuracy=75.0, images=3)
    lines = found.to_table().splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["road", "car", "sky"]
    assert lines[0].count("#") == 4 * lines[1].count("#") > 0
    assert lines[2].endswith("-") and "#" not in lines[2]
    assert "50.00" in lines[4] and "75.00" in lines[5]
    assert lines[-1] == "images: 3"


@pytest.mark.parametrize(("sky", "name"), [(None, "mIoU over 2 of 3 classes 50.00 "), (25.0, "mIoU 50.00 ")])
def test_a_mean_over_some_classes_says_over_how_many(sky, name) -> None:
    found = Evaluation(miou=50.0, iou={"road": 100.0, "car": 25.0, "sky": sky}, pixel_accuracy=75.0, images=3)
    assert name in " ".join(found.to_table().split())
