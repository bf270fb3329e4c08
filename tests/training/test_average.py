import copy

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.gpu.waits import host_waits
from hrs.networks.segmenter import build_segmenter
from hrs.training.average import Average, average_of


def moved(network, step):
    """The network after a step of training: other weights, and statistics of another batch."""
    torch.manual_seed(step)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight))
    network.train()(torch.randn(2, 3, 32, 32))
    return network


def test_it_is_torchs_average_to_the_last_bit():
    network = build_segmenter("compact", 3)
    own = Average(network, 0.9)
    wanted = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    for step in range(4):
        moved(network, step)
        own.update(network)
        wanted.update_parameters(network)
    for name, value in wanted.module.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(own.module.state_dict()[name], value), name
    assert own.state_dict().keys() == wanted.state_dict().keys()
    again = Average(build_segmenter("compact", 3), 0.9)
    again.load_state_dict(wanted.state_dict())
    assert again.updates == 4
    moved(network, 4)
    for each in (own, again):
        each.update(network)
    assert all(
        torch.equal(value, again.module.state_dict()[name])
        for name, value in own.module.state_dict().items()
        if value.is_floating_point()
    )


def test_it_asks_the_device_nothing():
    network = moved(build_segmenter("compact", 3), 0)
    average = Average(network, 0.9)
    with host_waits(torch.device("cpu")) as found:
        for _ in range(3):
            average.update(network)
    assert not found


def test_there_is_none_without_a_decay_and_it_is_no_part_of_the_network():
    network = build_segmenter("compact", 3)
    assert average_of(network, 0.0) is None
    average = average_of(network, 0.5)
    before = copy.deepcopy(average.module.state_dict())
    moved(network, 0)
    assert all(torch.equal(value, before[name]) for name, value in average.module.state_dict().items())
    assert not any(weight.requires_grad for weight in average.module.parameters())


def test_another_networks_average_is_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        Average(build_segmenter("compact", 3), 0.9).load_state_dict(
            Average(build_segmenter("compact", 4), 0.9).state_dict()
        )
