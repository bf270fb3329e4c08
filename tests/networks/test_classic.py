import copy

import torch
from torch import nn
from torch.nn import functional as F
from transformers import ResNetBackbone

from hrs.networks.classic import DeepLabV2
from hrs.networks.segmenter import upsample
from tests.networks.small_networks import CLASSES, backbone_config, small_deeplab, small_fcn


def test_deeplab_layers_are_the_published_sum_of_dilated_convolutions():
    """Give the four published 3x3 layers their centre taps back: the same logits."""
    torch.manual_seed(0)
    network = small_deeplab().eval()
    logits, features = network(torch.randn(1, 3, 64, 96))
    centre = network.classifier.weight[:, :, 0, 0] / 4
    expected = network.classifier.bias.view(1, -1, 1, 1)
    for branch, rate in zip(network.branches, (6, 12, 18, 24), strict=True):
        weight = branch.weight.clone()
        weight[:, :, 1, 1] = centre
        expected = expected + F.conv2d(features, weight, padding=rate, dilation=rate)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_deeplab_backbone_keeps_stride_8_and_its_weights_meaning():
    """A dilated stage gives, at every second place, what the strided one gives."""
    torch.manual_seed(0)
    config = backbone_config("resnet")
    config.out_features = ["stage3"]
    strided = ResNetBackbone(config).eval()
    dilated = copy.deepcopy(strided)
    DeepLabV2(dilated, CLASSES)
    images = torch.randn(1, 3, 128, 128)
    coarse, fine = strided(images).feature_maps[0], dilated(images).feature_maps[0]
    assert fine.shape[-2:] == (16, 16)
    torch.testing.assert_close(fine[:, :, ::2, ::2], coarse)


def test_fcn_is_the_published_sum_of_scored_scales():
    torch.manual_seed(0)
    network = small_fcn().eval()
    images = torch.randn(1, 3, 64, 96)
    logits = network(images).logits
    hidden, deep, shallow = network.fc7.out_channels, network.fc6.in_channels, 8
    score7, score4, score3 = network.classifier.weight.split([hidden, deep, shallow], 1)
    x, pools = images, []
    for layer in network.features:
        x = layer(x)
        if isinstance(layer, nn.MaxPool2d):
            pools.append(x)
    fc7 = F.relu(network.fc7(F.relu(network.fc6(x))))
    summed = upsample(F.conv2d(fc7, score7), (4, 6)) + F.conv2d(pools[3], score4)
    expected = upsample(summed, (8, 12)) + F.conv2d(pools[2], score3) + network.classifier.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_all_that_vgg16_fills_learns_slowly_or_is_frozen():
    network = small_fcn()
    filled = [name for name, _ in network.named_parameters() if not name.startswith("classifier.")]
    (others, rate), (encoder, slow) = network.rates(1.0, 0.2)
    assert (len(others), rate, len(encoder), slow) == (2, 1.0, len(filled), 0.2)
    network.freeze()
    assert [name for name, each in network.named_parameters() if not each.requires_grad] == filled
