"""A segmentation as files that other programs open: indexed PNG, overlay, JSON."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2

from hrs.inference.predictor import Segmentation
from hrs.labels import LabelSpace, colourise
from hrs.system.files import disk_errors, hidden_folder, sync_folder
from hrs.system.photographs import Image

_OVERLAY_PIXELS = 16_000_000
_OVERLAY_SIDE = 65_000  # JPEG ends at 65535


def describe(source: Path, space: LabelSpace, result: Segmentation) -> dict[str, Any]:
    """What the JSON beside a photo says; coverage and confidence in percent, realism as a share."""
    height, width = result.labels.shape
    return {
        "source": str(source),
        "width": width,
        "height": height,
        "classes": list(space.classes),
        "coverage": {name: round(share, 3) for name, share in result.coverage.items()},
        "confidence": round(100 * float(result.confidence.mean()), 2),
        "realism": None if result.realism is None else round(result.realism, 3),
        "realism_words": result.realism_words,
    }


def overlay(image: Image, labels: Image, space: LabelSpace, *, opacity: float = 0.5) -> Image:
    """The classes' colours over a photo, RGB (h w 3)."""
    return cv2.addWeighted(image, 1 - opacity, colourise(labels, space), opacity, 0)  # type: ignore[return-value]


def small_enough(image: Image, labels: Image) -> tuple[Image, Image]:
    """A photo and its labels as large as an overlay may be: 16 megapixels, and sides that JPEG can hold."""
    height, width = labels.shape
    shrink = min(1.0, math.sqrt(_OVERLAY_PIXELS / (height * width)), _OVERLAY_SIDE / max(height, width))
    if shrink == 1:
        return image, labels
    size = max(1, int(width * shrink)), max(1, int(height * shrink))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small, cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)  # type: ignore[return-value]


@contextmanager
def all_or_none(stem: Path) -> Iterator[Path]:
    """A folder for files and folders that come to lie beside ``stem`` when the block ends well, and only then.

    The JSON comes first: it says of the others that they are results, which may be replaced, also after a kill.

    Raises:
        HRSError: the disk is full, or ``stem`` cannot be written.
    """
    with hidden_folder(stem) as folder, disk_errors(stem):
        yield folder
        sync_folder(folder)
        made = sorted(folder.rglob("*"), key=lambda part: (part.is_file(), part.suffix != ".json"))
        for part in made:
            target = stem.parent / part.relative_to(folder)
            target.mkdir(exist_ok=True) if part.is_dir() else os.replace(part, target)


def beside(stem: Path, ending: str) -> Path:
    """``stem`` + ``ending``; a dot in the stem begins no suffix."""
    return stem.with_name(stem.name + ending)
