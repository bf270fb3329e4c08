"""Photographs, folders of them and videos on the disk, segmented into label images, overlays and JSON."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hrs.errors import HRSError
from hrs.inference.pictures import all_or_none, beside, describe, overlay, small_enough
from hrs.inference.predictor import Predictor
from hrs.inference.videos import VIDEOS, CutShort, count_frames, segment_video
from hrs.pictures import label_png
from hrs.progress import Progress
from hrs.system.files import disk_errors, sweep
from hrs.system.images import encode
from hrs.system.photographs import SUFFIXES, read_photograph
from hrs.system.tree import Skipped, files_below

_OF_PHOTO, _OF_VIDEO = (".png", "_overlay.jpg", ".json"), ("_overlay.mp4", ".json")  # how names of results end
_SAID = {"source", "classes", "coverage", "confidence", "realism"}  # in the JSON of any result


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file to segment; ``name`` is where its results go, below the output folder and without suffix.

    frames: None for a video that does not say how many it has.
    """

    source: Path
    name: Path
    frames: int | None = 1

    @property
    def video(self) -> bool:
        return self.source.suffix.lower() in VIDEOS

    @property
    def expected(self) -> int:
        return self.frames or 1


@dataclass(kw_only=True)
class Outcome:
    """How many files were segmented, and why the others were not, a line each.

    cut: a line for each that was segmented as far as it goes. aside: what is no photo or video.
    """

    done: int = 0
    failed: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
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
    them apart. A file that cannot be segmented is left out and said so in the outcome. A video that is cut short is
    segmented as far as it goes, and that is said, too.

    Args:
        augment: see `Predictor.segment`.
        frame_labels: write a video's labels too, as NAME/000000.png and so on.
        progress: called with (done, total), in photos and frames; the total grows with a video that has more than it
            says.

    Raises:
        HRSError: a path that does not exist, a folder without images, or an output folder that cannot be written, that
            holds the photos, or where a file that is no earlier result would be replaced.
    """
    jobs, aside = find_jobs(paths, out, frame_labels=frame_labels)
    done, later, outcome = 0, sum(job.expected for job in jobs), Outcome(aside=aside)
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for folder in {(out / job.name).parent for job in jobs}:
        sweep(folder, below=False)
    for job in jobs:
        later -= job.expected
        count = 0
        try:
            with closing(_run(predictor, job, out / job.name, augment, frame_labels)) as steps:
                for count in steps:
                    if progress:
                        progress(done + count, done + max(count + (job.frames is None), job.expected) + later)
            outcome.done += 1
        except CutShort as error:
            outcome.done += 1
            outcome.cut.append(str(error))
        except HRSError as error:
            outcome.failed.append(str(error))
        done += max(count, 1)
        if progress:
            progress(done, done + later)
    return outcome


def _run(predictor: Predictor, job: Job, stem: Path, augment: bool, frame_labels: bool) -> Generator[int, None, None]:
    with disk_errors(stem):
        stem.parent.mkdir(parents=True, exist_ok=True)
    if job.video:
        yield from segment_video(predictor, job.source, stem, augment, frame_labels)
    else:
        _segment_photo(predictor, job.source, stem, augment)
        yield 1


# What is to be done


def find_jobs(paths: Sequence[Path], out: Path, *, frame_labels: bool = False) -> tuple[list[Job], list[Skipped]]:
    """One job a file, none twice, and what is left aside; results of earlier calls below ``out`` are not taken for
    photographs. Raises HRSError as `segment_files` does, before anything is written."""
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
    _check_free(jobs, out, frame_labels)
    return jobs, aside


def _files(path: Path, out: Path) -> tuple[list[tuple[Path, Path]], list[Skipped]]:
    """(file, its path below the folder that was named), and what is left aside there."""
    kinds, results = SUFFIXES | VIDEOS, out.resolve()
    if path.exists() and path.resolve().is_relative_to(results):
        raise HRSError(
            f"results of {path} in {out} would lie among the photos themselves; name another output folder, such as "
            f"{out / 'segmented'}"
        )
    if path.is_file():
        return [(path, Path(path.name))], []
    if not path.is_dir():
        raise HRSError(f"{path} does not exist; name images, videos or folders of them")
    tree = files_below(path, kinds)

    def wanted(file: Path) -> bool:
        return not file.resolve().is_relative_to(results)

    found = [(file, file.relative_to(path)) for file in tree.files if wanted(file)]
    if not found:
        raise HRSError(f"{path} holds no images or videos; expected files ending in {', '.join(sorted(kinds))}")
    return found, [item for item in tree.aside if wanted(item.path)]


def _tell_apart(files: list[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """(file, unlike name): the short one; where that repeats, its place below the folder all files share; where that
    repeats too, with its suffix, and at last with a number. Capitals and small letters are alike, as to some disks."""
    common = Path(os.path.commonpath([file.parent for file, _ in files])) if files else Path()
    places = [file.relative_to(common) for file, _ in files]
    choices = [
        (short.with_suffix(""), place.with_suffix(""), place, beside(place, f"_{i}"))
        for i, ((_, short), place) in enumerate(zip(files, places, strict=True))
    ]
    levels = [0] * len(files)
    while repeated := _repeated([choice[level] for choice, level in zip(choices, levels, strict=True)]):
        for group in repeated:
            lowest = min(levels[i] for i in group)
            for i in group:
                levels[i] += levels[i] == lowest
    return [(file, choice[level]) for (file, _), choice, level in zip(files, choices, levels, strict=True)]


def _repeated(names: list[Path]) -> list[list[int]]:
    """Where those names stand that are there more than once."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        groups[str(name).casefold()].append(i)
    return [group for group in groups.values() if len(group) > 1]


# What may be replaced


def _check_free(jobs: Sequence[Job], out: Path, frame_labels: bool) -> None:
    """Raises HRSError where a result would replace a file that is no earlier result of the same kind."""
    folders = {job.name.parent for job in jobs}
    for job in jobs:
        if job.video and frame_labels and job.name in folders:
            raise HRSError(
                f"labels of {job.source} would go into {out / job.name} among results of other files; segment it by "
                "itself, into another output folder"
            )
        for path in _there(job, out / job.name, frame_labels):
            raise HRSError(
                f"{path} is there already, and is no earlier result of such a {'video' if job.video else 'photo'}; "
                "move it away, or name another output folder"
            )


def _there(job: Job, stem: Path, frame_labels: bool) -> Iterator[Path]:
    """Files in the way of a job's results, unless their JSON says that they are such results themselves."""
    paths = [beside(stem, ending) for ending in (_OF_VIDEO if job.video else _OF_PHOTO)]
    if job.video and frame_labels:
        paths += (path for path in stem.glob("*.png") if path.stem.isdigit())
    there = [path for path in paths if os.path.lexists(path)]
    if there and not _is_result(beside(stem, ".json"), job.video):
        yield from there


def _is_result(file: Path, video: bool) -> bool:
    try:
        about = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(about, dict) and about.keys() >= _SAID and ("frames" in about) == video


# Photographs


def _segment_photo(predictor: Predictor, source: Path, stem: Path, augment: bool) -> None:
    image = read_photograph(source)
    result = predictor.segment(image, augment=augment)
    label = label_png(result.labels, predictor.space)
    picture = encode(".jpg", overlay(*small_enough(image, result.labels), predictor.space))
    about = json.dumps(describe(source, predictor.space, result), indent=2) + "\n"
    with all_or_none(stem) as folder:
        made = folder / stem.name
        beside(made, ".png").write_bytes(label)
        beside(made, "_overlay.jpg").write_bytes(picture)
        beside(made, ".json").write_text(about, encoding="utf-8")
