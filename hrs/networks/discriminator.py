"""The domain discriminator of adversarial output-space alignment."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class Discriminator(nn.Module):
    """Tells source from target predictions (Tsai et al., Learning to Adapt Structured Output Space, CVPR 2018, s. 3).

    Five 4x4 convolutions of stride 2 with leaky ReLU between them; no normalisation layers, since it trains
    jointly with the segmenter on small batches. Fully convolutional, so one logit judges one patch. ``width`` is the
    number of channels after the first layer (64 in the paper); 2, 4 and 8 times as many follow.
    """

    def __init__(self, num_classes: int, *, width: int = 32) -> None:
        super().__init__()
        channels = [num_classes, width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            # Padding 2 instead of the paper's 1 keeps at least one output for maps of any size, however small.
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=2), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, stride=2, padding=2))

    def forward(self, probabilities: Tensor) -> Tensor:
        """(b, c, h, w) softmax predictions -> (b, 1, h', w') logits, h' about h/32 + 2; positive means source."""
        return self.layers(probabilities)
