import pytest
import torch
from torch import Tensor

from hrs.labels import IGNORE
from hrs.selection.signals import appearance as module
from hrs.selection.signals.appearance import PatchMemory, describe
from hrs.selection.view import disagreement

ACROSS, DOWN, CHECKS = 0, 1, 2


def texture(kind: int, seed: int, size: int = 64) -> Tensor:
    """(3 h w) uint8 with noise: stripes across, stripes down, or large coloured checks that are like neither."""
    noise = torch.randint(0, 20, (3, size, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    stripes = (torch.arange(size) // 2 % 2 * 200).to(torch.uint8)
    if kind == CHECKS:
        return noise + torch.tensor([0, 0, 230], dtype=torch.uint8)[:, None, None]
    return noise + (stripes[:, None].expand(size, size) if kind == ACROSS else stripes.expand(size, size))


def real(seed: int) -> tuple[Tensor, Tensor]:
    """Two images, one class each: (2 3 h w), (2 h w); a corner without label."""
    labels = torch.tensor([ACROSS, DOWN])[:, None, None].repeat(1, 64, 64)
    labels[:, :16, :16] = IGNORE
    return torch.stack([texture(ACROSS, seed), texture(DOWN, seed + 1)]), labels


@pytest.fixture(scope="module")
def remembered() -> PatchMemory:
    torch.manual_seed(0)
    memory = PatchMemory(3, size=64)
    for step in range(20):
        memory.remember(*real(2 * step))
    return memory


def inner(values: Tensor) -> Tensor:
    return values[..., 2:-2, 2:-2]  # away from the border, where patches are cut


def test_a_plain_image_looks_alike_up_to_its_border():
    described = describe(torch.full((1, 3, 48, 64), 128, dtype=torch.uint8))
    torch.testing.assert_close(described, described[:, :, 5:6, 5:6].expand_as(described))


def test_a_texture_resembles_its_own_class(remembered: PatchMemory):
    near = inner(remembered(torch.stack([texture(ACROSS, 100), texture(DOWN, 101)])))
    assert (near[0, ACROSS] > near[0, DOWN]).float().mean() > 0.99
    assert (near[1, DOWN] > near[1, ACROSS]).float().mean() > 0.99
    assert (near[:, CHECKS] == 0).all()  # a class that no real image showed


def test_what_resembles_nothing_is_held_against_no_label(remembered: PatchMemory):
    near = inner(remembered(torch.stack([texture(CHECKS, 5), texture(DOWN, 6)])))
    label = torch.full((2, *near.shape[-2:]), ACROSS)
    signal = disagreement(near, label)
    assert (signal[0] == 0).all()
    assert signal[1].max() < 0 and signal[1].min() >= -1


def test_distances_are_those_to_the_nearest_patch_of_each_class(
    remembered: PatchMemory, monkeypatch: pytest.MonkeyPatch
):
    images = torch.stack([texture(ACROSS, 7), texture(CHECKS, 8)])
    patches = describe(images).permute(0, 2, 3, 1).flatten(0, 2)
    filled = remembered.memory[:2].flatten(0, 1)  # 20 batches of 8 patches: more than 64 of either class
    mean, scale = filled.mean(dim=0), filled.std(dim=0) + 1e-3
    kept = ((remembered.memory - mean) / scale)[:2]
    slow = torch.stack([(patches[:, None] - mean - own * scale).div(scale).norm(dim=2).amin(dim=1) for own in kept], 1)
    expected = (
        (1 - slow / (module.REACH * remembered.within)).clamp(min=0).unflatten(0, (2, 16, 16)).permute(0, 3, 1, 2)
    )
    torch.testing.assert_close(remembered(images)[:, :2], expected, atol=2e-3, rtol=0)
    monkeypatch.setattr(module, "ROWS", 100)  # in pieces: the same
    torch.testing.assert_close(remembered(images)[:, :2], expected, atol=2e-3, rtol=0)


def test_new_patches_replace_the_oldest():
    torch.manual_seed(0)
    memory = PatchMemory(2, size=12, added=8)
    for step in range(3):
        before = memory.memory.clone()
        memory.remember(*real(2 * step))
        changed = (memory.memory != before).any(dim=2)
        assert changed.sum(dim=1).tolist() == [8, 8]
    assert memory.count.tolist() == [24, 24]


def test_before_any_real_image_nothing_resembles_anything():
    memory = PatchMemory(3)
    assert (memory(torch.zeros(2, 3, 36, 48, dtype=torch.uint8)) == 0).all()
    memory.remember(torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.full((1, 32, 32), IGNORE))
    assert memory.count.sum() == 0


def test_light_hardly_moves_a_description():
    image = texture(ACROSS, 3)[None].float() * 0.5
    bright, dark = (inner(describe((image * factor).to(torch.uint8))) for factor in (1.8, 1.0))
    other = inner(describe(texture(DOWN, 4)[None]))
    assert (bright - dark).abs().mean() < (bright - other).abs().mean() / 3


def test_the_signal_reads_each_pixel_at_its_label():
    near = torch.tensor([[0.2, 0.9], [0.7, 0.1]])[None, :, None]  # two classes, two cells
    labels = torch.tensor([[[0, 0, 0, IGNORE], [1, 1, 1, 1]]])
    expected = torch.tensor([[[-0.5, -0.5, 0.0, 0.0], [0.0, 0.0, -0.8, -0.8]]])
    torch.testing.assert_close(disagreement(near, labels), expected)
