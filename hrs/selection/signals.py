"""What the weighting networks learn from. Letters: b images, c classes, d features, h w pixels.

*similarity*  does this look like the target domain? A domain classifier's output as a bounded density ratio.
*usefulness*  does a step on this pixel also lower the loss on the real images? Two gradients' inner product.
*agreement*   does a classifier that saw only real labels believe this pixel's label, from the segmenter's features?
*appearance*  does it look, close up, like real areas of its own class, or like those of another?
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hrs.labels import IGNORE
from hrs.networks.segmenter import upsample

AGREEMENT_FLOOR = -6.0
"""Log-probabilities below this count as this: one hopeless pixel must not outweigh a region."""


def relative_density_ratio(domain_logits: Tensor, a: float) -> Tensor:
    """p_T / (a p_T + (1 - a) p_S) from a domain classifier's logits (target is the positive class, priors equal).

    Returns the same shape, in [0, 1/a]; 1 where both domains are equally likely. Unlike the raw ratio it is bounded
    (Yamada et al., "Relative density-ratio estimation", Neural Computation 2013, section 2).
    """
    target = domain_logits.sigmoid()
    return target / (a * target + (1 - a) * (1 - target))


def residual(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """e = softmax(z) - onehot(y), the gradient of cross-entropy with respect to the logits.

    Args:
        logits: (b c h' w'), upsampled bilinearly to the labels' size.
        labels: (b h w) integer, IGNORE where there is none.

    Returns:
        (b c h w), zero at ignored pixels, and the mask (b h w) of labelled pixels.
    """
    valid = labels != IGNORE
    known = labels.long().masked_fill(~valid, 0).unsqueeze(1)
    e = upsample(logits, labels.shape[-2:]).softmax(dim=1)
    e = e.scatter_add(1, known, e.new_full((1, 1, 1, 1), -1.0).expand_as(known))
    return e * valid.unsqueeze(1), valid


def target_gradient(logits: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    """G (c d): mean gradient of the target's cross-entropy with respect to the last linear layer's weights.

    With z = W u, a pixel's gradient is e u^T, with ``features`` u (b d h' w') upsampled as the logits are. That is
    linear, so its transpose on e (c channels) does the same as upsampling u (d channels), for less.
    """
    e, valid = residual(logits, labels)
    with torch.enable_grad():
        cells = torch.zeros_like(logits, requires_grad=True)
        (pulled,) = torch.autograd.grad(upsample(cells, labels.shape[-2:]), cells, e)
    return torch.einsum("bchw,bdhw->cd", pulled, features) / valid.sum().clamp(min=1)


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


def agreement(logits: Tensor, labels: Tensor) -> Tensor:
    """Log-probability of the given label under logits of a classifier that did not train on it.

    Returns (b h w) in [AGREEMENT_FLOOR, 0]; 0 at ignored pixels.
    """
    loss = F.cross_entropy(upsample(logits, labels.shape[-2:]), labels.long(), ignore_index=IGNORE, reduction="none")
    return (-loss).clamp(min=AGREEMENT_FLOOR)


def appearance(resemblance: Tensor, labels: Tensor) -> Tensor:
    """How much more a patch resembles another class than its own, as a number not above 0.

    What resembles no real area at all, such as a flat colour, is not held against its label: 0.

    Args:
        resemblance: (b c h' w') in [0, 1], read at the cell that a pixel falls in.
        labels: (b h w).

    Returns:
        (b h w) in [-1, 0]; 0 at ignored pixels.
    """
    near = F.interpolate(resemblance, labels.shape[-2:], mode="nearest")
    valid = labels != IGNORE
    known = labels.long().masked_fill(~valid, 0).unsqueeze(1)
    own, other = near.gather(1, known), near.scatter(1, known, 0.0).amax(dim=1, keepdim=True)
    return (own - other).squeeze(1).clamp(max=0) * valid
