import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image as Pillow
from skimage.color import deltaE_ciede2000, rgb2lab

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labelling.photoset import NOTHING, Conflict, PhotoSet
from hrs.labels import CAMVID, IGNORE, LabelSpace
from hrs.system.files import DiskFull


def file_of(image, kind="PNG", **options):
    data = BytesIO()
    Pillow.fromarray(image).save(data, kind, **options)
    return data.getvalue()


def picture(height=20, width=30, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.fixture
def own(tmp_path):
    return PhotoSet.create(tmp_path / "town", ["road", "sky", "a thing"])


def test_what_is_labelled_is_a_data_set_like_any_other(own):
    for name, seed in (("one.png", 1), ("two.png", 2), ("three.png", 3)):
        own.add(file_of(picture(seed=seed)), name)
    label = np.full((20, 30), IGNORE, np.uint8)
    label[5:, :] = 2
    own.write_label("two", label)
    found = open_dataset(f"folder:{own.path}")
    assert found.space.classes == ("road", "sky", "a thing")
    assert [frame.image.stem for frame in found.frames] == ["two"]
    np.testing.assert_array_equal(found.read_label(0), label)
    np.testing.assert_array_equal(found.read_image(0), picture(seed=2))
    again = PhotoSet.open(own.path)
    assert again.space == own.space
    assert {photo.name: photo.labelled for photo in again.photos()} == {"one": 0, "three": 0, "two": 0.75}


def test_a_photo_is_kept_byte_for_byte_where_every_tool_sees_it_alike(own):
    jpeg = file_of(picture(), "JPEG")
    assert own.image_file(own.add(jpeg, "a.jpg")).read_bytes() == jpeg


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "WEBP"])
def test_a_photo_of_another_kind_becomes_a_png_of_the_same_pixels(own, kind):
    data = file_of(picture(), kind, **({"lossless": True} if kind == "WEBP" else {}))
    name = own.add(data, f"photo.{kind.lower()}")
    assert own.image_file(name).suffix == ".png"
    np.testing.assert_array_equal(own.read_image(name), picture())


def test_a_photo_that_lies_on_its_side_is_kept_upright(own):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be turned to the right
    name = own.add(file_of(picture(), "PNG", exif=exif), "turned.png")
    np.testing.assert_array_equal(own.read_image(name), np.rot90(picture(), -1))
    with Pillow.open(own.image_file(name)) as kept:
        assert kept.size == (20, 30)


def test_the_same_photo_is_taken_once_and_another_of_its_name_gets_a_number(own):
    assert own.add(file_of(picture(seed=1)), "street view.png") == "street_view"
    assert own.add(file_of(picture(seed=1)), "street view.png") == "street_view"
    assert own.add(file_of(picture(seed=2)), "street view.png") == "street_view-2"
    assert own.add(file_of(picture(seed=3), "JPEG"), "street view.jpg") == "street_view-3"
    assert len(own.photos()) == 3


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.png", "..", ".hidden.png", "日本.png", "a" * 300 + ".png", "街" * 90 + ".png"]
)
def test_whatever_a_photo_was_called_it_stays_in_its_folder(own, name):
    kept = own.image_file(own.add(file_of(picture()), name))
    assert kept.parent == own.path / "images"


def test_what_is_no_photo_is_refused_and_leaves_nothing(own):
    with pytest.raises(HRSError, match=r"notes\.jpg cannot be read as an image"):
        own.add(b"text", "notes.jpg")
    assert own.photos() == []


@pytest.mark.parametrize("name", ["nothing", "../town/images/one", "../../classes", ""])
def test_a_photo_that_is_not_there_has_no_label(own, name):
    own.add(file_of(picture()), "one.png")
    with pytest.raises(HRSError, match="has no photo"):
        own.read_label(name)


def test_two_editors_of_a_photo_notice_each_other(own):
    own.add(file_of(picture()), "one.png")
    _, first = own.read_label("one")
    assert first == NOTHING
    mine, theirs = np.zeros((20, 30), np.uint8), np.ones((20, 30), np.uint8)
    version = own.write_label("one", theirs, over=first)
    with pytest.raises(Conflict, match="changed elsewhere"):
        own.write_label("one", mine, over=first)
    label, now = own.read_label("one")
    np.testing.assert_array_equal(label, theirs)
    assert now == version
    assert own.write_label("one", theirs, over=first) == version, "a save that came twice is no conflict"
    own.write_label("one", mine, over=version)
    np.testing.assert_array_equal(own.read_label("one")[0], mine)


def at_once(act, values):
    """What comes of each value, all at the same time; errors are told as they are."""
    with ThreadPoolExecutor(len(values)) as pool:
        waiting = [pool.submit(act, value) for value in values]
        return [each.exception() or each.result() for each in waiting]


def test_of_those_who_save_over_one_label_at_once_one_comes_through(own):
    own.add(file_of(picture()), "one.png")
    labels = [np.full((20, 30), i % 3, np.uint8) for i in range(8)]
    for i, label in enumerate(labels):
        label.flat[i] = IGNORE
    told = at_once(lambda label: own.write_label("one", label, over=NOTHING), labels)
    assert sum(isinstance(each, Conflict) for each in told) == 7
    (version,) = [each for each in told if isinstance(each, str)]
    assert own.version("one") == version


def test_photos_of_one_name_that_come_at_once_are_all_kept(own):
    files = [file_of(picture(seed=seed)) for seed in range(8)]
    names = at_once(lambda data: own.add(data, "photo.png"), files)
    assert [own.image_file(name).read_bytes() for name in names] == files


def test_classes_that_are_added_at_once_get_ids_of_their_own(own):
    new = [f"new {i}" for i in range(8)]
    at_once(own.with_class, new)
    found = PhotoSet.open(own.path).space.classes
    assert found[:3] == own.space.classes
    assert sorted(found[3:]) == new


@pytest.mark.parametrize(
    ("label", "words"),
    [(np.zeros((20, 31), np.uint8), "expected the photo's size"), (np.full((20, 30), 3, np.uint8), "holds the id 3")],
)
def test_a_label_that_does_not_fit_is_not_written(own, label, words):
    own.add(file_of(picture()), "one.png")
    with pytest.raises(HRSError, match=words):
        own.write_label("one", label)
    assert own.version("one") == NOTHING


def test_a_damaged_label_is_said_and_kept(own):
    own.add(file_of(picture()), "one.png")
    (own.path / "labels/one.png").write_bytes(b"\x89PNG damaged")
    with pytest.raises(HRSError, match=r"one\.png cannot be decoded"):
        own.read_label("one")
    assert own.photos()[0].labelled == 0


def test_a_label_of_another_size_than_its_photo_is_said(own):
    own.add(file_of(picture()), "one.png")
    (own.path / "labels/one.png").write_bytes(file_of(np.zeros((10, 15), np.uint8)))
    with pytest.raises(HRSError, match=r"labels/one\.png has 15x10 pixels, its photo 30x20"):
        own.read_label("one")


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_label_that_was_drawn_on_the_unturned_photo_is_turned_with_it(own, kind):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be turned to the right
    (own.path / f"images/lying.{kind.lower()}").write_bytes(file_of(picture(), kind, exif=exif))
    assert own.size("lying") == (30, 20)
    label = np.random.default_rng(0).integers(0, 3, (20, 30)).astype(np.uint8)
    (own.path / "labels/lying.png").write_bytes(file_of(label))
    np.testing.assert_array_equal(own.read_label("lying")[0], np.rot90(label, -1))
    own.write_label("lying", np.rot90(label, -1))
    np.testing.assert_array_equal(own.read_label("lying")[0], np.rot90(label, -1))


def test_a_new_class_leaves_ids_and_colours_of_the_others(own):
    more = own.with_class("tram line")
    assert more.space.classes == ("road", "sky", "a thing", "tram line")
    assert more.space.palette[:3] == own.space.palette
    assert len(set(more.space.palette)) == 4
    assert PhotoSet.open(own.path).space == more.space
    with pytest.raises(HRSError, match="repeat"):
        more.with_class("Tram-Line")


def test_colours_of_classes_can_be_told_apart(tmp_path):
    """However the classes came; CIEDE2000 of 10 is a difference that is seen at a glance."""
    one_by_one = PhotoSet.create(tmp_path / "one", ["floor", "shelf"])
    for name in ("box", "pallet", "person", "cone", "rack", "tray"):
        one_by_one = one_by_one.with_class(name)
    more = PhotoSet.create(tmp_path / "more", CAMVID).with_class("kerb").with_class("tram").with_class("rail")
    for space in (one_by_one.space, more.space, PhotoSet.create(tmp_path / "all", list("abcdefgh")).space):
        lab = rgb2lab(np.array(space.palette) / 255)
        made = [i for i, colour in enumerate(space.palette) if colour not in CAMVID.palette]
        assert made
        for i in made:
            others = np.delete(lab, i, axis=0)
            assert deltaE_ciede2000(lab[i], others).min() > 10, space


@pytest.mark.parametrize("name", ["void", "Ignore", "un-labeled", "~", "Background"])
def test_what_means_no_class_is_none(own, tmp_path, name):
    with pytest.raises(HRSError, match="means no class"):
        PhotoSet.create(tmp_path / "other", ["a", "b", name])
    with pytest.raises(HRSError, match="means no class"):
        own.with_class(name)
    assert PhotoSet.open(own.path).space.classes == own.space.classes
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("classes", "kept"),
    [
        (("void", "road", "sky"), ("road", "sky")),
        (("void", "road"), ("void", "road")),
        (("background", "car"), ("background", "car")),
    ],
)
def test_corrections_of_any_model_are_opened_again(tmp_path, classes, kept):
    space = LabelSpace(name="x", classes=classes, palette=tuple((i, i, i) for i in range(len(classes))))
    made = PhotoSet.of_corrections(tmp_path, space)
    assert made.path == PhotoSet.of_corrections(tmp_path, space).path
    assert PhotoSet.open(made.path).with_class("tree").space.classes == (*kept, "tree")


def test_streets_have_the_colours_that_people_know(tmp_path):
    own = PhotoSet.create(tmp_path / "town", CAMVID)
    assert PhotoSet.open(own.path).space.palette == CAMVID.palette
    assert PhotoSet.create(tmp_path / "few", ["Sky", "Rest"]).space.palette[0] == (128, 128, 128)


def test_what_lies_in_a_folder_is_not_built_over(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(HRSError, match="is not empty"):
        PhotoSet.create(tmp_path, ["a", "b"])
    with pytest.raises(HRSError, match="no folder images"):
        PhotoSet.open(tmp_path)


def test_ids_with_gaps_are_not_labelled_on(own):
    (own.path / "classes.yaml").write_text("classes: {0: road, 7: sky}\n")
    with pytest.raises(HRSError, match="ids"):
        PhotoSet.open(own.path)


def test_who_corrects_first_at_once_makes_one_set(tmp_path):
    for i in range(20):
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(PhotoSet.of_corrections, [tmp_path / str(i)] * 4, [CAMVID] * 4))
        assert {own.path.name for own in made} == {"corrections"}


def test_a_set_that_cannot_be_made_whole_leaves_nothing(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("hrs.labelling.photoset.atomic_write", Mock(side_effect=DiskFull("disk full")))
        with pytest.raises(HRSError, match="disk full"):
            PhotoSet.of_corrections(tmp_path, CAMVID)
    assert PhotoSet.of_corrections(tmp_path, CAMVID).photos() == []


def test_corrections_of_models_with_other_classes_are_kept_apart(tmp_path):
    first = PhotoSet.of_corrections(tmp_path, CAMVID)
    first.add(file_of(picture()), "one.png")
    assert len(PhotoSet.of_corrections(tmp_path, CAMVID).photos()) == 1
    other = PhotoSet.of_corrections(tmp_path, LabelSpace(name="x", classes=("a", "b"), palette=((1, 1, 1), (2, 2, 2))))
    assert (other.path.name, other.photos()) == ("corrections-2", [])


def test_the_size_of_a_photo_is_that_of_its_picture(own):
    """From the header alone: what is damaged behind it does not matter."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    (own.path / "images/lying.JPEG").write_bytes(file_of(picture(200, 300), "JPEG", exif=exif))
    assert own.size("lying") == own.read_image("lying").shape[:2] == (300, 200)
    file = own.image_file("lying")
    file.write_bytes(file.read_bytes()[:-2000])
    assert own.size("lying") == (300, 200)
    (own.path / "images/none.png").write_bytes(b"text")
    with pytest.raises(HRSError, match=r"none\.png cannot be read as an image"):
        own.size("none")


def test_photos_that_were_put_there_by_hand_count_whatever_their_suffix(own):
    for name in ("a.jpeg", "b.PNG", "c.tif", "notes.txt", ".hidden.png"):
        (own.path / "images" / name).write_bytes(file_of(picture(), "JPEG"))
    assert [photo.name for photo in own.photos()] == ["a", "b", "c"]


def test_a_photo_that_is_not_there_is_told_with_the_nearest(own):
    own.add(file_of(picture()), "street_012.png")
    with pytest.raises(HRSError, match=r"has no photo 'street_013'; did you mean street_012\?"):
        own.image_file("street_013")


def test_a_set_is_listed_once_however_many_photos_it_has(own, monkeypatch):
    for seed in range(4):
        name = own.add(file_of(picture(seed=seed)), f"{seed}.png")
        own.write_label(name, np.full((20, 30), seed % 3, np.uint8))
    listings = list[Path]()
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listings.append(path) or listdir(path))
    assert [photo.labelled for photo in own.photos()] == [1, 1, 1, 1]
    assert len(listings) == 1
    own.read_label("3")
    own.write_label("3", np.zeros((20, 30), np.uint8), over=own.version("3"))
    own.add(file_of(picture(seed=9)), "3.png")
    assert len(listings) == 1


def test_a_photo_is_found_whatever_its_suffix(own):
    for name in ("a.JPEG", "b.Jpg", "c.jPg"):
        (own.path / "images" / name).write_bytes(file_of(picture(), "JPEG"))
    assert {name: own.image_file(name).name for name in "abc"} == {"a": "a.JPEG", "b": "b.Jpg", "c": "c.jPg"}
    with pytest.raises(HRSError, match="has no photo"):
        own.image_file("c" * 300)


def test_a_label_with_a_class_too_many_says_nothing(own):
    own.write_label(own.add(file_of(picture()), "one.png"), np.full((20, 30), 2, np.uint8))
    (own.path / "classes.yaml").write_text("classes: [road, sky]\n")
    assert PhotoSet.open(own.path).photos()[0].labelled == 0
    assert own.photos()[0].labelled == 1


def test_shares_follow_the_labels(own):
    own.add(file_of(picture()), "one.png")
    label = np.zeros((20, 30), np.uint8)
    own.write_label("one", label)
    assert own.photos()[0].labelled == 1
    label[:10] = IGNORE
    own.write_label("one", label)
    assert own.photos()[0].labelled == 0.5


def test_a_photo_does_not_take_over_the_label_of_one_that_is_gone(own):
    first = own.add(file_of(picture(seed=1)), "p.png")
    own.write_label(first, np.zeros((20, 30), np.uint8))
    own.image_file(first).unlink()
    second = own.add(file_of(picture(seed=2)), "p.png")
    assert second == "p-2" and own.read_label(second)[0] is None
