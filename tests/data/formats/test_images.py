"""Photographs without labels."""

import cv2
import numpy as np
import pytest
from PIL import Image

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labels import CAMVID
from tests.data.files import photo, pictured, save, street


def test_images_are_read_as_rgb(tmp_path):
    rgb = photo(tmp_path / "a.png")
    assert (open_dataset(f"images:{tmp_path}").read_image(0) == rgb).all()


def test_unlabelled_photos(tmp_path):
    photo(tmp_path / "deep/a.png")
    photo(tmp_path / "b.JPG")
    photo(tmp_path / ".hidden.png")
    data = open_dataset(f"images:{tmp_path}")
    assert [frame.id for frame in data.frames] == ["b", "deep/a"]
    assert data.space is None
    for call in (data.read_label, data.read_raw):
        with pytest.raises(HRSError, match="has no labels"):
            call(0)
    with pytest.raises(HRSError, match="has no labels"):
        data.map_to(CAMVID)


def test_photographs_of_one_stem_have_their_own_ids(tmp_path):
    for name in ("a.png", "a.jpg", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 3), np.uint8))
    assert [frame.id for frame in open_dataset(f"images:{tmp_path}").frames] == ["a.jpg", "a.png", "b"]


def test_photographs_without_labels_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / "turned.jpg", exif=exif)
    assert open_dataset(f"images:{tmp_path}").read_image(0).shape == (40, 20, 3)


@pytest.mark.parametrize(
    "mask",
    ["room/{}_mask.png", "room/{}_Seg.png", "room/{}.jpg.png", "room/{}.png", "train_masks/{}_mask.gif"],
)
def test_masks_beside_their_photos_are_no_photos(tmp_path, mask):
    for i in range(3):
        save(tmp_path / f"room/{i}.jpg", pictured(street(i)))
        save(tmp_path / mask.format(i), street(i))
    save(tmp_path / "4.jpg", pictured(street()))
    match = f"3 of 7 images seem to be masks of others, as {mask.format(0)} of room/0.jpg: .*name it folder:{tmp_path}"
    with pytest.raises(HRSError, match=match):
        open_dataset(f"images:{tmp_path}")


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/{}.png", "labels/{}.png"),
        ("train/Images/{}.jpg", "train/Masks/{}.png"),
        ("{}.jpg", "gt/{}.png"),
        ("images/town/{}.png", "annotations/town/{}.png"),
        ("rgb_{}.png", "semantic_segmentation_{}.png"),  # Replicator's
        ("sequence.{}/step0.camera.png", "sequence.{}/step0.camera.semantic segmentation.png"),  # Unity's
        ("{}_leftImg8bit.png", "{}_gtFine_labelIds.png"),
    ],
)
def test_a_folder_of_labels_beside_is_no_photos(tmp_path, image, mask):
    for i in range(3):
        save(tmp_path / image.format(i), pictured(street(i)))
        save(tmp_path / mask.format(i), pictured(street(i)))  # in colours
    match = f"3 of 6 images seem to be masks of others, as {mask.format(0)} of {image.format(0)}: "
    with pytest.raises(HRSError, match=match):
        open_dataset(f"images:{tmp_path}")


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("training/image_2/{}.png", "training/semantic/{}.png"),
        ("JPEGImages/{}.jpg", "SegmentationClass/{}.png"),
        ("rgb/{}.png", "seg/{}.png"),
        ("img/rgb/{}.png", "img/class/{}.png"),
        ("img_dir/train/{}.jpg", "ann_dir/train/{}.png"),
        ("train/{}.png", "trainannot/{}.png"),
        ("images_png/{}.png", "masks_png/{}.png"),
        ("ds0/img/{}.jpg", "ds0/masks_machine/{}.jpg.png"),
    ],
)
def test_masks_in_folders_of_any_name_are_no_photos(tmp_path, image, mask):
    for i in range(3):
        save(tmp_path / image.format(i), pictured(street(i)))
        save(tmp_path / mask.format(i), street(i))
    match = f"3 of 6 images seem to be masks of others, as {mask.format(0)} of {image.format(0)}: "
    with pytest.raises(HRSError, match=match):
        open_dataset(f"images:{tmp_path}")


def test_grey_photographs_of_one_name_are_kept(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64), np.uint8)
    for i in range(3):
        save(tmp_path / f"left/{i}.png", pictured(street(i)))
        save(tmp_path / f"thermal/{i}.png", noise)  # another camera's
        save(tmp_path / f"dull/{i}.png", 100 + noise % 40)
        save(tmp_path / f"night/{i}.png", np.repeat(street(i)[..., None], 3, axis=2) * 90)
    assert len(open_dataset(f"images:{tmp_path}")) == 12


def test_photographs_of_labels_are_kept(tmp_path):
    for i in range(3):
        save(tmp_path / f"bottles/{i}.jpg", pictured(street(i)))
        save(tmp_path / f"label/{i}.jpg", pictured(street(i)))
    assert len(open_dataset(f"images:{tmp_path}")) == 6


def test_photographs_that_are_called_like_masks_are_kept(tmp_path):
    for i in range(6):
        save(tmp_path / f"{i}.jpg", pictured(street(i)))
        save(tmp_path / f"{i}.png", pictured(street(i)))  # the same photo as another kind
        save(tmp_path / f"wall_{i}_label.jpg", pictured(street(i)))
    save(tmp_path / "0_mask.png", street())
    assert len(open_dataset(f"images:{tmp_path}")) == 19


@pytest.mark.parametrize("name", ["a.PNG", "a.JPEG", "a.tif", "a.webp", "a.bmp", "2024/05/a.JPG"])
def test_a_folder_of_photos_is_known_as_such(tmp_path, name):
    save(tmp_path / name, pictured(street()))
    with pytest.raises(HRSError, match=f"this folder looks like images:{tmp_path}$"):
        open_dataset(str(tmp_path))
