import cv2
import numpy as np
import pytest
import torch

from hrs.checkpoint import save_checkpoint
from hrs.config import RunConfig
from hrs.inference import Predictor
from hrs.inference.export import export_network
from hrs.labels import LabelSpace
from hrs.methods.build import build_method
from hrs.networks.segmenter import build_segmenter
from tests.conftest import CLASSES, COLOURS, tiny_config

SPACE = LabelSpace(name="four", classes=CLASSES, palette=tuple(map(tuple, COLOURS.tolist())))


def photo(height=70, width=90, seed=0):
    """Smooth random colours: like a photo, neighbours are alike."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def network():
    """Untrained, but with running statistics of its own, so that all classes and confidences occur."""
    torch.manual_seed(0)
    made = build_segmenter("compact", len(CLASSES))
    made.train()(torch.randn(4, 3, 48, 64))
    torch.nn.init.normal_(made.classifier.weight, std=0.5)
    return made.eval()


@pytest.fixture
def predictor():
    return Predictor(network(), SPACE, height=48, width=64)


@pytest.fixture(scope="session")
def checkpoint(frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "best"
    config: RunConfig = tiny_config(frames)
    method = build_method(config, len(CLASSES))
    method.segmenter.load_state_dict(network().state_dict())
    save_checkpoint(folder, method=method, config=config, space=SPACE, step=1, metrics={})
    return folder


@pytest.fixture(scope="session")
def exported(checkpoint, tmp_path_factory):
    return export_network(checkpoint, tmp_path_factory.mktemp("onnx") / "new" / "model.onnx")
