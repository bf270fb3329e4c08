import os
import shutil
import struct

import cv2
import numpy as np
import pytest
import tifffile

from hrs.data.layouts import open_dataset, open_sources
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import CAMVID, CITYSCAPES, IGNORE
from hrs.system.tree import in_words
from tests.conftest import CAMVID as CAMVID_FOLDER
from tests.conftest import needs_camvid, write_frames
from tests.data.files import pictured, street, write_classes, write_streets


def test_a_name_is_taken_apart_and_put_together():
    spec = DatasetSpec.parse("render:camera?frames=6&seed=3")
    assert (spec.format, spec.path, spec.options) == ("render", "camera", {"frames": "6", "seed": "3"})
    assert str(spec) == "render:camera?frames=6&seed=3"
    assert DatasetSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data/camvid", "data/camvid does not exist"),
        ("camvid:", "expected format:path"),
        ("camvit:x", "did you mean camvid"),
        ("camvid:x?spilt=val", "did you mean split"),
        ("gta5:x?split=val", "known: classes"),
        ("render:street", "expected render:synthetic or render:camera"),
        ("render:camera?frames=0", "expected a whole number of at least 1"),
        ("render:camera?frames=many", "expected a whole number"),
        ("render:camera?height=8", "at least 48"),
        ("render:camera?split=spring", "has the splits train, val, test"),
        ("render:synthetic?split=val", "has no splits"),
        ("camvid:/no/such/folder", "does not exist"),
    ],
)
def test_names_that_make_no_sense(text, message):
    with pytest.raises(HRSError, match=message):
        open_dataset(text)


@pytest.mark.parametrize("split", ["..", "a/b", ".git", ""])
def test_a_split_stays_inside_the_folder(tmp_path, split):
    with pytest.raises(HRSError, match="expected the name of a folder"):
        open_dataset(f"camvid:{tmp_path}?split={split}")


def test_a_split_for_a_format_without_splits(tmp_path):
    with pytest.raises(HRSError, match="leave --split val out"):
        open_dataset(f"gta5:{tmp_path}", split="val")
    with pytest.raises(HRSError, match="has no splits; leave split out"):
        open_dataset(f"folder:{write_frames(tmp_path / 'd', 1, seed=0)}", split="val")


def test_the_split_in_the_name_wins(tmp_path):
    for split in ("train", "val"):
        for folder in (split, f"{split}annot"):
            (tmp_path / folder).mkdir()
            cv2.imwrite(str(tmp_path / folder / f"{split}.png"), np.zeros((4, 4), np.uint8))
    spec = f"camvid:{tmp_path}"
    assert open_dataset(spec).frames[0].id == "train"
    assert open_dataset(spec, split="val").frames[0].id == "val"
    assert open_dataset(f"{spec}?split=train", split="val").frames[0].id == "train"


def test_a_missing_folder_says_what_is_there(tmp_path):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(HRSError, match=r"expected images/ and labels/ below .* the folder holds pictures"):
        open_dataset(f"gta5:{tmp_path}")


def test_files_without_partner_and_unreadable_ones_are_left_out(tmp_path):
    root = write_frames(tmp_path / "d", 5, seed=0)
    (root / "labels/001.png").unlink()
    (root / "images/002.png").unlink()
    (root / "images/003.png").write_text("no picture")
    cv2.imwrite(str(root / "labels/004.png"), np.zeros((8, 8), np.uint8))
    data = open_dataset(f"folder:{root}")
    assert [frame.id for frame in data.frames] == ["000"]
    assert {(item.path.parent.name, item.path.name, item.reason) for item in data.skipped} == {
        ("images", "001.png", "has no label"),
        ("labels", "002.png", "has no image"),
        ("images", "003.png", "is not a readable image"),
        ("images", "004.png", "is 64x48, its label 8x8"),
    }


def test_names_that_are_no_text_are_left_out(tmp_path):
    """As archives of older systems have them; frames are known by their names in tables and lists."""
    root = write_frames(tmp_path / "d", 2, seed=0)
    odd = os.fsdecode(b"caf\xe9.png")
    for kind in ("images", "labels"):
        shutil.copy(root / kind / "000.png", root / kind / odd)
    data = open_dataset(f"folder:{root}")
    assert [frame.id for frame in data.frames] == ["000", "001"]
    (left,) = data.skipped
    assert left.path.name == odd and "not in UTF-8: rename it" in left.reason
    assert left.shown.endswith(r"/caf\udce9.png") and r": caf\udce9.png)" in in_words(data.skipped)


def test_no_usable_frame_is_an_error_with_layout_and_findings(tmp_path):
    root = write_frames(tmp_path / "d", 2, seed=0)
    for file in (root / "labels").iterdir():
        file.rename(file.with_stem(f"of {file.stem}"))
    message = r"expected images/NAME\.\* with labels/NAME\.png, found 0 pairs, 0 of them unusable, and 4 other files"
    with pytest.raises(HRSError, match=message):
        open_dataset(f"folder:{root}")


def test_two_images_of_one_name_are_an_error(tmp_path):
    root = write_frames(tmp_path / "d", 1, seed=0)
    cv2.imwrite(str(root / "images/000.jpg"), np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(HRSError, match="have the same name"):
        open_dataset(f"folder:{root}")


def test_two_images_of_one_name_are_an_error_beside_their_mask_too(tmp_path):
    for name in ("a.jpg", "a.png", "a_mask.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((48, 64, 3), np.uint8))
    (tmp_path / "_classes.csv").write_text("Pixel Value, Class\n0, sky\n1, road\n")
    with pytest.raises(HRSError, match=r"a\.jpg and .*a\.png have the same name; keep one"):
        open_dataset(f"roboflow:{tmp_path}")


def test_taking_and_mapping_keep_frames_and_follow_names(frames):
    data = open_dataset(frames["source"])
    part = data.take([3, 1])
    assert [frame.id for frame in part.frames] == ["003", "001"]
    assert (part.read_label(0) == data.read_label(3)).all()
    label, mapped = data.read_label(0), data.map_to(CITYSCAPES).read_label(0)
    for own, name in enumerate(("sky", "road", "car", "vegetation")):
        assert (mapped[label == own] == CITYSCAPES.classes.index(name)).all()


def test_the_digest_of_classes_follows_list_map_and_target(tmp_path):
    root = write_frames(tmp_path, 1, seed=1)
    lists = [f"classes: {{0: sky, 1: road, 2: car, {last}}}" for last in ("3: tree", "3: pole", "4: tree")]
    digests = []
    for text in lists:
        (root / "classes.yaml").write_text(text)
        digests += [open_dataset(f"folder:{root}").map_to(CAMVID).digest_of_classes() for _ in range(2)]
    (root / "map.yaml").write_text("car: road")
    digests += [open_dataset(f"folder:{root}?classes={root}/map.yaml").map_to(CAMVID).digest_of_classes()]
    digests += [open_dataset(f"folder:{root}").map_to(CITYSCAPES).digest_of_classes()]
    assert digests[::2] == list(dict.fromkeys(digests))[:3] + digests[6:7] and len(set(digests)) == 5
    assert open_dataset(f"folder:{root}").without_labels().digest_of_classes() == ""


def test_mapping_twice_ignores_what_either_step_lacks(frames):
    data = open_dataset(frames["source"]).map_to(CITYSCAPES)
    assert data.map_to(CITYSCAPES) is data
    twice = data.map_to(CAMVID)
    assert (twice.read_label(0) == open_dataset(frames["source"]).map_to(CAMVID).read_label(0)).all()
    assert IGNORE not in twice.read_label(0)


def test_several_sources_speak_one_space(frames):
    sources = open_sources([frames["source"], frames["val"]], CAMVID)
    assert [len(source) for source in sources] == [12, 4]
    assert all(source.space == CAMVID for source in sources)
    assert open_sources([], CAMVID) == []


@needs_camvid
def test_camvid_as_published():
    train, val = (open_dataset(f"camvid:{CAMVID_FOLDER}", split=split) for split in ("train", "val"))
    assert (len(train), len(val), train.skipped, val.skipped) == (367, 101, (), ())
    assert train.read_image(0).shape == (360, 480, 3)
    assert not {frame.id for frame in train.frames} & {frame.id for frame in val.frames}


def labelled(tmp_path, write, count=2):
    """Streets whose labels a function writes, from a path without suffix and ids."""
    write_streets(tmp_path, count)
    for i in range(count):
        (tmp_path / f"labels/f{i}.png").unlink()
        write(tmp_path / f"labels/f{i}.tif", street(i))
    return f"folder:{write_classes(tmp_path)}"


def pages(path, *arrays, **options):
    with tifffile.TiffWriter(path) as file:
        for i, array in enumerate(arrays):
            file.write(
                array, contiguous=False, photometric="minisblack", subfiletype=options.get("kinds", {}).get(i, 0)
            )


def test_a_label_of_several_pages_is_left_out_with_the_reason(tmp_path):
    spec = labelled(tmp_path, lambda path, ids: pages(path, *(np.uint8(ids == each) for each in range(3))))
    with pytest.raises(HRSError, match=r"f0\.tif has 3 pages of one size, as where each is of a class: save one page"):
        open_dataset(spec)


def test_a_label_of_more_bands_than_are_read_says_so(tmp_path):
    spec = labelled(tmp_path, lambda path, ids: tifffile.imwrite(path, np.stack([ids] * 5, -1)))
    with pytest.raises(HRSError, match=r"f0\.tif has 48 pages of one size"):
        open_dataset(spec)
    spec = labelled(tmp_path, lambda path, ids: tifffile.imwrite(path, np.stack([ids] * 5, -1), planarconfig="contig"))
    with pytest.raises(
        HRSError, match=r"f0\.tif is a TIFF of 5 bands of 8-bit unsigned integers, which is not read: save labels"
    ):
        open_dataset(spec)


@pytest.mark.parametrize(
    ("dtype", "what"),
    [("int64", "64-bit signed integers"), ("float64", "64-bit floating-point"), ("float16", "16-bit floating-point")],
)
def test_a_label_of_numbers_that_are_not_read_says_which(tmp_path, dtype, what):
    spec = labelled(tmp_path, lambda path, ids: tifffile.imwrite(path, ids.astype(dtype)))
    with pytest.raises(
        HRSError, match=rf"f0\.tif is a TIFF of 1 band of {what}.*, which is not read: save labels as one"
    ):
        open_dataset(spec)


def test_overviews_within_a_label_are_no_pages(tmp_path):
    def overviewed(path, ids):
        pages(path, ids, ids[::2, ::2], ids, kinds={1: 1, 2: 1})

    data = open_dataset(labelled(tmp_path, overviewed))
    assert len(data) == 2 and (data.read_label(0) == street(0)).all() and not data.notes


def test_of_photos_of_several_pages_the_first_is_read_and_a_note_says_so(tmp_path):
    write_classes(write_streets(tmp_path, 2))
    (tmp_path / "images/f0.png").unlink()
    with tifffile.TiffWriter(tmp_path / "images/f0.tif") as file:
        for level in (0, 50):
            file.write(pictured(street()) + np.uint8(level), contiguous=False, photometric="rgb")
    data = open_dataset(f"folder:{tmp_path}")
    assert (data.read_image(0) == pictured(street())).all()
    assert "1 image of several pages: the first is read" in data.notes


def damaged(path, ids):
    """One page, behind which the file says that another lies, where there is none."""
    tifffile.imwrite(path, ids)
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, len(data) - 2)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "write",
    [
        damaged,
        lambda path, ids: pages(path, ids, ids.astype(np.float64)),  # such as depth, which is not read
    ],
)
def test_a_page_that_cannot_be_read_is_none(tmp_path, write):
    data = open_dataset(labelled(tmp_path, write))
    assert len(data) == 2 and (data.read_label(0) == street(0)).all()
