"""What a data set's classes shall be called."""

import numpy as np
import pytest

from hrs.config import load_config
from hrs.data.classmap import ClassMap, become, map_for
from hrs.data.layouts import open_dataset, open_sources
from hrs.errors import HRSError
from hrs.labels import CITYSCAPES
from tests.data.files import street, write_classes, write_streets
from tests.data.outlined import CORNERS, SQUARE, classes, coco, labelme, yolo

CLASSES = "classes: {0: sky, 1: asphalt, 2: crate, 3: tree}\n"


def own(entries: dict[str, str], tmp_path, **streets):
    root = write_classes(write_streets(tmp_path / "d", **streets), CLASSES)
    return open_dataset(f"folder:{root}", classes=ClassMap(entries=entries, where="data.classes"))


def at(dataset, part: int) -> str | None:
    """The class of the pixels that are sky, road or box."""
    (found,) = np.unique(dataset.read_label(0)[street() == part])
    return None if found == 255 else dataset.space.classes[found]


@pytest.mark.parametrize("key", ["asphalt", "Asphalt", "1", "id 1"])
def test_a_class_by_name_or_id(tmp_path, key):
    data = own({key: "road"}, tmp_path)
    assert data.space.classes == ("sky", "road", "crate", "tree")
    assert [at(data, part) for part in range(3)] == ["sky", "road", "crate"]


def test_several_to_one(tmp_path):
    data = own({"asphalt, crate": "Things", "tree": "ignore"}, tmp_path)
    assert data.space.classes == ("sky", "Things")
    assert [at(data, part) for part in range(3)] == ["sky", "Things", "Things"]
    assert 3 in data.encoding.void


@pytest.mark.parametrize("name", ["Asphalt", "asphalt", "ASPHALT "])
def test_a_class_that_is_there_in_another_spelling(tmp_path, name):
    data = own({"crate": name}, tmp_path)
    assert data.space.classes == ("sky", name, "tree")
    assert at(data, 1) == at(data, 2) == name


def test_ids_that_have_no_name_get_one(tmp_path):
    data = own({"9": "box"}, tmp_path, of=lambda ids: np.array([0, 1, 9], np.uint8)[ids])
    assert at(data, 2) == "box"


def test_colours(tmp_path):
    palette = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)
    root = write_streets(tmp_path / "c", of=lambda ids: palette[ids])
    given = ClassMap(entries={"1,2,3": "sky", "#040506": "road", "7 8 9": "ignore"}, where="data.classes")
    data = open_dataset(f"folder:{root}", classes=given)
    assert [at(data, part) for part in range(3)] == ["sky", "road", None]


def test_ids_alone_need_no_list_of_classes(tmp_path):
    root = write_streets(tmp_path / "d")
    (tmp_path / "map.yaml").write_text("0: sky\n1: road\n2: ignore\n")
    data = open_dataset(f"folder:{root}?classes={tmp_path / 'map.yaml'}")
    assert data.space.classes == ("sky", "road") and [at(data, part) for part in range(3)] == ["sky", "road", None]


def test_a_file_of_two_columns(tmp_path):
    (tmp_path / "map.csv").write_text("source,target\nasphalt,road\ncrate,ignore\n")
    given = ClassMap.read(tmp_path / "map.csv")
    assert given.entries == {"asphalt": "road", "crate": "ignore"} and given.names == ("road",)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"asphlat": "road"}, "data.classes: 'asphlat' is no class of folder:.*did you mean asphalt"),
        ({"asphalt, cart": "road"}, "data.classes: 'cart' is no class"),
    ],
)
def test_a_key_that_is_nothing(tmp_path, entries, message):
    with pytest.raises(HRSError, match=message):
        own(entries, tmp_path)


def test_what_two_keys_name_is_told_where_their_names_differ(tmp_path):
    with pytest.raises(HRSError, match=r"data\.classes says twice what 'Asphalt' of .* becomes; keep one of the lines"):
        own({"asphalt, crate": "road", "tree, Asphalt": "plant"}, tmp_path)
    assert own({"asphalt, crate": "road", "Asphalt": "Road"}, tmp_path).space.classes == ("sky", "road", "tree")


def test_a_new_name_that_the_target_does_not_have(tmp_path, frames):
    data = own({"asphalt": "raod"}, tmp_path)
    with pytest.raises(HRSError, match="'raod' is no class of target; did you mean road"):
        data.map_to(open_dataset(frames["target"]).space)


def test_a_map_that_sources_share_names_what_one_of_them_has(tmp_path, frames):
    space = open_dataset(frames["target"]).space
    a = f"folder:{write_classes(write_streets(tmp_path / 'a'), CLASSES)}"
    b = f"folder:{write_classes(write_streets(tmp_path / 'b'), 'classes: {0: sky, 1: floor, 2: crate}')}"
    given = {"*": {"asphalt": "road", "floor": "road", "crate": "ignore"}}
    sources = open_sources([a, b], space, classes=given)
    assert [at(source, 1) for source in sources] == ["road", "road"]
    assert sources[1].notes[0] == "class map: asphalt -> road; floor -> road; crate -> ignore"
    assert sources[1].notes[1:] == ("the class map also names what this data set does not have: asphalt",)
    with pytest.raises(HRSError, match="'flour' is no class of any source; did you mean floor"):
        open_sources([a, b], space, classes={"*": {"flour": "road"}})


def test_which_map_a_data_set_has():
    classes = {"folder:/a": {"x": "y"}, "*": {"p": "q"}}
    assert map_for(classes, "folder:/a?split=val").entries == {"x": "y"}
    assert map_for(classes, "folder:/b", source=True).entries == {"p": "q"}
    assert map_for(classes, "folder:/b") is None
    with pytest.raises(HRSError, match=r"map\.yaml does not exist"):
        map_for({"*": "map.yaml"}, "folder:/b", source=True)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"road": "drivable", 3: None}, {"*": {"road": "drivable", "3": "ignore"}}),
        ("map.yaml", {"*": "map.yaml"}),
        ({"vehicle: car": "car"}, {"*": {"vehicle: car": "car"}}),
        ({"folder:/a": {"road": "drivable"}}, {"folder:/a": {"road": "drivable"}}),
        ({"folder:/a": "map.yaml"}, {"folder:/a": "map.yaml"}),
        (None, {}),
    ],
)
def test_how_a_config_may_spell_it(given, kept):
    config = load_config({"data": {"classes": given}})
    assert config.data.classes == kept
    assert load_config({"data": {"classes": config.data.classes}}) == config


def test_a_list_is_no_class_map():
    with pytest.raises(HRSError, match="expected lines of 'class: target class'"):
        load_config({"data": {"classes": ["road"]}})


def test_a_map_that_leaves_one_class_says_what_to_do(tmp_path):
    root = write_classes(write_streets(tmp_path))
    given = ClassMap(entries={"sky": "ignore", "box": "road"}, where="data.classes")
    with pytest.raises(HRSError, match=r"data\.classes leaves road alone of folder:.*: ignore fewer"):
        open_dataset(f"folder:{root}", classes=given)


def test_what_classes_become_by_a_map_of_ids(tmp_path):
    root = write_classes(write_streets(tmp_path), "classes: {0: sky, 1: sky, 2: box}")
    data = open_dataset(f"folder:{root}", classes=ClassMap(entries={"1": "road", "9": "car"}, where="map"))
    found = become(data.encoding_on_disk, data.encoding, CITYSCAPES)
    assert [(each.source, each.target, each.how, raws) for each, raws in found] == [
        ("sky", "sky and road", "class map", (0, 1)),
        ("box", None, "nothing of that name", (2,)),
        ("id 9", "car", "class map", (9,)),
    ]


def test_a_map_on_the_command_line():
    config = load_config({}, ('data.classes={"folder:/data/a": {sky: air}}',))
    assert config.data.classes == {"folder:/data/a": {"sky": "air"}}
    assert load_config({}, ("data.classes=maps/a.yaml",)).data.classes == {"*": "maps/a.yaml"}


def test_ids_of_outlines_that_are_one_class_get_one_name(tmp_path):
    spec = yolo(tmp_path, names="[car, box, car]")

    def open_with(**entries: str):
        return open_dataset(spec, classes=ClassMap(entries=entries, where="data.classes"))

    for entries in ({"2": "taxi"}, {"0": "car", "2": "taxi"}, {"0, 1": "taxi"}):
        with pytest.raises(
            HRSError, match=rf"data\.classes: the ids 0, 2 of {spec} are one class, .* called car; name"
        ):
            open_with(**entries)
    for entries in ({"0": "taxi", "id 2": "Taxi"}, {"0, 2": "taxi"}, {"car": "taxi"}, {"1": "crate", "0": "Car"}):
        assert len(open_with(**entries).space) == 3


@pytest.mark.parametrize("name", ["yolo", "coco"])
def test_a_class_of_outlines_by_the_id_that_its_file_has(tmp_path, name):
    spec = yolo(tmp_path) if name == "yolo" else coco(tmp_path, [CORNERS])
    box, other = ("1", "0") if name == "yolo" else ("7", "3")
    given = ClassMap(entries={box: "car", f"id {other}": "road"}, where="data.classes")
    data = open_dataset(spec, classes=given)
    assert data.space.classes == ("background", "road", "car") and (classes(data)[8:28, 10:30] == "car").all()
    assert [data.encoding_on_disk.keys(raw) for raw in range(3)] == [("background",), (other,), (box,)]
    with pytest.raises(HRSError, match=f"data.classes: '2' is no class of {name}:.*; known: id {other}, id {box}$"):
        open_dataset(spec, classes=ClassMap(entries={"2": "car"}, where="data.classes"))


def test_outlines_that_have_names_alone_have_no_ids(tmp_path):
    spec = labelme(tmp_path, {"label": "box", "points": SQUARE, "shape_type": "polygon"})
    with pytest.raises(HRSError, match=r"'1' is no class of .*; its outlines have no ids but names: background, box$"):
        open_dataset(spec, classes=ClassMap(entries={"1": "car"}, where="data.classes"))


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("source,target,comment\nasphalt,road,merge\ncrate,ignore,\n", {"asphalt": "road", "crate": "ignore"}),
        ("comment;Target;Source\nmerge;road;asphalt\n", {"asphalt": "road"}),
        ("asphalt,road\ncrate,\n", {"asphalt": "road", "crate": ""}),
        ("source,target\ncrate,\n", {"crate": ""}),
        ('"0,0,0",sky\n1 1 1,road\n', {"0,0,0": "sky", "1 1 1": "road"}),
        ("asphalt,road,,\ncrate,ignore,,\n", {"asphalt": "road", "crate": "ignore"}),
        ("# mine\nasphalt,road\nasphalt,road\n", {"asphalt": "road"}),
        ("source,target,note\nasphalt,road,x\ncrate,car\n", {"asphalt": "road", "crate": "car"}),
    ],
)
def test_the_columns_of_a_file(tmp_path, text, entries):
    (tmp_path / "map.csv").write_text(text)
    assert ClassMap.read(tmp_path / "map.csv").entries == entries


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("map.csv", "box,road,merge\nsky,ignore,not wanted\n", "line 1 is 'box,road,merge'; expected 'class,new name'"),
        ("map.csv", "id,name,target\n0,sky,air\n", "line 1 is 'id,name,target'; .*, or headings source and target"),
        ("map.csv", "1,1,1,road\n0 0 0,sky\n", "line 1 is '1,1,1,road'.* a colour as \"0 0 0\""),
        ("map.csv", "box,road\nsky\n", "line 2 is 'sky'; expected 'class,new name'"),
        ("map.csv", "box,road\nbox,ignore\n", "line 2: 'box' stands there twice, first in line 1"),
        ("map.csv", "source,target\n", "names no class; expected lines of 'class: new name'"),
        ("map.csv", "", "names no class"),
        ("map.yaml", "classes: {}\n", "names no class"),
    ],
)
def test_a_file_that_is_no_class_map(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(HRSError, match=message):
        ClassMap.read(tmp_path / name)


@pytest.mark.parametrize("word", ["ignore", "Ignored", "void", "unlabeled", "null", "~", ""])
def test_words_that_say_ignored_are_those_of_lists(tmp_path, word):
    assert own({"asphalt": word}, tmp_path).space.classes == ("sky", "crate", "tree")


def test_none_is_a_class_as_in_lists_and_a_note_says_so(tmp_path, frames):
    data = own({"crate": "none"}, tmp_path)
    assert at(data, 2) == "none"
    assert "class map: a class like the others: none; if its pixels are to be ignored, call it void" in data.notes
    with pytest.raises(HRSError, match=r"'none' is no class of target; .*; if its pixels are to be ignored, call"):
        data.map_to(open_dataset(frames["target"]).space)
    target = write_classes(write_streets(tmp_path / "t"), "classes: {0: none, 1: scratch, 2: sky}\n")
    mapped = own({"crate": "none", "asphalt": "scratch"}, tmp_path).map_to(open_dataset(f"folder:{target}").space)
    assert [at(mapped, part) for part in range(3)] == ["sky", "scratch", "none"]


def test_a_word_for_ignored_that_is_a_class_of_the_target_is_refused(tmp_path):
    target = open_dataset(f"folder:{write_classes(write_streets(tmp_path / 't'), 'classes: {0: void, 1: road}')}")
    data = own({"crate": "Void", "asphalt": "road"}, tmp_path)
    with pytest.raises(HRSError, match="'Void' says that pixels are ignored, and t has a class of that name; write"):
        data.map_to(target.space)
    assert own({"crate": "ignore", "asphalt": "road"}, tmp_path).map_to(target.space).possible == {1}
