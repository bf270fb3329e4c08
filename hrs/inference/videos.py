"""Videos, frame by frame."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hrs.errors import HRSError
from hrs.inference.pictures import overlay, write_beside
from hrs.inference.predictor import Predictor
from hrs.pictures import label_png
from hrs.system.files import DiskFull
from hrs.system.photographs import Image

VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".ts", ".mts", ".3gp", ".mpg", ".mpeg", ".wmv"})
_RATE = 25.0  # frames a second of a video that does not say


def count_frames(file: Path) -> int:
    """As the header says, at least 1."""
    video = cv2.VideoCapture(str(file))
    try:
        return max(1, int(video.get(cv2.CAP_PROP_FRAME_COUNT))) if video.isOpened() else 1
    finally:
        video.release()


def segment_video(predictor: Predictor, source: Path, stem: Path, augment: bool, frame_labels: bool) -> Iterator[int]:
    """Write ``stem``_overlay.mp4 and its JSON, with ``frame_labels`` also STEM/000000.png and so on.

    Yields the number of frames done. Raises HRSError where nothing can be decoded.
    """
    coverage: list[list[float]] = []
    confidence: list[float] = []
    realism: list[float | None] = []
    size = (0, 0)
    with _reader(source) as (video, rate), _writer(stem.with_name(f"{stem.name}_overlay.mp4"), rate) as write:
        while (frame := _next(video)) is not None:
            result = predictor.segment(frame, augment=augment)
            write(overlay(frame, result.labels, predictor.space))
            if frame_labels:
                stem.mkdir(exist_ok=True)
                write_beside(stem / f"{len(coverage):06d}", ".png", label_png(result.labels, predictor.space))
            coverage.append(list(result.coverage.values()))
            confidence.append(100 * float(result.confidence.mean()))
            realism.append(result.realism)
            size = result.labels.shape
            yield len(coverage)
        if not coverage:
            raise HRSError(f"{source} cannot be read as a video: it has no frame that can be decoded")
    known = [value for value in realism if value is not None]
    about = {
        "source": str(source),
        "width": size[1],
        "height": size[0],
        "frames": len(coverage),
        "frames_per_second": rate,
        "classes": list(predictor.space.classes),
        "coverage": dict(zip(predictor.space.classes, np.mean(coverage, axis=0).round(3).tolist(), strict=True)),
        "confidence": round(float(np.mean(confidence)), 2),
        "realism": float(np.median(known)) if known else None,
    }
    write_beside(stem, ".json", json.dumps(about, indent=2) + "\n")


def _next(video: cv2.VideoCapture) -> Image | None:
    there, frame = video.read()
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if there else None  # type: ignore[return-value]


@contextmanager
def _reader(source: Path) -> Iterator[tuple[cv2.VideoCapture, float]]:
    video = cv2.VideoCapture(str(source))
    try:
        if not video.isOpened():
            raise HRSError(f"{source} cannot be read as a video; expected {', '.join(sorted(VIDEOS))}")
        rate = video.get(cv2.CAP_PROP_FPS)
        yield video, rate if 0 < rate <= 1000 else _RATE
    finally:
        video.release()


def _check_written(part: Path, path: Path, count: int) -> None:
    """OpenCV does not say when it could not write. Raises HRSError where the video does not hold its frames."""
    video = cv2.VideoCapture(str(part))
    found = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
    video.release()
    if found != count:
        raise DiskFull(
            f"cannot write {path}: {found} of {count} frames are there; free some space, or see to its quota"
        )


@contextmanager
def _writer(path: Path, rate: float) -> Iterator[Any]:
    """A function that adds RGB frames to a video, which gets its name when it is whole."""
    part = path.with_name(f".{path.name}.part.mp4")
    writer: cv2.VideoWriter | None = None
    count = 0

    def write(frame: Image) -> None:
        nonlocal writer, count
        count += 1
        size = frame.shape[1] & ~1 or 2, frame.shape[0] & ~1 or 2  # the codec wants even sides
        if writer is None:
            writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
            if not writer.isOpened():
                raise HRSError(f"OpenCV cannot write {path}; it was built without the mp4v encoder")
        writer.write(cv2.resize(frame, size)[..., ::-1] if frame.shape[1::-1] != size else frame[..., ::-1])

    try:
        yield write
        if writer is not None:
            writer.release()
            _check_written(part, path, count)
            os.replace(part, path)
    finally:
        if writer is not None:
            writer.release()
        part.unlink(missing_ok=True)
