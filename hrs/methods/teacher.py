"""A teacher on unlabelled photos: an averaged network says what it sees, the network that trains learns to see it too,
through strong colour changes and with parts of other photos pasted in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hrs.data.loaders import Batch
from hrs.labels import IGNORE
from hrs.methods.classmix import half_of_classes
from hrs.networks.segmenter import Segmenter, normalise, upsample
from hrs.selection.statistics import class_sums, read, summed
from hrs.settings import TeacherConfig
from hrs.system.images import LUMA

MEMORY = 0.99
"""Of how sure it was of a class, from a look that holds it to the next."""
BLUR_RADIUS = 3
"""Pixels on either side that a blur looks at."""


class Teacher:
    """Pseudo-labels after UniMatch (Yang et al., CVPR 2023) and DACS (Tranheden et al., WACV 2021).

    How sure it must be depends on the class (after FreeMatch, Wang et al., ICLR 2023, section 4.2): rare, thin things
    are never as sure as sky, and one threshold for all would teach that they do not exist.

    Args:
        network: an average of the network that trains; not trained itself.
        config: how sure it must be, and how much its opinion counts.
    """

    def __init__(self, network: Segmenter, config: TeacherConfig) -> None:
        self.network, self.config = network, config
        self.seen = next(network.parameters()).new_zeros(2, network.num_classes)
        """Of its looks that hold each class, the later the more: the sum of its mean probability there, and their
        number, (2 c)."""

    def weight(self, progress: float) -> float:
        """Of its loss at ``progress`` in [0, 1] of training: 0 up to ``start``, then a linear rise as long as that, or
        until the end."""
        start = self.config.start
        rise = min(start, 1 - start)
        risen = (progress - start) / rise if rise else float(progress >= start)
        return self.config.weight * min(max(risen, 0.0), 1.0)

    def restore(self, seen: Tensor) -> None:
        """Go on from what it had ``seen``. What an earlier version of hrs kept, (c,), is left: it began too low, and it
        is learned anew in a few looks."""
        if seen.ndim == self.seen.ndim:
            self.seen.copy_(seen)

    def lesson(self, photos: Batch) -> Lesson:
        """What the network that trains shall learn from photos; labels are IGNORE where a photo ends, else anything."""
        opinion = self.look(photos)
        pasted = half_of_classes(opinion.labels, self.network.num_classes)
        mixed = opinion.over(pasted)
        return Lesson(images=strong_colours(mixed.images), labels=mixed.labels, sure=mixed.sure)

    @torch.no_grad()
    def look(self, photos: Batch) -> Lesson:
        self.network.eval()
        logits = upsample(self.network(normalise(photos.images)).logits.float(), photos.labels.shape[-2:])
        sure, labels = logits.softmax(dim=1).max(dim=1)
        labels = labels.masked_fill(photos.labels == IGNORE, IGNORE)
        needed = self.thresholds()  # before it looks: what it says for the first time is no measure of itself
        sums, counts = summed(*class_sums(sure, labels, self.network.num_classes))
        held = (counts > 0).to(sums)
        self.seen.mul_(1 - (1 - MEMORY) * held).add_(torch.stack([sums / counts.clamp(min=1), held]))
        return Lesson(images=photos.images, labels=labels, sure=sure >= read(needed, labels, 1.0))

    def thresholds(self) -> Tensor:
        """How sure it must be of each class to be listened to, (c,): ``threshold`` for the surest class and for those
        that it never saw, the others in proportion to how sure it is of them on average."""
        sums, looks = self.seen
        confidence = sums / looks.clamp(min=1)  # the first look that holds a class counts 1, and none makes it less
        return self.config.threshold * (confidence / confidence.max()).masked_fill(looks == 0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """images uint8 (b 3 h w); labels (b h w), IGNORE beside a photo; sure: bool (b h w), where the label counts."""

    images: Tensor
    labels: Tensor
    sure: Tensor

    def sureness(self) -> Tensor:
        """Share of the photos' pixels at which the label counts."""
        inside = self.labels != IGNORE
        return (self.sure & inside).sum() / inside.sum().clamp(min=1)

    def over(self, pasted: Tensor) -> Lesson:
        """Each photo's part ``pasted``, bool (b h w), over the photo before it; the first one's over the last."""
        under = Lesson(images=self.images.roll(1, 0), labels=self.labels.roll(1, 0), sure=self.sure.roll(1, 0))
        return Lesson(
            images=torch.where(pasted.unsqueeze(1), self.images, under.images),
            labels=torch.where(pasted, self.labels, under.labels),
            sure=torch.where(pasted, self.sure, under.sure),
        )


def strong_colours(images: Tensor) -> Tensor:
    """uint8 (b 3 h w) -> the same shape and type: each image in another light, one in five grey, one in two blurred.

    Brightness, contrast and saturation move by up to a half, the hue by up to 36 degrees (UniMatch, section 3.1, up to
    a tenth of the circle).
    """
    b, device = len(images), images.device
    x = images.float()
    bright, contrast, colour = (1 + (torch.rand(3, b, 1, 1, 1, device=device) - 0.5)).unbind()
    turn = (torch.rand(b, device=device) - 0.5) * math.radians(72)
    grey = torch.rand(b, 1, 1, 1, device=device) < 0.2
    colour = colour.masked_fill(grey, 0.0)
    luma = x.new_ones(1, 3, 1, 1)
    for channel, share in enumerate(LUMA.tolist()):
        luma[:, channel].fill_(share)
    x = torch.einsum("bij,bjhw->bihw", hue_matrix(turn), x)
    tone = (x * luma).sum(dim=1, keepdim=True)
    x = tone + (x - tone) * colour
    middle = tone.mean(dim=(2, 3), keepdim=True)
    x = (middle + (x - middle) * contrast) * bright
    sigma = (0.1 + 1.4 * torch.rand(b, device=device)).masked_fill(torch.rand(b, device=device) < 0.5, 0.05)
    return blur(x, sigma).round().clamp(0, 255).to(torch.uint8)


def hue_matrix(turn: Tensor) -> Tensor:
    """Turns colours about the grey axis by ``turn`` radians (b,): (b 3 3). Grey stays (Rodrigues' formula)."""
    cos, sin = turn.cos(), turn.sin()
    same = (1 - cos) / 3
    plus, minus = same + sin / math.sqrt(3), same - sin / math.sqrt(3)
    rows = [[cos + same, minus, plus], [plus, cos + same, minus], [minus, plus, cos + same]]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def blur(x: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian blur of each image (b c h w) with its own ``sigma`` (b,) in pixels, above 0."""
    b, c = x.shape[:2]
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=x.device, dtype=x.dtype)
    kernel = (-0.5 * (offsets / sigma[:, None]).square()).softmax(dim=1).repeat_interleave(c, dim=0)
    flat = x.reshape(1, b * c, *x.shape[-2:])
    r = BLUR_RADIUS
    for shape, sides in (((b * c, 1, -1, 1), (0, 0, r, r)), ((b * c, 1, 1, -1), (r, r, 0, 0))):
        flat = F.conv2d(F.pad(flat, sides, mode="replicate"), kernel.view(shape), groups=b * c)
    return flat.reshape(x.shape)
