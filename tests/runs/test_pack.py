import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from hrs.checkpoint import load_checkpoint
from hrs.errors import HRSError
from hrs.inference import Predictor
from hrs.inference.export import weights_hash
from hrs.inference.realism import fit_gauge, read_gauge, write_gauge
from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL
from hrs.runs.pack import pack
from hrs.runs.registry import list_runs, resolve_checkpoint
from hrs.runs.seen import Seen, read_seen
from hrs.scoring.panel import open_panel
from hrs.training.trainer import train
from tests.conftest import tiny_config


@pytest.fixture(scope="module")
def finished(tmp_path_factory, frames):
    config = tiny_config(frames, "train.steps=8", "train.validate_every=1")
    run = RunFolder.create(tmp_path_factory.mktemp("runs"), "long", config.to_yaml())
    train(config, run)
    return run


def test_a_packed_run_is_a_run_with_a_model_and_maps(finished, tmp_path):
    packed = pack(finished, tmp_path / "all" / "street")
    (summary,) = list_runs(tmp_path / "all")
    assert (summary.name, summary.status.state, summary.last) == ("street", "finished", finished.read_results()[-1])
    assert (summary.status.pid, summary.status.host) == (None, None)
    assert packed.read_space() == finished.read_space()
    assert read_seen(packed) == read_seen(finished) != Seen()
    assert resolve_checkpoint(str(packed.path), tmp_path) == packed.best
    assert Predictor.load(packed.best, backend="torch").space == finished.read_space()
    steps = sorted(path.name for path in packed.weights.glob("step_*"))
    assert steps[0] == "step_000000" and steps[-1] == "step_000008" and len(steps) == 6
    panel = open_panel(packed, 8)
    for row in range(len(panel)):
        frame = panel.frame(row)
        assert frame.read_maps()["combined"].shape == frame.read_picture().shape[:2]


def test_what_resumes_a_run_and_real_images_stay_behind(finished, tmp_path):
    packed = pack(finished, tmp_path / "street")
    assert not packed.last.exists() and not packed.tensorboard.exists()
    assert [path.name for path in packed.previews.iterdir()] == ["weights_000008.jpg"]


def test_only_a_finished_run_is_packed_and_nothing_is_replaced(finished, tmp_path):
    waiting = RunFolder.create(tmp_path, "waiting", "")
    with pytest.raises(HRSError, match="waiting is queued; only a finished one"):
        pack(waiting, tmp_path / "out")
    with pytest.raises(HRSError, match="exists; name a folder"):
        pack(finished, tmp_path)
    assert not (tmp_path / "out").exists()


def test_of_a_damaged_run_it_is_said_what_it_lacks(finished, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(finished.path, damaged)
    (damaged / "space.json").unlink()
    with pytest.raises(HRSError, match=r"run damaged lacks space\.json"):
        pack(RunFolder(damaged), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_whom_the_umask_lets_read_may_read_the_weights(finished, tmp_path):
    packed = pack(finished, tmp_path / "half", half=True)
    for folder in (finished.best, packed.best):
        modes = {(folder / name).stat().st_mode for name in ("config.json", "model.safetensors")}
        assert len(modes) == 1


def test_half_the_size_is_nearly_the_same_network(finished, tmp_path):
    (finished.best / "model.onnx").write_bytes(b"of the whole weights")
    whole, half = pack(finished, tmp_path / "whole"), pack(finished, tmp_path / "half", half=True)
    sizes = [(run.best / "model.safetensors").stat().st_size for run in (whole, half)]
    assert sizes[1] < 0.6 * sizes[0]
    assert (whole.best / "model.onnx").exists() and not (half.best / "model.onnx").exists()
    wanted = load_checkpoint(whole.best).method.state_dict()
    for name, value in load_checkpoint(half.best).method.state_dict().items():
        before = wanted[name]
        assert value.dtype == before.dtype
        torch.testing.assert_close(value, before, rtol=2**-11, atol=1e-7)


def test_a_gauge_of_the_whole_weights_counts_for_the_rounded_ones_and_no_other_does(finished, tmp_path):
    rng = np.random.default_rng(0)
    gauge = fit_gauge(*rng.normal(size=(2, 6, 4)).astype(np.float32))
    run = RunFolder(tmp_path / "run")
    shutil.copytree(finished.path, run.path)
    write_gauge(gauge, run.best, weights=weights_hash(run.best))
    own = read_gauge(pack(run, tmp_path / "half", half=True).best)
    assert own is not None and np.array_equal(own.reference, gauge.reference)
    other = {name: value[::-1].copy() for name, value in load_file(run.best / MODEL).items() if value.ndim}
    save_file(other, run.best / MODEL)
    assert read_gauge(pack(run, tmp_path / "other", half=True).best) is None
