"""The command line from outside: exit codes, one line for what went wrong, and what is left on the disk."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hrs.cli import main
from hrs.config import load_config
from hrs.data.formats.table import to_text
from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.launch.launcher import launcher
from hrs.launch.task import Task
from hrs.methods.table import METHODS
from hrs.runs.folder import RunFolder
from hrs.scoring import score as scoring
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus, enlarge
from hrs.scoring.maps import read_maps
from tests.app.made_runs import make_run as made_run
from tests.conftest import CLASSES, tiny_config, until, write_frames
from tests.damage import DAMAGES
from tests.data.files import write_classes, write_streets
from tests.scoring.weighted_run import make_run, make_scores

ROOT = Path(__file__).resolve().parents[1]


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that a failed command leaves on stderr."""
        assert self.code == 1
        (line,) = self.err.splitlines()
        assert line.startswith("error: ") and "Traceback" not in self.out
        return line.removeprefix("error: ")


Hrs = Callable[..., Result]


@pytest.fixture
def hrs(capfd, monkeypatch, tmp_path) -> Hrs:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        code = ended.value.code
        return Result(int(code or 0), *capfd.readouterr())

    return call


def leftovers(folder: Path) -> list[str]:
    """Half-written files."""
    return [str(path) for path in folder.rglob("*") if path.suffix in (".tmp", ".old")]


def files(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def trained(frames, tmp_path_factory) -> Path:
    """A folder of runs with one of them, "first", trained by the command line."""
    root = tmp_path_factory.mktemp("trained")
    config = root / "run.yaml"
    config.write_text(tiny_config(frames).to_yaml())
    command = ["train", str(config), "--set", "train.steps=4", "--name", "first", "--runs", str(root / "runs")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HRS_CACHE", str(root / "cache"))
        with pytest.raises(SystemExit) as ended:
            main(command)
    assert not ended.value.code
    return root / "runs"


@pytest.fixture
def config(frames, tmp_path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(tiny_config(frames).to_yaml())
    return path


# Training


def test_train_makes_a_whole_run(trained):
    run = RunFolder(trained / "first")
    status = run.read_status()
    assert (status.state, status.step, status.steps) == ("finished", 4, 4)
    assert "steps: 4" in run.config.read_text()
    assert run.best.is_dir() and run.last.is_dir()
    assert leftovers(trained) == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.sources=['folder:/no/such/folder']", "the folder /no/such/folder does not exist"),
        ("data.sources=['folder:EMPTY']", "has no usable frame"),
        ("data.sources=['synthia:EMPTY']", "RGB and GT/LABELS is not there, the folder holds classes.yaml, images"),
        ("data.target=images:EMPTY/images", "has no usable frame"),
        ("data.val=foldr:EMPTY", "did you mean folder?"),
    ],
)
@pytest.mark.parametrize("queue", [(), ("--queue",)])
def test_data_that_is_not_there_leaves_no_run(hrs, config, tmp_path, override, message, queue):
    empty = write_frames(tmp_path / "empty", 1, seed=0)
    for name in ("images", "labels"):
        (empty / name / "000.png").unlink()
    result = hrs("train", config, "--set", override.replace("EMPTY", str(empty)), "--name", "bad", *queue)
    assert message in result.error and result.code == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.n_real=7", "asks for 7 real images but"),
        ("data.space=cityscape19", "did you mean cityscapes19"),
        ("network.name=no-such-network", "no-such-network"),
    ],
)
def test_a_start_that_fails_leaves_a_run_that_says_why(hrs, config, tmp_path, override, message):
    result = hrs("train", config, "--set", override, "--name", "bad")
    assert message in result.error
    run = RunFolder(tmp_path / "runs/bad")
    status = run.read_status()
    assert (status.state, status.error, status.step) == ("failed", result.error, 0)
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "status.json"]
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "train.stepz=3"), "unknown key train.stepz; did you mean train.steps?"),
        (("--set", "train.steps=0"), "train.steps: "),
        (("--set", "train.steps"), "has no '='"),
        (("--name", "../bad"), "run name '../bad'; expected"),
        (("--resume",), "--resume needs --name"),
        (("--resume", "--name", "nobody"), "no run named 'nobody'"),
    ],
)
def test_settings_that_make_no_sense_leave_nothing(hrs, config, tmp_path, arguments, message):
    before = files(tmp_path)
    assert message in hrs("train", config, *arguments).error
    assert files(tmp_path) == before


def test_a_config_that_is_not_there(hrs, tmp_path):
    assert "config nowhere.yaml does not exist" in hrs("train", "nowhere.yaml").error
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_taken_once(hrs, config, trained):
    before = files(trained)
    assert "run first exists" in hrs("train", config, "--name", "first", "--runs", trained).error
    assert files(trained) == before


# Evaluation


def test_evaluate_prints_and_writes_the_scores(hrs, trained, frames, tmp_path):
    result = hrs("evaluate", "first", frames["val"], "--runs", trained, "--json", "scores.json")
    assert result.code == 0 and "mIoU" in result.out
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert set(scores) == {"miou", "iou", "pixel_accuracy", "images"}
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


# The data doctor


def test_check_writes_a_report_and_examples(hrs, frames, tmp_path):
    result = hrs("check", frames["source"], "--out", tmp_path / "report")
    assert result.code == 0 and "12 usable pairs" in result.out and "sky" in result.out
    assert json.loads((tmp_path / "report/report.json").read_text())["pairs"] == 12
    assert cv2.imread(str(tmp_path / "report/examples.png")) is not None
    assert leftovers(tmp_path) == []


def test_check_tells_wrong_sizes_unknown_ids_and_damaged_files(hrs, tmp_path):
    root = write_frames(tmp_path / "d", 4, seed=0)
    cv2.imwrite(str(root / "labels/000.png"), np.zeros((8, 8), np.uint8))
    cv2.imwrite(str(root / "labels/001.png"), np.full((48, 64), 99, np.uint8))
    image = root / "images/002.png"
    image.write_bytes(image.read_bytes()[:-200])
    result = hrs("check", f"folder:{root}")
    assert result.code == 0
    for part in ("000.png is 64x48, its label 8x8", "id 99: 3072 pixels", "002.png is cut short"):
        assert part in result.out


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("folder:nowhere", "does not exist"),
        ("camvid:EMPTY", "expected train/ and trainannot/ below"),
        ("images:EMPTY", "has no usable frame; expected a folder of images"),
        ("gta6:x", "did you mean gta5"),
        ("nothing", "expected format:path"),
    ],
)
def test_check_of_nothing(hrs, tmp_path, spec, message):
    (tmp_path / "empty").mkdir()
    result = hrs("check", spec.replace("EMPTY", "empty"), "--out", "report")
    assert message in result.error
    assert not (tmp_path / "report").exists()


def test_check_where_all_pairs_differ_in_size(hrs, tmp_path):
    root = write_frames(tmp_path / "d", 2, seed=0)
    for file in (root / "labels").iterdir():
        cv2.imwrite(str(file), np.zeros((8, 8), np.uint8))
    assert "found 2 pairs, 2 of them unusable, and 0 other files; 000.png" in hrs("check", f"folder:{root}").error


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
        return out / "index.parquet"

    monkeypatch.setattr(scoring, "score", watch)
    assert hrs("score", "first", "--device", "cpu").code == 0
    ((status, waiting),) = seen
    assert (status.state, status.step, status.steps, waiting) == ("running", 1, 3, "queued")
    assert task.read_status().state == "finished"


# Pruning


@pytest.fixture
def scored(tmp_path, frames) -> Path:
    """A folder of runs with a scored one, "mine"."""
    make_run(tmp_path / "runs", "mine", frames["source"], tiny_config(frames), panel=False)
    return tmp_path / "runs"


def test_prune_writes_the_frames_that_meet_every_condition(hrs, scored, tmp_path):
    corpus = ScoredCorpus.open(scored / "mine/scores")
    weights, cars = corpus.values("weight"), corpus.values("combined/car")
    middle, most = float(np.median(weights)), float(np.nanmax(cars))
    kept = {corpus.frame(i).id for i in range(12) if weights[i] >= middle and cars[i] <= most - 0.01}
    where = ("--where", f"weight={middle}:", "--where", f"combined/car=:{most - 0.01}")
    result = hrs("prune", "mine", "--out", "pruned", *where)
    assert 0 < len(kept) < 7 and f"{len(kept)} of 12 frames" in result.out
    assert {frame.id for frame in open_dataset("folder:pruned").frames} == kept
    (tmp_path / "names.txt").write_text("003\n004\n")
    assert hrs("prune", scored / "mine", "--out", "two", "--frames", "names.txt").code == 0
    assert [frame.id for frame in open_dataset("folder:two").frames] == ["003", "004"]


@pytest.mark.parametrize("keep", ["above", "below"])
def test_prune_takes_labels_away_on_one_side_of_the_threshold(hrs, scored, frames, keep):
    words = ("--mode", "labels", "--threshold", 0.7, "--level", "region", "--keep", keep)
    assert hrs("prune", scored / "mine/scores", "--out", "pruned", *words).code == 0
    corpus = ScoredCorpus.open(scored / "mine/scores")
    before, after = open_dataset(frames["source"]), open_dataset("folder:pruned")
    light = enlarge(corpus.frame(5).read_maps()["region"], 48, 64) < 0.7
    gone = light if keep == "above" else ~light
    assert 0 < gone.mean() < 1
    assert (after.read_label(5) == np.where(gone, IGNORE, before.read_label(5))).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--mode", "labels"), "give one above 0"),
        (("--level", "pixle"), "--level 'pixle': expected combined, pixel, region, image"),
        (("--where", "weight>1"), "--where 'weight>1': expected STATISTIC=LOW:HIGH"),
        (("--where", "weight=1"), "expected STATISTIC=LOW:HIGH"),
        (("--where", "weight=a:"), "expected STATISTIC=LOW:HIGH"),
        (("--where", "wait=1:"), "no statistic 'wait'; known: "),
        (("--where", "weight=99:"), "no frame was chosen"),
        (("--frames", "names.txt"), "names nobody, which was not scored"),
        (("--frames", "nothing.txt"), "cannot be read"),
    ],
)
def test_prune_says_what_it_cannot_do(hrs, scored, tmp_path, words, message):
    (tmp_path / "names.txt").write_text("003\nnobody\n")
    assert message in hrs("prune", "mine", "--out", "pruned", *words).error
    assert not (tmp_path / "pruned").exists()


def test_prune_needs_scores(hrs, scored, frames):
    assert "no run named 'yours'" in hrs("prune", "yours", "--out", "pruned").error
    make_run(scored, "bare", frames["source"], tiny_config(frames), scores=False)
    assert "score the run first" in hrs("prune", "bare", "--out", "pruned").error


# Areas


def test_areas_lists_faults_and_writes_what_one_passes_on(hrs, scored, tmp_path):
    result = hrs("areas", "mine", "--out", "out")
    table = AreaTable.of(ScoredCorpus.open(scored / "mine/scores"))
    first = table.groups()[0]
    assert f"{len(table):,} areas in 12 frames. What they look like is said by a classifier" in result.out
    names = (CLASSES[first.label], CLASSES[first.seen])
    assert re.search(rf"{first.areas} +{names[0]} +{names[1]} +{first.confidence:.2f} +{first.frames}", result.out)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "faults.csv",
        "areas.csv",
        "areas.png",
        "areas.html",
    }
    assert "out exists; name a folder that does not" in hrs("areas", "mine", "--out", "out").error


def test_areas_of_older_scores_say_what_to_do(hrs, scored, frames, tmp_path):
    make_scores(tmp_path / "old", frames["source"], reasons=False)
    assert "score the run again: python -m hrs score NAME" in hrs("areas", "old", "--out", "out").error
    assert not (tmp_path / "out").exists()


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
    result = hrs("export", "first", "--runs", trained, "--int8", frames["target"])
    assert result.code == 0 and "the class of float32 on" in result.out
    file = RunFolder(trained / "first").best / "model_int8.onnx"
    assert file.is_file()
    file.unlink()


def test_calibrate_says_when_there_are_too_few_images(hrs, trained):
    assert "at least 5 of each" in hrs("calibrate", "first", "--runs", trained).error


# Runs


def test_runs_are_listed_shown_and_deleted(hrs, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs")
    listed = hrs("runs", "list")
    assert listed.code == 0 and "first" in listed.out and "finished" in listed.out and "4/4" in listed.out
    shown = hrs("runs", "show", "first")
    assert '"state": "finished"' in shown.out and "method: hrs" in shown.out and "validation mIoU" in shown.out
    assert "is finished; only a queued or running one" in hrs("runs", "cancel", "first").error
    assert hrs("runs", "delete", "first", "--yes").code == 0
    assert list((tmp_path / "runs").iterdir()) == []
    assert hrs("runs", "list").code == 0


def test_damaged_runs_are_listed_with_the_others(hrs, tmp_path):
    made_run(tmp_path / "damaged", "sound")
    for number, damage in enumerate(DAMAGES.values()):
        damage(made_run(tmp_path / "damaged", f"run-{number}"))
    shown = hrs("runs", "list", "--runs", tmp_path / "damaged")
    assert shown.code == 0 and "sound" in shown.out and all(f"run-{n} " in shown.out for n in range(len(DAMAGES)))
    assert "run-0: " in shown.err and "results.csv is damaged" in shown.err
    for number in range(len(DAMAGES)):
        shown = hrs("runs", "show", f"run-{number}", "--runs", tmp_path / "damaged")
        assert shown.code == 0 and "\x1b" not in shown.out


@pytest.mark.parametrize("command", [("show",), ("cancel",), ("resume",), ("delete", "--yes")])
def test_a_run_that_is_not_there(hrs, trained, command):
    before = files(trained)
    message = hrs("runs", *command, "frist", "--runs", trained).error
    assert "no run named 'frist'" in message and "did you mean first?" in message
    assert files(trained) == before


def test_a_finished_run_can_be_resumed_and_says_the_same(hrs, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs")
    result = hrs("runs", "resume", "first")
    assert result.code == 0
    assert RunFolder(tmp_path / "runs/first").read_status().state == "finished"


# As a program


def test_the_program_fails_with_one_line_and_code_1(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hrs", "check", "folder:nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert Result(done.returncode, done.stdout, done.stderr).error.endswith("check the path")
    assert list(tmp_path.iterdir()) == []


def test_the_help_of_check_says_what_lies_where_for_every_format():
    command = [sys.executable, "-m", "hrs", "check", "--help"]
    wide = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=wide)
    shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert all(" ".join(line.split()) in shown for line in to_text().splitlines())


def test_the_help_of_train_says_what_every_method_is():
    command = [sys.executable, "-m", "hrs", "train", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    words = " ".join(done.stdout.split())
    assert all(f"{name}: {facts.about}" in words for name, facts in METHODS.items())


def test_help_names_every_command():
    done = subprocess.run([sys.executable, "-m", "hrs", "--help"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert all(name in done.stdout for name in ("check", "render", "train", "evaluate", "score", "segment", "runs"))


def test_a_running_run_is_not_resumed_a_second_time(frames, tmp_path, capsys):
    run = RunFolder.create(tmp_path / "runs", "busy", tiny_config(frames).to_yaml())
    run.write_status(state="running")
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--resume", "--name", "busy", "--runs", str(tmp_path / "runs")])
    assert stopped.value.code == 1
    assert "run busy is running; cancel it first" in capsys.readouterr().err
    assert run.read_status().state == "running"
