"""What is said of the networks without building them is so."""

import pytest

from hrs.errors import HRSError
from hrs.networks.segmenter import build_segmenter
from hrs.networks.table import NETWORKS, check_network


@pytest.mark.parametrize("name", ["compact", "lite0", "segformer-b0", "upernet-resnet18"])
def test_parameters_are_those_of_the_network(name):
    parameters = sum(each.numel() for each in build_segmenter(name, 19).parameters())
    assert NETWORKS[name].parameters == pytest.approx(parameters / 1e6, abs=0.05)


@pytest.mark.parametrize("name", ["compact", "segformer-b2", "segformer:/my/own", "fcn8s-vgg16:weights.pt"])
def test_known_names_and_named_sources_pass(name):
    check_network(name)


@pytest.mark.parametrize("name", ["segformer-b9", "segformer:", "unet", "lite0:/my/own", ""])
def test_others_do_not(name):
    with pytest.raises(HRSError, match="unknown network"):
        check_network(name)


def test_compact_has_no_pretrained_weights():
    with pytest.raises(HRSError, match="set pretrained: false"):
        check_network("compact", pretrained=True)
