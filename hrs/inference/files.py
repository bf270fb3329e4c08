"""Photographs, folders of them and videos on the disk, segmented into label images, overlays and JSON."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hrs.errors import HRSError
from hrs.inference.pictures import describe, overlay, small_enough, write_beside
from hrs.inference.predictor import Predictor
from hrs.inference.videos import VIDEOS, count_frames, segment_video
from hrs.pictures import label_png
from hrs.progress import Progress
from hrs.system.files import disk_errors
from hrs.system.images import encode
from hrs.system.photographs import SUFFIXES, read_photograph
from hrs.system.tree import Skipped, files_below


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file to segment; ``name`` is where its results go, below the output folder and without suffix."""

    source: Path
    name: Path
    frames: int = 1

    @property
    def video(self) -> bool:
        return self.source.suffix.lower() in VIDEOS


@dataclass(kw_only=True)
class Outcome:
    """How many files were segmented, and why the others were not, a line each. aside: what is no photo or video."""

    done: int = 0
    failed: list[str] = field(default_factory=list)
    aside: list[Skipped] = field(default_factory=list)


def segment_files(
    predictor: Predictor,
    paths: Sequence[Path],
    out: Path,
    *,
    augment: bool = False,
    frame_labels: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Segment photographs and videos, and all of those in folders and their sub-folders.

    A photo gives NAME.png (class ids, with the classes' colours as its palette), NAME_overlay.jpg (at most 16
    megapixels) and NAME.json; a video NAME_overlay.mp4 and NAME.json. Files of one name keep the folders that tell
    them apart. A file that cannot be segmented is left out and said so in the outcome.

    Args:
        augment: see `Predictor.segment`.
        frame_labels: write a video's labels too, as NAME/000000.png and so on.
        progress: called with (done, total), in photos and frames.

    Raises:
        HRSError: a path that does not exist, a folder without images, or an output folder that cannot be written.
    """
    jobs, aside = find_jobs(paths, out)
    total, before, outcome = sum(job.frames for job in jobs), 0, Outcome(aside=aside)
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for job in jobs:
        try:
            for i in _run(predictor, job, out / job.name, augment, frame_labels):
                if progress:
                    progress(min(before + i, total), total)
            outcome.done += 1
        except HRSError as error:
            outcome.failed.append(str(error))
        before += job.frames
        if progress:
            progress(before, total)
    return outcome


def _run(predictor: Predictor, job: Job, stem: Path, augment: bool, frame_labels: bool) -> Iterator[int]:
    with disk_errors(stem):
        stem.parent.mkdir(parents=True, exist_ok=True)
    if job.video:
        yield from segment_video(predictor, job.source, stem, augment, frame_labels)
    else:
        _segment_photo(predictor, job.source, stem, augment)
        yield 1


# What is to be done


def find_jobs(paths: Sequence[Path], out: Path) -> tuple[list[Job], list[Skipped]]:
    """One job a file, none twice, and what is left aside; results of earlier calls below ``out`` are not taken for
    photographs."""
    found: dict[Path, Path] = {}
    aside: list[Skipped] = []
    for path in paths:
        files, left = _files(path, out)
        aside += left
        for file, short in files:
            found.setdefault(file.resolve(), short)
    names = _tell_apart(list(found.items()))
    jobs = [
        Job(source=file, name=name, frames=count_frames(file) if file.suffix.lower() in VIDEOS else 1)
        for file, name in names
    ]
    return jobs, aside


def _files(path: Path, out: Path) -> tuple[list[tuple[Path, Path]], list[Skipped]]:
    """(file, its path below the folder that was named), and what is left aside there."""
    if path.is_file():
        return [(path, Path(path.name))], []
    if not path.is_dir():
        raise HRSError(f"{path} does not exist; name images, videos or folders of them")
    kinds, results = SUFFIXES | VIDEOS, out.resolve()
    inside = path.resolve().is_relative_to(results)  # who names the output folder itself means what is in it
    tree = files_below(path, kinds)

    def wanted(file: Path) -> bool:
        return inside or not file.resolve().is_relative_to(results)

    found = [(file, file.relative_to(path)) for file in tree.files if wanted(file)]
    if not found:
        raise HRSError(f"{path} holds no images or videos; expected files ending in {', '.join(sorted(kinds))}")
    return found, [item for item in tree.aside if wanted(item.path)]


def _tell_apart(files: list[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """(file, unlike name): the short one; where that repeats, its place below the folder all files share; where that
    repeats too, with its suffix."""
    common = Path(os.path.commonpath([file.parent for file, _ in files])) if files else Path()
    by_place = {file: file.relative_to(common) for file, _ in files}
    short, long = (Counter(p.with_suffix("") for p in group) for group in ([s for _, s in files], by_place.values()))

    def name(file: Path, given: Path) -> Path:
        if short[given.with_suffix("")] == 1:
            return given.with_suffix("")
        place = by_place[file]
        return place.with_suffix("") if long[place.with_suffix("")] == 1 else place

    return [(file, name(file, given)) for file, given in files]


# Photographs


def _segment_photo(predictor: Predictor, source: Path, stem: Path, augment: bool) -> None:
    image = read_photograph(source)
    result = predictor.segment(image, augment=augment)
    write_beside(stem, ".png", label_png(result.labels, predictor.space))
    write_beside(stem, "_overlay.jpg", encode(".jpg", overlay(*small_enough(image, result.labels), predictor.space)))
    write_beside(stem, ".json", json.dumps(describe(source, predictor.space, result), indent=2) + "\n")
