"""HRS: semantic segmentation from many synthetic frames and a few labelled photos, by hierarchical region selection.

    from hrs import Predictor, create_run, evaluate, load_config, score, train

Names are imported when first used, so that ``import hrs`` stays light.
"""

import os
from importlib import import_module
from typing import Any

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "128000000")  # read when cv2 is loaded; of files of all kinds

_WHERE = {
    "Predictor": "hrs.inference",
    "RunConfig": "hrs.config",
    "create_run": "hrs.training.trainer",
    "evaluate": "hrs.inference",
    "load_config": "hrs.config",
    "open_dataset": "hrs.data.layouts",
    "score": "hrs.scoring.score",
    "train": "hrs.training.trainer",
}
__all__ = ["Predictor", "RunConfig", "create_run", "evaluate", "load_config", "open_dataset", "score", "train"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'hrs' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
