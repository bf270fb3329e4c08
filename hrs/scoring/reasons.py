"""Why a frame weighs what it does, on disk: what is seen in it and how surely, its areas, and planted departures.

One small .npz a frame beside its weight maps. Nothing here needs torch.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.scoring.maps import read_arrays
from hrs.system.files import atomic_write, make_folder

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class FrameReasons:
    """Of one frame, read or to be written.

    seen, confidence: the likeliest class and how likely it is, 255 for surely, (h' w') uint8 at the features'
        resolution.
    areas: of every pixel its area's number, (h w) uint16, 0 for none.
    planted: departures (h w), or None.
    """

    seen: Bytes
    confidence: Bytes
    areas: NDArray[np.uint16]
    planted: Bytes | None = None

    @classmethod
    def of(cls, likely: NDArray[np.float32], areas: NDArray[np.uint16], planted: Bytes | None) -> FrameReasons:
        """From how likely each class is, (c h' w')."""
        sure = np.rint(likely.max(axis=0) * 255).astype(np.uint8)
        return cls(seen=likely.argmax(axis=0).astype(np.uint8), confidence=sure, areas=areas, planted=planted)

    def write(self, path: Path) -> None:
        arrays: dict[str, NDArray[Any]] = {"seen": self.seen, "confidence": self.confidence, "areas": self.areas}
        if self.planted is not None:
            arrays["planted"] = self.planted
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        make_folder(path.parent)
        atomic_write(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path) -> FrameReasons:
        """What `write` wrote. Raises HRSError for a missing or damaged file."""
        return read_arrays(path, lambda stored: cls._checked({name: stored[name] for name in stored.files}))

    @classmethod
    def _checked(cls, arrays: dict[str, NDArray[np.generic]]) -> FrameReasons:
        fits = all(each.ndim == 2 and each.dtype in (np.uint8, np.uint16) for each in arrays.values())
        alike = [arrays[name].shape for name in ("areas", "planted") if name in arrays]
        if not fits or arrays["seen"].shape != arrays["confidence"].shape or len(set(alike)) != 1:
            raise ValueError("it holds something else")
        return cls(**arrays)  # type: ignore[arg-type]  # a name too many or too few is a TypeError
