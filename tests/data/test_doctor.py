import json

import cv2
import numpy as np
import pytest
import yaml

from hrs.data import layouts
from hrs.data.doctor import inspect, write_examples
from hrs.data.layouts import open_dataset
from hrs.data.survey import survey_source
from hrs.errors import HRSError
from hrs.labels import CAMVID, IGNORE, colourise
from tests.conftest import CAMVID as CAMVID_FOLDER
from tests.conftest import needs_camvid, write_frames
from tests.data.files import pictured, save, street, write_classes, write_streets


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


@pytest.fixture
def sick(tmp_path):
    """Eight frames: one without label, one of another size, one damaged image, one colour label, four well."""
    root = write_frames(tmp_path / "sick", 8, seed=0)
    (root / "labels/000.png").unlink()
    cv2.imwrite(str(root / "labels/001.png"), np.zeros((8, 8), np.uint8))
    damage(root / "images/002.png")
    cv2.imwrite(str(root / "labels/003.png"), np.full((48, 64, 3), (1, 2, 3), np.uint8))
    for i in range(4, 8):
        label = np.full((48, 64), 1, np.uint8)
        label[:12] = 0
        label[12:15, :10] = 77
        label[15, :5] = IGNORE
        cv2.imwrite(str(root / f"labels/00{i}.png"), label)
    return root


def test_a_report_counts_every_kind_of_problem(sick):
    report = inspect(f"folder:{sick}")
    assert report.pairs == len(report.dataset) == 4
    assert [(item.path.name, item.reason) for item in report.skipped] == [
        ("000.png", "has no label"),
        ("001.png", "is 64x48, its label 8x8"),
    ]
    assert [item.path.relative_to(sick).as_posix() for item in report.unreadable] == [
        "images/002.png",
        "labels/003.png",
    ]
    assert "cannot be decoded" in report.unreadable[0].reason and "is in colour" in report.unreadable[1].reason
    assert report.unknown == {77: 4 * 30}
    assert report.sizes == {"64x48": 4}


def test_shares_are_those_of_a_plain_count(sick):
    report = inspect(f"folder:{sick}")
    pixels, ignored = 48 * 64, 30 + 5
    assert report.ignored == pytest.approx(100 * ignored / pixels)
    assert report.classes == pytest.approx(
        {
            "sky": 100 * 12 * 64 / (pixels - ignored),
            "road": 100 * (36 * 64 - ignored) / (pixels - ignored),
            "car": 0,
            "tree": 0,
        }
    )


def test_the_text_names_problem_files_and_draws_bars(sick):
    text = inspect(f"folder:{sick}").to_text()
    for part in ("4 usable pairs", "64x48 (4)", "000.png has no label", "id 77: 120 pixels", "left out    2"):
        assert part in text
    assert f"{sick / 'images/002.png'} cannot be decoded" in text
    bars = {line.split()[0]: line.count("#") for line in text.splitlines() if line.startswith("    ") and "." in line}
    assert bars["road"] == 40 and 12 <= bars["sky"] <= 15 and bars["car"] == 0


def test_long_lists_are_cut(tmp_path):
    root = write_frames(tmp_path / "d", 12, seed=0)
    for i in range(1, 12):
        (root / f"labels/{i:03d}.png").unlink()
    text = inspect(f"folder:{root}").to_text()
    assert "005.png has no label" in text and "006.png" not in text and "and 6 more" in text


def test_the_dictionary_is_json_and_complete(sick):
    report = inspect(f"folder:{sick}")
    stored = json.loads(json.dumps(report.to_dict()))
    assert set(stored) == {"spec", "pairs", "skipped", "unreadable", "unknown", "classes", "ignored", "sizes"} | {
        *("findings", "matches", "notes")
    }
    assert stored["skipped"][0] == {"path": str(sick / "images/000.png"), "reason": "has no label"}
    assert stored["unknown"] == {"77": 120}


def test_progress_is_told_frame_by_frame(frames):
    seen = []
    inspect(frames["val"], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 4) for i in range(1, 5)]


def test_nothing_that_can_be_decoded_is_an_error(tmp_path):
    root = write_frames(tmp_path / "d", 2, seed=0)
    for file in (root / "images").iterdir():
        damage(file)
    with pytest.raises(HRSError, match=r"none of 2 frames can be decoded; .*000\.png cannot be decoded"):
        inspect(f"folder:{root}")


def test_nothing_that_fits_the_layout_is_an_error(tmp_path):
    root = write_frames(tmp_path / "d", 1, seed=0)
    (root / "labels/000.png").unlink()
    with pytest.raises(HRSError, match=r"expected images/NAME.* found 0 pairs.* 1 other files; 000\.png has no label"):
        inspect(f"folder:{root}")


def test_labels_of_ignored_pixels_alone(tmp_path):
    root = write_frames(tmp_path / "d", 1, seed=0)
    cv2.imwrite(str(root / "labels/000.png"), np.full((48, 64), IGNORE, np.uint8))
    report = inspect(f"folder:{root}")
    assert report.ignored == 100 and set(report.classes.values()) == {0.0} and report.unknown == {}
    assert "100.0 %" in report.to_text()


def test_unknown_colours_are_named_as_colours(tmp_path):
    for name in ("train", "train_labels"):
        (tmp_path / name).mkdir()
    label = np.full((6, 6, 3), CAMVID.palette[3], np.uint8)
    label[0, :2] = (1, 2, 3)
    cv2.imwrite(str(tmp_path / "train/a.png"), label)
    cv2.imwrite(str(tmp_path / "train_labels/a_L.png"), label[..., ::-1])
    report = inspect(f"camvid:{tmp_path}")
    assert report.unknown == {0x010203: 2} and "colour 1 2 3: 2 pixels" in report.to_text()
    assert report.classes["Road"] == 100


def test_16_bit_ids_beyond_the_table_are_counted(tmp_path):
    root = write_frames(tmp_path / "d", 1, seed=0)
    label = np.zeros((48, 64), np.uint16)
    label[0, 0], label[0, 1] = 65534, 3
    cv2.imwrite(str(root / "labels/000.png"), label)
    assert inspect(f"folder:{root}").unknown == {65534: 1}


def test_unlabelled_photos_are_checked_too(frames, tmp_path):
    root = open_dataset(frames["val"]).spec.root / "images"
    report = inspect(f"images:{root}")
    assert (report.pairs, report.classes, report.unknown, report.ignored) == (4, {}, {}, None)
    text = report.to_text()
    assert "4 usable images without labels" in text and "percent" not in text and "unknown" not in text
    assert cv2.imread(str(write_examples(report, tmp_path / "x.png"))).shape[1] == 320


def test_examples_show_up_to_six_frames_beside_their_coloured_labels(frames, tmp_path):
    report = inspect(frames["source"])
    out = write_examples(report, tmp_path / "deep" / "examples.png")
    assert out == tmp_path / "deep" / "examples.png"
    picture = cv2.imread(str(out))[..., ::-1]
    cell = 240  # 64x48 at 320 wide
    title = picture.shape[0] - 6 * cell
    assert 0 < title < 40 and picture.shape[1] == 640
    data = report.dataset
    for shown, i in enumerate((0, 2, 4, 6, 8, 10)):
        top = title + shown * cell
        left, right = picture[top : top + cell, :320], picture[top : top + cell, 320:]
        assert (left[2::5, 2::5] == data.read_image(i)).all()
        assert (right[2::5, 2::5] == colourise(data.read_label(i), data.space)).all()


def test_the_split_stands_in_the_report(tmp_path):
    write_frames(tmp_path / "flat", 1, seed=0)
    root = tmp_path / "split"
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
        (tmp_path / "flat" / name).rename(root / name / "val")
    (root / "classes.yaml").write_text(yaml.safe_dump({"classes": {0: "a", 1: "b", 2: "c", 3: "d"}}))
    assert inspect(f"folder:{root}", split="val").spec == f"folder:{root}?split=val"


@needs_camvid
def test_camvid_shares_agree_with_a_count_over_all_labels():
    report = inspect(f"camvid:{CAMVID_FOLDER}", split="val")
    counts = np.zeros(256, np.int64)
    for path in (CAMVID_FOLDER / "valannot").iterdir():
        counts += np.bincount(cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ravel(), minlength=256)
    labelled = counts[: len(CAMVID)].sum()
    assert list(report.classes.values()) == pytest.approx((100 * counts[: len(CAMVID)] / labelled).tolist())
    assert report.ignored == pytest.approx(100 * (1 - labelled / counts.sum()))
    assert (report.pairs, report.skipped, report.unreadable, report.unknown) == (101, (), (), {})


@needs_camvid
def test_camvid_training_split_has_its_published_shares():
    report = inspect(f"camvid:{CAMVID_FOLDER}")
    assert (report.pairs, report.sizes) == (367, {"480x360": 367})
    labelled = 1 - report.ignored / 100
    assert report.classes["Building"] * labelled == pytest.approx(23.3, abs=0.1)
    assert report.classes["Road"] * labelled == pytest.approx(31.7, abs=0.1)


def test_the_text_names_the_split_and_the_others(tmp_path):
    for split in ("training", "validation"):
        write_streets(tmp_path, 1, images=f"images/{split}", labels=f"labels/{split}")
    write_classes(tmp_path)
    assert "split       training; there are also validation" in inspect(f"folder:{tmp_path}").to_text()
    assert "split       validation; there are also training" in inspect(f"folder:{tmp_path}", split="val").to_text()


def test_an_image_that_is_read_in_another_shape_than_its_label_is_seen(tmp_path, monkeypatch):
    """Whatever the headers say: training would refuse it."""
    root, read = write_frames(tmp_path / "d", 2, seed=0), layouts.read_photograph
    monkeypatch.setattr(layouts, "read_photograph", lambda data, name: np.rot90(read(data, name=name)))
    with pytest.raises(HRSError, match=r"labels/000\.png is read as 64x48 pixels, its image as 48x64"):
        inspect(f"folder:{root}")


def test_photos_of_12_bits_in_16_are_told(tmp_path):
    root = write_classes(write_streets(tmp_path))
    assert inspect(f"folder:{root}").findings == ()
    for i in range(3):
        cv2.imwrite(str(root / f"images/f{i}.png"), pictured(street(i)).astype(np.uint16) * 16)
    (found,) = inspect(f"folder:{root}").findings
    assert (
        "no image has more than 11 of 255 levels between its dark and bright parts, as where 16 bits hold values of"
        in found.text
    )


@pytest.mark.parametrize(("low", "high"), [(0, 7), (250, 255), (29000, 31000)])
def test_images_without_contrast_are_told_whether_dark_light_or_grey(tmp_path, low, high):
    root = write_classes(write_streets(tmp_path))
    for i in range(3):
        values = low + pictured(street(i)).astype(np.int64) * (high - low) // 255
        cv2.imwrite(str(root / f"images/f{i}.png"), values[..., 0].astype(np.uint16 if high > 255 else np.uint8))
    (found,) = inspect(f"folder:{root}").findings
    assert "of 255 levels between its dark and bright parts" in found.text and not found.certain
    cv2.imwrite(str(root / "images/f0.png"), pictured(street()))
    assert inspect(f"folder:{root}").findings == ()


def test_images_that_transparency_would_hide_are_read_and_told(tmp_path):
    root = write_classes(write_streets(tmp_path))
    for i in range(2):
        save(root / f"images/f{i}.png", np.dstack([pictured(street(i)), np.zeros((48, 64), np.uint8)]))
    (found,) = inspect(f"folder:{root}").findings
    assert found.text.startswith("2 images of 3 would be hidden by transparency that is opaque nowhere")
    data = open_dataset(f"folder:{root}")
    assert (data.read_image(0) == pictured(street())).all()
    (warned,) = survey_source(data).findings
    assert warned == found
