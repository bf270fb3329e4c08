"""Weight maps on disk, and the frames they belong to: a small .npz, a JPEG and a label PNG per frame.

Nothing here needs torch, so that whoever shows the maps stays light.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.system.files import atomic_write

_JPEG_QUALITY = 90


def file_stem(frame: str) -> str:
    """A frame's id as a file name without suffix."""
    return frame.replace("/", "__")


def write_maps(path: Path, maps: Mapping[str, NDArray[np.float32]]) -> None:
    """Maps of one frame by name ("combined" and the levels, each (h w), at least 0) as uint8, and ``scale``.

    A weight is value / 255 * scale; scale is the frame's largest weight.
    """
    scale = max(float(values.max()) for values in maps.values()) or 1.0
    packed = {name: np.rint(values / scale * 255).astype(np.uint8) for name, values in maps.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, scale=np.float32(scale), **packed)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, buffer.getvalue())


def read_maps(path: Path) -> dict[str, NDArray[np.float32]]:
    """The maps of one frame as float32 weights (h w), by name. Raises HRSError for a missing or damaged file."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            scale = float(stored["scale"])
            return {name: stored[name].astype(np.float32) * (scale / 255) for name in stored.files if name != "scale"}
    except (OSError, ValueError, KeyError) as error:
        raise HRSError(f"weight maps {path} cannot be read ({error}); score the run again") from error


def write_frame(folder: Path, frame: str, image: NDArray[np.uint8], label: NDArray[np.uint8]) -> None:
    """A frame as the network saw it, aligned with its maps: RGB (h w 3) as JPEG, class ids (h w) as PNG."""
    stem = file_stem(frame)
    folder.mkdir(parents=True, exist_ok=True)
    picture = np.ascontiguousarray(image[..., ::-1])
    atomic_write(folder / f"{stem}.jpg", _encode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]))
    atomic_write(folder / f"{stem}.png", _encode(".png", label, []))


def read_frame(folder: Path, frame: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What `write_frame` wrote: RGB (h w 3) and class ids (h w). Raises HRSError for a missing or damaged file."""
    stem = file_stem(frame)
    image = _decode(folder / f"{stem}.jpg", cv2.IMREAD_COLOR_RGB)
    return image, _decode(folder / f"{stem}.png", cv2.IMREAD_GRAYSCALE)


def _encode(suffix: str, image: NDArray[np.uint8], options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, image, options)
    if not done:
        raise ValueError(f"OpenCV cannot encode {image.shape} as {suffix}")
    return data.tobytes()


def _decode(path: Path, flags: int) -> NDArray[np.uint8]:
    data = np.fromfile(path, np.uint8) if path.is_file() else np.empty(0, np.uint8)
    image = cv2.imdecode(data, flags) if data.size else None
    if image is None:
        raise HRSError(f"{path} is missing or damaged; score the run again")
    return image.astype(np.uint8, copy=False)
