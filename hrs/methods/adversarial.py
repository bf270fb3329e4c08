"""Joint training plus output-space alignment: a discriminator tells the domains apart by their predictions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrs.config import RunConfig
from hrs.methods.joint import Beside, Joint
from hrs.networks.discriminator import Discriminator
from hrs.networks.segmenter import Segmenter, SegmenterOutput


class Adversarial(Joint):
    """L = CE(T) + lambda CE(S) + mu BCE(D(softmax z_T), source), with D trained on the same detached predictions.

    Tsai et al., "Learning to adapt structured output space", CVPR 2018, sections 3.2 and 4.2.
    """

    def __init__(self, config: RunConfig, segmenter: Segmenter) -> None:
        super().__init__(config, segmenter)
        self.discriminator = Discriminator(self.num_classes)

    def auxiliary(self) -> list[tuple[nn.Module, float]]:
        return [(self.discriminator, self.config.adversarial.learning_rate)]

    def beside(self, real: SegmenterOutput, output: SegmenterOutput) -> Beside:
        p_real, p_synthetic = real.logits.softmax(dim=1), output.logits.softmax(dim=1)
        frozen = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        fool = _domain_loss(torch.func.functional_call(self.discriminator, frozen, (p_real,)), 1.0)
        tell = _domain_loss(self.discriminator(p_real.detach()), 0.0) / 2
        tell = tell + _domain_loss(self.discriminator(p_synthetic.detach()), 1.0) / 2
        logs = {"loss_fool": fool, "loss_discriminator": tell}
        return Beside(loss=self.config.adversarial.weight * fool, apart=tell, logs=logs)


def _domain_loss(logits: Tensor, truth: float) -> Tensor:
    """Binary cross-entropy; 1 is source, 0 is target."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))
