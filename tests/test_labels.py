import numpy as np
import pytest

from hrs.errors import HRSError
from hrs.labels import (
    CAMVID,
    CAMVID_ORIGINAL,
    CARLA_TAGS,
    CARLA_VOID,
    CITYSCAPES,
    CITYSCAPES_IDS,
    CITYSCAPES_VOID,
    IGNORE,
    SPACES,
    SYNTHIA_IDS,
    SYNTHIA_VOID,
    LabelSpace,
    colourise,
    label_space,
    mapping,
    match,
    suggest,
)

TO_CAMVID = {
    "road": "Road",
    "sidewalk": "Pavement",
    "building": "Building",
    "wall": "Building",
    "fence": "Fence",
    "pole": "Pole",
    "traffic light": "SignSymbol",
    "traffic sign": "SignSymbol",
    "vegetation": "Tree",
    "terrain": "Tree",
    "sky": "Sky",
    "person": "Pedestrian",
    "rider": "Bicyclist",
    "car": "Car",
    "truck": "Car",
    "bus": "Car",
    "train": None,
    "motorcycle": None,
    "bicycle": "Bicyclist",
}
TO_CITYSCAPES = {
    "Sky": "sky",
    "Building": "building",
    "Pole": "pole",
    "Road": "road",
    "Pavement": "sidewalk",
    "Tree": "vegetation",
    "SignSymbol": "traffic sign",
    "Fence": "fence",
    "Car": "car",
    "Pedestrian": "person",
    "Bicyclist": "rider",
}


def space_of(*names: str) -> LabelSpace:
    return LabelSpace(name="own", classes=names, palette=tuple((i, i, i) for i in range(len(names))))


def as_names(source: LabelSpace, target: LabelSpace) -> dict[str, str | None]:
    table = mapping(source, target)
    return {n: None if table[i] == IGNORE else target.classes[table[i]] for i, n in enumerate(source.classes)}


def test_spaces_have_the_published_number_of_classes():
    assert {name: len(space) for name, space in SPACES.items()} == {
        "cityscapes19": 19,
        "synthia16": 16,
        "synthia13": 13,
        "camvid11": 11,
    }


def test_cityscapes_classes_stand_in_the_order_of_their_train_ids():
    published = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert sorted(CITYSCAPES_IDS) == published
    assert [CITYSCAPES_IDS[raw] for raw in published] == list(CITYSCAPES.classes)


def test_no_id_is_both_a_class_and_ignored():
    pairs = [(CITYSCAPES_IDS, CITYSCAPES_VOID), (SYNTHIA_IDS, SYNTHIA_VOID)]
    pairs += [(CARLA_TAGS[version], CARLA_VOID[version]) for version in CARLA_TAGS]
    assert all(not ids.keys() & void for ids, void in pairs)
    assert sorted(CARLA_TAGS["0.9.13"].keys() | CARLA_VOID["0.9.13"]) == list(range(23))
    assert sorted(CARLA_TAGS["0.9.14"].keys() | CARLA_VOID["0.9.14"]) == list(range(29))
    assert sorted(SYNTHIA_IDS.keys() | SYNTHIA_VOID) == list(range(23))


def test_camvid_has_32_colours_among_them_those_of_its_classes():
    assert len(CAMVID_ORIGINAL) == 32
    assert [CAMVID_ORIGINAL[colour] for colour in CAMVID.palette] == list(CAMVID.classes)


def test_mapping_from_cityscapes_to_camvid_and_back():
    assert as_names(CITYSCAPES, CAMVID) == TO_CAMVID
    assert as_names(CAMVID, CITYSCAPES) == TO_CITYSCAPES


def test_only_camvid_takes_buses_for_cars():
    kept = as_names(CITYSCAPES, label_space("synthia13"))
    assert kept["truck"] is kept["wall"] is kept["terrain"] is None
    assert as_names(CITYSCAPES, space_of("Car", "Road"))["bus"] is None


@pytest.mark.parametrize("name", ["synthia16", "synthia13"])
def test_synthia_maps_into_cityscapes_by_name_and_back(name):
    space = label_space(name)
    assert as_names(space, CITYSCAPES) == {each: each for each in space.classes}
    back = as_names(CITYSCAPES, space)
    assert {c for c, to in back.items() if to == c} == set(space.classes)
    assert back["terrain"] is back["truck"] is back["train"] is None


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
def test_a_space_maps_onto_itself_and_ignore_stays_ignore(space):
    table = mapping(space, space)
    assert table[: len(space)].tolist() == list(range(len(space)))
    assert (table[len(space) :] == IGNORE).all()


def test_mapping_compares_names_without_case_and_punctuation():
    assert mapping(space_of("Traffic_Light", "x"), CITYSCAPES)[0] == CITYSCAPES.classes.index("traffic light")


def test_camvid_s_poles_by_their_first_name():
    found = LabelSpace(name="own", classes=("Column_Pole", "Sky"), palette=((0, 0, 0), (1, 1, 1)))
    assert [each.target for each in match(found, CAMVID)] == ["Pole", "Sky"]


def test_carla_merges():
    space = space_of("vehicle", "guard rail", "road line", "nothing")
    assert as_names(space, CITYSCAPES) == {
        "vehicle": "car",
        "guard rail": "fence",
        "road line": "road",
        "nothing": None,
    }


def test_spaces_without_a_common_class_are_an_error():
    with pytest.raises(HRSError, match=r"no class of own \(cat, dog\) is one of camvid11"):
        mapping(space_of("cat", "dog"), CAMVID)


def test_unknown_space_names_the_nearest():
    with pytest.raises(HRSError, match="did you mean cityscapes19"):
        label_space("cityscape19")


@pytest.mark.parametrize(
    ("names", "palette", "message"),
    [
        (("a", "A"), ((0, 0, 0), (1, 1, 1)), "repeat"),
        (("a", "b"), ((0, 0, 0),), "2 classes but 1 colours"),
        (("a",), ((0, 0, 0),), "expected 2 to 255"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(names, palette, message):
    with pytest.raises(HRSError, match=message):
        LabelSpace(name="own", classes=names, palette=palette)


def test_a_space_survives_being_stored():
    assert LabelSpace.from_dict(CAMVID.to_dict()) == CAMVID


@pytest.mark.parametrize("damage", [{}, {"name": "x", "classes": 3, "palette": []}, {"classes": [], "palette": []}])
def test_a_damaged_stored_space_is_an_error(damage):
    with pytest.raises(HRSError, match="damaged"):
        LabelSpace.from_dict(damage)


def test_colours_are_the_palette_and_ignored_pixels_are_black():
    labels = np.array([[0, 3, IGNORE]], np.uint8)
    assert colourise(labels, CAMVID).tolist() == [[[128, 128, 128], [128, 64, 128], [0, 0, 0]]]


def test_the_nearest_word_is_told_whatever_its_capitals():
    assert suggest("raod", ["Road", "Car"]) == "did you mean Road?"
    assert suggest("ROAD", ["sky", "road"]) == "did you mean road?"
    assert suggest("boat", ["sky", "Road"]) == "known: sky, Road"
