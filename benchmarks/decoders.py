"""What reads the encoder: decoders of `lite0` by mIoU and by time.

    python -m benchmarks.decoders --source folder:settings/street --target camvid:settings/camvid-0016E5 \\
        --height 240 --width 320 --n-real 163 --out decoders.csv

With the encoder frozen (`benchmarks.frozen`), on photos and all frames alike. Decoders, all of them with a 1x1
classifier on top:

- top-down: the product's: from stride 32 to 4, a 3x3 convolution of 64 features at 16, 8 and 4; top-down, 32 and 128:
  of as many features; top-down, depthwise: 3x3 a feature and 1x1 in place of each; top-down, deep: two at stride 4;
- top-down to 8: without the last step, at stride 8;
- no context: without the mean over the image;
- all at 4: every stride to 64 features at stride 4, side by side, and 1x1 (SegFormer's, Xie et al., NeurIPS 2021).

Then how long one training step of the whole network takes with each (six images of 320x240, one thread), and one photo
of 480x360, over the product's, medians of nine taken in turn; *encoder frozen*: the product's, as
`train.encoder_rate=0` trains it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.common import in_turns, print_table, told
from benchmarks.frozen import Arm, Setting, lite0, parser, run
from hrs.networks.base import SegmenterOutput, upsample
from hrs.networks.compact import conv_norm
from hrs.networks.lite import LITES, Lite

WIDTH = 64
ROUNDS = 9
FROZEN = "encoder frozen"


def wide(width: int, classes: int) -> Lite:
    return Lite(LITES["lite0"], classes, width=width)


def depthwise(classes: int) -> Lite:
    network = lite0(classes)
    for smooth in (network.smooth16, network.smooth8, network.smooth4):
        alone = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH, bias=False)
        smooth[0] = nn.Sequential(alone, nn.BatchNorm2d(WIDTH), nn.ReLU(), conv_norm(WIDTH, WIDTH, 1))
    return network


def deep(classes: int) -> Lite:
    network = lite0(classes)
    network.smooth4.insert(0, nn.Sequential(conv_norm(WIDTH, WIDTH, 3), nn.ReLU()))
    return network


class NoContext(Lite):
    def decode(self, taps: Sequence[Tensor]) -> SegmenterOutput:
        x4, x8, x16, x32 = taps
        top = self.smooth16(self.lateral16(x16) + upsample(self.lateral32(x32), x16.shape[-2:]))
        top = self.smooth8(self.lateral8(x8) + upsample(top, x8.shape[-2:]))
        features = self.smooth4(self.lateral4(x4) + upsample(top, x4.shape[-2:]))
        return SegmenterOutput(self.classifier(features), features)


class ToStride8(Lite):
    def decode(self, taps: Sequence[Tensor]) -> SegmenterOutput:
        _, x8, x16, x32 = taps
        top = self.lateral32(x32) + self.context(x32.mean((2, 3), keepdim=True))
        top = self.smooth16(self.lateral16(x16) + upsample(top, x16.shape[-2:]))
        features = self.smooth4[1:](self.smooth8(self.lateral8(x8) + upsample(top, x8.shape[-2:])))
        return SegmenterOutput(self.classifier(features), features)


class AllAt4(Lite):
    def __init__(self, classes: int) -> None:
        super().__init__(LITES["lite0"], classes)
        self.fuse = nn.Sequential(conv_norm(4 * WIDTH, WIDTH, 1), nn.ReLU(), nn.Dropout2d(0.1))

    def decode(self, taps: Sequence[Tensor]) -> SegmenterOutput:
        laterals = (self.lateral4, self.lateral8, self.lateral16, self.lateral32)
        grid = taps[0].shape[-2:]
        parts = [upsample(lateral(tap), grid) for lateral, tap in zip(laterals, taps, strict=True)]
        features = self.fuse(torch.cat(parts, dim=1))
        return SegmenterOutput(self.classifier(features), features)


def frozen(classes: int) -> Lite:
    network = lite0(classes)
    network.freeze()
    return network


DECODERS: dict[str, Callable[[int], Lite]] = {
    "top-down": lite0,
    "top-down, 32": partial(wide, 32),
    "top-down, 128": partial(wide, 128),
    "top-down, depthwise": depthwise,
    "top-down, deep": deep,
    "top-down to 8": partial(ToStride8, LITES["lite0"]),
    "no context": partial(NoContext, LITES["lite0"]),
    "all at 4": AllAt4,
}


def arms(setting: Setting) -> dict[str, Arm]:
    def made(build: Callable[[int], Lite]) -> Arm:
        return lambda real, seed: setting.bench.train(real, setting.source, seed=seed, build=build)

    return {name: made(build) for name, build in DECODERS.items()}


def training_step(network: Lite) -> Callable[[], None]:
    """One pass forward and back."""
    images, parameters = torch.randn(6, 3, 240, 320), [p for p in network.parameters() if p.requires_grad]

    def step() -> None:
        network.train()
        loss = network(images).logits.logsumexp(dim=1).mean()
        torch.autograd.grad(loss, parameters, allow_unused=True)

    return step


def one_photo(network: Lite) -> Callable[[], None]:
    image = torch.randn(1, 3, 360, 480).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def segment() -> None:
        network.eval()(image)

    return segment


def report_times(classes: int) -> None:
    torch.set_num_threads(1)
    networks = {name: build(classes) for name, build in (DECODERS | {FROZEN: frozen}).items()}
    trained, shown = (
        in_turns({name: how(net) for name, net in networks.items()}, ROUNDS) for how in (training_step, one_photo)
    )
    first = next(iter(DECODERS))
    rows = [[name, f"{trained[name] / trained[first]:.2f}", f"{shown[name] / shown[first]:.2f}"] for name in networks]
    print_table(["decoder", "training step", "photo"], rows)


def main() -> None:
    made: argparse.ArgumentParser = parser(__doc__)
    options = made.parse_args()
    setting = Setting.load(options)
    run(setting, arms(setting), options)
    report_times(len(setting.space))


if __name__ == "__main__":
    told(main)
