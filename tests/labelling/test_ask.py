import numpy as np
import pytest

from hrs.labelling.ask import Outlook, advise
from hrs.labelling.guess import Guess
from hrs.labels import IGNORE, LabelSpace

SPACE = LabelSpace(name="own", classes=("road", "sky", "bicycle"), palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def outlook(name, *, doubt=0.1, share=(0.5, 0.5, 0.0), summary=(0.0, 0.0)):
    return Outlook(name=name, doubt=doubt, share=np.array(share), summary=np.array(summary, np.float32))


def names(found):
    return [advice.name for advice in found]


ALL_KNOWN = np.array([500.0, 500.0, 500.0])


def test_the_unsure_photo_comes_first_where_nothing_else_differs():
    photos = [outlook("calm", doubt=0.05), outlook("unsure", doubt=0.4), outlook("middling", doubt=0.2)]
    found = advise(photos, [], ALL_KNOWN, SPACE)
    assert names(found) == ["unsure", "middling", "calm"]
    assert "on average the model is 60 % sure of what it sees" in found[0].why.lower()


def test_a_class_of_which_nothing_is_labelled_is_asked_for_once():
    photos = [
        outlook("plain", doubt=0.11),
        outlook("cyclist", share=(0.5, 0.45, 0.05)),
        outlook("another cyclist", share=(0.5, 0.45, 0.05)),
    ]
    found = advise(photos, [], np.array([500.0, 500.0, 0.0]), SPACE)
    assert names(found) == ["cyclist", "plain", "another cyclist"]
    assert "bicycle" in found[0].why
    assert "bicycle" not in found[2].why


def test_photos_like_those_labelled_come_last():
    labelled = [outlook("old", summary=(0, 0))]
    photos = [
        outlook("alike", summary=(0.1, 0)),
        outlook("elsewhere", summary=(5, 5)),
        outlook("too", summary=(5, 5.1)),
    ]
    found = advise(photos, labelled, ALL_KNOWN, SPACE)
    assert names(found)[0] in ("elsewhere", "too")
    assert names(found)[1] in ("alike", "elsewhere", "too")
    assert "unlike" in found[0].why
    assert "unlike" not in found[2].why


def test_nothing_to_label_is_no_advice():
    assert advise([], [outlook("old")], ALL_KNOWN, SPACE) == []


def one_by_one(unlabelled, labelled, known):
    """Order and values, each photo held against each one before it."""
    left, chosen, found = list(unlabelled), list(labelled), []
    spread = np.stack([each.summary for each in [*left, *chosen]]).std(axis=0, dtype=np.float64) * np.sqrt(5)
    missing = known / known.sum() < 0.001
    while left:
        near = [
            min((np.linalg.norm((each.summary - other.summary) / spread) for other in chosen), default=0.0)
            for each in left
        ]
        rare = [(missing & (each.share >= 0.002)).sum() for each in left]
        doubt = [each.doubt for each in left]
        worth = np.sum([np.array(each) / max(*each, 1e-9) for each in (near, rare, doubt)], axis=0)
        taken = left.pop(int(np.argmax(worth)))
        found.append((taken.name, float(np.max(worth))))
        missing &= taken.share < 0.002
        chosen.append(taken)
    return found


@pytest.mark.parametrize("labelled", [0, 7])
def test_the_order_is_that_of_holding_each_photo_against_each(labelled):
    rng = np.random.default_rng(labelled)
    photos = [
        outlook(f"{i}", doubt=rng.random(), share=rng.choice([0, 0.1], 3), summary=rng.normal(size=5))
        for i in range(40)
    ]
    known = np.array([1000.0, 0.0, 0.0])
    found = advise(photos[labelled:], photos[:labelled], known, SPACE)
    expected = one_by_one(photos[labelled:], photos[:labelled], known)
    assert names(found) == [name for name, _ in expected]
    np.testing.assert_allclose([each.value for each in found], [value for _, value in expected], rtol=1e-5)


def test_an_outlook_is_counted_from_the_guess():
    labels = np.array([[0, 0, 1, IGNORE]], np.uint8)
    found = Guess(labels=labels, confidence=np.array([[1, 0.5, 0.5, 0]], np.float32), summary=np.zeros(2, np.float32))
    own = Outlook.of("one", found, SPACE)
    assert own.share.tolist() == [0.5, 0.25, 0.0]
    assert own.doubt == 0.5
