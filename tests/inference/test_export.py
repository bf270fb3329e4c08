import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from hrs.errors import HRSError
from hrs.inference import export
from hrs.inference.export import NotExportable, read_metadata, weights_hash, write_onnx
from hrs.networks.base import Segmenter, SegmenterOutput
from hrs.networks.segmenter import build_segmenter
from tests.inference.conftest import SPACE, checkpoint, exported
from tests.networks.small_networks import CLASSES, segformer_config, small_deeplab, small_fcn

__all__ = ["checkpoint", "exported"]


def lite0():
    return build_segmenter("lite0", CLASSES)


def small_segformer():
    return build_segmenter("segformer-b0", CLASSES, config=segformer_config().to_dict())


def test_the_file_is_valid_and_says_what_it_is(exported, checkpoint):
    onnx.checker.check_model(exported.path, full_check=True)
    about = read_metadata(exported.path)
    assert about["classes"] == list(SPACE.classes) and about["palette"] == [list(c) for c in SPACE.palette]
    assert (about["height"], about["width"], about["network"]) == (48, 64, "compact")
    assert about["mean"] == [0.485, 0.456, 0.406] and about["std"] == [0.229, 0.224, 0.225]
    assert about["weights"] == weights_hash(checkpoint)
    assert {
        name: json.loads(text) for name, text in _session(exported.path).get_modelmeta().custom_metadata_map.items()
    } == about


def test_exports_at_once_wait_for_each_other(tmp_path, monkeypatch):
    """PyTorch's exporter is not made for two at a time: what it patches stays patched."""
    at_work, most, convert = [], [], export._convert

    def counted(*args):
        at_work.append(1)
        most.append(len(at_work))
        convert(*args)
        at_work.pop()

    monkeypatch.setattr(export, "_convert", counted)
    with ThreadPoolExecutor(2) as pool:
        files = [tmp_path / f"{i}.onnx" for i in range(2)]
        done = [pool.submit(write_onnx, Plain().eval(), file, {}, size=(32, 32)) for file in files]
        assert all(each.result().difference < 1e-3 for each in done)
    assert most == [1, 1]


def test_weights_that_are_replaced_meanwhile_are_not_taken_for_others(checkpoint, tmp_path, monkeypatch):
    """A run that trains replaces its best model at any moment."""
    ours = tmp_path / "best"
    shutil.copytree(checkpoint, ours)
    load = export.load_segmenter

    def loaded(folder):
        network = load(folder)
        (folder / "model.safetensors").write_bytes(b"those of the next validation")
        return network

    monkeypatch.setattr(export, "load_segmenter", loaded)
    with pytest.raises(HRSError, match="was replaced while it was read"):
        export.export_network(ours, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize(("error", "raised"), [(MemoryError, MemoryError), (ValueError, NotExportable)])
def test_what_may_pass_is_no_verdict_on_a_network(tmp_path, monkeypatch, error, raised):
    def fail(*_, **__):
        raise error("just now")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(raised, match="just now"):
        write_onnx(build_segmenter("compact", 3), tmp_path / "out.onnx", {}, size=(32, 32))


def test_every_checked_size_agrees(exported):
    assert len(exported.checked) == 3 and exported.difference < 1e-4


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (2, 3, 97, 131), (5, 3, 48, 64)])
def test_batch_height_and_width_are_free(exported, checkpoint, shape):
    from hrs.checkpoint import load_checkpoint

    images = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = load_checkpoint(checkpoint).method.segmenter(images)
    found = _session(exported.path).run(["logits", "features"], {"images": images.numpy()})
    for a, b in zip(wanted, found, strict=True):
        np.testing.assert_allclose(a.numpy(), b, atol=1e-4)


@pytest.mark.parametrize("build", [small_segformer, small_deeplab, small_fcn, lite0])
def test_the_other_networks(build, tmp_path):
    torch.manual_seed(0)
    done = write_onnx(build().eval(), tmp_path / "model.onnx", {}, size=(64, 64))
    assert done.difference < 1e-3 and read_metadata(done.path) == {}


class Plain(Segmenter):
    """One layer."""

    def __init__(self):
        super().__init__()
        self.classifier = nn.Conv2d(3, 4, 1)

    def forward(self, images):
        return SegmenterOutput(self.classifier(images), images)


class Stubborn(Plain):
    """Decides by a value, which ONNX cannot."""

    def forward(self, images):
        return super().forward(images if images.sum() > 0 else -images)


def test_a_network_that_onnx_cannot_hold(tmp_path):
    with pytest.raises(NotExportable, match=r"cannot be written as ONNX .*backend torch") as error:
        write_onnx(Stubborn(), tmp_path / "model.onnx", {}, size=(32, 32))
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_a_difference_above_the_tolerance_leaves_no_file(tmp_path):
    with pytest.raises(NotExportable, match="differs by"):
        write_onnx(Plain(), tmp_path / "model.onnx", {}, size=(32, 32), tolerance=-1)
    assert not list(tmp_path.iterdir())


def test_a_place_that_may_not_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(export, "_convert", None)
    with pytest.raises(HRSError, match=r"cannot write .*name a folder, not a file"):
        write_onnx(Plain(), tmp_path / "file" / "model.onnx", {}, size=(32, 32))


def test_what_is_no_onnx_file(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(HRSError, match="cannot be read as an ONNX model"):
        read_metadata(tmp_path / "model.onnx")


def _session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
