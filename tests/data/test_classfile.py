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
        ("classes.json", '{\n\t"classes": {\n\t\t"0": "sky",\n\t\t"1":\t"road",\n\t\t"2": "box"\n\t}\n}\n'),
        ("classes.yaml", "road: {id: 1}\nsky: {id: 0}\nbox: {id: 2}"),
        ("class_names.txt", "sky\nroad\nbox\n"),
        ("labels.txt", "__ignore__\nsky\nroad\nbox\n"),
        ("classes.csv", "sky\nroad\nbox\n"),
        ("classes.csv", "names\nsky\nroad\nbox\n"),
        ("classes.txt", "sky\nroad\nbox\n\n\n"),
        ("classes.txt", "# mine\n\nsky\nroad\n# small\nbox\n"),
        ("classes.txt", "0 sky\n\n1 road\n2 box\n"),
        ("classes.txt", "0 sky\n1: road\n2, box\n"),
        ("classes.csv", "id,name\n0,sky\n1,road\n2,box\n"),
        ("classes.csv", "sky;0\nroad;1\nbox;2\n"),
        ("classes.txt", "road 1\nsky 0\nbox 2\n"),
        ("classes.txt", "road: 1\nbox,2\nsky = 0\n"),
        ("classes.csv", "category\nsky\nroad\nbox\n"),
        ("_classes.csv", "Pixel Value, Class\n0, sky\n1, road\n2, box\n"),
        ("classes.csv", "id,name,supercategory\n0,sky,void\n1,road,flat\n2,box,thing\n"),
        ("classes.json", '{"0": {"name": "sky"}, "1": {"name": "road"}, "2": {"name": "box"}}'),
        ("classes.yaml", "classes: 3\nnames: [sky, road, box]"),
        ("classes.yaml", "0: sky\n1: road\n2: box\nnc: 3"),
        ("classes.yaml", "sky: 0\nroad: 1\nbox: 2\nnum_classes: 3\nignore_index: 255"),
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
        ("classes.txt", "0 sky 0 0 0\n1 road 1 2 3\n2 box 4 5 6\n"),
        ("classes.txt", "sky 0 0 0\nroad 1 2 3\nbox 4 5 6\n"),
        ("classes.txt", "sky: (0, 0, 0)\nroad: [1, 2, 3]\nbox 4,5,6\n"),
        ("classes.txt", "0 0 0 sky\n1 2 3 road\n4 5 6 box\n"),
        ("classes.txt", "1 1 2 3 road\n0 0 0 0 sky\n2 4 5 6 box\n"),
        ("classes.txt", "sky #000000\nroad #010203\nbox #040506\n"),
        ("classes.yaml", "classes: {sky: [0, 0, 0], road: [1, 2, 3], box: '#040506'}"),
        ("classes.yaml", "classes: {'0,0,0': sky, '1,2,3': road, '4,5,6': box}"),
        ("classes.yaml", "classes: [sky, road, box]\npalette: [[0, 0, 0], [1, 2, 3], [4, 5, 6]]"),
        ("classes.yaml", "classes: [sky, road, box]\npalette: {sky: [0, 0, 0], road: '1, 2, 3', 2: [4, 5, 6]}"),
        ("classes.yaml", "classes: [sky, road, box]\npalette: {sky: 000000, road: '010203', box: '#040506'}"),
        ("class_list.json", '{"#000000": "sky", "#010203": "road", "#040506": "box"}'),
        ("classes.yaml", "sky: [0, 0, 0]\nroad: [1, 2, 3]\nbox: '#040506'"),
        ("classes.yaml", "sky: {color: '0 0 0'}\nroad: {color: [1, 2, 3]}\nbox: {color: '#040506'}"),
        (
            "classes.yaml",
            "classes:\n- {name: sky, color: {r: 0, g: 0, b: 0}}\n- {name: road, color: {b: 3, g: 2, r: 1}}\n"
            "- {name: box, colour: {red: 4, green: 5, blue: 6}}",
        ),
        (
            "classes.json",
            '[{"name": "sky", "color": "000000"}, {"name": "road", "color": "#010203"}, '
            '{"name": "box", "color": [4, 5, 6]}]',
        ),
    ],
)
def test_colours_in_all_of_them(tmp_path, name, text):
    found = read(tmp_path, text, name)
    assert dict(found.names) == WANTED and found.palette == {0: (0, 0, 0), 1: (1, 2, 3), 2: (4, 5, 6)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("lane 1\nlane 2\nlane 3\n", {0: "lane 1", 1: "lane 2", 2: "lane 3"}),
        ("sky\nlane 1\nlane 2\n", {0: "sky", 1: "lane 1", 2: "lane 2"}),
        ("0 sky\n1 lane 1\n2 lane 2\n", {0: "sky", 1: "lane 1", 2: "lane 2"}),
        ("0 level 1\n1 road 2\n2 box 3\n", {0: "level 1", 1: "road 2", 2: "box 3"}),
        ("T1\nT2\nlane (left)\n", {0: "T1", 1: "T2", 2: "lane (left)"}),
    ],
)
def test_numbers_that_are_of_names(tmp_path, text, names):
    assert read(tmp_path, text, "classes.txt").names == names


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
        ("classes: {sky: blue, road: grey}", r"'sky': 'blue' is no class\); expected 'classes:'"),
        ("classes: {-1: sky, 1: road}", "names the id -1; expected ids from 0 to 65535, or void for ids below 0"),
        ("classes: {0: Road, 1: road, 2: box}", "has 'Road' and 'road' .*; give every class its own name"),
        ("kinds: {a: b}", r"it holds kinds\); expected 'classes:'"),
        ("", "cannot be used"),
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
        ("classes.txt", "sky\n\nbox\n", "line 2 is empty, so it is not sure which ids .*; take the line out, or write"),
        ("classes.csv", "names\nsky\n\nbox\n", "line 3 is empty"),
        ("classes.txt", "\n", "names no class; expected a name for every id"),
        ("classes.txt", "sky 0\nroad 1\nbox 1\n", "names the id 1 twice, 'road' and 'box'"),
        (
            "classes.txt",
            "lane 1\nlane 2\nbox 3\n",
            "a number behind every name, and some names twice, .*; write the id",
        ),
        ("classes.txt", "sky 0 0 300\nroad 1 2 3\n", "'sky,0,0,300' is no class; expected a name with an id, or"),
        ("classes.csv", "sky,0,0,300\nroad,1,2,3\n", "'sky,0,0,300' is no class; expected a name with an id, or"),
        ("labels.txt", "labels/f0.png\nlabels/f1.png\n", "names files, such as 'labels/f0.png', not classes; expected"),
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


@pytest.mark.parametrize(
    "key",
    ["id", "class_id", "classId", "value", "index", "label_id", "category_id", "trainId", "pixel_value", "Pixel Value"],
)
def test_the_id_in_a_table_by_its_usual_names(tmp_path, key):
    found = read(tmp_path, f"- {{name: box, {key}: 2}}\n- {{name: sky, {key}: 0}}\n- {{name: road, {key}: 1}}\n")
    assert found.names == WANTED
    assert read(tmp_path, f"classes: {{sky: {{{key}: 0}}, box: {{{key}: 2}}, road: {{{key}: 1}}}}").names == WANTED


@pytest.mark.parametrize("other", ["nr: 2", "class_id: 2, trainId: 1"])
def test_numbers_that_may_be_an_id_or_not_are_named(tmp_path, other):
    with pytest.raises(HRSError, match=rf"class 'box' has {other}, but no id; add 'id'"):
        read(tmp_path, f"- {{name: box, {other}}}\n- {{name: sky, {other}}}\n")
    found = read(tmp_path, f"- {{name: box, id: 7, {other}}}\n- {{name: sky, id: 4, {other}}}\n")
    assert found.names == {7: "box", 4: "sky"}
    found = read(tmp_path, f"classes: {{7: {{name: box, {other}}}, 4: {{name: sky, {other}}}}}")
    assert found.names == {7: "box", 4: "sky"}


@pytest.mark.parametrize(
    ("classes", "ids"),
    [
        ("{1: wall, 2: floor, 3: box}", [1, 2, 3]),
        ("{9: box, 300: wall, 7: floor}", [7, 9, 300]),
        ("{0: wall, 1: floor, 2: box, 255: void}", [0, 1, 2]),
        ("{-1: void, 0: wall, 1: floor, 2: box}", [0, 1, 2]),
        ("{1: floor, 2: box}", [0, 1, 2]),
    ],
)
def test_a_palette_without_ids_is_in_the_order_of_the_ids(tmp_path, classes, ids):
    colours = [[70, 130, 180], [128, 64, 128], [220, 20, 60]]
    found = read(tmp_path, f"classes: {classes}\npalette: {colours}")
    assert found.palette == dict(zip(ids, map(tuple, colours), strict=True))


def test_a_palette_that_fits_neither_classes_nor_ids_is_refused(tmp_path):
    with pytest.raises(
        HRSError, match="palette has 2 colours for 3 classes with the ids 1, 2, 7; expected one for each"
    ):
        read(tmp_path, "classes: {1: wall, 2: floor, 7: box}\npalette: [[1, 2, 3], [4, 5, 6]]")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.yaml", "classes: {0: sky, 1: road, 2: facade}\nignore: [facade]"),
        ("classes.csv", "id,name\n0,sky\n1,road\n2,facade\n"),
        ("class_dict.csv", "name,r,g,b\nsky,0,0,0\nroad,1,1,1\nfacade,2,2,2\n"),
    ],
)
def test_a_word_of_six_hexadecimal_digits_is_a_name(tmp_path, name, text):
    found = read(tmp_path, text, name)
    ignored = {2} if "ignore" in text else set()
    assert found.names.keys() | found.ignored == {0, 1, 2} and not found.ignored_colours
    assert found.ignored == ignored and (ignored or found.names[2] == "facade")


@pytest.mark.parametrize("text", ["classes: {-1: void, 1: road, 2: box}", "classes: {1: road, 2: box}\nignore: [-1]"])
def test_void_may_be_below_zero(tmp_path, text):
    found = read(tmp_path, text)
    assert found.names == {1: "road", 2: "box"} and found.ignored == {-1}


def test_what_may_be_meant_otherwise_is_said(tmp_path):
    assert read(tmp_path, "sky\n#road\nbox\n", "classes.txt").notes == (
        "classes.txt: not counted, since they begin with #: '#road'",
    )
    (tmp_path / "classes.txt").unlink()
    assert read(tmp_path, "classes: {0: unknown, 1: road, 2: box}").notes == (
        "classes.yaml: a class like the others: unknown; if its pixels are to be ignored, call it void",
    )


@pytest.mark.parametrize(
    "text",
    [
        "classes: {0: sky, 1: road, 2: box}\nignored: [0]",
        "classes: {0: sky, 1: road, 2: box}\nignore_index: 0",
        "names: [sky, road, box]\nnc: 3\nvoid: sky",
        "0: sky\n1: road\n2: box\nignore_label: 0",
        "0: sky\n1: road\n2: box\nignore: [0]",
    ],
)
def test_what_tools_call_ignored(tmp_path, text):
    root = write_classes(write_streets(tmp_path), text)
    assert find_class_list(root).notes == ()
    assert open_dataset(f"folder:{root}").space.classes == ("road", "box")


def test_a_void_class_with_its_colour_is_no_list_of_what_is_ignored(tmp_path):
    found = read(tmp_path, "void: [0, 0, 0]\nroad: [1, 2, 3]\nbox: [4, 5, 6]")
    assert sorted(found.names.values()) == ["box", "road"] and found.palette[0] == (0, 0, 0)


def test_keys_that_are_not_read_are_said(tmp_path):
    assert read(tmp_path, "classes: 2\nnames: [sky, road]").notes == ()
    text = "classes: {0: sky, 1: road}\npallete: {0: [1, 2, 3]}\nlicence: free"
    assert read(tmp_path, text).notes == ("classes.yaml: not read: pallete (did you mean palette?), licence",)


@pytest.mark.parametrize(
    "text",
    [
        "name,id,trainId,catId\nsky,0,10,5\nroad,1,0,1\nbox,2,3,2\n",
        "id,name,train_id,category_id\n2,box,3,2\n0,sky,10,5\n1,road,0,1\n",
        "name,id,pixels,images\nsky,0,200,4\nroad,1,100,4\nbox,2,30,4\n",
        "name,id,weight\nsky,0,1.0\nroad,1,0.5\nbox,2,1\n",
        "class,name\n0,sky\n1,road\n2,box\n",
        ",name\n0,sky\n1,road\n2,box\n",
        "name,label_id,note\nsky,0,\nroad,1,\nbox,2,\n",
        "id,name,category\n0,sky,sky\n1,road,flat\n2,box,thing\n",
        "name,id\nsky,0\nroad,1\nbox,2\n,\n",
    ],
)
def test_headings_say_which_number_is_the_id(tmp_path, text):
    found = read(tmp_path, text, "classes.csv")
    assert found.names == WANTED and not found.palette


def test_headings_say_which_numbers_are_a_colour_and_which_is_the_id(tmp_path):
    found = read(tmp_path, "count,name,r,g,b,id\n9,sky,70,130,180,3\n8,road,128,64,128,5\n", "classes.csv")
    assert found.names == {3: "sky", 5: "road"} and found.palette == {3: (70, 130, 180), 5: (128, 64, 128)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,count\nsky,200\nroad,100\n", "'sky' has count: 200, but no id; add 'id'"),
        ("name,w,h,d\nsky,0,10,5\nroad,1,0,1\n", "'sky' has w: 0, h: 10, d: 5, but no id"),
        ("name,train_id,class_id\nsky,0,7\nroad,1,8\n", "'sky' has train_id: 0, class_id: 7, but no id"),
        ("name,id\nsky,0\nroad,\nbox,2\n", "'road' has no id, while others have one; give every class its id"),
        ("id,name\n0,sky\n1,road,flat\n", "line 3 has 3 cells under 2 headings"),
        ("id,kind,type\n0,sky,a\n1,road,b\n", "under kind, type; expected one of its columns to be called name"),
        ("name,r,g,b\nsky,0,0,300\nroad,1,2,3\n", "'sky,0,0,300' is no class; expected a name with an id, or with red"),
    ],
)
def test_headings_that_do_not_tell_are_named(tmp_path, text, message):
    with pytest.raises(HRSError, match=message):
        read(tmp_path, text, "classes.csv")


def test_a_class_without_id_beside_others_is_named(tmp_path):
    with pytest.raises(HRSError, match="'road' has no id, while others have one"):
        read(tmp_path, "- {name: sky, id: 1}\n- {name: road}\n- {name: box, id: 2}\n")


@pytest.mark.parametrize(
    "text",
    [
        "id name\n0 sky\n1 road\n2 box\n",
        "name id\nsky 0\nroad 1\nbox 2\n",
        "# mine\nID: Class\n0: sky\n1: road\n2: box\n",
        "id\tname\ttrainId\n0\tsky\t5\n1\troad\t0\n2\tbox\t255\n",
        "names\nsky\nroad\nbox\n",
    ],
)
def test_a_heading_in_text_is_no_class(tmp_path, text):
    assert read(tmp_path, text, "classes.txt").names == WANTED


def test_names_of_several_words_under_headings(tmp_path):
    found = read(tmp_path, "id name train_id\n7 traffic light 6\n8 traffic sign 7\n", "classes.txt")
    assert found.names == {7: "traffic light", 8: "traffic sign"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("0 sky\n1 road\nvoid 2\n", "line 3 is 'void 2'"),
        ("Nr Klasse\n0 sky\n1 road\n", "line 1 is 'Nr Klasse'"),
        ("# mine\n\n0 sky\nroad\n2 box\n", "line 4 is 'road'"),
        ("sky 0\nroad 1\nbox\n", "line 3 is 'box'"),
    ],
)
def test_a_line_that_is_not_numbered_as_the_others_are_is_named(tmp_path, text, line):
    with pytest.raises(HRSError, match=f"{line}, while others have .*; write the id before every name"):
        read(tmp_path, text, "classes.txt")


def test_few_numbers_before_names_are_of_the_names_and_a_note_says_so(tmp_path):
    found = read(tmp_path, "car\n2 wheeler\nbus\ntruck\n", "classes.txt")
    assert found.names == {0: "car", 1: "2 wheeler", 2: "bus", 3: "truck"}
    assert found.notes == ("classes.txt: numbers that are taken for parts of names: '2 wheeler'",)


def test_a_line_without_what_the_headings_say_is_named(tmp_path):
    with pytest.raises(HRSError, match="line 3 is '1', where the headings are id, name, trainId; write what belongs"):
        read(tmp_path, "id name trainId\n0 sky 0\n1\n", "classes.txt")


def test_a_heading_over_names_alone_is_said(tmp_path):
    assert read(tmp_path, "names\nsky\nroad\n", "classes.txt").notes == (
        "classes.txt: not counted, since it is a heading: 'names'",
    )


@pytest.mark.parametrize("colour", ["70,130,180", "(70, 130, 180)", "#4682b4"])
def test_headings_in_text_with_a_colour(tmp_path, colour):
    found = read(tmp_path, f"id name colour\n3 blue sky {colour}\n4 road {colour}\n", "classes.txt")
    assert found.names == {3: "blue sky", 4: "road"} and found.palette[3] == (70, 130, 180)


TWO = "classes.txt differs and is not read: id 0 is box there; remove the list that is wrong"


@pytest.mark.parametrize(
    ("other", "notes"),
    [
        ("box\nroad\nsky\n", (TWO,)),
        ("sky\nroad\nbox\ntree\n", (TWO.replace("0 is box", "3 is tree"),)),
        ("sky\nroad\n", (TWO.replace("id 0 is box there", "id 2 is none there"),)),
        ("0 sky\n1 Road\n2 box\n", ()),
        ("images/f0.png\nimages/f1.png\n", ()),
    ],
)
def test_two_lists_that_differ_are_said(tmp_path, other, notes):
    write_classes(tmp_path, other, "classes.txt")
    wanted = tuple(f"classes.yaml: {each}" for each in notes)
    assert read(tmp_path, "classes: {0: sky, 1: road, 2: box}").notes == wanted


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("nc: 5\nnames: [sky, road, box]", ("data.yaml: nc is 5, but 3 classes are named",)),
        ("nc: 3\nnames: [sky, road, void]", ()),
        ("nc: 2\nnames: [sky, road, void]", ()),
        ("nc: 3\nnames: {0: sky, 1: road, 2: road}", ()),
    ],
)
def test_a_count_that_is_not_that_of_the_classes_is_said(tmp_path, text, notes):
    found = read(tmp_path, text, "data.yaml").notes
    assert tuple(each for each in found if "nc is" in each) == notes


@pytest.mark.parametrize(
    ("name", "text"), [("classes.txt", "sky\nroad\n"), ("classes.csv", "id,name\n0,sky\n1,road\n")]
)
def test_utf_16_that_does_not_say_so_is_refused(tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode("utf-16-le"))
    with pytest.raises(HRSError, match=f"{name} cannot be used: it is no UTF-8 text; save it as UTF-8"):
        find_class_list(tmp_path)


def test_a_name_with_control_characters_is_refused(tmp_path):
    with pytest.raises(HRSError, match=r"names a class 'sk\\x07y', which has control characters; write it anew"):
        read(tmp_path, "sk\x07y\nroad\n", "classes.txt")


@pytest.mark.parametrize("head", ["Idx", "class_idx", "gray", "Nummer", "数字", "Unnamed: 0"])
def test_the_only_column_of_numbers_is_the_id_whatever_it_is_called(tmp_path, head):
    found = read(tmp_path, f"{head},Name\n3,sky\n7,road\n9,box\n", "classes.csv")
    assert found.names == {3: "sky", 7: "road", 9: "box"} and not found.ordered
    assert any("taken from the column" in note for note in found.notes) == (head in ("Nummer", "数字", "Unnamed: 0"))


@pytest.mark.parametrize(
    "heads", ["color_r,color_g,color_b", "Color R,Color G,Color B", "R (0-255),G (0-255),B (0-255)"]
)
def test_colours_under_headings_of_several_words(tmp_path, heads):
    found = read(tmp_path, f"name,{heads}\nsky,1,2,3\nroad,4,5,6\n", "classes.csv")
    assert found.palette == {0: (1, 2, 3), 1: (4, 5, 6)}


@pytest.mark.parametrize("word", ["label", "Name", "class", "category"])
def test_a_first_line_that_may_be_a_class_is_one_and_a_note_says_so(tmp_path, word):
    found = read(tmp_path, f"{word}\ncap\nbottle\n", "classes.txt")
    assert found.names == {0: word, 1: "cap", 2: "bottle"}
    assert found.notes == (f"classes.txt: the first class, and no heading: '{word}'",)


@pytest.mark.parametrize(
    "names", [("2 wheeler", "3 wheeler", "car"), ("ww2 bunker", "18 wheeler", "4 wheeler", "road")]
)
def test_numbers_that_begin_as_no_ids_do_are_of_names(tmp_path, names):
    assert read(tmp_path, "\n".join(names), "classes.txt").names == dict(enumerate(names))
