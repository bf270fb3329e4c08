import pytest
import torch
from torch.nn import functional as F

from hrs.networks.discriminator import Discriminator


@pytest.mark.parametrize("size", [(24, 32), (48, 64), (7, 5), (90, 120)])
def test_judges_maps_of_any_size(size):
    logits = Discriminator(11)(torch.rand(2, 11, *size).softmax(1))
    assert logits.shape[:2] == (2, 1)
    assert all(1 <= side <= original // 32 + 2 for side, original in zip(logits.shape[2:], size, strict=True))


def test_width_scales_the_published_channels():
    convolutions = [layer for layer in Discriminator(19, width=64).layers if hasattr(layer, "weight")]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 512, 1]
    assert all(layer.kernel_size == (4, 4) and layer.stride == (2, 2) for layer in convolutions)


def test_learns_to_tell_smooth_from_noisy_predictions():
    torch.manual_seed(0)
    network = Discriminator(5, width=8)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(80):
        noisy = (4 * torch.randn(4, 5, 24, 32)).softmax(1)
        smooth = F.interpolate(4 * torch.randn(4, 5, 3, 4), size=(24, 32), mode="bilinear").softmax(1)
        source, target = network(smooth), network(noisy)
        loss = F.softplus(-source).mean() + F.softplus(target).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert source.min() > target.max()


def test_gradients_reach_the_predictions_and_all_parameters():
    network = Discriminator(5)
    predictions = torch.rand(1, 5, 24, 32, requires_grad=True)
    network(predictions).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    assert predictions.grad.abs().sum() > 0
