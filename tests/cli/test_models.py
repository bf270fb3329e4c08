"""hrs evaluate, score, segment, export, calibrate: what they print, write, and say of what cannot be."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from hrs.config import load_config
from hrs.errors import HRSError
from hrs.launch.launcher import launcher
from hrs.launch.task import Task
from hrs.runs import registry
from hrs.runs.folder import RunFolder
from hrs.runs.names import GAUGE
from hrs.scoring import score as scoring
from hrs.scoring.maps import read_maps
from tests.cli.command import files, leftovers
from tests.conftest import CLASSES, tiny_config, until, write_frames
from tests.data.files import write_classes, write_streets
from tests.scoring.weighted_run import make_scores

# Evaluation


def test_evaluate_prints_and_writes_the_scores(hrs, trained, frames, tmp_path):
    result = hrs("evaluate", "first", frames["val"], "--runs", trained, "--json", "scores.json")
    assert result.code == 0 and "mIoU" in result.out
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert set(scores) == {"miou", "iou", "pixel_accuracy", "images", "scored_classes", "notes"}
    assert set(scores["iou"]) == set(CLASSES) and scores["images"] == 4
    stored = json.loads((trained / "first/checkpoints/best/config.json").read_text())["metrics"]
    assert scores["miou"] == pytest.approx(stored["miou"], abs=0.01)
    again = hrs("evaluate", trained / "first", frames["val"])
    assert again.out == result.out


def test_evaluate_on_other_classes(hrs, trained, frames, tmp_path):
    root = write_frames(tmp_path / "animals", 1, seed=0)
    (root / "classes.yaml").write_text("classes: {0: cat, 1: dog}")
    result = hrs("evaluate", "first", f"folder:{root}", "--runs", trained, "--json", "scores.json")
    assert "no class of animals (cat, dog) is one of" in result.error
    assert not (tmp_path / "scores.json").exists()


def test_classes_that_a_data_set_has_no_name_for_are_not_scored(hrs, trained, tmp_path):
    root = write_frames(tmp_path / "few", 2, seed=0)
    write_classes(root, f"classes: {{0: {CLASSES[0]}, 1: {CLASSES[1]}}}")
    result = hrs("evaluate", "first", f"folder:{root}", "--runs", trained, "--json", "scores.json")
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert [scores["iou"][name] for name in CLASSES[2:]] == [None] * len(CLASSES[2:])
    assert (
        note := f"not scored, since no label of this data set can be of them: {', '.join(CLASSES[2:])}"
    ) in result.out
    assert (scores["scored_classes"], scores["notes"]) == (2, [note, *scores["notes"][1:]])
    assert f"mIoU over 2 of {len(CLASSES)} classes" in result.out
    found = [scores["iou"][name] for name in CLASSES[:2]]
    assert scores["miou"] == pytest.approx(sum(found) / 2, abs=0.01)


def test_evaluate_with_a_class_map(hrs, trained, tmp_path):
    root = write_frames(tmp_path / "own", 2, seed=0)
    write_classes(root, f"classes: {{0: air, 1: {CLASSES[1]}}}")
    (tmp_path / "map.yaml").write_text(f"air: {CLASSES[0]}\n")
    result = hrs("evaluate", "first", f"folder:{root}", "--runs", trained, "--classes", "map.yaml")
    assert result.code == 0 and f"mIoU over 2 of {len(CLASSES)} classes" in result.out
    (tmp_path / "map.yaml").write_text("air: skyy\n")
    again = hrs("evaluate", "first", f"folder:{root}", "--runs", trained, "--classes", "map.yaml")
    assert "'skyy' is no class of" in again.error


def test_the_validation_split_is_meant_and_images_of_training_are_told(hrs, trained, frames, tmp_path):
    for count, split in ((3, "train"), (2, "val")):
        made = write_frames(tmp_path / split, count, seed=0)
        for part in ("images", "labels"):
            (tmp_path / "streets" / part).mkdir(parents=True, exist_ok=True)
            (made / part).rename(tmp_path / "streets" / part / split)
    write_classes(tmp_path / "streets", (made / "classes.yaml").read_text())
    result = hrs("evaluate", "first", f"folder:{tmp_path / 'streets'}", "--runs", trained)
    assert "images: 2" in result.out and "split=val" in result.out
    learned = hrs("evaluate", "first", frames["target"], "--runs", trained)
    assert "images: 6" in learned.out and "warning: 3 of 6 images are ones that this model learned" in learned.out
    others = write_frames(tmp_path / "others", 6, seed=77)  # of the same names
    assert "learned from" not in hrs("evaluate", "first", f"folder:{others}", "--runs", trained).out
    shutil.copytree(trained / "first", tmp_path / "moved" / "first")
    config = tmp_path / "moved" / "first" / "checkpoints" / "best" / "config.json"
    config.write_text(config.read_text().replace(frames["target"], f"folder:{tmp_path / 'gone'}"))
    unsure = hrs("evaluate", "first", f"folder:{others}", "--runs", tmp_path / "moved")
    assert "warning: 3 of 6 images are called like ones that this model learned from; where" in unsure.out


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda about: about["label_space"]["classes"].pop() and about["label_space"]["palette"].pop(), "4 classes"),
        (lambda about: about.update(label_space={}), "a stored label space is damaged"),
        (lambda about: about.pop("run"), "lacks run"),
        (lambda about: about["run"]["network"].update(name="segformer-b0"), "do not fit the network"),
    ],
)
def test_a_checkpoint_that_was_tampered_with(hrs, trained, frames, tmp_path, damage, message):
    folder = tmp_path / "checkpoint"
    shutil.copytree(trained / "first/checkpoints/best", folder)
    about = json.loads((folder / "config.json").read_text())
    damage(about)
    (folder / "config.json").write_text(json.dumps(about))
    assert message in hrs("evaluate", folder, frames["val"]).error


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_checkpoint_that_was_cut_short(hrs, trained, frames, tmp_path, name):
    folder = tmp_path / "checkpoint"
    shutil.copytree(trained / "first/checkpoints/best", folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    assert f"{name} cannot be read" in hrs("evaluate", folder, frames["val"]).error


def test_a_checkpoint_that_is_not_there(hrs, trained, frames):
    message = hrs("evaluate", "frist", frames["val"], "--runs", trained).error
    assert "no checkpoint 'frist'" in message and "did you mean first?" in message


def test_a_model_that_ships_is_named_where_one_is_nearly_called_so(hrs, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "checkpoints")
    (tmp_path / "checkpoints/street").mkdir(parents=True)
    assert "did you mean street?" in hrs("segment", "strete", "photo.jpg", "--out", "out").error


def test_a_damaged_image_stops_an_evaluation_with_its_name(hrs, trained, tmp_path):
    root = write_frames(tmp_path / "d", 2, seed=0)
    data = bytearray((root / "images/001.png").read_bytes())
    data[len(data) // 2] ^= 255
    (root / "images/001.png").write_bytes(data)
    result = hrs("evaluate", "first", f"folder:{root}", "--runs", trained, "--json", "scores.json")
    assert f"{root / 'images/001.png'} cannot be decoded" in result.error
    assert not (tmp_path / "scores.json").exists()


def test_a_device_that_is_not_there(hrs, trained, frames):
    message = hrs("evaluate", "first", frames["val"], "--runs", trained, "--device", "abacus").error
    assert "device abacus cannot be used here" in message


# Scoring


def test_classes_shows_what_each_is_taken_for(hrs, tmp_path):
    root = write_classes(write_streets(tmp_path / "made"), "classes: {0: Sky, 1: asphalt, 2: vehicle}")
    result = hrs("classes", f"folder:{root}", "cityscapes19", "--out", "seen")
    assert result.code == 0 and "3 classes in 3 of 3 frames" in result.out
    assert "asphalt   50.0  -> ignored  (nothing of that name)" in result.out
    assert "vehicle    3.5  -> car  (another name)" in result.out
    found = json.loads(Path("seen/classes.json").read_text())
    assert found["target"][:2] == ["road", "sidewalk"] and found["classes"][1]["target"] is None
    assert all(Path("seen", each["picture"]).is_file() for each in found["classes"])
    assert "nothing is neither a label space (cityscapes19," in hrs("classes", f"folder:{root}", "nothing").error


def test_score_writes_a_row_and_a_map_a_frame_and_goes_on_where_it_stopped(hrs, trained, frames, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "PART", 8)
    out = tmp_path / "scores"
    command = ("score", "first", frames["source"], "--runs", trained, "--out", out)
    assert hrs(*command).code == 0
    rows = pq.read_table(out / "index.parquet").to_pylist()
    assert [row["frame"] for row in rows] == [f"{i:03d}" for i in range(12)]
    assert all(0 < row["effective_share"] <= 1 and row["weight"] > 0 for row in rows)
    maps = read_maps(out / rows[5]["map"])
    assert set(maps) == {"combined", "pixel", "region", "image"} and maps["combined"].codes.shape == (48, 64)
    first, index = files(out), (out / "index.parquet").read_bytes()

    assert hrs(*command).code == 0
    assert (out / "index.parquet").read_bytes() == index
    assert {name: at for name, at in files(out).items() if name.startswith("maps")} == {
        name: at for name, at in first.items() if name.startswith("maps")
    }

    (out / "parts/000001.parquet").unlink()
    (out / "index.parquet").unlink()
    assert hrs(*command).code == 0
    assert pq.read_table(out / "index.parquet").to_pylist() == rows
    done = files(out)
    assert [done[row["map"]] == first[row["map"]] for row in rows] == [True] * 8 + [False] * 4
    assert leftovers(out) == []

    other = hrs("score", "first", frames["val"], "--runs", trained, "--out", out)
    assert "holds the scores of another checkpoint or corpus" in other.error


def test_score_takes_the_runs_own_corpus_and_a_limit(hrs, trained, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(trained, runs)
    result = hrs("score", "first", "--limit", 3)
    assert result.code == 0 and len(pq.read_table(runs / "first/scores/index.parquet")) == 3


def test_a_run_that_ships_is_scored_as_a_copy_that_is_found_by_name(hrs, trained, tmp_path, monkeypatch):
    shipped = tmp_path / "checkpoints"
    shutil.copytree(trained, shipped)
    monkeypatch.setattr(registry, "SHIPPED", shipped)
    before = files(shipped)
    for named in ("first", shipped / "first"):
        result = hrs("score", named, "--limit", 3)
        assert result.code == 0 and "index: runs/first/scores/index.parquet" in result.out
    assert hrs("areas", "first").code == 0
    assert hrs("score", "first", "--limit", 3, "--out", "scores", "--runs", "others").code == 0
    assert files(shipped) == before and not Path("others").exists()


def test_score_needs_weighting_networks(hrs, config, trained, frames, tmp_path):
    overrides = ("--set", "method=joint", "--set", "train.steps=1")
    assert hrs("train", config, *overrides, "--name", "joint").code == 0
    result = hrs("score", "joint", frames["source"], "--out", "scores")
    assert "trained with joint, which has no weighting networks" in result.error
    assert not (tmp_path / "scores").exists()


def test_score_of_a_run_without_synthetic_data_says_that_it_cannot_be_scored(hrs, config, tmp_path):
    overrides = ("--set", "method=target_only", "--set", "data.sources=[]", "--set", "train.steps=1")
    assert hrs("train", config, *overrides, "--name", "photos").code == 0
    result = hrs("score", "photos")
    assert result.code == 1 and "trained with target_only, which has no weighting networks" in result.error


def test_a_damaged_task_is_listed_with_the_others(hrs, tmp_path):
    for name in ("whole", "damaged"):
        Task.create(tmp_path / f"runs/{name}/tasks/score", ["score", name], out=tmp_path / "out")
    (tmp_path / "runs/damaged/tasks/score/task.json").write_text("{")
    result = hrs("tasks", "list")
    assert result.code == 0 and "runs/whole" in result.out and "unknown" in result.out


def test_scoring_a_run_in_a_terminal_holds_the_device_and_says_how_far_it_is(hrs, trained, tmp_path, monkeypatch):
    runs = tmp_path / "runs"
    shutil.copytree(trained, runs)
    task = Task(runs / "first/tasks/score")
    seen = []

    def watch(checkpoint, corpus, out, *, progress, **_):
        progress(1, 3)
        waits = launcher().start(load_config(runs / "first/config.yaml"), runs, "waits")
        until(lambda: "place 1" in "".join(waits.log_tail(2)))
        seen.append((task.read_status(), waits.read_status().state))
        launcher().cancel(waits)
        with pytest.raises(HRSError, match="task score is running; wait until it ends, or cancel it"):
            Task.create(task.path, ["score", "first"], out=out)
        make_scores(out, corpus)
        return out / "index.parquet"

    monkeypatch.setattr(scoring, "score", watch)
    assert hrs("score", "first", "--device", "cpu").code == 0
    ((status, waiting),) = seen
    assert (status.state, status.step, status.steps, waiting) == ("running", 1, 3, "queued")
    assert task.read_status().state == "finished"


# Segmentation


def test_segment_writes_ids_overlay_and_json_at_the_photographs_size(hrs, trained, tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos/a.jpg"), photo)
    cv2.imwrite(str(tmp_path / "b.png"), photo)
    result = hrs("segment", "first", "photos", "b.png", "--runs", trained, "--out", "out", "--backend", "torch")
    assert result.code == 0 and "2 files segmented" in result.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.json",
        "a.png",
        "a_overlay.jpg",
        "b.json",
        "b.png",
        "b_overlay.jpg",
    ]
    ids = np.asarray(Image.open(tmp_path / "out/a.png"))
    assert ids.shape == (50, 70) and ids.max() < len(CLASSES)


@pytest.mark.parametrize(("name", "message"), [("nowhere.png", "does not exist"), ("empty", "holds no images")])
def test_segment_nothing(hrs, trained, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    assert message in hrs("segment", "first", name, "--runs", trained, "--out", "out").error
    assert not (tmp_path / "out").exists()


def test_segment_leaves_out_what_is_no_photograph(hrs, trained, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    alone = hrs("segment", "first", "a.png", "--runs", trained, "--out", "out", "--backend", "torch")
    assert alone.code == 1 and alone.err.splitlines()[-1].startswith("error: ")
    assert "a.png cannot be read as an image" in alone.err and list((tmp_path / "out").iterdir()) == []
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((50, 70, 3), np.uint8))
    (tmp_path / "c.png").write_bytes(b"")
    result = hrs("segment", "first", "a.png", "b.png", "c.png", "--runs", trained, "--out", "out", "--backend", "torch")
    assert result.code == 1 and "1 file segmented" in result.out and (tmp_path / "out/b.png").is_file()
    assert "left out: " in result.err and "a.png" in result.err and "c.png" in result.err


def test_export_writes_a_checked_file(hrs, trained, tmp_path):
    result = hrs("export", "first", "--runs", trained, "--out", "model.onnx")
    assert result.code == 0 and "largest difference to PyTorch" in result.out
    assert (tmp_path / "model.onnx").is_file()


def test_export_in_8_bits_is_beside_the_weights(hrs, trained, frames):
    result = hrs("export", "first", "--runs", trained, "--int8", frames["source"])
    assert result.code == 0 and "the class of float32 on" in result.out
    file = RunFolder(trained / "first").best / "model_int8.onnx"
    assert file.is_file()
    file.unlink()
    assert "6 images are too few" in hrs("export", "first", "--runs", trained, "--int8", frames["target"]).error


def test_what_export_cannot_do_is_said_before_it_starts(hrs, trained, frames, tmp_path):
    eight = ("--int8", frames["source"], "--tolerance", "1e-9")
    assert "--tolerance is for float32" in hrs("export", "first", "--runs", trained, *eight).error
    (tmp_path / "models").mkdir()
    for more in ((), ("--int8", frames["source"])):
        result = hrs("export", "first", "--runs", trained, "--out", "models", *more)
        assert result.error == "--out models is a folder; name a file, such as models/model.onnx" and result.code == 1
    assert files(tmp_path / "models") == {}
    assert not (RunFolder(trained / "first").best / "model_int8.onnx").exists()


def test_export_holds_to_a_tolerance(hrs, trained, tmp_path):
    result = hrs("export", "first", "--runs", trained, "--out", "model.onnx", "--tolerance", "0")
    assert "differs by" in result.error and not (tmp_path / "model.onnx").exists()


def test_calibrate_says_when_there_are_too_few_images(hrs, trained):
    assert "at least 5 of each" in hrs("calibrate", "first", "--runs", trained).error


def test_calibrate_keeps_to_the_images_that_the_run_learned_from(hrs, tmp_path):
    """Photos that were labelled since are none of them."""
    frames = {"source": f"folder:{write_frames(tmp_path / 'source', 4, seed=1)}"}
    photos = write_frames(tmp_path / "photos", 30, seed=2)
    frames |= dict.fromkeys(("target", "val"), f"folder:{photos}")
    options = ("data.val=null", "data.n_real=null", "train.steps=2", "train.validate_every=2")
    Path("run.yaml").write_text(tiny_config(frames, *options).to_yaml())
    assert not hrs("train", "run.yaml", "--name", "grown").code
    gauge = RunFolder(Path("runs/grown")).best / GAUGE
    before = load_file(gauge)
    others = write_frames(tmp_path / "others", 30, seed=3, tint=0.5)
    for folder in ("images", "labels"):
        for file in (others / folder).iterdir():
            shutil.copy(file, photos / folder / f"later-{file.name}")
    assert not hrs("calibrate", "grown").code
    after = load_file(gauge)
    assert before.keys() == after.keys()
    for name, value in before.items():
        torch.testing.assert_close(after[name], value)
