"""Weight maps on disk: one small .npz per frame."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hrs.errors import HRSError
from hrs.files import atomic_write
from hrs.selection.selector import Weights


def write_maps(path: Path, weights: Weights, index: int) -> None:
    """Maps of image ``index`` of a batch: ``combined`` and each level as uint8 (h w), and ``scale``.

    A weight is value / 255 * scale; scale is the frame's largest weight.
    """
    maps = {name: values[index].float().cpu().numpy() for name, values in _named(weights)}
    scale = max(float(values.max()) for values in maps.values()) or 1.0
    packed = {name: np.rint(values / scale * 255).astype(np.uint8) for name, values in maps.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, scale=np.float32(scale), **packed)
    atomic_write(path, buffer.getvalue())


def read_maps(path: Path) -> dict[str, NDArray[np.float32]]:
    """The maps of one frame as float32 weights (h w), by name."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            scale = float(stored["scale"])
            return {name: stored[name].astype(np.float32) * (scale / 255) for name in stored.files if name != "scale"}
    except (OSError, ValueError, KeyError) as error:
        raise HRSError(f"weight maps {path} cannot be read ({error}); score the run again") from error


def _named(weights: Weights) -> list[tuple[str, Tensor]]:
    return [("combined", weights.combined), *weights.levels.items()]
