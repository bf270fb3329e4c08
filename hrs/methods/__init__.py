"""Training methods by name, one file each."""

from hrs.config import MethodName, RunConfig
from hrs.methods.adversarial import Adversarial
from hrs.methods.base import Method, StepResult, weigh_frames
from hrs.methods.class_balanced import ClassBalanced
from hrs.methods.finetune import Finetune
from hrs.methods.hrs import HierarchicalSelection
from hrs.methods.hrs_mixing import SelectiveMixing
from hrs.methods.joint import Joint
from hrs.methods.mixing import Mixing
from hrs.methods.oracle import Oracle
from hrs.methods.shuffled import Shuffled
from hrs.methods.source_only import SourceOnly
from hrs.methods.target_only import TargetOnly
from hrs.networks.segmenter import build_segmenter

METHODS: dict[MethodName, type[Method]] = {
    "hrs": HierarchicalSelection,
    "joint": Joint,
    "target_only": TargetOnly,
    "source_only": SourceOnly,
    "finetune": Finetune,
    "mixing": Mixing,
    "hrs_mixing": SelectiveMixing,
    "adversarial": Adversarial,
    "class_balanced": ClassBalanced,
    "shuffled": Shuffled,
    "oracle": Oracle,
}


def build_method(config: RunConfig, num_classes: int) -> Method:
    """The method a config names, around the segmentation network it names."""
    network = config.network
    return METHODS[config.method](config, build_segmenter(network.name, num_classes, pretrained=network.pretrained))


__all__ = ["METHODS", "Method", "StepResult", "build_method", "weigh_frames"]
