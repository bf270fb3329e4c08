"""The real data of a run."""

import json

import numpy as np
import pytest

from hrs.data.glance import look_at_all
from hrs.data.survey import survey_source
from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.training.steps import Trainer
from hrs.training.task import open_real, survey_sources
from hrs.training.trainer import train
from tests.conftest import tiny_config
from tests.data.files import pictured, save, street, write_classes, write_streets


def drawn(frames, *overrides: str) -> list[str]:
    return [frame.id for frame in open_real(tiny_config(frames, *overrides)).target.frames]


def ids(dataset) -> list[str]:
    return [frame.id for frame in dataset.frames]


def run_on(frames, **paths):
    """A run with some of its data sets elsewhere; what is named "" is not named."""
    named = [f"data.{name}={path}" for name, path in paths.items()]
    return tiny_config(frames, *named)


def void(root, count=3):
    return write_classes(write_streets(root, count, of=lambda label: np.full_like(label, 255)))


def test_the_seed_of_the_run_draws_its_real_images(frames):
    draws = [drawn(frames, f"seed={seed}") for seed in (0, 0, 1, 2, 3)]
    assert all(len(draw) == 3 for draw in draws)
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) > 1


def test_without_a_number_all_real_images_are_trained_on(frames):
    assert len(drawn(frames, "data.n_real=null")) == 6


@pytest.mark.parametrize(("role", "called"), [("target", "target"), ("val", "validation")])
def test_real_data_without_a_labelled_pixel_is_refused(frames, tmp_path, role, called):
    with pytest.raises(HRSError, match=rf"{called} folder:.*: no pixel of its labels has a class"):
        open_real(run_on(frames, **{role: f"folder:{void(tmp_path / 'void')}"}))


def test_a_source_without_a_labelled_pixel_is_refused_before_the_first_step(frames, tmp_path):
    run = RunFolder.create(tmp_path, "r", "")
    with pytest.raises(HRSError, match=r"source folder:.*: no pixel of its labels has a class"):
        train(run_on(frames, sources=f'["folder:{void(tmp_path / "void")}"]'), run)
    assert run.read_status().state == "failed" and not run.metrics.exists()


def test_a_source_with_its_few_labels_in_the_wrong_places_is_read_whole(monkeypatch, tmp_path):
    from hrs.data.layouts import open_dataset

    monkeypatch.setattr("hrs.data.survey._SAMPLE", 2)
    root = void(tmp_path, 4)
    write_streets(tmp_path / "more", 1)
    (tmp_path / "more/labels/f0.png").rename(root / "labels/f3.png")
    assert survey_source(open_dataset(f"folder:{root}")).read == 4


def test_another_split_of_the_target_is_validated_on(tmp_path, frames):
    root = write_classes(tmp_path)
    for split, count in (("training", 3), ("validation", 2), ("test", 1)):
        write_streets(root, count, images=f"images/{split}", labels=f"labels/{split}", name=f"{split}{{}}")
    for target in (f"folder:{root}", f"folder:{root}?split=training", f"folder:{root}?split=train"):
        real = open_real(run_on(frames, target=target, val="null"))
        assert ids(real.target) == ["training0", "training1", "training2"]
        assert ids(real.val) == ["validation0", "validation1"] and real.held_out is None


def test_the_validation_split_as_target_is_not_validated_on_itself(tmp_path, frames):
    root = write_classes(tmp_path)
    write_streets(root, 5, images="images/val", labels="labels/val")
    write_streets(root, 5, images="images/train", labels="labels/train")
    real = open_real(run_on(frames, target=f"folder:{root}?split=val", val="null"))
    assert not set(ids(real.target)) & set(ids(real.val)) and real.held_out is not None


@pytest.mark.parametrize("beside", ["", "target"])
def test_a_validation_set_with_splits_is_validated_on_by_its_own(tmp_path, frames, beside):
    root = write_classes(tmp_path)
    for split in ("train", "val", "night"):
        write_streets(root, 3, images=f"images/{split}", labels=f"labels/{split}", name=f"{split}{{}}")
    named = {"target": f"folder:{root}"} if beside else {}
    config = run_on(frames, val=f"folder:{root}", **named)
    real = open_real(config)
    assert ids(real.val) == ["val0", "val1", "val2"] and real.val.spec.split == "val"
    assert f"validation folder:{root}?split=val: its split val; there are also night, train" in real.in_words()
    look_at_all(config)


def test_a_validation_set_of_a_val_split_alone_is_found(tmp_path, frames):
    write_streets(write_classes(tmp_path), images="images/val", labels="labels/val")
    config = run_on(frames, val=f"folder:{tmp_path}")
    look_at_all(config)
    assert len(open_real(config).val) == 3


def test_without_a_validation_split_a_share_is_held_out_said_and_recorded(tmp_path, frames):
    root = write_classes(tmp_path / "data")
    for i in range(10):
        save(root / f"images/{i // 2:03d}_{i % 2}0.png", pictured(street(i)))
        save(root / f"labels/{i // 2:03d}_{i % 2}0.png", street(i))
    config = run_on(frames, target=f"folder:{root}", val="null", n_real="4")
    real = open_real(config)
    held = {name.split("_")[0] for name in ids(real.val)}
    assert len(real.val) == 2 and len(held) == 1 and not held & {name.split("_")[0] for name in ids(real.target)}
    run = RunFolder.create(tmp_path, "r", "")
    train(config, run)
    found = json.loads(run.data.read_text())
    assert found["validation"] == ids(real.val) and found["target"] == ids(real.target)
    assert "2 of 10 labelled images are held out to validate on: 1 of 5 numbers (004)" in found["held_out"]
    assert found["held_out"] in run.log.read_text()
    with pytest.raises(HRSError, match=r"asks for 9 real images but .* has 10, of which 2 are held out"):
        open_real(run_on(frames, target=f"folder:{root}", val="null", n_real="9"))


def test_labels_that_cannot_be_read_are_left_out_before_training(tmp_path, frames):
    root = write_classes(write_streets(tmp_path, 4))
    save(root / "images/f1.png", pictured(street(1, 96, 128)))
    save(root / "labels/f1.png", street(1, 96, 128), compress_level=0)  # too long for its damage to be seen at a glance
    data = bytearray((root / "labels/f1.png").read_bytes())
    data[len(data) // 2] ^= 255
    (root / "labels/f1.png").write_bytes(data)
    for role in ("target", "val"):
        real = open_real(run_on(frames, **{role: f"folder:{root}"}))
        assert "f1" not in ids(real.target if role == "target" else real.val)
        assert any("1 file (cannot be read: f1.png)" in line for line in real.in_words())


def test_classes_that_are_guessed_or_lost_are_said(tmp_path, frames):
    root = write_classes(write_streets(tmp_path), "classes: {0: sky, 1: Streets, 2: 箱子}")
    real = open_real(run_on(frames, val=f"folder:{root}"))
    lines = "\n".join(real.in_words())
    assert "classes taken for others: Streets -> road (another name)" in lines
    assert "without a counterpart, ignored: 箱子" in lines and "warning: validation" in lines


def test_a_map_of_ones_own_in_the_config(tmp_path, frames):
    root = write_classes(write_streets(tmp_path), "classes: {0: sky, 1: floor, 2: crate}")
    spec = f"folder:{root}"
    values = tiny_config(frames).model_dump()
    values["data"] |= {"sources": [spec], "classes": {"floor": "road", "crate": "ignore"}}
    config = tiny_config(frames).model_validate(values)
    from hrs.data.layouts import open_sources

    real = open_real(config)
    (source,) = open_sources(config.sources, real.space, classes=config.data.classes)
    label = source.read_label(0)
    road = real.space.classes.index("road")
    assert (label[street() == 1] == road).all() and (label[street() == 2] == 255).all()
    assert survey_sources([source])[0].matches[1].target == "road"


def test_images_that_are_validated_on_are_not_trained_on(tmp_path, frames):
    root = write_classes(write_streets(tmp_path, 6))
    (root / "train.txt").write_text("f0\nf1\nf2\nf3\n")
    (root / "val.txt").write_text("f3\nf4\n")
    real = open_real(run_on(frames, target=f"folder:{root}", val="null"))
    assert ids(real.target) == ["f0", "f1", "f2"] and ids(real.val) == ["f3", "f4"]
    assert any("1 of its images are in folder:" in line and "not trained on" in line for line in real.in_words())
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(HRSError, match=r"holds all 4 images of folder:.* leave data\.val out"):
        open_real(run_on(frames, target=f"folder:{root}", val=f"folder:{tmp_path / 'link'}?split=train"))


def test_copies_of_what_is_validated_on_are_told(tmp_path, frames):
    for name in ("target", "val"):
        write_classes(write_streets(tmp_path / name, 2 if name == "val" else 4, name=f"{name}{{}}"))
    real = open_real(run_on(frames, target=f"folder:{tmp_path / 'target'}", val=f"folder:{tmp_path / 'val'}"))
    assert any("2 of its images are, byte for byte, in folder:" in line for line in real.in_words())


def test_a_source_of_real_images_is_refused(tmp_path, frames):
    """Which holds the labels of those that are held out, too."""
    root = f"folder:{write_classes(write_streets(tmp_path, 6))}"
    with pytest.raises(HRSError, match=r"has [1-6] of the run's real images; sources are synthetic frames alone"):
        Trainer(run_on(frames, target=root, val="null", sources=f'["{root}"]', n_real="null"))


def test_a_class_map_of_no_data_set_of_the_run_is_refused(frames):
    config = tiny_config(frames, 'data.classes={"folder:/data/tpyo": {"sky": "road"}}')
    with pytest.raises(HRSError, match=r"data\.classes has a map of folder:/data/tpyo, which the run does not read"):
        open_real(config)
    open_real(tiny_config(frames, f'data.classes={{"{frames["source"]}": {{"sky": "road"}}}}', "method=target_only"))


def test_a_teacher_is_not_shown_what_is_validated_on(frames, tmp_path):
    """Not even where one folder of photos holds both; and it is said."""
    folder = tmp_path / "all"
    folder.mkdir()
    real = open_real(tiny_config(frames))
    for i, frame in enumerate((*real.target.frames, *real.val.frames)):
        (folder / f"{i}{frame.image.suffix}").symlink_to(frame.image)
    held = {frame.image.resolve() for frame in real.val.frames}
    with_teacher = open_real(tiny_config(frames, f"data.unlabelled=images:{folder}", "train.ema=0.9"))
    shown = {frame.image.resolve() for frame in with_teacher.unlabelled.frames}
    assert shown == {frame.image.resolve() for frame in real.target.frames} and not shown & held
    assert any("unlabelled" in line and "not trained on" in line for line in with_teacher.in_words())
    assert f"unlabelled images:{folder}: 3 photos, left out nothing" in with_teacher.in_words()
    val = tmp_path / "val"
    val.mkdir()
    for frame in real.val.frames:
        (val / frame.image.name).symlink_to(frame.image)
    with pytest.raises(HRSError, match="holds all"):
        open_real(tiny_config(frames, f"data.unlabelled=images:{val}", "train.ema=0.9"))


def test_a_teacher_s_photos_are_counted_with_what_is_left_out_of_them(frames, tmp_path):
    root = write_classes(write_streets(tmp_path, 5))
    (root / "labels/f4.png").unlink()
    real = open_real(tiny_config(frames, f"data.unlabelled=folder:{root}", "train.ema=0.9"))
    assert f"unlabelled folder:{root}: 4 photos, left out 1 file (has no label: f4.png)" in real.in_words()
    told = {"spec": f"folder:{root}", "photos": 4, "left_out": {"has no label": 1}}
    assert real.to_dict()["unlabelled"] == told and open_real(tiny_config(frames)).to_dict()["unlabelled"] is None
