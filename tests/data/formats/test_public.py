"""Public data sets in their own layouts, a frame or two each."""

import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from hrs.data.doctor import inspect
from hrs.data.layouts import open_dataset
from hrs.data.spec import looks_like
from hrs.errors import HRSError
from tests.data.files import palette_png, pictured, save, street, write_classes, write_streets

IDS = np.array([23, 7, 26], np.uint8)  # of Cityscapes: sky, road, car
TRAIN = np.array([10, 0, 13], np.uint8)
COLOURED = np.array([[70, 130, 180], [128, 64, 128], [0, 0, 142]], np.uint8)
STREET = {"sky": 46.5, "road": 50.0, "car": 3.5}


def frame(root, image, label, of=IDS, seed=0):
    save(root / image, pictured(street(seed)))
    save(root / label, of[street(seed)])


def shares(spec, **options):
    return {name: round(share, 1) for name, share in inspect(spec, **options).classes.items() if share}


def kitti(root):
    frame(root, "training/image_2/000000_10.png", "training/semantic/000000_10.png")


def synscapes(root):
    frame(root, "img/rgb/1.png", "img/class/1.png")


def bdd100k(root):
    for split in ("train", "val"):
        frame(root, f"images/10k/{split}/a.jpg", f"labels/sem_seg/masks/{split}/a.png", TRAIN)


def old_bdd100k(root):
    for split in ("train", "val"):
        frame(root, f"images/{split}/a.jpg", f"labels/{split}/a_train_id.png", TRAIN)


def idd(root):
    for split in ("train", "val"):
        level3 = np.array([25, 0, 9], np.uint8)
        stem = f"{split}/0/1"
        frame(root, f"leftImg8bit/{stem}_leftImg8bit.png", f"gtFine/{stem}_gtFine_labellevel3Ids.png", level3)


def idd_of_ids(root):
    ids = np.array([33, 0, 12], np.uint8)
    frame(root, "leftImg8bit/train/0/1_leftImg8bit.png", "gtFine/train/0/1_gtFine_labelids.png", ids)


def idd_lite(root):
    for split in ("train", "val"):
        frame(
            root, f"leftImg8bit/{split}/0/1_image.jpg", f"gtFine/{split}/0/1_label.png", np.array([6, 0, 3], np.uint8)
        )


def vkitti(root):
    colours = np.array([[90, 200, 255], [100, 60, 100], [255, 127, 80]], np.uint8)
    place = "Scene01/clone/frames"
    frame(root, f"{place}/rgb/Camera_0/rgb_00000.jpg", f"{place}/classSegmentation/Camera_0/classgt_00000.png", colours)


def vistas(root):
    for split in ("training", "validation"):
        frame(root, f"{split}/images/a.jpg", f"{split}/v1.2/labels/a.png", np.array([0, 1, 2], np.uint8))
    listed = [{"readable": name, "color": [i, i, i]} for i, name in enumerate(["Sky", "Road", "Car", "Unlabeled"])]
    (root / "config_v1.2.json").write_text(json.dumps({"labels": listed}))


def ade20k(root):
    for split in ("training", "validation"):
        frame(root, f"images/{split}/a.jpg", f"annotations/{split}/a.png", np.array([3, 7, 21], np.uint8))
    rows = [f"{i}\t0.1\t1\t1\tthing{i}" for i in range(1, 151)]
    rows[2], rows[6], rows[20] = (
        f"{i}\t0\t1\t1\t{name}" for i, name in ((3, "sky"), (7, "road, route"), (21, "car, auto"))
    )
    (root / "objectInfo150.txt").write_text("Idx\tRatio\tTrain\tVal\tName\n" + "\n".join(rows))


def mmseg(root):
    for split in ("train", "val"):
        frame(root, f"img_dir/{split}/a.jpg", f"ann_dir/{split}/a.png", np.array([0, 1, 2], np.uint8))
    (root / "classes.txt").write_text("sky\nroad\ncar\n")


def roboflow(root):
    for split in ("train", "valid"):
        frame(root, f"{split}/p_jpg.rf.ab12.jpg", f"{split}/p_jpg.rf.ab12_mask.png", np.array([0, 1, 2], np.uint8))
        (root / f"{split}/_classes.csv").write_text("Pixel Value, Class\n0, sky\n1, road\n2, car\n")


def voc(root):
    ids = np.array([0, 7, 15], np.uint8)
    for i in range(3):
        frame(root, f"JPEGImages/2007_{i}.jpg", f"SegmentationClass/2007_{i}.png", ids, i)
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/train.txt").write_text("2007_0 \n2007_1\r\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("2007_2\n")


def gta5(root):
    save(root / "images/00001.png", pictured(street()))
    palette_png(root / "labels/00001.png", IDS[street()])


def synthia(root):
    save(root / "RGB/0000001.png", pictured(street()))
    (root / "GT/LABELS").mkdir(parents=True)
    tags = np.array([1, 3, 8], np.uint16)[street()]
    cv2.imwrite(str(root / "GT/LABELS/0000001.png"), np.dstack([np.full_like(tags, 9), np.full_like(tags, 9), tags]))


def cityscapes(root):
    frame(root, "leftImg8bit/train/a/1_leftImg8bit.png", "gtFine/train/a/1_gtFine_labelIds.png")


def cityscapes_train_ids(root):
    frame(root, "leftImg8bit/train/a/1_leftImg8bit.png", "gtFine/train/a/1_gtFine_labelTrainIds.png", TRAIN)


def camvid(root):
    frame(root, "train/a.png", "trainannot/a.png", np.array([0, 3, 8], np.uint8))


CAMVID_COLOURS = np.array([[128, 128, 128], [128, 64, 128], [64, 0, 128]], np.uint8)


def camvid_in_colours(root):
    frame(root, "train/a.png", "train_labels/a_L.png", CAMVID_COLOURS)


def original_camvid(root):
    frame(root, "701_StillsRaw_full/a.png", "LabeledApproved_full/a_L.png", CAMVID_COLOURS)


def carla(root):
    frame(root, "rgb/a.png", "seg/a.png", np.array([[11, 0, 0], [1, 0, 0], [14, 0, 0]], np.uint8))


LISTED = "classes: [sky, road, car]"


def folder(root):
    write_classes(write_streets(root), LISTED)


def folder_of_masks(root):
    write_classes(write_streets(root, labels="masks"), LISTED)


def folder_of_splits(root):
    write_classes(write_streets(root, images="images/train", labels="labels/train"), LISTED)


def folder_in_splits(root):
    write_classes(write_streets(root, images="train/images", labels="train/labels"), LISTED)


def folder_with_lists(root):
    folder(root)
    (root / "train.txt").write_text("f0\nf1\n")


BOX = {(x, y) for y, x in np.argwhere(street() == 2).tolist()}
LEFT, TOP, RIGHT, BOTTOM = min(BOX)[0], min(y for _, y in BOX), max(BOX)[0], max(y for _, y in BOX)
OUTLINES = {
    "sky": [(0, 0), (63, 0), (63, 23), (0, 23)],
    "road": [(0, 24), (63, 24), (63, 47), (0, 47)],
    "car": [(LEFT, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (LEFT, BOTTOM)],
}


def yolo(root):
    save(root / "images/train/a.jpg", pictured(street()))
    (root / "labels/train").mkdir(parents=True)
    corners = [" ".join(f"{x / 64} {y / 48}" for x, y in outline) for outline in OUTLINES.values()]
    (root / "labels/train/a.txt").write_text("\n".join(f"{i} {each}" for i, each in enumerate(corners)))
    (root / "data.yaml").write_text("names: [sky, road, car]")


def yolo_in_splits(root):
    yolo(root / "made")
    for kind in ("images", "labels"):
        (root / "train").mkdir(exist_ok=True)
        (root / "made" / kind / "train").rename(root / "train" / kind)
    (root / "made/data.yaml").rename(root / "data.yaml")
    shutil.rmtree(root / "made")


def between(outline):
    """A rectangle's corners between pixels, as one list."""
    (left, top), (right, bottom) = outline[0], outline[2]
    return [left, top, right + 1, top, right + 1, bottom + 1, left, bottom + 1]


def coco(root, place="annotations/instances_train.json", image="train/a.jpg"):
    save(root / image, pictured(street()))
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    objects = [
        {"image_id": 1, "category_id": i, "area": 9 - i, "segmentation": [between(outline)]}
        for i, outline in enumerate(OUTLINES.values())
    ]
    named = [{"id": i, "name": name} for i, name in enumerate(OUTLINES)]
    images = [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}]
    (root / place).write_text(json.dumps({"images": images, "annotations": objects, "categories": named}))


def coco_of_roboflow(root):
    coco(root, "train/_annotations.coco.json")


def coco_of_label_studio(root):
    coco(root, "result.json", "images/a.jpg")


def labelme(root):
    save(root / "a.jpg", pictured(street()))
    shapes = [{"label": name, "points": outline} for name, outline in OUTLINES.items()]
    (root / "a.json").write_text(json.dumps({"shapes": shapes, "imagePath": "a.jpg"}))


def voc_of_cvat(root):
    frame(root, "JPEGImages/a.jpg", "SegmentationClass/a.png", COLOURED)
    lines = [f"{name}:{','.join(map(str, colour))}::" for name, colour in zip(OUTLINES, COLOURED.tolist(), strict=True)]
    (root / "labelmap.txt").write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (gta5, "gta5"),
        (synthia, "synthia"),
        (cityscapes, "cityscapes"),
        (cityscapes_train_ids, "cityscapes"),
        (camvid, "camvid"),
        (camvid_in_colours, "camvid"),
        (original_camvid, "camvid"),
        (carla, "carla"),
        (voc_of_cvat, "voc"),
        (yolo, "yolo"),
        (yolo_in_splits, "yolo"),
        (coco, "coco"),
        (coco_of_roboflow, "coco"),
        (coco_of_label_studio, "coco"),
        (labelme, "labelme"),
        (folder, "folder"),
        (folder_of_masks, "folder"),
        (folder_of_splits, "folder"),
        (folder_in_splits, "folder"),
        (folder_with_lists, "folder"),
        (kitti, "kitti"),
        (synscapes, "synscapes"),
        (bdd100k, "bdd100k"),
        (old_bdd100k, "bdd100k"),
        (idd, "idd"),
        (idd_of_ids, "idd"),
        (idd_lite, "idd"),
        (vkitti, "vkitti"),
        (vistas, "vistas"),
        (ade20k, "ade20k"),
        (mmseg, "mmseg"),
        (roboflow, "roboflow"),
    ],
)
def test_a_public_layout_is_read_and_recognised(tmp_path, make, name):
    make(tmp_path)
    spec = looks_like(tmp_path)[0]
    assert spec.startswith(f"{name}:{tmp_path}")
    report = inspect(spec)
    called = {"drivable": "road", "vehicles": "car"}  # in IDD-Lite
    found = {called.get(each, each.lower()): round(share, 1) for each, share in report.classes.items() if share}
    assert found == STREET and report.findings == () and report.skipped == ()
    if "split" in str(open_dataset(spec).spec) or name in ("bdd100k", "vistas", "ade20k", "mmseg", "roboflow"):
        assert len(open_dataset(spec, split="val")) == 1


def test_voc_has_its_classes_and_lists(tmp_path):
    voc(tmp_path)
    assert looks_like(tmp_path) == [f"voc:{tmp_path}"]
    report = inspect(f"voc:{tmp_path}")
    assert report.pairs == 2 and report.classes["car"] == 50 and report.skipped == ()
    assert len(open_dataset(f"voc:{tmp_path}", split="val")) == 1 and "VOC's 21" in report.dataset.notes[0]


def test_voc_as_cvat_exports_it(tmp_path):
    colours = np.array([[0, 0, 0], [48, 112, 32], [176, 112, 32]], np.uint8)
    frame(tmp_path, "JPEGImages/a.jpg", "SegmentationClass/a.png", colours)
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nsky:0,0,0::\nroad:48,112,32::\nbox:176,112,32::\n"
    )
    assert shares(f"voc:{tmp_path}") == {"sky": 46.5, "road": 50.0, "box": 3.5}


def test_folder_with_colours_in_any_list(tmp_path):
    colours = np.array([[0, 0, 0], [48, 112, 32], [176, 112, 32]], np.uint8)
    frame(tmp_path, "images/a.jpg", "labels/a.png", colours)
    for name, text in (
        ("labelmap.txt", "sky:0,0,0::\nroad:48,112,32::\nbox:176,112,32::\n"),
        ("classes.csv", "name,r,g,b\nsky,0,0,0\nroad,48,112,32\nbox,176,112,32\n"),
        ("classes.yaml", "classes: [sky, road, box]\npalette: [[0, 0, 0], [48, 112, 32], [176, 112, 32]]\n"),
    ):
        (tmp_path / name).write_text(text)
        assert shares(f"folder:{tmp_path}") == {"sky": 46.5, "road": 50.0, "box": 3.5}
        (tmp_path / name).unlink()


@pytest.mark.parametrize("mode", ["rgb", "la", "1", "L;2", "L;4", "P"])
def test_ids_in_every_kind_of_image(tmp_path, mode):
    ids = np.where(street() == 2, 1, 0).astype(np.uint8) if mode == "1" else street()
    save(tmp_path / "images/a.png", pictured(street()))
    (tmp_path / "labels").mkdir()
    path = tmp_path / "labels/a.png"
    if mode == "rgb":
        save(path, np.repeat(ids[..., None], 3, axis=2))
    elif mode == "la":
        Image.merge("LA", (Image.fromarray(ids), Image.new("L", ids.shape[::-1], 255))).save(path)
    elif mode == "1":
        Image.fromarray(ids.astype(bool)).save(path)
    elif mode == "P":
        image = Image.fromarray(ids)
        image.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10])
        image.save(path)
    else:
        path.write_bytes(few_bits(ids, int(mode[-1])))
    (tmp_path / "classes.yaml").write_text("classes: [sky, road, box]")
    assert (open_dataset(f"folder:{tmp_path}").read_label(0) == ids).all()


def few_bits(ids, bits):
    """A grey PNG of few bits a pixel, as optipng leaves it."""
    import struct
    import zlib

    per = 8 // bits
    packed = sum(
        ids.reshape(ids.shape[0], -1, per)[..., k].astype(np.uint8) << (8 - bits * (k + 1)) for k in range(per)
    )
    rows = b"".join(b"\0" + row.tobytes() for row in packed.astype(np.uint8))
    header = struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def test_idd_without_label_images_says_how_to_make_them(tmp_path):
    save(tmp_path / "leftImg8bit/train/0/1_leftImg8bit.png", pictured(street()))
    (tmp_path / "gtFine/train/0").mkdir(parents=True)
    with pytest.raises(HRSError, match="make them of its polygons"):
        open_dataset(f"idd:{tmp_path}")


def test_synthia_sequences_have_ids_of_their_own(tmp_path):
    import cv2

    label = np.zeros((48, 64, 3), np.uint16)
    label[..., 2] = np.array([1, 3, 12], np.uint16)[street()]
    for place in ("RGB", "GT/LABELS"):
        (tmp_path / place / "Stereo_Left/Omni_F").mkdir(parents=True)
    save(tmp_path / "RGB/Stereo_Left/Omni_F/000000.png", pictured(street()))
    cv2.imwrite(str(tmp_path / "GT/LABELS/Stereo_Left/Omni_F/000000.png"), label)
    assert shares(f"synthia:{tmp_path}") == {"sky": 46.5, "road": 50.0, "lane marking": 3.5}


@pytest.mark.parametrize("kind", ["palette", "blue", "grey"])
def test_carla_saved_in_other_ways(tmp_path, kind):
    tags = np.array([11, 1, 14], np.uint8)[street()]
    label = {
        "palette": np.array([[70, 130, 180, 255], [128, 64, 128, 255], [0, 0, 142, 255]], np.uint8)[street()],
        "blue": np.dstack([tags * 0, tags * 0, tags]),
        "grey": tags,
    }[kind]
    save(tmp_path / "rgb/a.png", pictured(street()))
    save(tmp_path / "seg/a.png", label)
    report = inspect(f"carla:{tmp_path}?version=0.9.15")
    assert {name: round(share, 1) for name, share in report.classes.items() if share} == STREET
    assert report.findings == () and len(report.dataset.notes) == (kind != "grey")


def test_cityscapes_whose_cities_are_links(tmp_path):
    for i, city in enumerate(("aachen", "bremen")):
        stem = f"{city}_000000_00000{i}"
        frame(
            tmp_path / "store",
            f"leftImg8bit/{city}/{stem}_leftImg8bit.png",
            f"gtFine/{city}/{stem}_gtFine_labelIds.png",
        )
    for kind in ("leftImg8bit", "gtFine"):
        (tmp_path / "cs" / kind / "train").mkdir(parents=True)
        for city in ("aachen", "bremen"):
            (tmp_path / "cs" / kind / "train" / city).symlink_to(tmp_path / "store" / kind / city)
    assert len(open_dataset(f"cityscapes:{tmp_path / 'cs'}")) == 2


def test_a_zip_is_named_as_one(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(HRSError, match=r"data\.zip is an archive; unpack it and name the folder"):
        open_dataset(f"folder:{tmp_path / 'data.zip'}")


def test_a_folder_of_another_layout_is_named(tmp_path):
    voc(tmp_path)
    with pytest.raises(HRSError, match=f"; it looks like voc:{tmp_path}"):
        open_dataset(f"folder:{tmp_path}")
    with pytest.raises(HRSError, match=f"this folder looks like voc:{tmp_path}"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize(
    ("files", "what", "where"),
    [
        (
            ("rgb_0000.png", "semantic_segmentation_0000.png", "semantic_segmentation_labels_0000.json"),
            "Replicator",
            ".",
        ),
        (("rgb/rgb_0.png", "semantic_segmentation/semantic_segmentation_labels_0.json"), "Replicator", "."),
        (("sequence.0/step0.camera.png", "sequence.0/step0.frame_data.json", "metadata.json"), "SOLO", "."),
        (("sequence.0/step0.camera.png", "sequence.0/step0.frame_data.json"), "SOLO", "sequence.0"),
    ],
)
def test_what_simulators_write_is_taken_for_no_format_and_said_how_to_read(tmp_path, files, what, where):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        save(tmp_path / name, pictured(street())) if name.endswith(".png") else (tmp_path / name).write_text("{}")
    root = tmp_path / where
    assert looks_like(root) == []
    told = rf"looks like .*{what}.*, which is not read as it lies: move .* to images/.* and name it folder:{root}"
    for spec in (str(root), f"folder:{root}"):
        with pytest.raises(HRSError, match=told):
            open_dataset(spec)


def test_splits_that_people_made_of_data_sets_without(tmp_path):
    for split in ("training", "validation"):
        frame(tmp_path / "kitti", f"{split}/image_2/{split}.png", f"{split}/semantic/{split}.png")
    save(tmp_path / "kitti/testing/image_2/t.png", pictured(street()))
    for split in ("train", "val"):
        frame(tmp_path / "synscapes", f"{split}/img/rgb/{split}.png", f"{split}/img/class/{split}.png")
    for name, called in (("kitti", "validation"), ("synscapes", "val")):
        spec = f"{name}:{tmp_path / name}"
        assert looks_like(tmp_path / name)[0] == spec
        assert [each.id for each in open_dataset(spec, split="val").frames] == [called]
        with pytest.raises(HRSError, match="no split test; it has the splits train"):
            open_dataset(spec, split="test")
        assert len(open_dataset(spec)) == 1


@pytest.mark.parametrize(
    ("name", "image", "label"),
    [
        ("kitti", "training/image_2/{}.png", "training/semantic/{}.png"),
        ("synscapes", "img/rgb/{}.png", "img/class/{}.png"),
        ("synthia", "RGB/{}.png", "GT/LABELS/{}.png"),
    ],
)
def test_train_ids_are_told_and_read_where_their_names_say_so(tmp_path, name, image, label):
    for i in range(3):
        frame(tmp_path, image.format(i), label.format(i), TRAIN, seed=i)
    (told,) = [each.text for each in inspect(f"{name}:{tmp_path}").findings if "of another kind" in each.text]
    assert told.endswith("let the labels' names end in _labelTrainIds.png")
    for i in range(3):
        (tmp_path / label.format(i)).rename(tmp_path / label.format(f"{i}_labelTrainIds"))
    assert shares(f"{name}:{tmp_path}") == STREET and inspect(f"{name}:{tmp_path}").findings == ()


def test_synthia_s_own_labels_come_before_train_ids_beside_them(tmp_path):
    frame(tmp_path, "RGB/0.png", "GT/LABELS/0.png", np.array([1, 3, 8], np.uint8))
    save(tmp_path / "GT/LABELS/0_labelTrainIds.png", TRAIN[street()])
    data = open_dataset(f"synthia:{tmp_path}")
    assert data.space.name == "synthia16" and data.frames[0].label.name == "0.png"


def test_cityscapes_and_gta5_in_colours(tmp_path):
    frame(tmp_path / "cs", "leftImg8bit/train/a/1_leftImg8bit.png", "gtFine/train/a/1_gtFine_color.png", COLOURED)
    frame(tmp_path / "gta", "images/00001.png", "labels/00001.png", COLOURED)
    for spec in (f"cityscapes:{tmp_path / 'cs'}", f"gta5:{tmp_path / 'gta'}"):
        assert shares(spec) == STREET and "colours" in open_dataset(spec).notes[0]


def test_cityscapes_without_label_images_says_what_is_there(tmp_path):
    frame(tmp_path, "leftImg8bit/train/a/1_leftImg8bit.png", "gtFine/train/a/1_gtFine_instanceIds.png")
    with pytest.raises(
        HRSError, match=r"has no \*_gtFine_labelIds\.png.* but 1_gtFine_instanceIds; make them of its poly"
    ):
        open_dataset(f"cityscapes:{tmp_path}")


def test_labelme_s_converter_to_voc(tmp_path):
    frame(tmp_path, "JPEGImages/a.jpg", "SegmentationClassPNG/a.png", np.array([0, 1, 2], np.uint8))
    (tmp_path / "SegmentationClass").mkdir()
    np.save(tmp_path / "SegmentationClass/a.npy", street())
    (tmp_path / "class_names.txt").write_text("sky\nroad\ncar")
    assert shares(f"voc:{tmp_path}") == STREET


def test_carla_is_called_with_the_versions_that_nobody_can_tell(tmp_path):
    frame(tmp_path, "rgb/a.png", "seg/a.png")
    assert looks_like(tmp_path) == [f"carla:{tmp_path}?version=0.9.14", f"carla:{tmp_path}?version=0.9.13"]


def test_bdd100k_of_another_task_is_told(tmp_path):
    frame(tmp_path, "images/100k/train/a.jpg", "labels/drivable/masks/train/a.png")
    with pytest.raises(HRSError, match="its masks are of drivable; expected labels/sem_seg/masks"):
        open_dataset(f"bdd100k:{tmp_path}")


def test_folders_that_are_called_nearly_like_those_of_labels_are_none(tmp_path):
    for name, masks in (("a", "masks_machine"), ("b", "masks"), ("c", "Label")):
        frame(tmp_path / name, "img/a.png", f"{masks}/a.png")
    assert looks_like(tmp_path / "a") == []
    assert [looks_like(tmp_path / name) for name in "bc"] == [[f"folder:{tmp_path / name}"] for name in "bc"]


def test_lists_of_classes_that_are_damaged_are_one_line(tmp_path):
    ade20k(tmp_path / "ade")
    (tmp_path / "ade/objectInfo150.txt").write_bytes("1\t0\t0\t0\tcaf\xe9\n".encode("latin-1"))
    with pytest.raises(HRSError, match=r"objectInfo150\.txt cannot be used: it is no UTF-8 text"):
        open_dataset(f"ade20k:{tmp_path / 'ade'}")
    vistas(tmp_path / "vistas")
    (tmp_path / "vistas/config_v1.2.json").write_text('{"labels": [{"readable": "Road"}]}')
    with pytest.raises(HRSError, match=r"config_v1\.2\.json has a label without readable or color"):
        open_dataset(f"vistas:{tmp_path / 'vistas'}")


def test_datumaro_s_own_json_is_named_and_what_to_export_instead(tmp_path):
    save(tmp_path / "images/default/a.png", pictured(street()))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/default.json").write_text('{"info": {}, "categories": {"label": {}}, "items": []}')
    assert looks_like(tmp_path) == []
    told = rf"looks like .*Datumaro.*, which is not read as it lies: export COCO .*and name it coco:{tmp_path}"
    for spec in (str(tmp_path), f"coco:{tmp_path}", f"folder:{tmp_path}"):
        with pytest.raises(HRSError, match=told):
            open_dataset(spec)


def test_json_beside_photos_is_labelme_s_where_it_has_shapes(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.jpg", pictured(street(i)))
        (tmp_path / f"{i}.jpg.json").write_text('{"title": "a photo", "created": {"shapes": 0}}')
    (tmp_path / "camera.json").write_text('{"fov": 90}')
    assert looks_like(tmp_path) == [f"images:{tmp_path}"]
    photo = '"' + "A" * (3 << 20) + '"'  # in the file, before the shapes where keys are sorted
    for text in ('{"version": "5", "shapes": []}', f'{{"imageData": {photo}, "shapes": []}}'):
        (tmp_path / "0.json").write_text(text)
        assert looks_like(tmp_path)[0] == f"labelme:{tmp_path}"
