import json

import numpy as np
import pytest
from PIL import Image as Pillow

from hrs.cli import app
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labelling.exchange import give_out, take_in
from hrs.labelling.photoset import PhotoSet
from hrs.labels import CAMVID, IGNORE, LabelSpace
from tests.conftest import CLASSES
from tests.labelling.test_photoset import file_of, picture


@pytest.fixture
def own(tmp_path):
    """Three photos, two of them labelled in part, with a black class."""
    made = PhotoSet.create(tmp_path / "town", CAMVID)
    rng = np.random.default_rng(0)
    for seed in range(3):
        name = made.add(file_of(picture(seed=seed)), f"photo{seed}.png")
        if seed:
            made.write_label(name, rng.choice([0, 3, 10, IGNORE], (20, 30)).astype(np.uint8))
    return made


def test_what_goes_to_another_tool_comes_back_as_it_was(own, tmp_path):
    assert give_out(own, tmp_path / "voc") == 2
    again = take_in(open_dataset(f"voc:{tmp_path / 'voc'}"), tmp_path / "again")
    assert again.space.classes == own.space.classes
    assert [photo.name for photo in again.photos()] == ["photo1", "photo2"]
    for name in ("photo1", "photo2"):
        np.testing.assert_array_equal(again.read_label(name)[0], own.read_label(name)[0])
        assert again.image_file(name).read_bytes() == own.image_file(name).read_bytes()


@pytest.mark.parametrize("name", ["a:b", "#one"])
def test_a_name_that_labelmap_cannot_tell_is_refused(tmp_path, name):
    own = PhotoSet.create(tmp_path / "odd", [name, "two"])
    with pytest.raises(HRSError, match=r"cannot be told in labelmap\.txt"):
        give_out(own, tmp_path / "voc")
    assert not (tmp_path / "voc").exists()


def test_the_colours_are_those_of_labelmap(own, tmp_path):
    give_out(own, tmp_path / "voc")
    lines = (tmp_path / "voc/labelmap.txt").read_text().splitlines()[1:]
    colours = {line.split(":")[0]: tuple(map(int, line.split(":")[1].split(","))) for line in lines}
    assert colours["background"] == (0, 0, 0)
    with Pillow.open(tmp_path / "voc/SegmentationClass/photo1.png") as file:
        shown = np.asarray(file.convert("RGB"))
    label = own.read_label("photo1")[0]
    for value, name in ((0, "Sky"), (3, "Road"), (10, "Bicyclist"), (IGNORE, "background")):
        assert (shown[label == value] == colours[name]).all()
    assert (tmp_path / "voc/ImageSets/Segmentation/default.txt").read_text() == "photo1\nphoto2\n"


def test_a_class_that_is_black_is_not_taken_for_nothing(tmp_path):
    own = PhotoSet.create(tmp_path / "town", ["hole", "rest"])
    (own.path / "classes.yaml").write_text("classes: {0: hole, 1: rest}\npalette: {0: [0, 0, 0], 1: [9, 9, 9]}\n")
    own = PhotoSet.open(own.path)
    own.add(file_of(picture()), "one.png")
    label = np.zeros((20, 30), np.uint8)
    label[:5] = IGNORE
    label[5:9] = 1
    own.write_label("one", label)
    give_out(own, tmp_path / "voc")
    again = take_in(open_dataset(f"voc:{tmp_path / 'voc'}"), tmp_path / "again")
    np.testing.assert_array_equal(again.read_label("one")[0], label)


def test_what_means_no_class_is_left_out(tmp_path, capsys):
    """COCO's categories may be called anything; a set of photos could not be opened with them."""
    (tmp_path / "coco/images").mkdir(parents=True)
    (tmp_path / "coco/images/one.png").write_bytes(file_of(picture()))
    names = ["road", "void", "sky"]
    corners = [[0, 0, 29, 0, 29, 4, 0, 4], [0, 7, 29, 7, 29, 11, 0, 11], [0, 14, 29, 14, 29, 19, 0, 19]]
    found = {
        "images": [{"id": 1, "file_name": "one.png", "height": 20, "width": 30}],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": i, "iscrowd": 0, "segmentation": [corner]}
            for i, corner in enumerate(corners, 1)
        ],
    }
    (tmp_path / "coco/instances.json").write_text(json.dumps(found))
    own = take_in(open_dataset(f"coco:{tmp_path / 'coco'}"), tmp_path / "taken")
    assert own.space.classes == ("road", "sky")
    app(
        ["photos", "import", f"coco:{tmp_path / 'coco'}", "mine", "--runs", str(tmp_path / "runs")],
        standalone_mode=False,
    )
    assert "background" in (said := capsys.readouterr().out) and "ignored in training; to learn it as one" in said
    label = own.read_label("one")[0]
    assert label[[2, 9, 16], 15].tolist() == [0, IGNORE, 1]


def test_a_set_with_a_background_is_not_given_out(tmp_path):
    space = LabelSpace(name="x", classes=("background", "car"), palette=((1, 1, 1), (2, 2, 2)))
    own = PhotoSet.of_corrections(tmp_path, space)
    own.write_label(own.add(file_of(picture()), "one.png"), np.zeros((20, 30), np.uint8))
    with pytest.raises(HRSError, match="a class called background"):
        give_out(own, tmp_path / "voc")


def test_a_data_set_is_taken_in(frames, tmp_path):
    dataset = open_dataset(frames["target"])
    own = take_in(dataset, tmp_path / "taken")
    assert own.space.classes == CLASSES
    assert len(own.photos()) == len(dataset)
    np.testing.assert_array_equal(own.read_label(own.photos()[2].name)[0], dataset.read_label(2))


def test_what_cannot_be_exchanged_is_said_and_leaves_nothing(own, tmp_path):
    with pytest.raises(HRSError, match="exists"):
        give_out(own, own.path)
    empty = PhotoSet.create(tmp_path / "empty", ["a", "b"])
    with pytest.raises(HRSError, match="no photo of empty has labels"):
        give_out(empty, tmp_path / "out")
    with pytest.raises(HRSError, match="has no labels"):
        take_in(open_dataset(f"images:{own.path / 'images'}"), tmp_path / "taken")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "taken").exists()


def test_a_set_that_is_there_is_not_replaced(own, frames):
    before = own.read_label("photo1")[0]
    with pytest.raises(HRSError, match="town exists; choose another name"):
        take_in(open_dataset(frames["target"]), own.path)
    np.testing.assert_array_equal(own.read_label("photo1")[0], before)


def test_a_set_that_is_made_meanwhile_is_not_replaced(frames, tmp_path):
    def made_meanwhile(done, _):
        if done == 1:
            PhotoSet.create(tmp_path / "taken", CAMVID)

    with pytest.raises(HRSError, match="taken exists; choose another name"):
        take_in(open_dataset(frames["target"]), tmp_path / "taken", progress=made_meanwhile)
    assert PhotoSet.open(tmp_path / "taken").space.classes == CAMVID.classes


def test_the_command_line_does_both(own, frames, tmp_path, capsys):
    app(["photos", "import", frames["target"], "mine", "--runs", str(tmp_path / "runs")], standalone_mode=False)
    assert capsys.readouterr().out.startswith("6 photos in ")
    out = tmp_path / "voc"
    app(["photos", "export", "mine", str(out), "--runs", str(tmp_path / "runs")], standalone_mode=False)
    assert f"name folder:{tmp_path / 'runs/datasets/mine'}" in capsys.readouterr().out
    assert len(open_dataset(f"voc:{out}")) == 6
    with pytest.raises(HRSError, match="expected up to 100 letters"):
        app(["photos", "import", frames["target"], "../out", "--runs", str(tmp_path)], standalone_mode=False)


def test_a_label_that_is_damaged_is_said_and_not_left_out(own, tmp_path):
    (own.path / "labels/photo2.png").write_bytes((own.path / "labels/photo2.png").read_bytes()[:40])
    with pytest.raises(HRSError, match="photo2"):
        give_out(own, tmp_path / "voc")
    assert not (tmp_path / "voc").exists()
