"""Which class of a set the classes of a model are."""

import pytest

from hrs.errors import HRSError
from hrs.labelling.modelclasses import FILE, in_lines, read_model_classes, table_of, write_model_classes
from hrs.labelling.photoset import PhotoSet
from hrs.labels import IGNORE, LabelSpace


def space(*names):
    return LabelSpace(name="model", classes=names, palette=tuple((i, i, i) for i in range(len(names))))


MODEL = space("road", "sidewalk", "sky", "tree", "pole")


@pytest.fixture
def own(tmp_path):
    return PhotoSet.create(tmp_path / "town", ["sky", "ground", "rest"])


def test_classes_go_where_one_says_and_the_others_by_name(own):
    write_model_classes(own, "road, sidewalk: ground\n\n tree : rest \npole: ignore", [MODEL])
    assert table_of(MODEL, own.space, read_model_classes(own))[:5].tolist() == [1, 1, 0, 2, IGNORE]
    assert in_lines(read_model_classes(own)) == "road, sidewalk: ground\ntree: rest\npole: ignore"
    assert table_of(MODEL, own.space, None)[:5].tolist() == [IGNORE, IGNORE, 0, IGNORE, IGNORE]
    other = space("building", "road")  # another model, which lacks most of them
    assert table_of(other, own.space, read_model_classes(own))[:2].tolist() == [IGNORE, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raod: ground", "Models' classes: 'raod' is no class of any model; did you mean road"),
        ("road: grund", "Models' classes: 'grund' is no class of town; did you mean ground"),
        ("road ground", "road ground' is no line of"),
        ("road:", "is no line of"),
        ("road: ground\nroad: rest", "'road' stands in two lines; keep one of them"),
        ("road: ground\nsky, road: rest", "says twice what 'road' of model becomes"),
    ],
)
def test_what_is_no_class_is_told_and_not_kept(own, text, message):
    with pytest.raises(HRSError, match=message):
        write_model_classes(own, text, [MODEL])
    assert read_model_classes(own) is None


def test_an_empty_text_forgets_them(own):
    write_model_classes(own, "road: ground", [MODEL])
    write_model_classes(own, " \n", [MODEL])
    assert read_model_classes(own) is None and not (own.path / FILE).exists()
