"""What is validated on where nobody named it."""

import numpy as np
import pytest

from hrs.data.holdout import hold_out
from hrs.data.layouts import open_dataset
from tests.data.files import pictured, save, street, write_classes


def held(root, names):
    """What is trained on, what is held out, and how in words."""
    for i, name in enumerate(names):
        save(root / f"images/{name}.png", pictured(street(i)))
        save(root / f"labels/{name}.png", street(i))
    train, val, found = hold_out(open_dataset(f"folder:{write_classes(root)}"), seed=0)
    assert set(found.ids) == {frame.id for frame in val.frames} and len(train) + len(val) == len(names)
    return {frame.id for frame in train.frames}, set(found.ids), found.how


@pytest.mark.parametrize(
    "name",
    [
        "CAM_FRONT/{:04d} CAM_BACK/{:04d} CAM_FRONT_LEFT/{:04d}",
        "cam_left/{:04d} cam_right/{:04d}",
        "front_{:06d} rear_{:06d} left_{:06d}",
        "{:06d}_left {:06d}_right",
        "{:04d} aug_0_{:04d} aug_1_{:04d}",
        "Camera_0/rgb_{:05d} Camera_1/rgb_{:05d}",
        "clean/shot{:04d}5 fog/shot{:04d}5 rain/shot{:04d}5",
        "{:04d}/left {:04d}/right",
    ],
)
def test_views_and_copies_of_an_instant_stay_together(tmp_path, name):
    views = name.split()
    _, val, how = held(tmp_path, [view.format(i) for i in range(3, 13) for view in views])
    assert val == {view.format(i) for i in (11, 12) for view in views}
    assert "the last by name, since names tell no sequences" in how


def test_running_numbers_are_no_sequences(tmp_path):
    _, val, how = held(tmp_path, [f"{i:06d}_{part}" for i in range(10) for part in "ab"])
    assert val == {f"{i:06d}_{part}" for i in (8, 9) for part in "ab"}
    assert "2 of 10 numbers (000008, 000009)" in how


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("drive_{}/{:04d}", "folders"),
        ("drive_{}/cam_left/{:04d}", "folders"),
        ("town{}_{:04d}", "sequences"),
        ("town_{}_{:04d}", "sequences"),
    ],
)
def test_whole_sequences_are_held_out_though_their_numbers_begin_anew(tmp_path, name, kind):
    train, val, how = held(tmp_path, [name.format(drive, i) for drive in range(5) for i in range(4)])
    (drive,) = [drive for drive in range(5) if name.format(drive, 0) in val]
    assert val == {name.format(drive, i) for i in range(4)} and f"1 of 5 {kind} (" in how
    assert len(train) == 16


def test_a_single_instant_is_divided(tmp_path):
    train, val, _ = held(tmp_path, ["left", "right"])
    assert train == {"left"} and val == {"right"}


def test_an_image_that_is_there_twice_is_on_one_side(tmp_path):
    """By a link, as rare images are repeated, or by a copy."""
    for i in range(8):
        save(tmp_path / f"images/f{i}.png", pictured(street(i)))
    (tmp_path / "images/f8.png").symlink_to("f0.png")
    (tmp_path / "images/f9.png").write_bytes((tmp_path / "images/f1.png").read_bytes())
    for i in range(10):
        save(tmp_path / f"labels/f{i}.png", street(i % 8))
    train, val, _ = hold_out(open_dataset(f"folder:{write_classes(tmp_path)}"), seed=0)
    assert {frame.id for frame in val.frames} == {"f6", "f7"} and len(train) == 8


def test_sequences_behind_what_tools_add_to_names(tmp_path):
    """Label Studio's before each name, Roboflow's behind it, where an image may have several copies."""
    mark = np.random.default_rng(0).bytes
    drives = [f"{mark(4).hex()}-drive{drive}_{i:04d}" for drive in "ABC" for i in range(8)]
    _, val, how = held(tmp_path / "studio", drives)
    assert len({name.split("-")[1].split("_")[0] for name in val}) == 1 and "1 of 3 sequences (drive" in how
    copies = [f"frame{i:04d}_jpg.rf.{mark(16).hex()}" for i in range(10) for _ in range(3)]
    _, val, _ = held(tmp_path / "roboflow", copies)
    assert {name[:9] for name in val} == {"frame0008", "frame0009"} and len(val) == 6


def test_dates_before_names_are_sequences(tmp_path):
    _, val, how = held(tmp_path, [f"2024010{day}-{i:04d}" for day in range(1, 6) for i in range(4)])
    assert val == {f"20240105-{i:04d}" for i in range(4)} and "(20240105)" in how


def test_names_that_differ_in_their_last_number_alone_are_neighbours(tmp_path):
    _, val, _ = held(tmp_path, [f"frame{i:04d}_{part}" for i in range(10) for part in "ab"])
    assert val == {f"frame{i:04d}_{part}" for i in (8, 9) for part in "ab"}
