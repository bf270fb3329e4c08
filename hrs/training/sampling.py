"""How often each synthetic frame is drawn: as its image weight says, looked at anew a few times during training.

A frame that is drawn half as often counts half as much, as one whose loss is halved does, but costs half of the time.
Frames are drawn by raw image weights: these differ by 1 / floor at most, but classes that live in frames of low weight
are seen less, and no effective sample is kept, as the weights in the loss do.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from hrs.config import RunConfig
from hrs.data.loaders import FrameReader, ReadableChunks
from hrs.methods.base import Method
from hrs.selection.statistics import summed

LOGGER = logging.getLogger("hrs")
BATCH = 8


def redraw_steps(config: RunConfig) -> list[int]:
    """Steps before which all frames are weighed anew, each once: from full strength on, evenly until the frames' end.
    Empty where every frame comes equally often."""
    selection, train = config.selection, config.train
    if not config.draws_frames:
        return []
    first, end = train.steps_within(selection.warmup + selection.ramp), train.steps_within(train.source_until)
    return sorted({first + (end - first) * i // selection.redraws for i in range(selection.redraws)})


def drawn_in_words(shares: NDArray[np.float64]) -> str:
    """How unevenly frames are drawn from now on, of `frame_shares`."""
    effective = shares.sum() ** 2 / (len(shares) * np.square(shares).sum())
    return (
        f"frames are drawn {shares.min():.2f} to {shares.max():.2f} times as often as all alike would be; "
        f"{effective:.0%} of them effectively count"
    )


def frame_shares(
    method: Method, reader: FrameReader, *, device: torch.device, workers: int, rank: int = 0, world: int = 1
) -> NDArray[np.float64]:
    """Weigh every frame; (frames,) with mean 1. Frames that cannot be read count as the average.

    Several processes weigh a part each and have the same result.
    """
    chunks = [range(first, min(first + BATCH, len(reader))) for first in range(0, len(reader), BATCH)][rank::world]
    order = range(len(chunks))
    loader = DataLoader(ReadableChunks(reader, chunks), batch_size=None, sampler=order, num_workers=workers)
    weights, seen = (torch.zeros(len(reader), dtype=torch.float64, device=device) for _ in range(2))
    for chunk in loader:
        for error in chunk.errors:
            LOGGER.warning("a frame is not weighed: %s", error)
        if not chunk.frames:
            continue
        found = method.frame_weights(chunk.batch.to(device))
        assert found is not None, "only methods that weigh frames are asked"
        which = list(chunk.frames)
        weights[which], seen[which] = found.double(), 1.0
    weights, seen = summed(weights, seen)
    mean = weights.sum() / seen.sum().clamp(min=1)
    return torch.where(seen > 0, weights / mean, 1.0).cpu().numpy()
