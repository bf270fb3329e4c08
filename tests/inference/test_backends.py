import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hrs.errors import HRSError
from hrs.inference import Predictor, backends
from hrs.inference.backends import MOST_MODELS, OnnxBackend, TorchBackend, onnx_model, pick_device
from hrs.inference.export import export_network
from tests.inference.conftest import photo


@pytest.fixture(autouse=True)
def made(exported, tmp_path, monkeypatch):
    """An empty cache, and the export that fills it for nothing; the list of what was made."""
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    calls = []

    def copy(_, out):
        calls.append(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(exported.path, out)

    monkeypatch.setattr(backends, "export_network", copy)
    return calls


@pytest.mark.parametrize("size", [(70, 90), (200, 50), (50, 900)])
def test_both_backends_give_the_same_answer(checkpoint, size):
    exact, quick = (Predictor.load(checkpoint, backend=name) for name in ("torch", "onnx"))
    assert isinstance(exact.backend, TorchBackend) and isinstance(quick.backend, OnnxBackend)
    a, b = exact.segment(photo(*size)), quick.segment(photo(*size))
    assert (a.labels == b.labels).mean() > 0.999
    np.testing.assert_allclose(a.confidence, b.confidence, atol=1e-4)


def test_auto_takes_onnx_on_a_cpu_and_makes_it_once(checkpoint, made):
    for _ in range(2):
        assert isinstance(Predictor.load(checkpoint, backend="auto").backend, OnnxBackend)
    assert len(made) == 1


def test_a_model_beside_the_checkpoint_is_taken_if_it_has_the_same_weights(checkpoint, exported, tmp_path, made):
    ours = tmp_path / "best"
    shutil.copytree(checkpoint, ours)
    shutil.copy(exported.path, ours / "model.onnx")
    assert onnx_model(ours) == ours / "model.onnx" and not made
    (ours / "model.safetensors").write_bytes(b"other weights")
    assert onnx_model(ours) == made[0]


def cached_models(folder, *hours):
    """Models of other weights in the cache, last used so many hours ago."""
    folder.mkdir(parents=True)
    for hour in hours:
        (folder / f"{hour}.onnx").write_bytes(b"another model")
        os.utime(folder / f"{hour}.onnx", (time.time() - 3600 * hour,) * 2)


def test_the_cache_keeps_the_models_that_were_used_last(checkpoint, made, tmp_path):
    folder = tmp_path / "cache/onnx"
    cached_models(folder, *range(1, MOST_MODELS + 4))
    (folder / "none.txt").write_text("it has no word for this")
    assert onnx_model(checkpoint) == made[0]
    kept = {made[0].name, "none.txt", *(f"{hour}.onnx" for hour in range(1, MOST_MODELS))}
    assert {path.name for path in folder.iterdir()} == kept


def test_a_cached_model_that_is_used_is_not_the_first_to_go(checkpoint, made, tmp_path):
    onnx_model(checkpoint)
    os.utime(made[0], (0, 0))
    assert onnx_model(checkpoint) == made[0] and len(made) == 1
    assert time.time() - made[0].stat().st_mtime < 60


def test_models_of_the_last_hour_stay_however_many(checkpoint, tmp_path):
    """Another process may be about to open them."""
    folder = tmp_path / "cache/onnx"
    cached_models(folder, *(i / 100 for i in range(MOST_MODELS + 3)))
    onnx_model(checkpoint)
    assert len(list(folder.iterdir())) == MOST_MODELS + 4


def test_a_model_that_another_process_removes_first_is_no_error(checkpoint, made, tmp_path, monkeypatch):
    cached_models(tmp_path / "cache/onnx", *range(1, MOST_MODELS + 4))
    unlink = Path.unlink

    def twice(path, **options):
        unlink(path)
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", twice)
    assert onnx_model(checkpoint) == made[0]


def test_a_network_that_onnx_cannot_hold_is_tried_once(checkpoint, monkeypatch):
    calls = []

    def refuse(folder, out):
        calls.append(out)
        raise backends.NotExportable("it has no word for this")

    monkeypatch.setattr(backends, "export_network", refuse)
    for _ in range(2):
        assert isinstance(Predictor.load(checkpoint, backend="auto").backend, TorchBackend)
        with pytest.raises(HRSError, match="no word for this"):
            Predictor.load(checkpoint, backend="onnx")
    assert len(calls) == 1


def test_what_is_made_apart_is_found_afterwards(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "another"))
    backends.make_onnx_apart(checkpoint)
    monkeypatch.setattr(backends, "export_network", None)
    monkeypatch.setattr(backends, "get_context", None)  # no second process
    backends.make_onnx_apart(checkpoint)
    assert isinstance(Predictor.load(checkpoint, backend="auto").backend, OnnxBackend)


def test_what_cannot_be_made_apart_is_not_made_here_either(checkpoint, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file, where a folder is to be")
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(HRSError, match="ended with 1"):
        backends.make_onnx_apart(checkpoint)


def test_a_process_that_dies_at_it_is_told(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "another"))
    monkeypatch.setattr(backends, "_make_here", sys.exit)  # with its argument, a text: code 1
    with pytest.raises(HRSError, match="ended with 1"):
        backends.make_onnx_apart(checkpoint)


def test_onnx_is_for_the_cpu(checkpoint):
    with pytest.raises(HRSError, match="choose backend torch"):
        Predictor.load(checkpoint, backend="onnx", device="cuda")


@pytest.mark.parametrize("backend", ["auto", "torch", "onnx"])
def test_a_damaged_checkpoint_is_one_clear_line(checkpoint, tmp_path, monkeypatch, backend):
    monkeypatch.setattr(backends, "export_network", export_network)
    ours = tmp_path / "best"
    shutil.copytree(checkpoint, ours)
    (ours / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(HRSError, match="cannot be read"):
        Predictor.load(ours, backend=backend)


def test_a_model_is_made_anew_for_a_checkpoint_that_says_otherwise_of_itself(checkpoint, made, tmp_path):
    ours = tmp_path / "best"
    shutil.copytree(checkpoint, ours)
    first = onnx_model(ours)
    (ours / "config.json").write_text((ours / "config.json").read_text() + " ")
    assert onnx_model(ours) != first and len(made) == 2


def test_a_cached_model_that_is_damaged_is_made_anew(checkpoint, made):
    onnx_model(checkpoint).write_bytes(b"half of a mod")
    assert isinstance(OnnxBackend(onnx_model(checkpoint)), OnnxBackend) and len(made) == 2


@pytest.mark.parametrize("name", ["meta", "hpu", "nothing", "cpu:7:7"])
def test_a_device_that_cannot_compute_is_refused(name):
    with pytest.raises(HRSError, match="cannot be used here; expected auto, cpu or cuda"):
        pick_device(name)
    assert pick_device("cpu") == "cpu"
