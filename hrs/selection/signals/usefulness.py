"""usefulness: does a step on this pixel also lower the loss on the real images? Two gradients' inner product.

The loss is cross-entropy with all pixels alike; what training weighs classes with (`train.class_balance`) is not in it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hrs.networks.segmenter import upsample
from hrs.selection.signals.base import Valued
from hrs.selection.statistics import summed
from hrs.selection.view import View, residual
from hrs.settings import SelectionConfig


class Usefulness(Valued):
    """Remembers the real images' mean gradient with respect to the last layer's weights, (c d)."""

    gradient: Tensor

    def __init__(self, config: SelectionConfig, num_classes: int, feature_dim: int) -> None:
        super().__init__(config, num_classes, feature_dim)
        self.momentum = config.momentum
        self.register_buffer("gradient", torch.zeros(num_classes, feature_dim))

    @torch.no_grad()
    def observe(self, target: View) -> None:
        target = target.coarse()
        new = target_gradient(target.logits, target.features, target.labels)
        known = self.gradient.any()
        self.gradient.lerp_(new, torch.ones_like(new[0, 0]).masked_fill(known, 1 - self.momentum))

    def value(self, source: View) -> Tensor:
        return usefulness(source.logits, source.features, source.labels, self.gradient)


def target_gradient(logits: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    """G (c d): mean gradient of the target's cross-entropy with respect to the last linear layer's weights.

    With z = W u, a pixel's gradient is e u^T, with ``features`` u (b d h' w') upsampled as the logits are. That is
    linear, so its transpose on e (c channels) does the same as upsampling u (d channels), for less.
    """
    e, valid = residual(logits, labels)
    with torch.enable_grad():
        cells = torch.zeros_like(logits, requires_grad=True)
        (pulled,) = torch.autograd.grad(upsample(cells, labels.shape[-2:]), cells, e)
    gradient, count = summed(torch.einsum("bchw,bdhw->cd", pulled, features), valid.sum())
    return gradient / count.clamp(min=1)


def usefulness(logits: Tensor, features: Tensor, labels: Tensor, gradient: Tensor) -> Tensor:
    """<e u^T, G> = e^T (G u) for every pixel at once, without a second backward pass.

    Positive where a gradient step on this pixel lowers the target's loss to first order.

    Args:
        logits, features: (b c h' w') and (b d h' w') of the synthetic frames.
        labels: (b h w).
        gradient: G (c d) of the target.

    Returns:
        (b h w); 0 at ignored pixels.
    """
    e, _ = residual(logits, labels)
    projected = F.conv2d(features, gradient[:, :, None, None])  # G u before upsampling: c channels, not d
    return torch.einsum("bchw,bchw->bhw", e, upsample(projected, labels.shape[-2:]))
