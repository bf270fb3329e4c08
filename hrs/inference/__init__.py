"""Trained networks at work on photographs: the one door for the command line and the apps."""

from hrs.inference.backends import make_onnx_apart, pick_device
from hrs.inference.files import Outcome, find_jobs, segment_files
from hrs.inference.predictor import Predictor, Segmentation, calibrate, evaluate, predictions
from hrs.inference.realism import FEWEST, Gauge, read_gauge, write_gauge
from hrs.system.images import MOST_PIXELS
from hrs.system.photographs import read_photograph

__all__ = [
    "FEWEST",
    "MOST_PIXELS",
    "Gauge",
    "Outcome",
    "Predictor",
    "Segmentation",
    "calibrate",
    "evaluate",
    "find_jobs",
    "make_onnx_apart",
    "pick_device",
    "predictions",
    "read_gauge",
    "read_photograph",
    "segment_files",
    "write_gauge",
]
