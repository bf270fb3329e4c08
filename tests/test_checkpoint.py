import json

import pytest
import torch
from safetensors.torch import load_file

from hrs.checkpoint import load_checkpoint, load_segmenter, load_state, load_weights, read_about, save_checkpoint
from hrs.config import load_config
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.methods.build import build_method
from hrs.runs.names import CARD, CONFIG, MODEL, STATE

SPACE = LabelSpace(name="small", classes=("sky", "road", "car"), palette=((0, 0, 9), (9, 9, 9), (9, 0, 0)))
METRICS = {"miou": 41.25, "iou": {"sky": 90.0, "road": 33.75, "car": None}, "pixel_accuracy": 80.0, "images": 4}


def made(folder, method="hrs", **options):
    torch.manual_seed(0)
    config = load_config({"method": method})
    built = build_method(config, len(SPACE)).eval()
    save_checkpoint(folder, method=built, config=config, space=SPACE, step=7, metrics=METRICS, **options)
    return built, config


def test_a_method_comes_back_as_it_was(tmp_path):
    built, config = made(tmp_path / "best")
    back = load_checkpoint(tmp_path / "best")
    assert (back.config, back.space, back.about.step, back.about.metrics) == (config, SPACE, 7, METRICS)
    assert not back.method.training
    own = built.state_dict()
    assert all(torch.equal(own[name], value) for name, value in back.method.state_dict().items())
    assert not (tmp_path / "best" / STATE).exists() and "41.2" in (tmp_path / "best" / CARD).read_text()


def test_overrides_are_saved_in_place_of_the_methods_own(tmp_path):
    name = "segmenter.classifier.bias"
    built, _ = made(tmp_path / "best", overrides={name: torch.full((3,), 0.5)})
    assert load_file(tmp_path / "best" / MODEL)[name].tolist() == [0.5] * 3
    assert load_segmenter(tmp_path / "best").classifier.bias.tolist() == [0.5] * 3
    assert built.segmenter.classifier.bias.tolist() != [0.5] * 3


def test_the_segmenter_alone_predicts_the_same(tmp_path):
    built, _ = made(tmp_path / "best")
    images = torch.randn(1, 3, 48, 64)
    with torch.no_grad():
        assert torch.equal(load_segmenter(tmp_path / "best")(images).logits, built.segmenter(images).logits)


def test_an_older_format_still_segments_and_says_why_it_cannot_weigh(tmp_path):
    built, _ = made(tmp_path / "best")
    path = tmp_path / "best" / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1}))
    load_segmenter(tmp_path / "best")
    with pytest.raises(HRSError, match=r"format 1, expected 2.*still segments"):
        load_weights(built, tmp_path / "best")
    joint, _ = made(tmp_path / "joint", "joint")
    path = tmp_path / "joint" / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1}))
    load_weights(joint, tmp_path / "joint")


def test_other_classes_are_one_clear_line(tmp_path):
    made(tmp_path / "best")
    with pytest.raises(HRSError, match="predicts 3 classes but 5 are expected"):
        load_weights(build_method(load_config({"method": "hrs"}), 5), tmp_path / "best")


def test_damage_is_one_clear_line(tmp_path):
    made(tmp_path / "best", state={"step": 7})
    assert load_state(tmp_path / "best") == {"step": 7}
    (tmp_path / "best" / MODEL).write_bytes(b"no tensors")
    with pytest.raises(HRSError, match="cannot be read"):
        load_checkpoint(tmp_path / "best")
    (tmp_path / "best" / CONFIG).write_text("{}")
    with pytest.raises(HRSError, match="lacks label_space"):
        read_about(tmp_path / "best")
