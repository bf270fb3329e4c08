import numpy as np
import pytest

from hrs.errors import HRSError
from hrs.inference import Predictor
from hrs.labelling.areas import Areas
from hrs.labelling.guess import Guess, guess, questions
from hrs.labels import IGNORE, LabelSpace
from tests.conftest import CLASSES
from tests.inference.conftest import SPACE as FOUR
from tests.inference.conftest import network, photo


@pytest.fixture
def predictor():
    return Predictor(network(), FOUR, height=48, width=64)


def space(*names):
    return LabelSpace(name="own", classes=names, palette=tuple((i, i, i) for i in range(len(names))))


def test_a_guess_is_in_the_classes_of_the_set(predictor):
    image = photo()
    plain = predictor.segment(image)
    found = guess(predictor, image, space("Tree", "nothing known", "Road"))
    table = {CLASSES.index("tree"): 0, CLASSES.index("road"): 2}
    expected = [[table.get(int(value), IGNORE) for value in row] for row in plain.labels]
    np.testing.assert_array_equal(found.labels, expected)
    np.testing.assert_array_equal(found.confidence, plain.confidence)
    np.testing.assert_array_equal(found.summary, predictor.summary(image))
    assert {0, 2} <= set(np.unique(found.labels)), "the network sees both, or this shows nothing"


def test_a_model_of_other_classes_is_of_no_help(predictor):
    with pytest.raises(HRSError, match="no class of four"):
        guess(predictor, photo(), space("liver", "spleen"))


def test_questions_are_the_unlabelled_areas_of_most_doubt():
    """Five areas of 10 pixels a unit: sure; unsure and large; unsure and small; unsure but labelled; less unsure."""
    sizes, confidence = [30, 30, 10, 20, 30], [0.95, 0.3, 0.2, 0.1, 0.6]
    ids = np.repeat(np.arange(5), sizes)[None].astype(np.int32)
    labels = np.repeat(np.array([0, 1, 2, 3, 1], np.uint8), sizes)[None]
    found = Guess(labels=labels, confidence=np.repeat(confidence, sizes)[None].astype(np.float32), summary=np.zeros(2))
    areas = Areas(regions=ids, grains=(np.arange(5, dtype=np.int32),))
    done = np.where(ids == 3, np.uint8(3), np.uint8(IGNORE))
    asked = questions(found, areas, 0, done)
    assert [question.area for question in asked] == [1, 4, 2]  # doubts 21, 12, 8
    assert [question.label for question in asked] == [1, 1, 2]
    assert asked[0].confidence == pytest.approx(0.3)


def test_a_question_says_how_sure_the_model_is_of_the_class_that_it_asks_about():
    """Seven pixels of one class and three of another, all of them at 0.6."""
    labels = np.repeat(np.array([2, 1], np.uint8), [7, 3])[None]
    found = Guess(labels=labels, confidence=np.full((1, 10), 0.6, np.float32), summary=np.zeros(2))
    areas = Areas(regions=np.zeros((1, 10), np.int32), grains=(np.zeros(1, np.int32),))
    (asked,) = questions(found, areas, 0, np.full((1, 10), IGNORE, np.uint8))
    assert asked.label == 2 and asked.confidence == pytest.approx(0.42)
