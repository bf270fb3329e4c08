"""Superpixels per frame, and a cache of them on disk.

A region is a SLIC superpixel (Achanta et al., "SLIC Superpixels Compared to State-of-the-art Superpixel Methods",
TPAMI 2012), cut along the label borders where the frame is labelled, so that every region has exactly one label.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.system.cache import cache_root
from hrs.system.images import decode_stored, encode

LABEL_VALUES = IGNORE + 1
"""How many values a uint8 label can take."""

_ITERATIONS = 5
# k-means rounds. On CamVid 5 rounds give the same boundaries as scikit-image's 10 (achievable accuracy 0.910 against
# 0.911 at 256x192, 0.902 against 0.903 at 480x360) in 0.55 of the time.
_VERSION = 1
# Part of every cache key: raise it when the regions of an unchanged frame change.
_PNG_END = b"IEND\xaeB`\x82"
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)

_log = logging.getLogger("hrs")


def superpixels(
    image: NDArray[np.uint8], label: NDArray[np.uint8] | None, *, segments: int = 400, compactness: float = 10
) -> NDArray[np.int32]:
    """Cut a frame into regions.

    Args:
        image: RGB, uint8 (h, w, 3).
        label: uint8 (h, w), IGNORE included, or None. Each region then holds one label value only.
        segments: about how many superpixels to make, at least 1. Label borders add to them.
        compactness: weight of distance in space against distance in colour; higher gives squarer regions; above 0.

    Returns:
        int32 (h, w), region ids 0..r-1, every id in use.

    Raises:
        HRSError: a parameter out of range.
        ValueError: arrays of another type or shape.
    """
    _check_parameters(segments, compactness)
    _check_arrays(image, label)
    # Imported here: scikit-image takes a third of a second, which a process that only reads the cache need not spend.
    from skimage.segmentation import slic

    ids: NDArray[np.int64] = slic(
        image.astype(np.float32) / np.float32(255),  # a fifth faster than float64, and the same regions
        n_segments=segments,
        compactness=compactness,
        max_num_iter=_ITERATIONS,
        start_label=0,
        channel_axis=-1,
        convert2lab=True,
    )
    if label is not None:
        ids = ids * LABEL_VALUES + label
    return compact_regions(ids)[0]


def compact_regions(regions: NDArray[np.integer]) -> tuple[NDArray[np.int32], int]:
    """Renumber region ids to 0..r-1, in the order of the old ids.

    Args:
        regions: integers (h, w), ids 0 and up with gaps; negative means "no region" and becomes -1. A table as long as
            the largest id is made, so ids far beyond the number of pixels are slow.

    Returns:
        The renumbered int32 (h, w) and r, the number of regions (0 when there is none).
    """
    shifted = np.maximum(regions, -1) + 1
    present = np.zeros(int(shifted.max(initial=0)) + 1, dtype=bool)
    present[shifted] = True
    present[0] = False
    table = np.cumsum(present, dtype=np.int32) - 1  # entry 0 (no region) is -1
    return np.take(table, shifted), int(table[-1]) + 1


class RegionCache:
    """Superpixels computed once per frame and kept on disk, one 16-bit PNG a frame.

    Files are found by a hash of image, label, parameters and algorithm version, so a changed frame never meets an old
    map, and moved or renamed data sets keep theirs. Several processes may share one folder: files appear by atomic
    rename. A damaged file is computed anew. Where nothing can be written (full disk, read-only folder), one warning is
    logged and the regions are computed without being kept.

    Args:
        root: the cache folder; None takes ``cache_root() / "regions"``.
        segments, compactness: as in `superpixels`.

    Raises:
        HRSError: a parameter out of range.
    """

    def __init__(self, root: Path | None = None, segments: int = 400, compactness: float = 10) -> None:
        _check_parameters(segments, compactness)
        self.root = cache_root() / "regions" if root is None else Path(root)
        self.segments = segments
        self.compactness = float(compactness)
        self._writable = True

    def get(self, image: NDArray[np.uint8], label: NDArray[np.uint8] | None) -> NDArray[np.int32]:
        """The regions of one frame, read or computed: as `superpixels`."""
        _check_arrays(image, label)
        path = self.path(image, label)
        height, width = image.shape[:2]
        regions = _read(path, (height, width))
        if regions is None:
            regions = superpixels(image, label, segments=self.segments, compactness=self.compactness)
            self._keep(path, regions)
        return regions

    def path(self, image: NDArray[np.uint8], label: NDArray[np.uint8] | None) -> Path:
        """Where the regions of this frame are kept, whether or not they are there yet."""
        labelled = label is not None
        about = f"{_VERSION} {image.shape} {labelled} {self.segments} {self.compactness!r}"
        digest = hashlib.blake2b(about.encode(), digest_size=16)
        digest.update(np.ascontiguousarray(image))
        if label is not None:
            digest.update(np.ascontiguousarray(label))
        name = digest.hexdigest()
        return self.root / name[:2] / f"{name[2:]}.png"

    def _keep(self, path: Path, regions: NDArray[np.int32]) -> None:
        if not self._writable:
            return
        try:
            _write(path, regions)
        except OSError as error:
            self._writable = False
            _log.warning("regions are computed without being cached: cannot write below %s (%s)", self.root, error)


def _check_parameters(segments: int, compactness: float) -> None:
    if segments < 1:
        raise HRSError(f"segments is {segments}; expected the number of superpixels a frame, 1 or more (such as 400)")
    if not 0 < compactness < float("inf"):
        raise HRSError(f"compactness is {compactness}; expected a number above 0 (such as 10)")


def _check_arrays(image: NDArray[np.uint8], label: NDArray[np.uint8] | None) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image is {image.dtype} {image.shape}; expected uint8 (h, w, 3)")
    if label is not None and (label.dtype != np.uint8 or label.shape != image.shape[:2]):
        raise ValueError(f"label is {label.dtype} {label.shape}; expected uint8 {image.shape[:2]}")


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.int32] | None:
    """The map in a cache file, or None where there is none or it is damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if not data.endswith(_PNG_END):  # cut short; asking the decoder would print libpng's complaints
        return None
    stored = decode_stored(data)
    if stored is None or stored.shape[:2] != shape:
        return None
    regions = _unpack(stored)
    if regions is None or regions.min() < 0 or regions.max() >= regions.size or np.bincount(regions.ravel()).min() == 0:
        return None
    return regions


def _unpack(stored: NDArray[np.generic]) -> NDArray[np.int32] | None:
    if stored.dtype != np.uint16:
        return None
    if stored.ndim == 2:
        return stored.astype(np.int32)
    high, low = stored[..., 2].astype(np.int32), stored[..., 1].astype(np.int32)
    return high << 16 | low


def _pack(regions: NDArray[np.int32]) -> NDArray[np.uint16]:
    """One 16-bit plane; a frame with more regions than that counts takes three (nothing, low, high)."""
    if regions.max() < 1 << 16:
        return regions.astype(np.uint16)
    high, low = regions >> 16, regions & 0xFFFF
    return np.stack([np.zeros_like(low), low, high], axis=-1).astype(np.uint16)


def _write(path: Path, regions: NDArray[np.int32]) -> None:
    data = encode(".png", _pack(regions), _PNG_OPTIONS)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
