import torch

from hrs.networks.appearance import Appearance
from hrs.networks.segmenter import normalise, upsample


def texture(name: str, size: int = 32) -> torch.Tensor:
    """(3 h w) uint8 of one colour distribution for both names: stripes across, or stripes down."""
    stripes = (torch.arange(size) // 2 % 2 * 200).to(torch.uint8)
    across = stripes[:, None].expand(size, size)
    return (across if name == "across" else across.T).expand(3, size, size)


def test_textures_of_equal_colours_are_told_apart():
    torch.manual_seed(0)
    network = Appearance(2)
    images = torch.stack([torch.cat([texture("across"), texture("down")], dim=2)])
    labels = torch.cat([torch.zeros(1, 32, 32), torch.ones(1, 32, 32)], dim=2).long()
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(upsample(network(normalise(images)), (32, 64)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    elsewhere = torch.stack([torch.cat([texture("down"), texture("across")], dim=2)])
    predicted = upsample(network(normalise(elsewhere)), (32, 64)).argmax(1)
    assert (predicted == 1 - labels).float().mean() > 0.9  # by texture, not by place


def test_logits_have_a_quarter_of_the_resolution():
    assert Appearance(5)(torch.zeros(2, 3, 36, 48)).shape == (2, 5, 9, 12)
