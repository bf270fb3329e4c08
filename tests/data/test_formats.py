"""Tiny files in the exact encoding of each public data set, and what is read from them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from hrs.data.formats.integrity import is_whole, is_whole_file
from hrs.data.layouts import Dataset, open_dataset
from hrs.errors import HRSError
from hrs.labels import CAMVID, CAMVID_ORIGINAL, CITYSCAPES, IGNORE


def photo(path: Path, height: int = 4, width: int = 6, seed: int = 0) -> np.ndarray:
    """Writes a random picture and returns it, RGB."""
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1])
    return rgb


def grey(path: Path, ids, dtype=np.uint8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.asarray(ids, dtype))


def row(*ids: int) -> list[list[int]]:
    """A label of 4x6: the ids in the first row, the first id elsewhere."""
    label = np.full((4, 6), ids[0])
    label[0, : len(ids)] = ids
    return label.tolist()


def first_row(dataset: Dataset, count: int, i: int = 0) -> list[str | None]:
    label = dataset.read_label(i)
    assert label.dtype == np.uint8 and label.shape == (4, 6)
    return [None if c == IGNORE else dataset.space.classes[c] for c in label[0, :count]]


def test_images_are_read_as_rgb(tmp_path):
    rgb = photo(tmp_path / "a.png")
    assert (open_dataset(f"images:{tmp_path}").read_image(0) == rgb).all()


def test_synthia_class_is_in_the_red_channel_of_16_bit_pngs(tmp_path):
    photo(tmp_path / "RGB/0000001.png")
    label = np.zeros((4, 6, 3), np.uint16)
    label[..., 2] = row(3, 1, 21, 17, 0, 22)
    label[..., 1] = np.arange(24).reshape(4, 6) + 300  # instances
    (tmp_path / "GT/LABELS").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "GT/LABELS/0000001.png"), label)
    data = open_dataset(f"synthia:{tmp_path}")
    assert data.space.name == "synthia16"
    assert first_row(data, 6) == ["road", "sky", "wall", "rider", None, None]
    assert data.read_raw(0)[0].tolist() == [3, 1, 21, 17, 0, 22]


def palette_png(path: Path, ids) -> None:
    indices = np.asarray(ids, np.uint8)
    image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def mode_of(path: Path) -> str:
    with Image.open(path) as image:
        return image.mode


def test_gta5_reads_palette_indices_and_skips_pairs_of_different_size(tmp_path):
    for name in ("00001", "00002"):
        photo(tmp_path / f"images/{name}.png")
        palette_png(tmp_path / f"labels/{name}.png", row(7, 26, 33, 34, 0))
    photo(tmp_path / "images/00003.png", 8, 6)
    palette_png(tmp_path / "labels/00003.png", row(7))
    data = open_dataset(f"gta5:{tmp_path}")
    assert mode_of(tmp_path / "labels/00001.png") == "P"
    assert [frame.id for frame in data.frames] == ["00001", "00002"]
    assert data.space == CITYSCAPES
    assert first_row(data, 5) == ["road", "car", "bicycle", None, None]
    (skipped,) = data.skipped
    assert (skipped.path.name, skipped.reason) == ("00003.png", "is 6x8, its label 6x4")


@pytest.mark.parametrize(
    ("ending", "ids"), [("labelIds", row(7, 8, 33, 4, 255)), ("labelTrainIds", row(0, 1, 18, 255, 255))]
)
def test_cityscapes_both_kinds_of_ids(tmp_path, ending, ids):
    photo(tmp_path / "leftImg8bit/val/ulm/ulm_000000_000019_leftImg8bit.png")
    grey(tmp_path / f"gtFine/val/ulm/ulm_000000_000019_gtFine_{ending}.png", ids)
    photo(tmp_path / "gtFine/val/ulm/ulm_000000_000019_gtFine_color.png")
    data = open_dataset(f"cityscapes:{tmp_path}", split="val")
    assert [frame.id for frame in data.frames] == ["ulm/ulm_000000_000019"]
    assert data.skipped == ()
    assert first_row(data, 5) == ["road", "sidewalk", "bicycle", None, None]


@pytest.mark.parametrize(
    ("version", "tags", "names"),
    [
        ("0.9.13", row(7, 10, 6, 13, 0), ["road", "vehicle", "road line", "sky", None]),
        ("0.9.14", row(7, 10, 6, 13, 0), ["traffic light", "terrain", "pole", "rider", None]),
    ],
)
def test_carla_tag_is_in_the_red_channel_of_rgba(tmp_path, version, tags, names):
    photo(tmp_path / "rgb/1.png")
    label = np.random.default_rng(0).integers(0, 256, (4, 6, 4), np.uint8)
    label[..., 2] = tags  # OpenCV writes b g r a
    (tmp_path / "seg").mkdir()
    cv2.imwrite(str(tmp_path / "seg/1.png"), label)
    assert mode_of(tmp_path / "seg/1.png") == "RGBA"
    data = open_dataset(f"carla:{tmp_path}?version={version}")
    assert first_row(data, 5) == names
    mapped = data.map_to(CITYSCAPES)
    expected = {"vehicle": "car", "road line": "road"}
    assert first_row(mapped, 5) == [expected.get(name, name) for name in names]


@pytest.mark.parametrize("query", ["", "?version=0.9.12"])
def test_carla_asks_for_its_version(tmp_path, query):
    with pytest.raises(HRSError, match=r"add \?version=0\.9\.13"):
        open_dataset(f"carla:{tmp_path}{query}")


def test_camvid_segnet_ids(tmp_path):
    photo(tmp_path / "val/a.jpg")
    grey(tmp_path / "valannot/a.png", row(0, 3, 10, 11, 12))
    data = open_dataset(f"camvid:{tmp_path}", split="val")
    assert first_row(data, 5) == ["Sky", "Road", "Bicyclist", None, None]


@pytest.mark.parametrize(
    ("images", "labels"), [("train", "train_labels"), ("701_StillsRaw_full", "LabeledApproved_full")]
)
def test_camvid_original_colours(tmp_path, images, labels):
    photo(tmp_path / images / "0001TP_1.png")
    names = ["Road", "Building", "Void", "LaneMkgsDriv", "Bicyclist"]
    colours = {name: colour for colour, name in CAMVID_ORIGINAL.items()}
    label = np.full((4, 6, 3), colours["Sky"], np.uint8)
    label[0, :5] = [colours[name] for name in names]
    label[0, 5] = (1, 2, 3)
    (tmp_path / labels).mkdir()
    cv2.imwrite(str(tmp_path / labels / "0001TP_1_L.png"), label[..., ::-1])
    data = open_dataset(f"camvid:{tmp_path}")
    assert data.space == CAMVID
    assert first_row(data, 6) == ["Road", "Building", None, None, "Bicyclist", None]
    assert data.read_label(0)[1:].tolist() == np.zeros((3, 6), int).tolist()
    assert {*data.encoding.ids, *data.encoding.void} == {(r << 16) + (g << 8) + b for r, g, b in CAMVID_ORIGINAL}


def test_the_original_camvid_has_no_splits(tmp_path):
    photo(tmp_path / "701_StillsRaw_full/a.png")
    with pytest.raises(HRSError, match="has no splits"):
        open_dataset(f"camvid:{tmp_path}", split="val")


def own_classes(root: Path, **more) -> None:
    root.mkdir(exist_ok=True)
    (root / "classes.yaml").write_text(yaml.safe_dump({"classes": {5: "road", 300: "sky", 7: "cat"}, **more}))


def test_folder_with_16_bit_ids_a_palette_and_ignored_ids(tmp_path):
    own_classes(tmp_path, palette={300: [1, 2, 3], 9: [0, 0, 0]}, ignore=[9])
    photo(tmp_path / "images/a.png")
    grey(tmp_path / "labels/a.png", row(5, 300, 7, 9, 255, 40000), np.uint16)
    data = open_dataset(f"folder:{tmp_path}")
    assert data.space.classes == ("road", "cat", "sky")
    assert data.space.palette[2] == (1, 2, 3) and len(set(data.space.palette)) == 3
    assert first_row(data, 6) == ["road", "sky", "cat", None, None, None]
    assert data.encoding.void == {9, 255}
    assert data.read_planted(0) is None


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
        ("names: {0: a}", "cannot be used"),
        ("classes: {0: a, b: c}", "cannot be used"),
        ("classes: {0: a, 70000: c}", "names the id 70000"),
        ("classes: {0: a}", "1 classes"),
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


def test_labels_with_the_wrong_channels_are_refused_when_read(tmp_path):
    own_classes(tmp_path)
    photo(tmp_path / "images/a.png")
    photo(tmp_path / "labels/a.png")
    with pytest.raises(HRSError, match="is in colour; expected one channel"):
        open_dataset(f"folder:{tmp_path}").read_label(0)
    photo(tmp_path / "rgb/a.png")
    grey(tmp_path / "seg/a.png", row(1))
    with pytest.raises(HRSError, match="has one channel; expected RGB"):
        open_dataset(f"carla:{tmp_path}?version=0.9.14").read_label(0)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_files_cut_short_or_damaged_are_told_from_whole_ones(tmp_path, suffix, capfd):
    file = tmp_path / f"a{suffix}"
    photo(file, 100, 120)
    data = file.read_bytes()
    assert is_whole(data) and is_whole_file(file) and is_whole(data + b"appended")
    file.write_bytes(data[: len(data) // 2])
    assert not is_whole_file(file)
    assert not any(is_whole(data[:length]) for length in range(8, len(data), 501))
    with pytest.raises(HRSError, match="has no usable frame"):
        open_dataset(f"images:{tmp_path}")
    assert capfd.readouterr() == ("", "")


def test_a_thumbnail_in_the_header_is_no_end_of_a_photograph(tmp_path):
    photo(tmp_path / "a.jpg", 40, 40)
    data = (tmp_path / "a.jpg").read_bytes()
    thumbnail = b"\xff\xe1\x00\x06\xff\xd8\xff\xd9"
    assert is_whole(data[:2] + thumbnail + data[2:])
    assert not is_whole(data[:2] + thumbnail + data[2:-200])


def test_a_wrong_checksum_is_found_when_the_file_is_read(tmp_path, capfd):
    photo(tmp_path / "a.png", 100, 120)
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(HRSError, match="cannot be decoded"):
        open_dataset(f"images:{tmp_path}").read_image(0)
    assert capfd.readouterr() == ("", "")


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
