"""Videos, frame by frame."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hrs.errors import HRSError
from hrs.inference.pictures import all_or_none, beside, overlay
from hrs.inference.predictor import Predictor, Segmentation
from hrs.labels import LabelSpace
from hrs.pictures import label_png
from hrs.system.files import DiskFull, disk_errors
from hrs.system.photographs import Image

VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".ts", ".mts", ".3gp", ".mpg", ".mpeg", ".wmv"})
_RATE = 25.0  # frames a second of a video that does not say
_SLOWEST, _FASTEST = 0.01, 1000.0
_DECIMALS, _CLOCK = 3, 65535  # OpenCV writes a rate as n/1, n/10, n/100 or n/1000; MPEG-4 wants n below 65536
MOST_PIXELS = 64_000_000
"""Of a frame: a small file may claim any number."""
_LIST = b"ffconcat"  # with which a list of files for FFmpeg begins
_SLACK = 100  # in so many frames a header may count one too many, and one in any case


class CutShort(HRSError):
    """A video has fewer frames than its header says; those that it has are segmented and written."""


def count_frames(file: Path) -> int | None:
    """As the header says; None where it does not."""
    video = _open(file)
    try:
        return _frames_of(video) if video.isOpened() else None
    finally:
        video.release()


def first_frame(file: Path) -> Image | None:
    """Of a video, RGB (h w 3); None where none can be decoded."""
    video = _open(file)
    try:
        return _next(video)
    finally:
        video.release()


def _open(file: Path) -> cv2.VideoCapture:
    """Not opened where it is no video; or is a list of others, whatever its name, which FFmpeg would open."""
    return cv2.VideoCapture() if _starts_with(file, _LIST) else cv2.VideoCapture(str(file))


def _starts_with(file: Path, start: bytes) -> bool:
    try:
        with open(file, "rb") as opened:
            return opened.read(len(start)) == start
    except OSError:
        return False


def _frames_of(video: cv2.VideoCapture) -> int | None:
    said = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    return said if said > 0 else None  # browsers record without a length


def segment_video(
    predictor: Predictor,
    source: Path,
    stem: Path,
    augment: bool,
    frame_labels: bool,
    *,
    most: int | None = None,
) -> Generator[int, None, None]:
    """Write ``stem``_overlay.mp4 and its JSON, with ``frame_labels`` also STEM/000000.png and so on.

    Yields the number of frames done. Frames of another size get that of the first.

    Args:
        most: frames that a video may have.

    Raises:
        CutShort: it has fewer frames than its header says; what there is has been written.
        HRSError: nothing can be decoded or written, or it has too many frames; nothing new is left then.
    """
    seen, before = _Seen(), _labels_before(stem)
    overlay_file = beside(stem, "_overlay.mp4")
    with (
        all_or_none(stem) as folder,
        _reader(source) as (video, rate),
        _writer(folder / overlay_file.name, overlay_file, rate) as add,
    ):
        said, made = _frames_of(video), folder / stem.name
        for frame in _frames(video, source, most):
            result = predictor.segment(frame, augment=augment)
            add(overlay(frame, result.labels, predictor.space))
            if frame_labels:
                made.mkdir(exist_ok=True)
                _label_file(made, seen.count).write_bytes(label_png(result.labels, predictor.space))
            seen.add(result)
            yield seen.count
        if not seen.count:
            raise HRSError(f"{source} cannot be read as a video: it has no frame that can be decoded")
        cut = said is not None and said - seen.count > max(1, said // _SLACK)
        timing = {"frames_per_second": rate, "cut_short": cut, "frame_labels": frame_labels}
        about = {"source": str(source)} | seen.describe(predictor.space) | timing
        text = json.dumps(about, indent=2) + "\n"
        beside(made, ".json").write_text(text, encoding="utf-8")
    with disk_errors(stem):
        for i in range(seen.count if frame_labels else 0, before):  # of the video or the model of before
            _label_file(stem, i).unlink(missing_ok=True)
    if cut:
        only = f"{seen.count} of its {said} frames can be decoded, and only those are segmented"
        raise CutShort(f"{source} is cut short: {only}; copy it anew")


def _label_file(stem: Path, frame: int) -> Path:
    return stem / f"{frame:06d}.png"


def _labels_before(stem: Path) -> int:
    """Of how many frames an earlier call wrote labels, as its JSON says; 0 where it does not say so."""
    try:
        about = json.loads(beside(stem, ".json").read_bytes())
        return int(about["frames"]) if about["frame_labels"] is True else 0
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0


class _Seen:
    """What all frames of a video show together."""

    def __init__(self) -> None:
        self._coverage: list[list[float]] = []
        self._confidence: list[float] = []
        self._realism: list[float | None] = []
        self._size = (0, 0)

    @property
    def count(self) -> int:
        return len(self._coverage)

    def add(self, result: Segmentation) -> None:
        self._coverage.append(list(result.coverage.values()))
        self._confidence.append(100 * float(result.confidence.mean()))
        self._realism.append(result.realism)
        self._size = result.labels.shape

    def describe(self, space: LabelSpace) -> dict[str, Any]:
        """For JSON; coverage and confidence in percent, on average, realism as a share, in the middle of all."""
        known = [value for value in self._realism if value is not None]
        return {
            "width": self._size[1],
            "height": self._size[0],
            "frames": self.count,
            "classes": list(space.classes),
            "coverage": dict(zip(space.classes, np.mean(self._coverage, axis=0).round(3).tolist(), strict=True)),
            "confidence": round(float(np.mean(self._confidence)), 2),
            "realism": round(float(np.median(known)), 3) if known else None,
        }


def _frames(video: cv2.VideoCapture, source: Path, most: int | None) -> Iterator[Image]:
    """Raises HRSError where there are more than ``most``, as soon as that is known."""
    said, count, size = _frames_of(video), 0, (0, 0)
    if most is not None and (said or 0) > most:
        raise _too_long(source, f"{said}", most)
    while (frame := _next(video)) is not None:
        if count == most:
            raise _too_long(source, f"more than {most}", most)
        count += 1
        size = size if count > 1 else (frame.shape[1], frame.shape[0])
        yield frame if frame.shape[1::-1] == size else cv2.resize(frame, size)  # type: ignore[misc]


def _too_long(source: Path, frames: str, most: int) -> HRSError:
    return HRSError(
        f"{source} has {frames} frames; at most {most} are taken here, and any number by: python -m hrs segment"
    )


def _next(video: cv2.VideoCapture) -> Image | None:
    there, frame = video.read()
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if there else None  # type: ignore[return-value]


@contextmanager
def _reader(source: Path) -> Iterator[tuple[cv2.VideoCapture, float]]:
    video = _open(source)
    try:
        if not video.isOpened():
            raise HRSError(f"{source} cannot be read as a video; expected {', '.join(sorted(VIDEOS))}")
        width, height = (int(video.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MOST_PIXELS:
            raise HRSError(
                f"{source} has frames of {width}x{height} pixels; at most {MOST_PIXELS // 1_000_000} megapixels are "
                "taken: make it smaller"
            )
        rate = video.get(cv2.CAP_PROP_FPS)
        yield video, rate if _SLOWEST <= rate <= _FASTEST else _RATE
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


def _allowed(rate: float) -> float:
    """A rate with so few decimals that MPEG-4 can hold it."""
    return round(rate, min(_DECIMALS, int(math.log10(_CLOCK / rate))))


@contextmanager
def _writer(part: Path, path: Path, rate: float) -> Iterator[Any]:
    """A function that adds RGB frames to a video, ``part``, which is to be ``path``."""
    writer: cv2.VideoWriter | None = None
    count = 0

    def write(frame: Image) -> None:
        nonlocal writer, count
        count += 1
        size = frame.shape[1] & ~1 or 2, frame.shape[0] & ~1 or 2  # the codec wants even sides
        if writer is None:
            writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), _allowed(rate), size)
            if not writer.isOpened():
                what = f"{size[0]}x{size[1]} at {_allowed(rate)} frames a second"
                raise HRSError(f"OpenCV cannot write {path}; its mp4v encoder is missing or does not take {what}")
        writer.write(cv2.resize(frame, size)[..., ::-1] if frame.shape[1::-1] != size else frame[..., ::-1])

    try:
        yield write
        if writer is not None:
            writer.release()
            _check_written(part, path, count)
    finally:
        if writer is not None:
            writer.release()
