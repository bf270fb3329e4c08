"""Labels that cannot be what their format says."""

import cv2
import numpy as np
import pytest
from PIL import Image

from hrs.data.classmap import ClassMap
from hrs.data.doctor import inspect
from hrs.labels import CITYSCAPES, LabelSpace
from tests.data.files import photo, pictured, save, street, write_classes, write_streets


def findings(spec: str, **options) -> list[tuple[bool, str]]:
    return [(each.certain, each.text) for each in inspect(spec, **options).findings]


def only(spec: str, **options) -> tuple[bool, str]:
    (found,) = findings(spec, **options)
    return found


def test_sound_labels_give_no_findings(tmp_path):
    assert findings(f"folder:{write_classes(write_streets(tmp_path))}") == []


def test_masks_of_0_and_255_are_told_from_an_object_of_id_1(tmp_path):
    write_streets(tmp_path, of=lambda ids: np.where(ids == 2, 255, 0).astype(np.uint8))
    certain, text = only(f"folder:{write_classes(tmp_path, 'classes: {0: background, 1: object}')}")
    assert certain and "id 255 (3.5 % of the pixels) is ignored and object has no pixel" in text
    assert "255: object" in text
    report = inspect(f"folder:{write_classes(tmp_path, 'classes: {0: background, 255: object}')}")
    assert report.findings == () and report.classes["object"] == pytest.approx(3.5, abs=0.1)


def test_one_class_beside_what_is_said_to_be_ignored_is_a_warning(tmp_path):
    write_streets(tmp_path, of=lambda ids: np.where(ids == 2, 255, 0).astype(np.uint8))
    warning = (
        False,
        "only the class background has pixels, and id 255 (3.5 % of the pixels) is ignored, as is said of it: nothing "
        "can be told from it",
    )
    assert only(f"folder:{write_classes(tmp_path, 'classes: {0: background, 1: object}')}")[0]
    write_classes(tmp_path, "id 255: ignore\n", "map.yaml")
    assert only(f"folder:{tmp_path}?classes={tmp_path / 'map.yaml'}") == warning
    assert only(f"folder:{write_classes(tmp_path, 'classes: {0: background, 1: object, 255: void}')}") == warning
    write_classes(tmp_path, "classes: {0: background, 1: object}\nignore: [255]\n")
    assert only(f"folder:{tmp_path}") == warning


@pytest.mark.parametrize("of", [lambda ids: np.full_like(ids, 255), lambda ids: ids + 100])
def test_no_labelled_pixel_is_certain(tmp_path, of):
    certain, text = only(f"folder:{write_classes(write_streets(tmp_path, of=of))}")
    assert certain and "no pixel of its labels has a class" in text and "known are id 0, id 1, id 2" in text


def test_one_class_alone_is_a_warning(tmp_path):
    assert only(f"folder:{write_classes(write_streets(tmp_path, of=np.zeros_like))}") == (
        False,
        "only the class sky has pixels: nothing can be told from it",
    )


def test_a_class_without_pixels_beside_a_common_unknown_id(tmp_path):
    root = write_classes(write_streets(tmp_path, of=lambda ids: np.array([0, 1, 7], np.uint8)[ids]))
    certain, text = only(f"folder:{root}")
    assert not certain and text.startswith("box has no pixel, while id 7 (3.5 % of the pixels) is no class")


def test_common_ids_without_a_name_are_told(tmp_path):
    root = write_classes(write_streets(tmp_path), "classes: {1: road, 2: box}")
    assert only(f"folder:{root}") == (
        False,
        "ids that no list of classes names are ignored: id 0 (46.5 % of the pixels)",
    )


def test_most_pixels_ignored(tmp_path):
    def two_boxes(ids):
        return np.where(ids == 2, 2, np.where(np.roll(ids, 20, axis=1) == 2, 1, 255)).astype(np.uint8)

    certain, text = only(f"folder:{write_classes(write_streets(tmp_path, of=two_boxes), 'classes: {1: cup, 2: box}')}")
    assert not certain and text.startswith("93 % of the pixels have no class; they hold id 255")


def test_of_most_pixels_ignored_those_without_a_class_are_listed_and_by_name(tmp_path):
    root = write_classes(write_streets(tmp_path), "classes: {0: sky, 1: 道路, 2: box}")
    given = ClassMap(entries={"道路": "ignore", "box": "ignore", "9": "x"}, where="map")
    for options in ({"target": CITYSCAPES}, {"classes": given}):
        text = findings(f"folder:{root}", **options)[-1][1]
        assert text.endswith("class; they hold id 1 道路 (50.0 % of the pixels), id 2 box (3.5 % of the pixels)")


def test_values_that_compression_leaves_behind(tmp_path):
    def noisy(ids):
        noise = np.random.default_rng(0).integers(3, 200, ids.shape)
        return np.where(np.random.default_rng(1).random(ids.shape) < 0.05, noise, ids).astype(np.uint8)

    certain, text = only(f"folder:{write_classes(write_streets(tmp_path, of=noisy))}")
    assert not certain and "lossy compression or smooth resizing" in text


def test_sky_below_and_road_above(tmp_path):
    texts = [text for _, text in findings(f"folder:{write_classes(write_streets(tmp_path, of=np.flipud))}")]
    assert any(text.startswith("100 % of sky lies in the lower half") for text in texts)
    assert any("of road lies in the upper half" in text for text in texts)


def test_palettes_that_differ_between_files(tmp_path):
    write_classes(write_streets(tmp_path, 2))
    for i, colours in enumerate(([0, 0, 0, 9, 9, 9, 200, 0, 0], [0, 0, 0, 200, 0, 0, 9, 9, 9])):
        image = Image.fromarray(street(i))
        image.putpalette(colours)
        image.save(tmp_path / f"labels/f{i}.png")
    certain, text = only(f"folder:{tmp_path}")
    assert not certain and "index 1 is 9 9 9 and 200 0 0" in text


def test_photos_of_which_nobody_knows_how_they_were_labelled(tmp_path):
    write_classes(write_streets(tmp_path, 1))
    exif = Image.Exif()
    exif[0x0112] = 3
    save(tmp_path / "images/f0.png", np.rot90(pictured(street()), 2), exif=exif)
    certain, text = only(f"folder:{tmp_path}")
    assert not certain and text.startswith("1 photos are turned by EXIF without a change of size")


def test_train_ids_in_a_format_of_ids(tmp_path):
    write_streets(tmp_path, of=lambda ids: np.array([10, 0, 13], np.uint8)[ids])
    texts = [text for _, text in findings(f"gta5:{tmp_path}")]
    assert any("let the labels' names end in _labelTrainIds.png" in text for text in texts)
    for path in (tmp_path / "labels").iterdir():
        path.rename(path.with_stem(f"{path.stem}_labelTrainIds"))
    report = inspect(f"gta5:{tmp_path}")
    assert report.findings == () and report.classes["road"] == 50


def test_tags_of_another_version(tmp_path):
    def tags(ids):
        red = np.array([11, 1, 14], np.uint8)[ids]
        return np.dstack([red, red * 0, red * 0, red * 0 + 255])

    write_streets(tmp_path, of=tags, images="rgb", labels="seg")
    certain, text = only(f"carla:{tmp_path}?version=0.9.13")
    assert not certain and text.endswith("use ?version=0.9.14") and "as they are read, and 96 %" in text
    for version in ("0.9.15", "0.9.16", "0.10"):
        assert findings(f"carla:{tmp_path}?version={version}") == []


def test_classes_that_are_nothing_in_the_target(tmp_path):
    root = write_classes(write_streets(tmp_path), "classes: {0: sky, 1: 道路, 2: box}")
    texts = [text for _, text in findings(f"folder:{root}", target=CITYSCAPES)]
    assert len(texts) == 2 and "道路 (50 %), box (4 %)" in texts[0] and "54 % of the pixels have no class" in texts[1]
    assert findings(f"folder:{root}") == []


def test_what_maps_to_nothing_at_all_is_certain(tmp_path):
    """Classes that the target has, without a pixel, are no help."""
    root = write_classes(write_streets(tmp_path), "classes: {0: a, 1: b, 2: c, 7: train}")
    assert any(
        certain and "without a counterpart are a, b, c" in text
        for certain, text in findings(f"folder:{root}", target=CITYSCAPES)
    )


def test_unlabelled_photos_are_not_judged(tmp_path):
    photo(tmp_path / "a.png")
    assert findings(f"images:{tmp_path}") == []


def test_colours_that_are_not_listed_are_named(tmp_path):
    palette = np.array([[0, 0, 0], [48, 112, 32], [7, 7, 7]], np.uint8)
    write_streets(tmp_path, of=lambda ids: palette[ids])
    root = write_classes(tmp_path, "background:0,0,0::\nroad:48,112,32::\n", "labelmap.txt")
    assert only(f"folder:{root}") == (
        False,
        "ids that no list of classes names are ignored: colour 7 7 7 (3.5 % of the pixels)",
    )


COLOURS = np.array([[70, 130, 180], [128, 64, 128], [200, 0, 0]], np.uint8)
PALETTE = "classes: {0: sky, 1: road, 2: box}\npalette: {0: [70, 130, 180], 1: [128, 64, 128], 2: [200, 0, 0]}"


def test_listed_colours_with_red_and_blue_exchanged(tmp_path):
    write_streets(tmp_path, of=lambda ids: COLOURS[ids][..., ::-1])
    certain, text = findings(f"folder:{write_classes(tmp_path, PALETTE)}")[0]
    assert certain and "have the listed colours with red and blue exchanged" in text


def test_colours_saved_with_losses(tmp_path):
    root = write_classes(write_streets(tmp_path, of=lambda ids: COLOURS[ids]), PALETTE)
    assert findings(f"folder:{root}") == []
    for i in range(3):
        save(tmp_path / "lossy.jpg", COLOURS[street(i)], quality=80)
        Image.open(tmp_path / "lossy.jpg").save(root / f"labels/f{i}.png")
    certain, text = findings(f"folder:{root}")[0]
    assert certain and "nearly those of the list: the labels were saved with losses" in text


def test_a_class_without_pixels_is_named_with_its_colour(tmp_path):
    write_streets(tmp_path, of=lambda ids: np.array([[1, 2, 3], [90, 91, 92], [1, 2, 3]], np.uint8)[ids])
    root = write_classes(tmp_path, "classes: {0: sky, 1: road}\npalette: {0: [1, 2, 3], 1: [5, 5, 5]}")
    certain, text = only(f"folder:{root}")
    assert certain and text.endswith(
        "if colour 90 91 92 is road, name it so in the list of classes: road: [90, 91, 92] under palette"
    )


def test_ids_from_1_under_a_list_from_0(tmp_path):
    texts = [text for _, text in findings(f"folder:{write_classes(write_streets(tmp_path, of=lambda ids: ids + 1))}")]
    assert texts[0].startswith(
        "ids seem to be numbered from 1 where the classes are from 0: id 0 has no pixel, while id 3"
    )
    assert "write the list of classes as 1: sky, 2: road, 3: box, or save the labels with ids less by 1" in texts[0]
    assert not any("if that is" in text for text in texts)


def test_masks_of_1_and_2_are_not_one_class(tmp_path):
    """With one class in sight it is certain, as where 255 stands for it, and has another remedy."""
    write_streets(tmp_path, of=lambda ids: (ids == 2).astype(np.uint8) + 1)
    certain, text = findings(f"folder:{write_classes(tmp_path, 'classes: {0: background, 1: object}')}")[0]
    assert certain and "write the list of classes as 1: background, 2: object" in text


def test_ids_from_0_with_void_255_where_0_was_void(tmp_path):
    def reduced(ids):
        return np.array([2, 1, 255], np.uint8)[ids]

    for i in range(3):
        save(tmp_path / f"images/training/f{i}.jpg", pictured(street(i)))
        save(tmp_path / f"annotations/training/f{i}.png", reduced(street(i)))
    lines = [f"{i}\t0\t0\t0\t{name}" for i, name in enumerate(("wall", "building", "sky", "floor"), 1)]
    write_classes(tmp_path, "\n".join(lines), "objectInfo150.txt")
    texts = [text for _, text in findings(f"ade20k:{tmp_path}")]
    assert any(
        "from 0 where the classes are from 1" in text and "0: wall, 1: building" in text and "more by 1" in text
        for text in texts
    )


def test_another_kind_of_labels_is_certain_where_nothing_is_labelled(tmp_path):
    """Fence and building have pixels, and the target has neither."""

    def train_ids(ids):
        found = np.array([10, 0, 13], np.uint8)[ids]
        found[-3:] = 11
        return found

    target = LabelSpace(name="own", classes=("train", "pole"), palette=((0, 0, 0), (1, 1, 1)))
    certain, text = findings(f"gta5:{write_streets(tmp_path, of=train_ids)}", target=target)[0]
    assert certain and "let the labels' names end in _labelTrainIds.png" in text


def test_train_ids_in_cityscapes_are_refused_with_the_remedy_that_it_has(tmp_path):
    for i in range(3):
        name = f"leftImg8bit/train/aachen/aachen_000000_00000{i}_leftImg8bit.png"
        save(tmp_path / name, pictured(street(i)))
        label = name.replace("leftImg8bit/", "gtFine/").replace("leftImg8bit", "gtFine_labelIds")
        save(tmp_path / label, np.array([10, 0, 13], np.uint8)[street(i)])
    found = findings(f"cityscapes:{tmp_path}")
    assert found[0][0] and found[0][1].endswith("rename the labels by what they hold, labelIds or labelTrainIds")
    assert not any("list of classes" in text or "only the class" in text for _, text in found)


def test_pixels_of_ids_too_many_to_keep_count_and_rare_classes_are_kept(tmp_path):
    for i in range(6):
        ids = np.zeros((48, 64), np.uint16)
        ids[16:] = np.arange(1000 + 2048 * i, 3048 + 2048 * i).reshape(32, 64)
        ids[0, 0] = 1
        save(tmp_path / f"images/{i}.png", pictured(street(i)))
        save(tmp_path / f"labels/{i}.png", ids)
    report = inspect(f"folder:{write_classes(tmp_path, 'classes: {0: sky, 1: road}')}")
    assert report.ignored == pytest.approx(100 * 2 / 3) and report.classes["road"] == pytest.approx(100 / 1024)
    assert any(each.text.startswith("67 % of the pixels have no class") for each in report.findings)


@pytest.mark.parametrize("text", ["1 road\n2 box\n3 tree\n", "0: void\n1: road\n2: box\n"])
def test_ids_from_0_with_255_for_void_under_a_list_from_1(tmp_path, text):
    """As reduce_zero_label makes them, and as COCO-Stuff's are beside its labels.txt."""
    write_streets(tmp_path, of=lambda ids: np.array([255, 0, 1], np.uint8)[ids])
    write_classes(tmp_path, text, "classes.txt")
    (words,) = (text for _, text in findings(f"folder:{tmp_path}") if "numbered" in text)
    assert "ids seem to be numbered from 0 where the classes are from 1" in words
    assert "0: road, 1: box" in words


def test_ids_from_1_with_255_for_void_are_as_they_are_listed(tmp_path):
    write_streets(tmp_path, of=lambda ids: np.array([255, 1, 2], np.uint8)[ids])
    write_classes(tmp_path, "1 road\n2 box\n3 tree\n", "classes.txt")
    assert findings(f"folder:{tmp_path}") == []


TRAIN = "classes: {" + ", ".join(f"{i}: class {i}" for i in range(19)) + "}"


@pytest.mark.parametrize("resize", [cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_AREA])
def test_labels_that_were_resized_smoothly_to_listed_ids_are_told(tmp_path, resize):
    train_ids = np.array([10, 0, 13], np.uint8)

    def resized(ids):
        small = cv2.resize(train_ids[ids], (40, 30), interpolation=resize)
        return cv2.resize(small, (64, 48), interpolation=resize)

    write_streets(tmp_path, 12, of=resized)
    told = [text for _, text in findings(f"folder:{write_classes(tmp_path, TRAIN)}") if "smooth resizing" in text]
    assert bool(told) == (resize != cv2.INTER_NEAREST)


def test_a_class_that_is_a_pixel_wide_between_two_others_is_no_resizing(tmp_path):
    """Kerbs between road and pavement, whose id lies between theirs."""

    def kerbed(ids):
        kerb = np.zeros_like(ids)
        kerb[:, 31], kerb[:, 32:] = 1, 2
        return kerb

    write_streets(tmp_path, 12, of=kerbed)
    assert not [text for _, text in findings(f"folder:{write_classes(tmp_path)}") if "smooth resizing" in text]
