"""Small configurations and networks that the tests of this folder share."""

from torch import nn
from transformers import ConvNextConfig, Dinov2Config, ResNetBackbone, ResNetConfig, SegformerConfig, SwinConfig

from hrs.networks.classic import DeepLabV2, FCN8s

CLASSES = 5


def segformer_config():
    return SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 2, 3, 4],
        decoder_hidden_size=24,
        num_labels=CLASSES,
    )


def backbone_config(kind):
    if kind == "resnet":
        return ResNetConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 12, 16, 20], embedding_size=8, layer_type="basic")
    if kind == "convnext":
        return ConvNextConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 12, 16, 20])
    if kind == "swin":
        return SwinConfig(depths=[1, 1, 1, 1], embed_dim=12, num_heads=[1, 2, 2, 4], window_size=4)
    return Dinov2Config(hidden_size=24, num_hidden_layers=4, num_attention_heads=2, image_size=56)


def small_deeplab():
    config = backbone_config("resnet")
    config.out_features = ["stage4"]
    return DeepLabV2(ResNetBackbone(config), CLASSES)


def small_fcn():
    network = FCN8s(CLASSES, width=1 / 32)
    nn.init.normal_(network.classifier.weight, std=0.1)  # zero at the start: nothing would be tested
    return network
