"""Lists of classes as people and tools write them."""

import pytest

from hrs.data.classfile import find_class_list
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from tests.data.files import write_classes, write_streets

WANTED = {0: "sky", 1: "road", 2: "box"}


def read(tmp_path, text, name="classes.yaml"):
    write_classes(tmp_path, text, name)
    return find_class_list(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.yaml", "classes: {0: sky, 1: road, 2: box}"),
        ("classes.yaml", "classes: [sky, road, box]"),
        ("classes.yaml", "classes:\n- {id: 0, name: sky}\n- {id: 1, name: road}\n- {id: 2, name: box}"),
        ("classes.yaml", "names: {0: sky, 1: road, 2: box}"),
        ("classes.yaml", "{0: sky, 1: road, 2: box}"),
        ("classes.yaml", "[sky, road, box]"),
        ("classes.yaml", "classes: {sky: 0, road: 1, box: 2}"),
        ("classes.yaml", "classes: {0: {name: sky}, 1: {name: road}, 2: {name: box}}"),
        ("classes.yml", "classes: {0: sky, 1: road, 2: box}"),
        ("classes.json", '{"classes": {"0": "sky", "1": "road", "2": "box"}}'),
        ("data.yaml", "path: .\ntrain: images/train\nnc: 3\nnames: [sky, road, box]"),
        ("Classes.YAML", "Classes: {0: sky, 1: road, 2: box}"),
        ("classes.yaml", "classes:\n- 0: sky\n- 1: road\n- 2: box"),
        ("id2label.json", '{"0": "sky", "1": "road", "2": "box"}'),
        ("classes.json", '{"id2label": {"0": "sky", "1": "road", "2": "box"}}'),
        ("class_names.txt", "sky\nroad\nbox\n"),
        ("labels.txt", "__ignore__\nsky\nroad\nbox\n"),
        ("classes.csv", "sky\nroad\nbox\n"),
        ("classes.csv", "names\nsky\nroad\nbox\n"),
        ("classes.txt", "sky\nroad\n\nbox\n"),
        ("classes.txt", "0 sky\n1: road\n2, box\n"),
        ("classes.csv", "id,name\n0,sky\n1,road\n2,box\n"),
        ("classes.csv", "sky;0\nroad;1\nbox;2\n"),
        ("_classes.csv", "Pixel Value, Class\n0, sky\n1, road\n2, box\n"),
    ],
)
def test_the_usual_spellings(tmp_path, name, text):
    assert dict(read(tmp_path, text, name).names) == WANTED


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labelmap.txt", "# label:color_rgb:parts:actions\nsky:0,0,0::\nroad:1,2,3::\nbox:4,5,6::\n"),
        ("class_dict.csv", "name,r,g,b\nsky,0,0,0\nroad,1,2,3\nbox,4,5,6\n"),
        ("class_dict.csv", "name,b,g,r\nsky,0,0,0\nroad,3,2,1\nbox,6,5,4\n"),
        ("classes.csv", "\ufeffClass Label,R value,G value,B value\r\nsky,0,0,0\r\nroad,1,2,3\r\nbox,4,5,6\r\n"),
        ("classes.csv", "name;r;g;b;id\nsky;0;0;0;0\nroad;1;2;3;1\nbox;4;5;6;2\n"),
        ("classes.csv", "sky,#000000\nroad,#010203\nbox,#040506\n"),
        ("classes.csv", '"0 0 0",sky\n"1 2 3",road\n"4 5 6",box\n'),
        ("classes.yaml", "classes: {sky: [0, 0, 0], road: [1, 2, 3], box: '#040506'}"),
        ("classes.yaml", "classes: {'0,0,0': sky, '1,2,3': road, '4,5,6': box}"),
        ("classes.yaml", "classes: [sky, road, box]\npalette: [[0, 0, 0], [1, 2, 3], [4, 5, 6]]"),
        ("classes.yaml", "classes: [sky, road, box]\npalette: {sky: [0, 0, 0], road: '1, 2, 3', 2: [4, 5, 6]}"),
    ],
)
def test_colours_in_all_of_them(tmp_path, name, text):
    found = read(tmp_path, text, name)
    assert dict(found.names) == WANTED and found.palette == {0: (0, 0, 0), 1: (1, 2, 3), 2: (4, 5, 6)}


def test_words_that_yaml_takes_for_truth_values_stay_words(tmp_path):
    assert read(tmp_path, "classes: {0: no, 1: yes, 2: on}").names == {0: "no", 1: "yes", 2: "on"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_in_every_unicode(tmp_path, encoding):
    (tmp_path / "classes.yaml").write_bytes("classes: {0: 天空, 1: дорога}".encode(encoding))
    assert find_class_list(tmp_path).names == {0: "天空", 1: "дорога"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes:\n  0: sky\n  1: road\n  1: box\n", "line 4: '1' stands there twice, first in line 3"),
        ("classes: {sky: 1, road: 1}", "names the id 1 twice, 'sky' and 'road'"),
        ("classes: {1: road}", r"names 1 classes \(road\); expected 2 or more"),
        ("classes: {sky: blue, road: grey}", r"'sky': 'blue' is no class\); expected 'classes:'"),
        ("classes: {-1: sky, 1: road}", "names the id -1; expected ids from 0 to 65535"),
        ("kinds: {a: b}", r"it holds kinds\); expected 'classes:'"),
        ("", "cannot be used"),
        ('"a\\nb"', r"names 1 classes \(a\\nb\); expected 2 or more"),
        (f"classes: {{sky: {'9' * 5000}, road: 1}}", "is no class"),
        ("classes: [sky, road]\nignore: [tree]", "'tree' is neither an id nor one of its classes, sky, road"),
        ("classes: [sky, road]\npalette: 7", "palette is '7'; expected"),
        ("? [0, 1]\n: x\n", "line 1: a key is no word or number"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path, text, message):
    with pytest.raises(HRSError, match=message) as caught:
        read(tmp_path, text)
    assert "classes.yaml" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("labelmap.txt", "sky\n", "expected lines of 'name:red,green,blue::'"),
        ("classes.csv", "sky,road,box\n", "expected a name with an id"),
        ("classes.csv", "id,name\n0,sky\n0,road\n", "names the id 0 twice"),
        ("classes.txt", "0 sky\n0 road\n", "names the id 0 twice"),
    ],
)
def test_mistakes_in_other_files(tmp_path, name, text, message):
    with pytest.raises(HRSError, match=message):
        read(tmp_path, text, name)


def test_without_a_list_the_error_says_what_the_labels_hold(tmp_path):
    write_streets(tmp_path)
    with pytest.raises(
        HRSError, match=r"classes\.yaml does not exist.* holds images, labels; f0\.png holds the ids 0, 1, 2"
    ):
        open_dataset(f"folder:{tmp_path}")


@pytest.mark.parametrize("void", ["void", "Unlabeled", "null", "~", "", "__ignore__"])
def test_names_that_say_that_a_class_is_none(tmp_path, void):
    found = read(tmp_path, f"classes: {{0: '{void}', 1: road, 2: box}}")
    assert found.names == {1: "road", 2: "box"} and found.ignored == {0}
    assert "ignored, as the name says" in found.notes[0]
    assert read(tmp_path, f"classes: {{0: '{void}', 1: road}}").names == {0: void, 1: "road"}


def test_a_list_of_void_and_others_is_read_with_a_word(tmp_path):
    data = open_dataset(f"folder:{write_classes(write_streets(tmp_path), 'classes: {0: void, 1: road, 2: box}')}")
    assert data.space.classes == ("road", "box") and "classes.yaml: ignored, as the name says: void" in data.notes
