import pytest
import torch
from huggingface_hub.errors import HTTPError
from safetensors.torch import save_file
from transformers import (
    Dinov2Model,
    ResNetModel,
    SegformerForSemanticSegmentation,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)

from hrs.errors import HRSError
from hrs.networks.classic import FCN8s
from hrs.networks.segmenter import build_segmenter, upsample
from tests.networks.small_networks import CLASSES, backbone_config, segformer_config, small_fcn


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def vgg_state(width):
    network = FCN8s(1, width=width)
    state = {k: torch.randn_like(v) for k, v in network.state_dict().items() if k.startswith("features.")}
    for linear, conv in (("classifier.0", network.fc6), ("classifier.3", network.fc7)):
        state[f"{linear}.weight"] = torch.randn(conv.out_channels, conv.weight[0].numel())
        state[f"{linear}.bias"] = torch.randn(conv.out_channels)
    return state | {"classifier.6.weight": torch.randn(10, 4)}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_fcn_loads_vgg16_weights(tmp_path, suffix):
    state = vgg_state(1 / 32)
    file = tmp_path / f"vgg16{suffix}"
    save_file(state, file) if suffix == ".safetensors" else torch.save(state, file)
    network = small_fcn()
    network.load_vgg16(file)
    assert torch.equal(network.features[28].weight, state["features.28.weight"])
    assert torch.equal(network.fc6.weight.flatten(1), state["classifier.0.weight"])
    assert torch.equal(network.fc7.bias, state["classifier.3.bias"])


def test_fcn_says_what_is_wrong_with_a_weights_file(tmp_path):
    network = small_fcn()
    with pytest.raises(HRSError, match=r"cannot read weights from .*none\.pt"):
        network.load_vgg16(tmp_path / "none.pt")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    with pytest.raises(HRSError, match="cannot read weights"):
        network.load_vgg16(tmp_path / "junk.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(HRSError, match="torchvision's key names"):
        network.load_vgg16(tmp_path / "other.safetensors")
    save_file(vgg_state(1 / 16), tmp_path / "wide.safetensors")
    with pytest.raises(HRSError, match="does not fit VGG16"):
        network.load_vgg16(tmp_path / "wide.safetensors")


def test_segformer_loads_a_local_folder(tmp_path):
    torch.manual_seed(1)
    saved = SegformerForSemanticSegmentation(segformer_config()).eval()
    saved.save_pretrained(tmp_path)
    loaded = build_segmenter(f"segformer:{tmp_path}", CLASSES, pretrained=True).eval()
    images = torch.randn(1, 3, 64, 96)
    torch.testing.assert_close(loaded(images).logits, saved(images).logits)
    fresh = build_segmenter(f"segformer:{tmp_path}", CLASSES).eval()
    assert not torch.allclose(fresh(images).logits, saved(images).logits)


def test_segformer_with_other_classes_keeps_all_but_the_last_layer(tmp_path):
    saved = SegformerForSemanticSegmentation(segformer_config())
    saved.save_pretrained(tmp_path)
    loaded = build_segmenter(f"segformer:{tmp_path}", CLASSES + 2, pretrained=True)
    assert loaded.num_classes == CLASSES + 2
    assert torch.equal(loaded.head.linear_fuse.weight, saved.decode_head.linear_fuse.weight)


def test_upernet_loads_a_whole_network_as_transformers_runs_it(tmp_path):
    backbone = backbone_config("resnet")
    backbone.out_features = ["stage1", "stage2", "stage3", "stage4"]
    config = UperNetConfig(backbone_config=backbone, hidden_size=16, num_labels=CLASSES, auxiliary_in_channels=16)
    saved = UperNetForSemanticSegmentation(config).eval()
    saved.save_pretrained(tmp_path)
    loaded = build_segmenter(f"upernet:{tmp_path}", CLASSES, pretrained=True).eval()
    images = torch.randn(1, 3, 64, 96)
    theirs = saved(images).logits  # upsampled to the image
    torch.testing.assert_close(upsample(loaded(images).logits, (64, 96)), theirs)
    assert not any("auxiliary" in name for name in loaded.state_dict())


@pytest.mark.parametrize(("kind", "model"), [("resnet", ResNetModel), ("dinov2", Dinov2Model)])
def test_upernet_loads_a_backbone(tmp_path, kind, model):
    saved = model(backbone_config(kind))
    saved.save_pretrained(tmp_path)
    loaded = build_segmenter(f"upernet:{tmp_path}", CLASSES, pretrained=True)
    theirs = saved.state_dict()
    for name, value in loaded.backbone.state_dict().items():
        assert torch.equal(value, theirs[name]), name


def test_weights_of_another_architecture_are_refused(tmp_path):
    ResNetModel(backbone_config("resnet")).save_pretrained(tmp_path)
    with pytest.raises(HRSError, match="expected segformer"):
        build_segmenter(f"segformer:{tmp_path}", CLASSES, pretrained=True)
    segformer_config().save_pretrained(tmp_path)  # the configuration lies about the weights
    with pytest.raises(HRSError, match=r"fit only 0 of the \d+ parameters"):
        build_segmenter(f"segformer:{tmp_path}", CLASSES, pretrained=True)


@pytest.mark.parametrize("name", ["segformer-b0", "upernet-dinov2-small", "deeplabv2-resnet101", "segformer:no/where"])
def test_weights_that_cannot_be_had_name_the_remedy(name, offline, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(HRSError, match=r"cannot load .*local folder.*pretrained: false") as caught:
        build_segmenter(name, CLASSES, pretrained=True)
    assert "\n" not in str(caught.value)


def test_no_network_is_one_short_error(monkeypatch, tmp_path):
    """Without the offline switch: one failed request, not transformers' half minute of retries."""
    requests = []

    class Unreachable:
        def head(self, url, timeout):
            requests.append(url)
            raise HTTPError("Name or service not known")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("hrs.networks.hub.get_session", Unreachable)
    with pytest.raises(HRSError, match="hf download nvidia/mit-b0"):
        build_segmenter("segformer-b0", CLASSES, pretrained=True)
    assert len(requests) == 1


def test_a_folder_that_does_not_exist_is_named():
    with pytest.raises(HRSError, match="no such folder"):
        build_segmenter("upernet:/no/where", CLASSES)


def test_a_folder_without_a_network_is_named(tmp_path):
    with pytest.raises(HRSError, match=r"folder .*config\.json"):
        build_segmenter(f"segformer:{tmp_path}", CLASSES)


@pytest.mark.parametrize("name", ["compact", "fcn8s-vgg16"])
def test_networks_without_published_weights_say_so(name):
    with pytest.raises(HRSError, match="pretrained: false"):
        build_segmenter(name, CLASSES, pretrained=True)
