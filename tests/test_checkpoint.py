import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hrs.checkpoint import (
    check_fits,
    load_checkpoint,
    load_segmenter,
    load_state,
    load_weights,
    read_about,
    save_checkpoint,
)
from hrs.config import load_config
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.methods.build import build_method
from hrs.runs.names import CARD, CONFIG, MODEL, STATE

SPACE = LabelSpace(name="small", classes=("sky", "road", "car"), palette=((0, 0, 9), (9, 9, 9), (9, 0, 0)))
METRICS = {"miou": 41.25, "iou": {"sky": 90.0, "road": 33.75, "car": None}, "pixel_accuracy": 80.0, "images": 4}


def made(folder, method="hrs", network="compact", **options):
    torch.manual_seed(0)
    config = load_config({"method": method, "network": {"name": network}})
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


def test_its_card_says_which_real_images_it_learned_from(tmp_path):
    for drawn, said in ((20, "20 labelled images"), (None, "all labelled images but those that it is validated on")):
        config = load_config({"data": {"n_real": drawn}})
        save_checkpoint(
            tmp_path / "best", method=build_method(config, len(SPACE)), config=config, space=SPACE, step=7, metrics={}
        )
        assert said in (tmp_path / "best" / CARD).read_text()


def test_overrides_are_saved_in_place_of_the_methods_own(tmp_path):
    name = "segmenter.classifier.bias"
    built, _ = made(tmp_path / "best", overrides={name: torch.full((3,), 0.5)})
    assert load_file(tmp_path / "best" / MODEL)[name].tolist() == [0.5] * 3
    assert load_segmenter(tmp_path / "best").classifier.bias.tolist() == [0.5] * 3
    assert built.segmenter.classifier.bias.tolist() != [0.5] * 3


@pytest.mark.parametrize("network", ["compact", "lite0"])
def test_the_segmenter_alone_predicts_the_same(tmp_path, network):
    built, _ = made(tmp_path / "best", network=network)
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
    made(tmp_path / "best", state=STATE_OF_A_RUN)
    (tmp_path / "best" / MODEL).write_bytes(b"no tensors")
    with pytest.raises(HRSError, match="cannot be read"):
        load_checkpoint(tmp_path / "best")
    (tmp_path / "best" / CONFIG).write_text("{}")
    with pytest.raises(HRSError, match="lacks label_space"):
        read_about(tmp_path / "best")


STATE_OF_A_RUN = {"optimiser": {"state": {}, "param_groups": []}, "step": 7, "best": 41.3}


def test_a_state_comes_back_to_the_last_bit(tmp_path):
    layer = torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW([{"params": list(layer.parameters()), "lr": 0.1 + 0.2, "peak": 1e-300}])
    layer(torch.randn(4, 3)).sum().backward()
    optimiser.step()
    state = {
        **STATE_OF_A_RUN,
        "optimiser": optimiser.state_dict(),
        "average": {"n": torch.tensor(3), "w": layer.weight},
    }
    made(tmp_path / "last", state=state)
    back = load_state(tmp_path / "last")
    assert list(back["optimiser"]["state"]) == [0, 1]  # numbers, which JSON alone would make text of
    assert back["optimiser"]["param_groups"][0]["lr"] == 0.1 + 0.2
    assert back["optimiser"]["param_groups"][0]["peak"] == 1e-300
    for number, memory in optimiser.state_dict()["state"].items():
        assert all(torch.equal(value, back["optimiser"]["state"][number][name]) for name, value in memory.items())
    assert torch.equal(back["average"]["w"], layer.weight) and back["average"]["n"].shape == ()
    other = torch.optim.AdamW([{"params": list(torch.nn.Linear(3, 2).parameters()), "peak": 1.0}])
    other.load_state_dict(back["optimiser"])
    check_fits(other)
    misfit = torch.optim.AdamW([{"params": list(torch.nn.Linear(2, 3).parameters()), "peak": 1.0}])
    misfit.load_state_dict(back["optimiser"])
    with pytest.raises(ValueError, match=r"has .* values for a weight of"):
        check_fits(misfit)


@pytest.mark.parametrize(
    ("name", "load", "tries"), [(MODEL, load_segmenter, 8), (CONFIG, read_about, 60), (STATE, load_state, 60)]
)
def test_whatever_happens_to_a_file_is_one_line_or_nothing(tmp_path, name, load, tries):
    folder = tmp_path / "last"
    made(folder, "joint", state=STATE_OF_A_RUN)
    whole, rng, said = (folder / name).read_bytes(), np.random.default_rng(0), []
    for attempt in range(tries):
        data = bytearray(whole)
        where = int(rng.integers(min(len(data), 4000)))
        if attempt % 3 == 0:
            del data[where:]
        elif attempt % 3 == 1:
            data[where] ^= 1 << int(rng.integers(8))
        else:
            data[where : where + 8] = rng.bytes(int(rng.integers(16)))
        (folder / name).write_bytes(data)
        try:
            load(folder)
        except HRSError as error:
            said.append(str(error))
    assert len(said) >= tries // 3 and not any("\n" in each for each in said)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"network": {"depths": [10**9]}}, "depths .*expected at most 1000"),
        ({"network": {"hidden_sizes": [10**6] * 4}}, "hidden_sizes 1000000; expected at most"),
        ({"network": {"hidden_sizes": [60000] * 4}}, "do not fit the network"),
        ({"network": {"auto_map": {"AutoConfig": "code.Evil"}}}, "asks for auto_map; only data is read"),
        ({"network": {"use_pretrained_backbone": True}}, "asks for use_pretrained_backbone"),
        ({"network": []}, "is damaged"),
        ({"run": "/etc/passwd"}, "is damaged"),
        ({"step": "7"}, "is damaged"),
        ({"metrics": {"miou": "good"}}, "is damaged"),
        ({"label_space": [1]}, "label space is damaged"),
    ],
)
def test_a_strangers_checkpoint_is_data_of_its_own_size(tmp_path, monkeypatch, about, message):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it asks another machine"))
    folder = tmp_path / "best"
    torch.manual_seed(0)
    config = load_config({"method": "joint", "network": {"name": "segformer-b0"}})
    save_checkpoint(
        folder, method=build_method(config, len(SPACE)), config=config, space=SPACE, step=7, metrics=METRICS
    )
    stored = json.loads((folder / CONFIG).read_text())
    changed = about | (
        {"network": stored["network"] | about["network"]} if isinstance(about.get("network"), dict) else {}
    )
    (folder / CONFIG).write_text(json.dumps(stored | changed))
    with pytest.raises(HRSError, match=message):
        load_segmenter(folder)
