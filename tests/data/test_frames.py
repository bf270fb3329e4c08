"""How images find their labels."""

import struct
import unicodedata
import zlib

import numpy as np
import pytest
from PIL import Image

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from tests.data.files import pictured, save, street, write_classes, write_streets


def names(root, **options) -> list[str]:
    return [frame.id for frame in open_dataset(f"folder:{root}", **options).frames]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("f{}", "{}_mask.png"),
        ("f{}", "{}_Label.png"),
        ("f{}", "{}_gtFine_labelIds.png"),
        ("f{}", "{}.png.png"),
        ("f{}", "mask_{}.png"),
        ("F{}", "f{}.png"),
        ("f{}_rgb", "{}_seg.png"),
        ("image_{}", "label_{}.png"),
        ("img{}", "mask{}.png"),
    ],
)
def test_what_people_add_to_names(tmp_path, name, label):
    for i in range(3):
        save(tmp_path / "images" / f"{name.format(i)}.png", pictured(street(i)))
        base = f"f{i}" if name.startswith("f") and "_rgb" in name else name.format(i)
        stem = label.format(i) if label in ("f{}.png", "label_{}.png", "mask{}.png") else label.format(base)
        save(tmp_path / "labels" / stem, street(i))
    data = open_dataset(f"folder:{write_classes(tmp_path)}")
    assert [frame.id for frame in data.frames] == [name.format(i) for i in range(3)]
    assert all((data.read_label(i) == street(i)).all() for i in range(3))
    assert data.skipped == () and len(data.notes) == 1 and data.notes[0].startswith("3 labels were matched without")


def test_names_that_meet_as_they_are_come_first(tmp_path):
    write_classes(write_streets(tmp_path, 2))
    save(tmp_path / "labels/f0_mask.png", np.zeros((48, 64), np.uint8))
    data = open_dataset(f"folder:{tmp_path}")
    assert (data.read_label(0) == street(0)).all() and data.notes == ()
    assert [(item.path.name, item.reason) for item in data.skipped] == [("f0_mask.png", "has no image")]


def test_both_unicode_forms_of_a_name_are_one(tmp_path):
    save(tmp_path / "images" / unicodedata.normalize("NFD", "Straße é.png"), pictured(street()))
    save(tmp_path / "labels" / unicodedata.normalize("NFC", "Straße é.png"), street())
    assert names(write_classes(tmp_path)) == [unicodedata.normalize("NFC", "Straße é")]


def test_rooms_and_cities_below_images_are_all_read(tmp_path):
    for room in ("office", "kitchen"):
        write_streets(tmp_path, 2, images=f"images/{room}", labels=f"labels/{room}")
    assert names(write_classes(tmp_path)) == ["kitchen/f0", "kitchen/f1", "office/f0", "office/f1"]
    assert names(tmp_path, split="office") == ["f0", "f1"]


def test_splits_by_other_names_other_places_and_lists(tmp_path):
    for split, count in (("training", 3), ("validation", 2)):
        write_streets(tmp_path / "a", count, images=f"images/{split}", labels=f"labels/{split}")
        write_streets(tmp_path / "b", count, images=f"{split}/images", labels=f"{split}/labels")
    write_streets(tmp_path / "c", 5)
    (tmp_path / "c/train.txt").write_text("f0 \nimages/f1.png\r\nf2\n")
    (tmp_path / "c/val.txt").write_text("f3\nf4\n")
    for each in "abc":
        root = write_classes(tmp_path / each)
        assert (len(names(root)), len(names(root, split="val")), len(names(root, split="valid"))) == (3, 2, 2)
    assert open_dataset(f"folder:{tmp_path / 'c'}").skipped == ()


def test_labels_that_lose_values_are_refused(tmp_path):
    write_classes(write_streets(tmp_path, 2))
    for name in ("f0", "f1"):
        (tmp_path / f"labels/{name}.png").unlink()
    save(tmp_path / "labels/f0.jpg", street())
    save(tmp_path / "labels/f1.webp", street())
    with pytest.raises(HRSError, match=r"f0\.jpg is a lossy image.*save labels as PNG"):
        open_dataset(f"folder:{tmp_path}")
    Image.fromarray(street(1)).save(tmp_path / "labels/f1.webp", lossless=True)
    data = open_dataset(f"folder:{tmp_path}")
    assert [frame.id for frame in data.frames] == ["f1"] and (data.read_label(0) == street(1)).all()


@pytest.mark.parametrize(
    ("suffix", "lossy", "lossless"),
    [
        ("tif", {"compression": "jpeg"}, {"compression": "tiff_lzw"}),
        ("jp2", {"irreversible": True}, {}),
        ("j2k", {"irreversible": True, "no_jp2": True}, {"no_jp2": True}),
    ],
)
def test_labels_that_lose_values_in_files_that_need_not(tmp_path, suffix, lossy, lossless):
    write_classes(write_streets(tmp_path, 2))
    for i, options in enumerate((lossy, lossless)):
        (tmp_path / f"labels/f{i}.png").unlink()
        save(tmp_path / f"labels/f{i}.{suffix}", street(i), **options)
    data = open_dataset(f"folder:{tmp_path}")
    assert [frame.id for frame in data.frames] == ["f1"] and (data.read_label(0) == street(1)).all()
    (skipped,) = data.skipped
    assert skipped.path.name == f"f0.{suffix}" and "is a lossy image" in skipped.reason


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("drawn_on", ["upright", "stored"])
@pytest.mark.parametrize("kind", ["png", "tif"])
def test_exif_turns_pictures_and_labels_where_sizes_prove_it(tmp_path, orientation, drawn_on, kind):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = street(3, 40, 60)
    save(tmp_path / f"images/a.{kind}", pictured(stored), exif=exif)
    tagged = Image.fromarray(stored)
    tagged.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(tagged))
    on_side = orientation > 4
    label = upright if drawn_on == "upright" or not on_side else stored
    save(tmp_path / "labels/a.png", label)
    data = open_dataset(f"folder:{write_classes(tmp_path)}")
    assert (data.read_image(0) == pictured(upright)).all() and (data.read_label(0) == upright).all()
    assert data.frames[0].doubtful == (orientation in (2, 3, 4))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "tif"])
def test_a_label_that_is_a_turned_tiff_is_turned_once(tmp_path, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / f"images/a.{kind}", pictured(street(3, 40, 60)), exif=exif)
    save(tmp_path / "labels/a.tif", street(3, 40, 60), exif=exif)
    data = open_dataset(f"folder:{write_classes(tmp_path)}")
    assert (pictured(data.read_label(0)) == data.read_image(0)).all() or kind == "jpg"
    assert data.read_label(0).shape == data.read_image(0).shape[:2]


@pytest.mark.parametrize("layout", ["images/{}", "{}/images"])
def test_splits_may_have_a_number_behind(tmp_path, layout):
    for split, count in (("train2017", 3), ("val2017", 2), ("test-dev2017", 1)):
        images = layout.format(split)
        write_streets(tmp_path, count, images=images, labels=images.replace("images", "labels"))
    write_classes(tmp_path)
    assert (len(names(tmp_path)), len(names(tmp_path, split="val")), len(names(tmp_path, split="val2017"))) == (3, 2, 2)
    images = layout.format("train2014")
    write_streets(tmp_path, 1, images=images, labels=images.replace("images", "labels"))
    with pytest.raises(HRSError, match=r"train2014, train2017 may all be train; name one with \?split="):
        names(tmp_path)
    assert len(names(tmp_path, split="train2017")) == 3


def promise(width: int, height: int) -> bytes:
    """A PNG whose header promises more pixels than it has."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", b""), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def test_an_image_of_too_many_pixels_is_said_to_be_too_large(tmp_path):
    write_classes(write_streets(tmp_path, 1))
    for size, name in (((14_000, 10_000), "large"), ((20_000, 10_000), "huge")):
        for folder in ("images", "labels"):
            (tmp_path / folder / f"{name}.png").write_bytes(promise(*size))
    found = {item.path.name: item.reason for item in open_dataset(f"folder:{tmp_path}").skipped}
    assert found["large.png"].startswith("has 14000x10000 pixels; at most 128 megapixels are read")
    assert found["huge.png"].startswith("has far more pixels than are read")


def test_what_a_list_names_in_vain_is_said(tmp_path):
    write_classes(write_streets(tmp_path, 4))
    (tmp_path / "train.txt").write_bytes(
        b"\xef\xbb\xbfC:\\data\\images\\f0.png\r\nimages/f1.png labels/f1.png\r\nf77\r\n"
    )
    data = open_dataset(f"folder:{tmp_path}")
    assert [frame.id for frame in data.frames] == ["f0", "f1"]
    assert [(str(item.path), item.reason) for item in data.skipped] == [
        ("f77", "is in the list of the split, but not there")
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", "is a video, whatever its name says"),
        (b"\x1aE\xdf\xa3webm", "is a video, whatever its name says"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "is a pointer of Git LFS; fetch the file itself: git lfs pull",
        ),
        (b"nothing known", "is not a readable image"),
    ],
)
def test_files_that_are_no_images_are_called_what_they_are(tmp_path, content, reason):
    write_classes(write_streets(tmp_path, 2))
    (tmp_path / "images/f1.png").write_bytes(content)
    assert [item.reason for item in open_dataset(f"folder:{tmp_path}").skipped] == [reason]


def test_all_reasons_are_given_where_no_frame_is_left(tmp_path):
    write_classes(write_streets(tmp_path, 2))
    for i in range(2):
        (tmp_path / f"labels/f{i}.png").rename(tmp_path / f"labels/g{i + 5}.png")
    with pytest.raises(
        HRSError,
        match=r"left out 2 files \(has no label: f0\.png, f1\.png\), 2 files \(has no image: g5\.png, g6\.png\)",
    ):
        open_dataset(f"folder:{tmp_path}")
