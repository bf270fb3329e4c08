import numpy as np
import pytest

from hrs.data.layouts import open_dataset
from hrs.evaluation import ConfusionMatrix
from hrs.inference import Predictor
from hrs.labelling.change import changes, confusion, mean_iou, together
from hrs.labels import IGNORE, LabelSpace
from tests.conftest import CLASSES
from tests.inference.conftest import SPACE, network


def test_scores_are_those_of_a_confusion_matrix():
    rng = np.random.default_rng(0)
    label = rng.choice([0, 1, 2, IGNORE], (20, 30)).astype(np.uint8)
    seen = rng.integers(0, 4, (20, 30)).astype(np.uint8)
    matrix = ConfusionMatrix(4)
    matrix.update(seen, label)
    shown = [value for value, there in zip(matrix.iou(), np.isin(range(4), label), strict=True) if there]
    assert mean_iou(confusion(label, seen, 4)) == pytest.approx(float(np.mean(shown)))


def test_what_is_none_of_the_classes_is_wrong():
    label = np.array([[0, 0, 1, 1]], np.uint8)
    seen = np.array([[0, IGNORE, 1, 1]], np.uint8)
    counts = confusion(label, seen, 2)
    assert counts.tolist() == [[1, 0, 1], [0, 2, 0]]
    assert mean_iou(counts) == pytest.approx(75)
    assert np.isnan(mean_iou(confusion(np.full((1, 4), IGNORE, np.uint8), seen, 2)))


def test_a_model_before_and_one_after_photo_by_photo(frames):
    photos = open_dataset(frames["target"])
    before = Predictor(network(), SPACE, height=48, width=64)
    fewer = LabelSpace(name="fewer", classes=("road", "x", "sky", "y"), palette=SPACE.palette)
    after = Predictor(network(), fewer, height=48, width=64)  # the same network, whose classes are called otherwise
    found = list(changes(before, after, photos))
    assert [change.name for change in found] == [frame.id for frame in photos.frames]
    table = {0: CLASSES.index("road"), 2: CLASSES.index("sky")}
    plain = before.segment(found[1].image).labels
    np.testing.assert_array_equal(found[1].before, plain)
    np.testing.assert_array_equal(found[1].after, [[table.get(int(v), IGNORE) for v in row] for row in plain])
    matrix = ConfusionMatrix(len(CLASSES))
    for change in found:
        matrix.update(change.before, change.label)
    assert together(found)[0] == pytest.approx(matrix.miou())
    assert found[0].scores[0] == pytest.approx(mean_iou(found[0].counts[0]))
