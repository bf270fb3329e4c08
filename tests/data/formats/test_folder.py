"""One's own classes."""

import numpy as np
import pytest
from PIL import Image

from hrs.data.layouts import open_dataset
from hrs.data.spec import looks_like
from hrs.errors import HRSError
from tests.data.files import (
    first_row,
    grey,
    own_classes,
    photo,
    pictured,
    row,
    save,
    street,
    write_classes,
    write_streets,
)


def test_folder_with_16_bit_ids_a_palette_and_ignored_ids(tmp_path):
    own_classes(tmp_path, palette={300: [1, 2, 3], 9: [0, 0, 0]}, ignore=[9])
    photo(tmp_path / "images/a.png")
    grey(tmp_path / "labels/a.png", row(5, 300, 7, 9, 255, 40000), np.uint16)
    data = open_dataset(f"folder:{tmp_path}")
    assert data.space.classes == ("road", "cat", "sky")
    assert data.space.palette[2] == (1, 2, 3) and len(set(data.space.palette)) == 3
    assert first_row(data, 6) == ["road", "sky", "cat", None, None, None]
    assert data.encoding.void == {9, 255, 65535, 2**32 - 1}
    assert data.read_planted(0) is None


@pytest.mark.parametrize("more", [{}, {"ignore": [255]}])
def test_a_palette_that_colours_no_class_leaves_ids(tmp_path, more):
    own_classes(tmp_path, palette={255: [0, 0, 0]}, **more)
    photo(tmp_path / "images/a.png")
    grey(tmp_path / "labels/a.png", row(5, 7, 255))
    data = open_dataset(f"folder:{tmp_path}")
    assert data.encoding.channel == "index" and first_row(data, 3) == ["road", "cat", None]


def test_folder_with_8_bit_ids_splits_and_planted_masks(tmp_path):
    own_classes(tmp_path)
    for split, name in (("train", "a"), ("val", "b")):
        photo(tmp_path / f"images/{split}/{name}.png")
        grey(tmp_path / f"labels/{split}/{name}.png", row(5, 7))
    grey(tmp_path / "planted/train/a.png", row(0, 4))
    assert [frame.id for frame in open_dataset(f"folder:{tmp_path}").frames] == ["a"]
    assert open_dataset(f"folder:{tmp_path}").read_planted(0)[0, :2].tolist() == [0, 4]
    val = open_dataset(f"folder:{tmp_path}?split=val")
    assert [frame.id for frame in val.frames] == ["b"] and val.read_planted(0) is None
    with pytest.raises(HRSError, match="has the splits train, val"):
        open_dataset(f"folder:{tmp_path}", split="test")


def test_images_beside_the_folders_of_splits_are_said(tmp_path):
    own_classes(tmp_path)
    for name in ("train/a", "val/b", "c"):
        photo(tmp_path / f"images/{name}.png")
        grey(tmp_path / f"labels/{name}.png", row(5, 7))
    data = open_dataset(f"folder:{tmp_path}")
    assert [frame.id for frame in data.frames] == ["a"]
    assert [(item.path.name, item.reason) for item in data.skipped] == [("c.png", "lies in no split")]


def test_a_mask_of_another_size_is_named_as_such(tmp_path):
    own_classes(tmp_path)
    for name in ("a", "b"):
        photo(tmp_path / f"images/{name}.png")
        grey(tmp_path / f"labels/{name}.png", row(5))
    grey(tmp_path / "planted/a.png", [[0]])
    (skipped,) = open_dataset(f"folder:{tmp_path}").skipped
    assert skipped.reason == "is 6x4, its mask of departures 1x1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not exist"),
        ("classes: [", "cannot be used"),
        ("names: {0: a}", "names 1 class"),
        ("classes: {0: a, b: c}", "cannot be used"),
        ("classes: {0: a, 70000: c}", "names the id 70000"),
        ("classes: {0: a}", r"names 1 class \(a\); expected 2 or more"),
        ('"a\\nb"', r"names a class 'a\\nb', which has control characters; write it anew"),
        ("classes: {0: a, 1: b}\npalette: {1: [1, 2]}", r"colour of 1 is \[1, 2\]; expected \[r, g, b\]"),
        ("classes: {0: a, 1: b}\npalette: {1: [1, 2, 256]}", "from 0 to 255"),
    ],
)
def test_folder_needs_a_sound_list_of_classes(tmp_path, text, message):
    photo(tmp_path / "images/a.png")
    grey(tmp_path / "labels/a.png", row(0))
    if text is not None:
        (tmp_path / "classes.yaml").write_text(text)
    with pytest.raises(HRSError, match=message) as caught:
        open_dataset(f"folder:{tmp_path}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("images", "labels"), [("Images", "Labels"), ("image", "masks"), ("imgs", "Annotations")])
def test_the_two_folders_by_other_names(tmp_path, images, labels):
    root = write_classes(write_streets(tmp_path, 2, images=images, labels=labels))
    assert len(open_dataset(f"folder:{root}")) == 2 and looks_like(root)[0] == f"folder:{root}"
    for split in ("train", "valid"):
        write_streets(tmp_path / "nested", 2, images=f"{split}/{images}", labels=f"{split}/{labels}")
    assert len(open_dataset(f"folder:{write_classes(tmp_path / 'nested')}", split="val")) == 2


def test_masks_beside_outlines_of_yolo_are_read_by_either_format(tmp_path):
    root = write_classes(write_streets(tmp_path, 2, labels="masks"))
    (root / "labels").mkdir()
    for i in range(2):
        (root / f"labels/f{i}.txt").write_text("2 0 0 1 0 1 1\n")
    assert (open_dataset(f"folder:{root}").read_label(0) == street(0)).all()
    assert len(open_dataset(f"yolo:{root}")) == 2


def test_palettes_in_another_order_than_the_list_are_read_by_their_colours(tmp_path):
    """Tools that make a palette of the colours they meet write indices that are no ids."""
    colours = [[70, 130, 180], [128, 64, 128], [200, 0, 0]]
    write_streets(tmp_path, 2)
    for i in range(2):
        image = Image.fromarray(np.array([1, 2, 0], np.uint8)[street(i)])
        image.putpalette([*colours[2], *colours[0], *colours[1]])
        image.save(tmp_path / f"labels/f{i}.png")
    write_classes(
        tmp_path,
        f"classes: {{0: sky, 1: road, 2: box}}\npalette: {{0: {colours[0]}, 1: {colours[1]}, 2: {colours[2]}}}",
    )
    data = open_dataset(f"folder:{tmp_path}")
    assert (data.read_label(0) == street(0)).all() and (data.read_label(1) == street(1)).all()
    assert any("read by their palettes' colours" in each and "take the colours out of" in each for each in data.notes)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("f0.txt", r"no images but \.txt files, outlines as YOLO has them: name it yolo:"),
        ("f0.xml", r"no images but \.xml files, boxes as Pascal VOC"),
        ("f0.npy", r"no images but \.npy files, arrays of NumPy: save them as PNG"),
        ("task-7-annotation-9-by-1-tag-road-0.png", "Label Studio's brush masks, .* export from it as COCO"),
    ],
)
def test_labels_that_another_format_reads_are_named(tmp_path, name, message):
    save(tmp_path / "images/f0.png", pictured(street()))
    save(tmp_path / "labels/f0.png", street())
    (tmp_path / "labels/f0.png").rename(tmp_path / "labels" / name)
    with pytest.raises(HRSError, match=message):
        open_dataset(f"folder:{write_classes(tmp_path)}")


def test_brush_masks_are_no_photos(tmp_path):
    save(tmp_path / "task-7-annotation-9-by-1-tag-road-0.png", street())
    with pytest.raises(HRSError, match="Label Studio's brush masks"):
        open_dataset(f"images:{tmp_path}")


COLOURS = [[70, 130, 180], [128, 64, 128], [200, 0, 0], [0, 255, 0]]
LIST = f"classes: [sky, road, box, kerb]\npalette: {COLOURS}"
BORDER = [224, 224, 192]


def indexed(path, indices, palette):
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette(np.ravel(palette).tolist())
    image.save(path)


@pytest.mark.parametrize("kind", ["png", "gif", "tif"])
def test_palettes_of_a_picture_s_own_colours_alone_are_read_by_them(tmp_path, kind):
    """A file that was indexed anew holds no colour that it does not use."""
    write_classes(write_streets(tmp_path, 2), LIST)
    for i, order in enumerate(([1, 0, 2], [2, 1, 0])):
        (tmp_path / f"labels/f{i}.png").unlink()
        indexed(tmp_path / f"labels/f{i}.{kind}", np.argsort(order)[street(i)], [COLOURS[each] for each in order])
    data = open_dataset(f"folder:{tmp_path}")
    assert all((data.read_label(i) == street(i)).all() for i in range(2))


def test_voc_s_labels_indexed_anew_with_their_borders(tmp_path):
    """0 background, 7 car, and the border of ignored pixels."""
    write_streets(tmp_path, 2, images="JPEGImages", labels="SegmentationClass")
    for i in range(2):
        indexed(tmp_path / f"SegmentationClass/f{i}.png", street(i), [[0, 0, 0], [128, 128, 128], BORDER])
    data = open_dataset(f"voc:{tmp_path}")
    assert (data.read_label(0) == np.array([0, 7, 255])[street(0)]).all()
    assert data.encoding.void >= {(224 << 16) + (224 << 8) + 192}


@pytest.mark.parametrize(
    "palette",
    [
        COLOURS,
        COLOURS[:3],
        [[0, 0, 0], [128, 0, 0], [0, 128, 0]],
        [COLOURS[1], [9, 9, 9], [8, 8, 8]],
        [*COLOURS[:3], *[COLOURS[0]] * 253],
    ],
)
def test_indices_stay_ids_where_the_palette_says_nothing_else(tmp_path, palette):
    write_classes(write_streets(tmp_path, 2), LIST)
    for i in range(2):
        indexed(tmp_path / f"labels/f{i}.png", street(i), palette)
    data = open_dataset(f"folder:{tmp_path}")
    assert (data.read_label(0) == street(0)).all()


def test_void_in_the_colour_of_a_class_leaves_ids(tmp_path):
    write_classes(write_streets(tmp_path, 2), LIST)
    for i in range(2):
        indexed(tmp_path / f"labels/f{i}.png", np.where(street(i) == 2, 255, 1), [*COLOURS, *[COLOURS[0]] * 252])
    data = open_dataset(f"folder:{tmp_path}")
    assert (data.read_label(0) == np.where(street(0) == 2, 255, 1)).all()


def test_ids_beside_palettes_that_are_none_are_refused(tmp_path):
    write_classes(write_streets(tmp_path, 2), LIST)
    indexed(tmp_path / "labels/f0.png", np.array([1, 0, 2])[street()], [COLOURS[1], COLOURS[0], COLOURS[2]])
    with pytest.raises(
        HRSError, match=r"two kinds: .*f0\.png has the listed colours at .*f1\.png has ids; expected one"
    ):
        open_dataset(f"folder:{tmp_path}")


def test_a_colour_that_no_list_names_is_no_reason_to_take_indices_for_ids(tmp_path):
    write_classes(write_streets(tmp_path, 2), LIST)
    for i, box in enumerate((COLOURS[2], [9, 9, 9])):
        indexed(tmp_path / f"labels/f{i}.png", np.array([1, 0, 2])[street(i)], [COLOURS[1], COLOURS[0], box])
    data = open_dataset(f"folder:{tmp_path}")
    assert (data.read_label(0) == street(0)).all()
    assert (data.read_label(1) == np.where(street(1) == 2, 255, street(1))).all()


def test_a_colour_in_every_label_that_no_list_names_is_none_either(tmp_path):
    """Its index, 3, is the id of a class, so that as ids every pixel had one."""
    write_classes(write_streets(tmp_path, 2), LIST)
    for i in range(2):
        palette = [COLOURS[1], COLOURS[0], COLOURS[2], [9, 9, 9]]
        indexed(tmp_path / f"labels/f{i}.png", np.array([1, 0, 3])[street(i)], palette)
    data = open_dataset(f"folder:{tmp_path}")
    for i in range(2):
        assert (data.read_label(i) == np.where(street(i) == 2, 255, street(i))).all()


def test_a_few_colours_of_another_list_are_no_reason_to_leave_ids(tmp_path):
    """The palette is the tool's own; one colour of three is listed, for another class."""
    write_classes(write_streets(tmp_path, 2), LIST)
    for i in range(2):
        indexed(tmp_path / f"labels/f{i}.png", street(i), [COLOURS[1], [9, 9, 9], [8, 8, 8], COLOURS[0]])
    assert (open_dataset(f"folder:{tmp_path}").read_label(0) == street(0)).all()


def test_a_list_of_a_split_may_name_files_with_spaces(tmp_path):
    for name in ("street", "street 2", "street 3"):
        save(tmp_path / f"images/{name}.png", pictured(street()))
        save(tmp_path / f"labels/{name}.png", street())
    write_classes(tmp_path, "street 2\nstreet 3\n", "train.txt")
    write_classes(write_classes(tmp_path, "street\n", "val.txt"))
    for split, names in (("train", ["street 2", "street 3"]), ("val", ["street"])):
        assert [frame.id for frame in open_dataset(f"folder:{tmp_path}", split=split).frames] == names


def test_a_list_of_which_most_is_not_there_yet_is_one(tmp_path):
    write_classes(write_streets(tmp_path, 3))
    write_classes(tmp_path, "f0\n", "train.txt")
    write_classes(tmp_path, "".join(f"gone{i}\n" for i in range(150)) + "f1\n", "val.txt")
    assert [frame.id for frame in open_dataset(f"folder:{tmp_path}", split="val").frames] == ["f1"]


def test_of_classes_of_one_colour_the_first_has_it_and_a_note_says_so(tmp_path):
    coloured = np.array([[70, 130, 180], [0, 0, 142], [0, 0, 0]], np.uint8)
    write_streets(tmp_path, 2, of=lambda ids: coloured[ids])
    rows = ("void,0,0,0", "sky,70,130,180", "car,0,0,142", "plate,0,0,142", "static,0,0,0")
    write_classes(tmp_path, "\n".join(("name,r,g,b", *rows)), "class_dict.csv")
    data = open_dataset(f"folder:{tmp_path}")
    assert [None if i == 255 else data.space.classes[i] for i in np.unique(data.read_label(0))] == ["sky", "car", None]
    assert "class_dict.csv: the colour 0 0 142 is read as car; plate has it too" in data.notes
    assert "class_dict.csv: the colour 0 0 0 is read as what is ignored; static has it too" in data.notes
    write_streets(tmp_path, 2)
    assert not any("has it too" in note for note in open_dataset(f"folder:{tmp_path}").notes)


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (1, "class_dict.csv", "name,r,g,b\nground,0,0,0\ncrack,255,255,255\n"),
        (255, "classes.yaml", "classes: {0: ground, 1: crack}\npalette: {0: [0, 0, 0], 1: [255, 255, 255]}\n"),
    ],
)
def test_one_label_with_a_rare_class_says_how_all_are_read(tmp_path, value, name, text):
    crack = np.where(street() == 2, value, 0).astype(np.uint8)
    for i in range(40):
        save(tmp_path / f"images/{i:02d}.png", pictured(street()))
        save(tmp_path / f"labels/{i:02d}.png", crack if i == 33 else 0 * crack)
    data = open_dataset(f"folder:{write_classes(tmp_path, text, name)}")
    assert (data.read_label(33) == (street() == 2)).all()


def test_text_that_names_no_image_is_no_list_of_a_split(tmp_path):
    write_classes(write_streets(tmp_path, 3))
    for name, text in (("train", "f0\nf1\n"), ("val", "images/f2.png\n"), ("README", "hello\n"), ("LICENSE", "x\n")):
        write_classes(tmp_path, text, f"{name}.txt")
    data = open_dataset(f"folder:{tmp_path}")
    assert data.split == "train; there are also val" and len(data) == 2
    assert [len(open_dataset(f"folder:{tmp_path}", split="val").frames)] == [1]


def test_notes_that_are_called_like_a_split_are_left_out_with_the_reason(tmp_path):
    write_classes(write_classes(write_streets(tmp_path, 3)), "my notes\n", "test.txt")
    data = open_dataset(f"folder:{tmp_path}")
    assert data.split is None and len(data) == 3
    assert [(item.path.name, item.reason) for item in data.skipped] == [
        ("test.txt", "names no image: no list of a split")
    ]


def test_a_list_of_what_is_trained_on_that_names_no_image_is_refused(tmp_path):
    write_classes(write_classes(write_streets(tmp_path, 3)), "elsewhere/a\n", "train.txt")
    with pytest.raises(HRSError, match="is in the list of the split, but not there"):
        open_dataset(f"folder:{tmp_path}")
