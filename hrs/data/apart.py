"""That no image is on both sides: trained and validated on, or real and synthetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from hrs.data.layouts import Dataset
from hrs.errors import HRSError


def apart(photos: Dataset, val: Dataset) -> Dataset:
    """The target, or a teacher's photos, without the images that are validated on, which it says; the same file under
    two names is one.

    Copies of such images stay, and are told. Raises HRSError where no image is left.
    """
    held = _files(val)
    kept = [i for i, frame in enumerate(photos.frames) if frame.image.resolve() not in held]
    both = len(photos) - len(kept)
    if not kept:
        raise HRSError(
            f"validation {val.spec} holds all {both} images of {photos.spec}, which is to be trained on, so a figure "
            "on it would say nothing; name another data set or split with data.val, or leave data.val out to hold some "
            "images out"
        )
    notes = list(photos.notes)
    if both:
        notes.append(f"{both} of its images are in {val.spec} too, which the run validates on; they are not trained on")
    left = photos.take(kept)
    if copies := sum(1 for _ in _copies(_files(left), held)):
        notes.append(
            f"{copies} of its images are, byte for byte, in {val.spec} too, which the run validates on: a figure there "
            "says little about other images"
        )
    return replace(left, notes=tuple(notes))


def firsts(dataset: Dataset) -> list[int]:
    """Of each frame the first that is the same image: the same file under another name, or a copy, byte for byte."""
    files = [frame.image.resolve() for frame in dataset.frames]
    lengths = {path: path.stat().st_size for path in files}
    often = Counter(lengths.values())
    same = {path: _digest(path) if often[length] > 1 else path for path, length in lengths.items()}
    found: dict[bytes | Path, int] = {}
    return [found.setdefault(same[path], i) for i, path in enumerate(files)]


def check_synthetic(sources: Iterable[Dataset], *real: Dataset) -> None:
    """Raises HRSError where a source has an image that the run trains or validates on as a real one."""
    held = set[Path]().union(*map(_files, real))
    for source in sources:
        if both := len(_files(source) & held):
            raise HRSError(
                f"source {source.spec} has {both} of the run's real images; sources are synthetic frames alone: leave "
                "it out of data.sources, or name another folder"
            )


def _files(dataset: Dataset) -> set[Path]:
    return {frame.image.resolve() for frame in dataset.frames}


def _copies(files: set[Path], others: set[Path]) -> Iterator[Path]:
    """Files whose bytes one of the others has; only those of one length are read."""
    lengths = {path: path.stat().st_size for path in (*files, *others)}
    common = {lengths[path] for path in files} & {lengths[path] for path in others}
    known = {_digest(path) for path in others if lengths[path] in common}
    yield from (path for path in files if lengths[path] in common and _digest(path) in known)


def _digest(path: Path) -> bytes:
    return blake2b(path.read_bytes()).digest()
