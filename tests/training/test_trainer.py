import csv
import json
import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from hrs.checkpoint import load_checkpoint, read_about
from hrs.data.layouts import Dataset
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.methods.base import Method
from hrs.methods.table import METHODS
from hrs.runs.folder import RunFolder
from hrs.runs.seen import read_seen
from hrs.runs.work import cancel
from hrs.scoring.panel import open_panel
from hrs.training import steps as steps_module
from hrs.training.optimiser import build_optimiser
from hrs.training.steps import Trainer
from hrs.training.trainer import train
from tests.conftest import CLASSES, tiny_config, until, write_frames
from tests.runs.metrics import read_metrics

DEAD = f"{2**22 - 1}-1.{'0' * 32}"
"""What the hidden names say that a process left which is no more."""


def run_of(tmp_path, config, name="run"):
    return RunFolder.create(tmp_path / "runs", name, config.to_yaml())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_to_the_end(tmp_path, frames, method):
    config = tiny_config(frames, f"method={method}", "train.steps=2")
    run = run_of(tmp_path, config)
    found = train(config, run)
    assert run.read_status().state == "finished"
    assert 0 <= found.miou <= 100 and found.images == 4
    assert load_checkpoint(run.best).config == config


@pytest.mark.parametrize("option", ["train.precision=bf16", "train.channels_last=false", "train.ema=0.5"])
def test_options_of_the_loop_train_to_finite_weights(tmp_path, frames, option):
    """In a process each: accelerate settles the precision of a process once."""
    (tmp_path / "config.yaml").write_text(tiny_config(frames, option, "train.steps=3").to_yaml())
    command = [sys.executable, "-m", "hrs", "train", str(tmp_path / "config.yaml"), "--name", "run"]
    subprocess.run([*command, "--runs", str(tmp_path / "runs")], check=True, stdout=subprocess.DEVNULL, timeout=120)
    weights = load_file(tmp_path / "runs" / "run" / "checkpoints" / "best" / "model.safetensors")
    assert all(torch.isfinite(value.float()).all() for value in weights.values())
    assert all(value.dtype != torch.bfloat16 for value in weights.values())


def test_a_run_says_what_it_is_at_where_it_takes_no_steps(tmp_path, tiny, monkeypatch):
    told, write = [], RunFolder.write_status

    def record(run, *status, **changes):
        found = write(run, *status, **changes)
        told.append(found.phase.in_words() if found.phase else found.state)
        return found

    monkeypatch.setattr(RunFolder, "write_status", record)
    train(tiny, run_of(tmp_path, tiny))
    order = ["opening the data", "running", "validating 4/4", "running", "finished"]
    assert [each for each in order if each in told] == order and told[-1] == "finished"
    assert told.index("opening the data") < told.index("running") < told.index("validating 4/4")


def test_a_run_folder_holds_all_it_promises(tmp_path, tiny):
    run = run_of(tmp_path, tiny)
    train(tiny, run)
    status = run.read_status()
    assert (status.state, status.step, status.steps) == ("finished", 6, 6)
    rows = read_metrics(run.metrics)
    assert [r["step"] for r in rows if r["split"] == "train"] == [1, 2, 3, 4, 5, 6]
    assert [r["step"] for r in rows if r["split"] == "val"] == [3, 6]
    assert all(0 < r["effective_share"] <= 1 and len(r["class_weight"]) == 4 for r in rows if r["split"] == "train")
    with open(run.results_csv, newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["3", "6"]
    assert status.best.miou == max(r["miou"] for r in rows if r["split"] == "val")
    (pictures,) = run.all_panel_frames()
    assert sorted(p.name for p in run.weights.iterdir()) == [
        pictures.name,
        "step_000000",
        "step_000003",
        "step_000006",
    ]
    panel = open_panel(run, 6)
    frames = [panel.frame(row) for row in range(len(panel))]
    for frame in frames:
        assert frame.read_picture().shape == (48, 64, 3)
        assert set(np.unique(frame.read_label())) <= {0, 1, 2, 3, IGNORE}
    assert run.read_space().classes == CLASSES
    confusion = np.array([r["confusion"] for r in rows if r["split"] == "val"])
    assert confusion.shape == (2, 4, 4) and (confusion.sum(axis=(1, 2)) == 4 * 48 * 64).all()
    maps = [frame.read_maps() for frame in frames]
    assert len(maps) == 2
    assert all(set(m) == {"combined", "pixel", "region", "image"} for m in maps)
    assert all(m["pixel"].shape == (48, 64) for m in maps)
    for folder in (run.best, run.last):
        assert {"model.safetensors", "config.json", "README.md"} <= {p.name for p in folder.iterdir()}
    assert json.loads((run.best / "config.json").read_text())["metrics"]["miou"] == status.best.miou
    scores = run.read_preview_scores(run.preview_steps("val")[-1])
    assert len(scores) == tiny.train.previews and all(score is None or 0 <= score <= 100 for score in scores.values())
    assert list(run.previews.iterdir()) and list(run.tensorboard.iterdir()) and "validation" in run.log.read_text()


def test_selection_that_only_warms_up_is_joint_training_to_the_last_bit(tmp_path, frames):
    weights = {}
    for method in ("joint", "hrs"):
        config = tiny_config(frames, f"method={method}", "selection.warmup=1", "selection.ramp=0", "train.clip=0.1")
        run = run_of(tmp_path, config, method)
        train(config, run)
        weights[method] = load_file(run.last / "model.safetensors")
    networks = {name for name in weights["joint"] if name.startswith("segmenter.")}
    assert networks and all(torch.equal(weights["joint"][name], weights["hrs"][name]) for name in networks)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path, frames):
    weights = []
    for i, seed in enumerate((0, 0, 1)):
        config = tiny_config(frames, f"seed={seed}")
        run = run_of(tmp_path, config, f"run{i}")
        train(config, run)
        weights.append(load_file(run.last / "model.safetensors"))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_loader_processes_change_nothing(tmp_path, frames):
    weights = []
    for workers in (0, 2):
        config = tiny_config(frames, f"data.workers={workers}", "train.steps=3")
        run = run_of(tmp_path, config, f"run{workers}")
        train(config, run)
        weights.append(load_file(run.last / "model.safetensors"))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_killed_run_resumes_to_the_same_weights(tmp_path, frames):
    """SIGKILL in the middle, then --resume: bit for bit the run that was never killed."""
    options = ("data.unlabelled=undrawn", "train.batch_unlabelled=1", "selection.image_acts=sampling")
    config = tiny_config(frames, "train.steps=40", "train.ema=0.9", *options)
    whole, broken = run_of(tmp_path, config, "whole"), run_of(tmp_path, config, "broken")
    script = (
        "import sys, pathlib\n"
        "from hrs.config import load_config; from hrs.runs.folder import RunFolder\n"
        "from hrs.training.trainer import train\n"
        "run = RunFolder(pathlib.Path(sys.argv[1])); train(load_config(run.config), run, resume=len(sys.argv) > 2)\n"
    )

    def started(*words: str) -> subprocess.Popen:
        """Each in a process of its own, as people train: nothing that ran before it in one has a part in the bits."""
        return subprocess.Popen([sys.executable, "-c", script, *words], stdout=subprocess.DEVNULL)

    assert started(str(whole.path)).wait(120) == 0
    process = started(str(broken.path))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (broken.last / "config.json").is_file() and broken.read_status().step >= 6:
            break
        time.sleep(0.02)
    assert process.poll() is None, "it ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert broken.read_status().state == "failed"
    assert json.loads((broken.last / "config.json").read_text())["step"] < 40
    assert started(str(broken.path), "resume").wait(120) == 0
    one, two = load_file(whole.last / "model.safetensors"), load_file(broken.last / "model.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)
    best = [load_file(run.best / "model.safetensors") for run in (whole, broken)]
    assert all(torch.equal(best[0][name], best[1][name]) for name in best[0])
    assert [r["step"] for r in read_metrics(broken.metrics) if r["split"] == "train"] == list(range(1, 41))


def test_no_update_on_a_loss_that_is_not_finite(tmp_path, frames, monkeypatch):
    config = tiny_config(frames, "method=joint", "train.steps=30", "train.save_every=1")
    run = run_of(tmp_path, config)
    clean = Method.segment

    def poisoned(self, *batches):
        outputs = clean(self, *batches)
        return [out._replace(logits=out.logits * float("nan")) for out in outputs] if self.training else outputs

    monkeypatch.setattr(Method, "segment", poisoned)
    with pytest.raises(HRSError, match="not finite for 10 steps"):
        train(config, run)
    status = run.read_status()
    assert status.state == "failed" and "learning_rate" in status.error
    assert all(torch.isfinite(value.float()).all() for value in load_file(run.last / "model.safetensors").values())


def test_what_is_saved_and_validated_holds_nothing_of_a_step_that_was_not_finite(tmp_path, frames, monkeypatch):
    """Where the device says a step late how a step went."""
    made, build, clean, steps = Trainer.__init__, build_optimiser, Method.segment, iter(range(100))

    def on_a_device(self, *args, **options):
        made(self, *args, **options)
        self._device_skips = True

    def poisoned(self, *batches):
        outputs = clean(self, *batches)
        if not self.training or next(steps) != 2:
            return outputs
        with torch.no_grad():
            self.segmenter(torch.full((2, 3, 32, 32), torch.inf))
        return [out._replace(logits=out.logits * torch.inf, features=out.features * torch.inf) for out in outputs]

    monkeypatch.setattr(Trainer, "__init__", on_a_device)
    monkeypatch.setattr(
        steps_module, "build_optimiser", lambda method, config, fused: build(method, config, fused=True)
    )
    monkeypatch.setattr(Method, "segment", poisoned)
    config = tiny_config(frames, "train.steps=3", "train.save_every=3", "train.validate_every=3", "train.panel=0")
    run = run_of(tmp_path, config)
    train(config, run)
    for folder in (run.last, run.best):
        saved = load_file(folder / "model.safetensors")
        assert not [name for name, value in saved.items() if not value.float().isfinite().all()]


HEARD = """
import signal, sys
from hrs.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts the tests in the background ignores it
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_cancels(tmp_path, frames, number):
    (tmp_path / "config.yaml").write_text(tiny_config(frames, "train.steps=2000").to_yaml())
    begin = [sys.executable, "-c", f"{HEARD}main(sys.argv[1:])"]
    command = [*begin, "train", str(tmp_path / "config.yaml"), "--name", "live"]
    process = subprocess.Popen(
        [*command, "--runs", str(tmp_path / "runs")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    live = RunFolder(tmp_path / "runs" / "live")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (live.metrics.is_file() and live.read_status().step >= 2):
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "was cancelled" in errors and "Traceback" not in errors
    assert live.read_status().state == "cancelled"
    assert json.loads((live.last / "config.json").read_text())["step"] >= 2


SLOW_START = f"""{HEARD}
import time
from hrs.training import steps
real = steps.open_real
steps.open_real = lambda *given, **named: time.sleep(20) or real(*given, **named)
main(sys.argv[1:])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_before_the_first_step_cancels(tmp_path, frames, number):
    (tmp_path / "config.yaml").write_text(tiny_config(frames).to_yaml())
    command = ["train", str(tmp_path / "config.yaml"), "--name", "live", "--runs", str(tmp_path / "runs")]
    with subprocess.Popen([sys.executable, "-c", SLOW_START, *command], stderr=subprocess.PIPE, text=True) as process:
        live = RunFolder(tmp_path / "runs" / "live")
        until(lambda: live.status.is_file() and live.read_status().state == "running")
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    root = shlex.quote(str(live.path.parent))
    assert errors == f"error: run live was cancelled; go on with: python -m hrs runs resume live --runs {root}\n"
    assert live.read_status().state == "cancelled"


def test_a_resumed_run_keeps_its_images(tmp_path):
    """Whatever was labelled meanwhile; where one of them is gone, nothing can go on as it was."""
    real, root = write_frames(tmp_path / "real", 10, seed=1), tmp_path / "source"
    named = {"source": f"folder:{write_frames(root, 4, seed=2)}", "target": f"folder:{real}", "val": ""}
    config = tiny_config(named, "method=joint", "train.steps=2", "data.n_real=null", "data.val=null")
    run = run_of(tmp_path, config)
    train(config, run)
    before = read_seen(run)
    for file in [*real.glob("*/*.png")]:
        shutil.copy(file, file.with_name(f"-{file.name}"))  # before all others
    train(config, run, resume=True)
    after = read_seen(run)
    assert (after.target, after.scored_on) == (before.target, before.scored_on) and len(after.target) == 8
    assert run.data.read_text().count("held out to validate on") == 1
    lost = [real / "images" / f"{before.target[0]}.png", real / "images" / f"{before.scored_on[0]}.png"]
    for file in [*lost, root / "images" / "003.png"]:
        kept = file.read_bytes()
        file.unlink()
        with pytest.raises(HRSError, match=r"; put back what was there, or start a new run from .*config\.yaml"):
            train(config, run, resume=True)
        assert read_seen(run) == after
        file.write_bytes(kept)
    run.data.unlink()  # as in runs of before there was one
    train(config, run, resume=True)
    assert len(read_seen(run).target) > 8


@pytest.mark.parametrize("side", ["real", "source"])
def test_a_resumed_run_keeps_its_classes(tmp_path, side):
    """A table of classes that was mended meanwhile is no ground to go on from as if nothing had been."""
    roots = {name: write_frames(tmp_path / name, 6, seed=1) for name in ("real", "source")}
    named = {"source": f"folder:{roots['source']}", "target": f"folder:{roots['real']}", "val": ""}
    config = tiny_config(named, "method=joint", "train.steps=2", "data.n_real=null", "data.val=null")
    run = run_of(tmp_path, config)
    train(config, run)
    table = roots[side] / "classes.yaml"
    kept, first, second = table.read_text(), *CLASSES[:2]
    table.write_text(yaml.safe_dump({"classes": dict(enumerate([second, first, *CLASSES[2:]]))}))
    with pytest.raises(HRSError, match=rf"has the classes {second}, {first},.* and not {first}, {second},.*new run"):
        train(config, run, resume=True)
    table.write_text(kept)
    train(config, run, resume=True)


def test_a_run_that_stopped_before_its_first_checkpoint_resumes_from_the_start(tmp_path, frames):
    config = tiny_config(frames, "train.steps=2")
    run = run_of(tmp_path, config)
    cancel(run)
    train(config, run, resume=True)  # though it was once asked to stop
    assert run.read_status().state == "finished"


@pytest.mark.parametrize("claimed", [False, True])
def test_a_run_that_is_cancelled_before_it_begins_does_not_begin(tmp_path, frames, claimed):
    """While it is new, or by who still takes it for queued when the process that has it has begun."""
    config = tiny_config(frames, "train.steps=2")
    run = run_of(tmp_path, config)
    if claimed:
        assert run.claim()
    cancel(run)
    with pytest.raises(HRSError, match="was cancelled"):
        train(config, run, resume=claimed)
    assert (run.read_status().state, run.read_status().step) == ("cancelled", 0)
    train(config, run, resume=True)
    assert run.read_status().state == "finished"


def test_leftovers_of_killed_processes_are_swept_when_a_run_goes_on(tmp_path, frames):
    config = tiny_config(frames, "train.steps=2")
    run = run_of(tmp_path, config)
    left = [run.path / name for name in (f".status.json.{DEAD}.tmp", f"checkpoints/.last.{DEAD}.tmp")]
    left[1].mkdir(parents=True)
    left[0].write_text("half")
    train(config, run)
    assert not any(path.exists() for path in left)


def test_images_that_cannot_be_read_any_more_end_no_run(tmp_path, frames, monkeypatch, caplog):
    """A validation image and a frame of the panel, after the run has looked at all of them once."""
    config = tiny_config(frames, "train.steps=4", "train.validate_every=2")
    run = run_of(tmp_path, config)
    read = Dataset.read_label

    def gone(self, i):
        if run.preview_steps("val") and i == 0:
            raise HRSError(f"{self.frames[i].label} cannot be decoded")
        return read(self, i)

    monkeypatch.setattr(Dataset, "read_label", gone)
    assert train(config, run).images == 3
    assert run.read_status().state == "finished" and "skipped a frame: " in caplog.text


@pytest.mark.parametrize("how", ["void", "unreadable"])
@pytest.mark.parametrize("validated", [0, 1])
def test_labels_that_are_lost_on_the_way_cost_no_checkpoint(tmp_path, frames, monkeypatch, how, validated):
    """All of the validation's, before the first validation or after it: what was the best until then stays."""
    config = tiny_config(frames, "train.steps=4", "train.validate_every=2")
    run = run_of(tmp_path, config)
    read = Dataset.read_label

    def lost(self, i):
        if str(self.spec) != config.data.val or not run.log.exists() or len(run.preview_steps("val")) < validated:
            return read(self, i)
        if how == "unreadable":
            raise HRSError(f"{self.frames[i].label} cannot be decoded")
        return np.full_like(read(self, i), IGNORE)

    monkeypatch.setattr(Dataset, "read_label", lost)
    evaluation = train(config, run)
    assert run.read_status().state == "finished" and math.isnan(evaluation.miou)
    assert load_checkpoint(run.last).method and (read_about(run.best).metrics["miou"] is not None) == bool(validated)


def test_a_file_in_its_folder_saves_and_cancels(tmp_path, frames):
    config = tiny_config(frames, "train.steps=2000")
    run = RunFolder.create(tmp_path, "live", config.to_yaml())

    def ask() -> None:
        until(lambda: run.read_status().step >= 2)
        cancel(run)  # this very process trains, so no signal is sent

    asking = threading.Thread(target=ask)
    asking.start()
    with pytest.raises(HRSError, match="run live was cancelled"):
        train(config, run)
    asking.join()
    assert run.read_status().state == "cancelled"
    assert 2 <= json.loads((run.last / "config.json").read_text())["step"] < 2000


def test_two_processes_train_one_run(tmp_path, frames):
    config = tiny_config(frames, "train.steps=3")
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "hrs"]
    command += ["train", str(tmp_path / "config.yaml"), "--name", "pair", "--runs", str(tmp_path / "runs")]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=240
    )
    assert done.returncode == 0, done.stderr
    run = RunFolder(tmp_path / "runs" / "pair")
    assert run.read_status().state == "finished"
    assert load_checkpoint(run.best).about.metrics["images"] == 4
    assert [r["step"] for r in read_metrics(run.metrics) if r["split"] == "train"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.precision=fp16", "train.precision is fp16, which needs a GPU; on a CPU take bf16 or no"),
        ("method=oracle", "method oracle needs synthetic frames whose planted faults are known"),
    ],
)
def test_what_would_be_ignored_is_refused(tmp_path, frames, override, message):
    plain = frames | {"source": f"folder:{write_frames(tmp_path / 'plain', 4, seed=0, tint=0.3)}"}
    with pytest.raises(HRSError, match=message):
        Trainer(tiny_config(plain, override))


def test_a_network_that_is_none_is_refused_before_data_are_opened():
    nowhere = dict.fromkeys(("source", "target", "val"), "folder:/no/such/folder")
    with pytest.raises(HRSError, match="unknown network 'compat'"):
        Trainer(tiny_config(nowhere, "network.name=compat"))


@pytest.mark.parametrize(
    ("overrides", "enough"),
    [
        (("train.batch_source=1",), True),
        (("train.batch_source=1", "train.source_until=0.5"), False),
        (("method=target_only",), False),
        (("data.unlabelled=undrawn", "train.ema=0.9", "train.batch_unlabelled=2"), True),
        (("data.unlabelled=undrawn", "train.ema=0.9", "train.batch_unlabelled=1"), False),
    ],
)
def test_a_batch_that_would_come_to_be_too_small_is_refused_at_the_start(frames, overrides, enough):
    small = ("network.name=lite0", "data.height=32", "data.width=32", "train.batch_target=1")
    config = tiny_config(frames, "method=joint", *small, *overrides)
    with nullcontext() if enough else pytest.raises(HRSError, match="at least 2 images a batch at 32x32"):
        trainer = Trainer(config)
        for batch in trainer.batches():
            assert enough and trainer.train_step(batch).applied
