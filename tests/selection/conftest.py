import pytest
import torch

from hrs.labels import IGNORE
from hrs.selection.view import View

B, C, D, H, W, STRIDE = 2, 5, 6, 16, 24, 4


def make_view(seed: int = 0) -> View:
    """Random outputs of a stride-4 network; regions are cut along label borders as the loaders cut them."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, C, (B, H // 4, W // 4), generator=generator)
    labels = blocks.repeat_interleave(4, 1).repeat_interleave(4, 2).to(torch.uint8)
    labels[0, :4, :4] = IGNORE
    coarse = torch.arange(H // 8 * W // 8).view(H // 8, W // 8).repeat_interleave(8, 0).repeat_interleave(8, 1)
    pairs = coarse[None] * 256 + labels.long()
    regions = torch.stack([torch.unique(pair, return_inverse=True)[1] for pair in pairs]).int()
    return View(
        features=torch.randn(B, D, H // STRIDE, W // STRIDE, generator=generator),
        logits=torch.randn(B, C, H // STRIDE, W // STRIDE, generator=generator),
        labels=labels,
        regions=regions,
        regions_per_image=int(regions.max()) + 1,
        images=torch.randint(0, 256, (B, 3, H, W), generator=generator, dtype=torch.uint8),
    )


@pytest.fixture
def view() -> View:
    return make_view()
