"""Copies of a scored data set without what weighs little, at the original size. Nothing here needs torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hrs.config import RunConfig, load_config
from hrs.data.classfile import classes_yaml
from hrs.data.classmap import EVERY, ClassMap
from hrs.data.glance import maps_kept
from hrs.data.layouts import Dataset, open_dataset
from hrs.errors import HRSError
from hrs.labels import IGNORE, LabelSpace
from hrs.progress import Progress
from hrs.runs.names import CorpusFolder
from hrs.scoring.corpus import Rows, ScoredCorpus, ScoredFrame, enlarge
from hrs.scoring.maps import file_stem
from hrs.scoring.stamps import changed
from hrs.system.files import atomic_folder, atomic_write, check_new
from hrs.system.images import encode
from hrs.system.processes import cores

Mode = Literal["frames", "labels"]
Side = Literal["above", "below"]


@dataclass(frozen=True, kw_only=True)
class Copied:
    """frames: how many were written. labelled, removed: their labelled pixels before, and those without a label now, by
    class, (classes,)."""

    frames: int
    labelled: NDArray[np.int64]
    removed: NDArray[np.int64]


def export_dataset(
    corpus: ScoredCorpus,
    rows: Rows,
    out: Path,
    *,
    mode: Mode = "frames",
    threshold: float | Sequence[float] = 0.0,
    keep: Side = "above",
    level: str = "combined",
    progress: Progress | None = None,
) -> Copied:
    """Write frames of a corpus as a data set of the format ``folder``, at their original size.

    Args:
        rows: which frames, as `ScoredCorpus.select` gives them.
        out: must not exist; gets images/ (hard links where the disk can, else copies), labels/ (class ids of the
            corpus' space), planted/ where there are such masks, and classes.yaml with the palette. Appears whole or not
            at all.
        mode: "frames" keeps the labels; "labels" sets those of pixels on the wrong side of ``threshold`` to IGNORE,
            but for pixels whose weight nobody knows, since they were unlabelled at the size that was scored.
        threshold: a weight, or one for each class. ``keep`` "above": pixels count that weigh as much or more; "below":
            the others.
        level: which map is compared with the threshold.
        progress: called with (frames done, frames in all).

    Returns:
        What was written.

    Raises:
        HRSError: ``out`` exists, no frame was chosen, the corpus' own files are gone or not what they were when they
            were scored, or the disk is full.
    """
    out = out.expanduser()
    check_new(out)
    if not len(rows):
        raise HRSError("no frame was chosen; widen the filter")
    data, places = _source(corpus, rows)
    drop = partial(_dropped, threshold=threshold, keep=keep, level=level) if mode == "labels" else None
    copy = partial(_copy_frame, corpus, data, drop)
    with atomic_folder(out) as folder, ThreadPoolExecutor(min(4, cores())) as pool:
        planted = any(data.frames[place].planted for place in places)
        for name in ("images", "labels", *(["planted"] if planted else [])):
            (folder / name).mkdir()
        jobs = [pool.submit(copy, folder, int(row), place) for row, place in zip(rows, places, strict=True)]
        counts = np.zeros((2, len(corpus.space)), np.int64)
        try:
            for done, job in enumerate(jobs, 1):
                counts += job.result()
                if progress:
                    progress(done, len(jobs))
        finally:
            pool.shutdown(cancel_futures=True)  # nothing may write below a folder that is being removed
        atomic_write(folder / "classes.yaml", _classes_yaml(data.space))
    return Copied(frames=len(rows), labelled=counts[0], removed=counts[0] - counts[1])


def with_copy(config: RunConfig, scored: str | None, copy: str) -> RunConfig:
    """A run's settings with a copy of what was scored in its place, or in that of all sources where it is none of them.

    The copy is in the target's classes already, so that maps stay for the other data sets alone. Raises HRSError where
    these share a map and cannot be opened.
    """
    data = config.data
    sources = [copy if each == scored else each for each in data.sources]
    sources = sources if copy in sources else [copy]
    others = [each for each in sources if each != copy]
    classes = maps_kept(data, others)
    if EVERY in classes:
        classes[copy] = {}
    return load_config({**config.model_dump(), "data": {**data.model_dump(), "sources": sources, "classes": classes}})


def _source(corpus: ScoredCorpus, rows: Rows) -> tuple[Dataset, list[int]]:
    """The data set that was scored, in the corpus' space, and where the frames of these rows lie in it."""
    if corpus.dataset is None:
        raise HRSError("these frames have no data set to copy from; score the run: python -m hrs score NAME")
    images = corpus.images(rows)
    gone = [path for path in images if not Path(path).is_file()]
    if gone:
        raise HRSError(f"{len(gone)} of {len(rows)} images are gone, such as {gone[0]}; bring {corpus.dataset} back")
    classes = corpus.about.classes
    given = ClassMap(entries=classes, where="the run's class map", shared=True) if classes else None  # checked before
    data = open_dataset(corpus.dataset, classes=given).map_to(corpus.space)
    places = {frame.id: i for i, frame in enumerate(data.frames)}
    names = corpus.ids(rows)
    missing = [name for name in names if name not in places]
    if missing:
        raise HRSError(f"{corpus.dataset} has no frame {missing[0]} any more; score the run again")
    found = [places[name] for name in names]
    if others := changed(CorpusFolder(corpus.folder), data, found):
        raise HRSError(
            f"{len(others)} of {len(rows)} frames changed since they were scored, such as {others[0]}; score the run "
            "again: its weights are of what they were"
        )
    return data, found


def _copy_frame(
    corpus: ScoredCorpus,
    data: Dataset,
    drop: Callable[[NDArray[np.uint8], ScoredFrame], NDArray[np.bool_]] | None,
    folder: Path,
    row: int,
    place: int,
) -> NDArray[np.int64]:
    """Copies a frame; returns its pixels by class before and after, (2 classes)."""
    about, scored = data.frames[place], corpus.frame(row)
    stem = file_stem(scored.id)
    _link(about.image, folder / "images" / f"{stem}{about.image.suffix}")
    if about.planted:
        _link(about.planted, folder / "planted" / f"{stem}{about.planted.suffix}")
    before = data.read_label(place)
    after = np.where(drop(before, scored), np.uint8(IGNORE), before) if drop else before
    (folder / "labels" / f"{stem}.png").write_bytes(encode(".png", after))
    pixels = [np.bincount(label.ravel(), minlength=IGNORE + 1) for label in (before, after)]
    return np.stack(pixels)[:, : len(corpus.space)]


def _dropped(
    label: NDArray[np.uint8], scored: ScoredFrame, *, threshold: float | Sequence[float], keep: Side, level: str
) -> NDArray[np.bool_]:
    """Which pixels of a label (h w) lose it."""
    limits = np.resize(np.asarray(threshold, np.float32), IGNORE + 1)[label]  # what it holds for IGNORE never matters
    known: NDArray[np.bool_] = enlarge(scored.read_label(), *label.shape) != IGNORE
    low = enlarge(scored.read_maps()[level], *label.shape) < limits
    return known & (low if keep == "above" else ~low)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without hard links
        shutil.copy2(source, target)


def _classes_yaml(space: LabelSpace | None) -> str:
    if space is None:
        raise HRSError("the corpus has no labels; score a labelled data set")
    return classes_yaml(space.classes, space.palette)
