import cv2
import numpy as np
import pytest

from hrs.data.layouts import Dataset, open_dataset
from hrs.inference import Predictor, evaluate
from hrs.labelling.change import changes, together
from hrs.labels import IGNORE, LabelSpace
from tests.conftest import CLASSES, write_frames
from tests.inference.conftest import SPACE, network

FEWER = LabelSpace(name="fewer", classes=("road", "x", "sky", "y"), palette=SPACE.palette)


@pytest.fixture
def photos(tmp_path):
    """Trees stand in them, and are not labelled."""
    root = write_frames(tmp_path / "photos", 4, seed=2)
    for file in (root / "labels").iterdir():
        label = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(file), np.where(label == CLASSES.index("tree"), IGNORE, label))
    return open_dataset(f"folder:{root}")


def model(space: LabelSpace = SPACE) -> Predictor:
    """Of photos of another shape than those that it sees here."""
    return Predictor(network(), space, height=32, width=96)


def nowhere_labelled(photos: Dataset, predictor: Predictor) -> set[int]:
    seen = {int(c) for i in range(len(photos)) for c in np.unique(predictor.predict([photos.read_image(i)])[0])}
    return seen - {int(c) for i in range(len(photos)) for c in np.unique(photos.read_label(i))}


def test_the_miou_is_what_validation_says(photos):
    assert nowhere_labelled(photos, model())
    for shown in (photos, photos.map_to(FEWER)):  # in the second no label can be of x or y
        same = model(shown.space)
        found = list(changes(same, same, shown))
        whole = evaluate(same, shown).miou
        assert together(found) == pytest.approx((whole, whole))
        alone = evaluate(same, shown.take([2])).miou
        assert found[2].scores == pytest.approx((alone, alone))


def test_what_is_none_of_the_classes_is_wrong(photos):
    space = photos.space
    blind = LabelSpace(name="blind", classes=("a", "b", "c", space.classes[3]), palette=space.palette)
    (found,) = changes(model(), model(blind), photos.take([0]))
    assert set(np.unique(found.after)) <= {3, IGNORE}
    assert found.scores[1] == 0


def test_photos_without_a_labelled_pixel_have_no_score(photos):
    for frame in photos.frames:
        cv2.imwrite(str(frame.label), np.full((48, 64), IGNORE, np.uint8))
    found = list(changes(model(), model(), photos))
    assert np.isnan(found[0].scores).all() and np.isnan(together(found)).all()


def test_a_model_before_and_one_after_photo_by_photo(photos):
    before, after = model(), model(FEWER)  # the same network, whose classes are called otherwise
    found = list(changes(before, after, photos))
    assert [change.name for change in found] == [frame.id for frame in photos.frames]
    table = {0: CLASSES.index("road"), 2: CLASSES.index("sky")}
    (plain,) = before.predict([found[1].image])
    np.testing.assert_array_equal(found[1].before, plain)
    np.testing.assert_array_equal(found[1].after, [[table.get(int(v), IGNORE) for v in row] for row in plain])
