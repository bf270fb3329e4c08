import copy
import json
import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.networks.huggingface import fuse
from hrs.networks.segmenter import build_segmenter, known_networks, normalise, upsample
from hrs.networks.shared_norm import SharedBatchNorm2d, share_normalisation
from tests.networks.small_networks import CLASSES, backbone_config, segformer_config, small_deeplab, small_fcn

SIZES = [(64, 96), (75, 101)]


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Small random configurations on disk, by family."""
    root = tmp_path_factory.mktemp("sources")
    segformer_config().save_pretrained(root / "segformer")
    for kind in ("resnet", "convnext", "swin", "dinov2"):
        backbone_config(kind).save_pretrained(root / kind)
    return root


def make(kind, folders):
    torch.manual_seed(0)
    if kind in ("compact", "lite0"):
        return build_segmenter(kind, CLASSES)
    if kind == "segformer":
        return build_segmenter(f"segformer:{folders / kind}", CLASSES)
    if kind == "deeplabv2":
        return small_deeplab()
    if kind == "fcn8s":
        return small_fcn()
    return build_segmenter(f"upernet:{folders / kind}", CLASSES)


KINDS = ["compact", "lite0", "segformer", "resnet", "convnext", "swin", "dinov2", "deeplabv2", "fcn8s"]
STRIDES = {"deeplabv2": 8, "fcn8s": 8}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES, ids=["even", "odd"])
def test_shapes_at_even_and_odd_sizes(kind, size, folders):
    network = make(kind, folders).eval()
    with torch.no_grad():
        logits, features = network(torch.randn(2, 3, *size))
    assert logits.shape == (2, CLASSES, *features.shape[-2:])
    assert features.shape[1] == network.feature_dim
    assert network.num_classes == CLASSES
    assert upsample(logits, size).shape[-2:] == size
    if kind in ("dinov2", "resnet", "convnext", "swin"):
        unit, stride = (14, 3.5) if kind == "dinov2" else (32, 4)
        expected = tuple(int(-(-side // unit) * unit / stride) for side in size)
    else:
        stride = STRIDES.get(kind, 4)
        expected = tuple(-(-side // stride) for side in size)
    assert features.shape[-2:] == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_logits_are_the_classifier_of_the_features(kind, training, folders):
    network = make(kind, folders).train(training)
    with torch.no_grad():
        logits, features = network(torch.randn(2, 3, 64, 96))
        same = torch.equal(logits, network.classifier(features))
    assert same == (kind != "deeplabv2")  # whose neighbours add to the logits


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_finite_gradient(kind, folders):
    network = make(kind, folders).train()
    labels = torch.randint(CLASSES, (2, 75, 101))
    F.cross_entropy(upsample(network(torch.randn(2, 3, 75, 101)).logits, (75, 101)), labels).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_one_pixel_is_error_times_features(kind, folders):
    """d CE_p / d classifier.weight == (softmax(z_p) - onehot(y_p)) u_pᵀ with u upsampled as z is."""
    network = make(kind, folders).eval().double()
    size = (64, 96)
    logits, features = network(torch.randn(1, 3, *size, dtype=torch.double))
    z, u = upsample(logits, size), upsample(features, size)
    for row, column, label in ((0, 0, 1), (31, 50, 4), (63, 95, 0)):
        labels = torch.full((1, *size), IGNORE)
        labels[0, row, column] = label
        loss = F.cross_entropy(z, labels, ignore_index=IGNORE)
        weight, bias = torch.autograd.grad(
            loss, [network.classifier.weight, network.classifier.bias], retain_graph=True
        )
        error = z[0, :, row, column].softmax(0) - F.one_hot(torch.tensor(label), CLASSES)
        torch.testing.assert_close(weight[:, :, 0, 0], torch.outer(error, u[0, :, row, column]))
        torch.testing.assert_close(bias, error)


def test_compact_learns_two_images_and_takes_a_batch_of_one():
    torch.manual_seed(0)
    network = build_segmenter("compact", 2).train()
    images = torch.randn(2, 3, 32, 48)
    images[:, :, :, 24:] += 3
    labels = torch.zeros(2, 32, 48, dtype=torch.long)
    labels[:, :, 24:] = 1
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        loss = F.cross_entropy(upsample(network(images).logits, (32, 48)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    assert network(images[:1]).logits.isfinite().all()


def test_compact_fits_in_16_megabytes():
    assert 4 * sum(p.numel() for p in build_segmenter("compact", 19).parameters()) < 16e6


def test_compact_is_deterministic_and_copies():
    torch.manual_seed(3)
    first = build_segmenter("compact", CLASSES).eval()
    torch.manual_seed(3)
    second = copy.deepcopy(build_segmenter("compact", CLASSES).eval())
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(first(images).logits, second(images).logits)


@pytest.mark.parametrize(
    ("name", "millions"),
    [("segformer-b0", 3.7), ("segformer-b2", 27.5), ("segformer-b5", 84.6), ("fcn8s-vgg16", 134.3)],
)
def test_parameter_counts_are_the_published_ones(name, millions):
    """SegFormer: Xie et al. 2021, table 1; FCN: Long et al. 2015, table 1 (134 M)."""
    with torch.device("meta"):
        network = build_segmenter(name, 19)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize("name", [name for name in known_networks() if name.startswith(("upernet", "deeplab"))])
def test_every_short_name_builds_offline(name, offline):
    with torch.device("meta"):
        network = build_segmenter(name, CLASSES)
    assert network.classifier.out_channels == CLASSES


@pytest.mark.parametrize("kind", ["segformer", "resnet", "dinov2"])
def test_a_network_rebuilds_from_its_config_without_its_source(kind, folders):
    network = make(kind, folders).eval()
    config = json.loads(json.dumps(network.config))
    family = "segformer" if kind == "segformer" else "upernet"
    twin = build_segmenter(f"{family}:/gone", CLASSES, config=config).eval()
    twin.load_state_dict(network.state_dict())
    images = torch.randn(1, 3, 64, 96)
    assert torch.equal(twin(images).logits, network(images).logits)


def test_unknown_names_suggest_near_ones():
    with pytest.raises(HRSError, match="did you mean segformer-b"):
        build_segmenter("segfomer-b0", CLASSES)
    with pytest.raises(HRSError, match="known: compact"):
        build_segmenter("zzz", CLASSES)
    with pytest.raises(HRSError, match="0 classes"):
        build_segmenter("compact", 0)


def test_known_networks_are_those_of_the_tables():
    from hrs.networks.huggingface import BACKBONES, SEGFORMERS

    names = known_networks()
    assert [name.removeprefix("upernet-") for name in names if name.startswith("upernet-")] == list(BACKBONES)
    assert [name.removeprefix("segformer-") for name in names if name.startswith("segformer-")] == list(SEGFORMERS)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 3, 16, 64), "at least 32"),
        (torch.zeros(3, 64, 64), "expected"),
        (torch.zeros(1, 4, 64, 64), "expected"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "normalise"),
    ],
)
def test_bad_input_is_explained(images, message):
    with pytest.raises(HRSError, match=message):
        build_segmenter("compact", CLASSES)(images)


def test_upernet_refuses_to_train_on_one_image(folders):
    with pytest.raises(HRSError, match=r"train\.batch_target, train\.batch_source or train\.batch_unlabelled"):
        make("resnet", folders).train()(torch.randn(1, 3, 64, 64))


def test_processes_that_normalise_together_may_have_one_image_each(folders, monkeypatch):
    network = make("resnet", folders).train()
    share_normalisation(network, torch.device("cpu"))
    monkeypatch.setattr(SharedBatchNorm2d, "forward", lambda self, x: x)  # what others see is not there
    assert network(torch.randn(1, 3, 64, 64)).logits.shape == (1, CLASSES, 16, 16)


def test_normalise_by_hand():
    images = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    expected = [(0 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    torch.testing.assert_close(normalise(images).flatten(), torch.tensor(expected))
    with pytest.raises(HRSError, match="uint8"):
        normalise(images.float())


def test_upsample_keeps_the_same_size_and_is_bilinear():
    maps = torch.tensor([[[[0.0, 1.0]]]])
    assert upsample(maps, (1, 2)) is maps
    torch.testing.assert_close(upsample(maps, (1, 4)).flatten(), torch.tensor([0, 0.25, 0.75, 1]))


def test_compact_builds_without_importing_transformers():
    code = (
        "import sys; from hrs.networks.segmenter import build_segmenter, known_networks\n"
        "known_networks(); build_segmenter('compact', 2); assert 'transformers' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.parametrize("training", [False, True])
def test_segformers_decoder_is_that_of_transformers_with_less_work(folders, training):
    network = make("segformer", folders).double().train(training)
    network.head.dropout.p = 0.0
    maps = network.encoder(torch.randn(2, 3, 75, 101).double(), output_hidden_states=True).hidden_states

    def outcome(decode):
        network.zero_grad()
        network.head.batch_norm.reset_running_stats()
        features = decode()
        features.square().sum().backward(retain_graph=True)
        grown = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
        return [features.detach(), *grown, network.head.batch_norm.running_var.clone()]

    theirs, ours = outcome(lambda: network.head(maps)), outcome(lambda: fuse(network.head, maps))
    assert len(theirs) == len(ours) > 20
    torch.testing.assert_close(ours, theirs)
