"""What a run is set up with before its first step, and what it is refused for."""

from __future__ import annotations

import numpy as np
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedDataParallelKwargs
from numpy.typing import NDArray

from hrs.config import RunConfig
from hrs.data.draw import spread_indices
from hrs.data.layouts import Dataset
from hrs.data.style import all_moments
from hrs.errors import HRSError
from hrs.methods.base import Method
from hrs.methods.table import METHODS

MOST_STYLES = 200
"""Photos whose colours synthetic frames may take."""


def accelerator_for(config: RunConfig) -> Accelerator:
    """Raises HRSError for half precision on a CPU."""
    on_cpu = config.train.device == "cpu"
    if config.train.precision == "fp16" and PartialState(cpu=on_cpu).device.type == "cpu":
        raise HRSError("train.precision is fp16, which needs a GPU; on a CPU take bf16 or no")
    skipping = DistributedDataParallelKwargs(find_unused_parameters=leaves_networks_out(config))
    return Accelerator(mixed_precision=config.train.precision, cpu=on_cpu, kwargs_handlers=[skipping])


def check_world(config: RunConfig, processes: int) -> None:
    """Raises HRSError where a batch cannot be shared alike among the processes."""
    for name in ("batch_source", "batch_target", "batch_unlabelled"):
        if getattr(config.train, name) % processes:
            raise HRSError(
                f"train.{name} is {getattr(config.train, name)}; expected a multiple of the {processes} processes"
            )


def leaves_networks_out(config: RunConfig) -> bool:
    """Whether some steps train no network but the segmenter: synthetic frames are over, or the weighting networks learn
    at every so many steps."""
    facts, train = METHODS[config.method], config.train
    frames_end = facts.needs_source and (train.source_until < 1 or train.source_weight == 0)
    return frames_end or (facts.learns_weights and config.selection.every > 1)


def smallest_batch(method: Method, config: RunConfig) -> int:
    """Images of the smallest pass through the network that the run learns from, of all processes: synthetic frames may
    end, and a teacher's photos have a pass of their own."""
    passes = [sum(method.counts(config, step)) for step in (0, config.train.steps - 1)]
    taught = config.data.unlabelled and config.teacher.weight
    return min(*passes, config.train.batch_unlabelled) if taught else min(passes)


def photo_styles(photos: Dataset) -> NDArray[np.float32]:
    """The colour moments of up to MOST_STYLES photos, (n 2 3)."""
    return all_moments(photos.read_image(i) for i in spread_indices(len(photos), MOST_STYLES))
