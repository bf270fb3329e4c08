"""A trained run over a whole synthetic corpus: a weight map per frame and one table over all of them.

Frames stream through in batches; finished parts stay on disk, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from hrs.checkpoint import Checkpoint, load_checkpoint, read_about
from hrs.data.classmap import map_for
from hrs.data.frames import Frame
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.loaders import Batch, Chunks, FrameReader, Guarded, unguarded
from hrs.errors import HRSError
from hrs.methods.hrs import HierarchicalSelection, weight_reasons
from hrs.methods.table import METHODS, in_words, that_learn_weights
from hrs.progress import Progress
from hrs.runs.names import MODEL, CorpusFolder, picture_file
from hrs.scoring.areas import FrameAreas, to_table
from hrs.scoring.evidence import Evidence
from hrs.scoring.maps import file_stem, write_frame
from hrs.scoring.moments import PIXELS, Moments
from hrs.scoring.write import About, Judges, Row, file_columns, write_corpus, write_table, write_weights
from hrs.selection.selector import Reasons, WeightMaps
from hrs.system.files import atomic_write, disk_errors

PART = 64
"""Frames per finished part; at most this many are done again after a stop."""
SCORING = 1
"""To be raised where the same run gives the same frames other weights or evidence: parts made before are done again."""
_STAMP = "stamp"  # column of a part: what each frame was when it was weighed


def score(
    checkpoint: Path,
    dataset: str,
    out: Path,
    *,
    limit: int | None = None,
    batch: int = 8,
    workers: int = 2,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Path:
    """Weigh every frame of a corpus with a trained run. Goes on where it was stopped; ``limit`` may be raised later.

    Args:
        checkpoint: folder of a run whose method learns weights.
        dataset: synthetic corpus, format:path[?key=value].
        out: gets what `ScoredCorpus.open` reads. The scale of the weights is fitted on the frames scored, so that their
            mean is 1 within every class.
        limit: stop after this many frames.
        progress: called with (frames done, frames in all).

    Returns:
        The path of index.parquet.

    Raises:
        HRSError: the checkpoint has no weighting networks, the corpus cannot be used, or ``out`` holds other scores.
    """
    scoring = Scoring(checkpoint, dataset, out, limit=limit, batch=batch, workers=workers, device=device)
    scoring.claim()
    missing = scoring.missing()
    done = len(scoring) - scoring.frames_in(missing)
    for frames in scoring.write_parts(missing):
        done += frames
        if progress:
            progress(done, len(scoring))
    return scoring.finish()


class Scoring:
    """A corpus on its way through a trained run, in parts of PART frames that do not depend on each other: several
    processes, on several machines, may each write some of them. Arguments and errors are those of `score`."""

    def __init__(
        self,
        checkpoint: Path,
        dataset: str,
        out: Path,
        *,
        limit: int | None = None,
        batch: int = 8,
        workers: int = 2,
        device: torch.device | str = "cpu",
    ) -> None:
        if PART % batch:
            raise HRSError(f"batch is {batch}; expected a divisor of {PART}")
        self._loaded, self._method = _load(checkpoint, device)
        given = map_for(self._loaded.config.data.classes, dataset, source=True)
        corpus = open_dataset(dataset, classes=given).map_to(self._loaded.space)
        self._corpus = corpus.take(range(min(limit or len(corpus), len(corpus))))
        self._folder, self._device = CorpusFolder(out), torch.device(device)
        self._batch, self._workers = batch, workers
        self._parts = _Parts(self._folder, self._corpus)
        self._origin: dict[str, Any] = {"checkpoint": _identity(checkpoint), "dataset": dataset}
        self._identity_before = _identity_before(checkpoint)
        self._classes = given.entries if given else {}

    def __len__(self) -> int:
        """Frames in all."""
        return len(self._corpus)

    def claim(self) -> None:
        """Take the folder for this checkpoint and corpus. Raises HRSError where it holds other scores."""
        about = {**self._origin, "space": self._loaded.space.to_dict()}
        _claim(self._folder, about, before={**about, "checkpoint": self._identity_before})

    def missing(self, among: Sequence[int] | None = None) -> list[int]:
        """Numbers of the parts that are still to be written; of these ones alone, where given."""
        return self._parts.missing(among)

    def frames_in(self, parts: Sequence[int]) -> int:
        return sum(len(chunk) for part in parts for chunk in self._parts.frames(part, self._batch))

    def write_parts(self, parts: Sequence[int]) -> Iterator[int]:
        """Weigh the frames of these parts; after each batch, how many it held."""
        chosen = [chunk for part in parts for chunk in self._parts.frames(part, self._batch)]
        tables, areas = list[pa.Table](), list[FrameAreas]()
        for frames, batch in _batches(self._corpus, chosen, self._loaded, workers=self._workers, device=self._device):
            reasons = weight_reasons(self._method, batch)
            tables.append(_write_batch(self._corpus, frames, batch, reasons.raw, len(self._loaded.space), self._folder))
            areas += [self._write_evidence(reasons, batch, i, index) for i, index in enumerate(frames)]
            if frames.stop % PART == 0 or frames.stop == len(self._corpus):
                part = frames.start // PART
                write_table(self._folder.areas_file(part * PART), to_table(areas))
                # last: it says that the part is finished
                write_table(self._folder.part(part), pa.concat_tables(tables))
                tables, areas = [], []
            yield len(frames)

    def _write_evidence(self, reasons: Reasons, batch: Batch, i: int, index: int) -> FrameAreas:
        frame = self._corpus.frames[index]
        evidence = evidence_of(reasons, batch, i, planted=frame.planted is not None)
        return evidence.write(self._folder, index, file_stem(frame.id))

    def finish(self) -> Path:
        """Fit the scale on all parts and write the table, whose path is returned."""
        rows = pa.concat_tables([pq.read_table(self._folder.part(part)) for part in range(len(self._parts))])
        moments = Moments.from_table(rows)
        scale = moments.fit(min_effective=self._loaded.config.selection.min_effective)
        origin = {**self._origin, "classes": self._classes, "judges": judges_of(self._method)}
        about = About(space=self._loaded.space, scale=scale, **origin)
        write_corpus(self._folder, rows, moments, about)
        return self._folder.index


def _load(checkpoint: Path, device: torch.device | str) -> tuple[Checkpoint, HierarchicalSelection]:
    loaded = load_checkpoint(checkpoint, device=device)
    if not isinstance(loaded.method, HierarchicalSelection):
        raise _without_networks(checkpoint, loaded.config.method)
    return loaded, loaded.method


def judges_of(method: HierarchicalSelection) -> Judges:
    """Whose opinion a method's evidence holds."""
    selector = method.selector
    return Judges(
        seen_by=selector.seen_by,
        acting=selector.acting,
        combination=selector.config.combination,
        signals=selector.config.signals,
    )


def evidence_of(reasons: Reasons, batch: Batch, i: int, *, planted: bool) -> Evidence:
    """What the batch's frame ``i`` leaves; ``planted`` says whether its mask of departures is one."""
    return Evidence(
        label=batch.labels[i].cpu().numpy(),
        regions=batch.regions[i].cpu().numpy(),
        raw=reasons.raw.maps(i),
        likely=reasons.seen[i].float().cpu().numpy(),
        scores={
            f"{level}/{signal}": values[i].float().cpu().numpy()
            for level, signals in reasons.scores.items()
            for signal, values in signals.items()
        },
        planted=batch.planted[i].cpu().numpy() if planted else None,
    )


def _without_networks(checkpoint: Path, method: str) -> HRSError:
    return HRSError(
        f"checkpoint {checkpoint} was trained with {method}, which has no weighting networks; "
        f"score a run of {in_words(that_learn_weights(), 'or')}"
    )


def own_corpus(checkpoint: Path) -> str:
    """The synthetic data set that a checkpoint was trained on. Raises HRSError where there were several, or where its
    method learns no weights, and may have had none."""
    config = read_about(checkpoint).config
    if not METHODS[config.method].learns_weights:
        raise _without_networks(checkpoint, config.method)
    sources = config.sources
    if len(sources) > 1:
        raise HRSError(
            f"{checkpoint} was trained on {len(sources)} data sets; name the one to score: {', '.join(sources)}"
        )
    name: str = sources[0]
    return name


def chunks(start: int, stop: int, size: int) -> list[range]:
    """range(start, stop) in pieces of ``size``, the last one shorter where it must be."""
    return [range(first, min(first + size, stop)) for first in range(start, stop, size)]


@dataclass(frozen=True)
class _Parts:
    """The finished parts of a corpus of these frames, PART frames each but the last."""

    folder: CorpusFolder
    corpus: Dataset

    def __len__(self) -> int:
        return -(-len(self.corpus) // PART)

    def missing(self, among: Sequence[int] | None = None) -> list[int]:
        return [part for part in (range(len(self)) if among is None else among) if not self._finished(part)]

    def frames(self, part: int, size: int) -> list[range]:
        """The part's frames, ``size`` at a time."""
        return chunks(part * PART, min((part + 1) * PART, len(self.corpus)), size)

    def _finished(self, part: int) -> bool:
        """Whether it holds these very frames as they are now: where one has gone from the data set, those after it have
        moved up, and where somebody mended a label or the list of classes, it is another."""
        path = self.folder.part(part)
        if not path.is_file() or not self.folder.areas_file(part * PART).is_file():
            return False
        try:
            stored = pq.read_table(path, columns=["frame", PIXELS, _STAMP]).select(["frame", _STAMP]).to_pydict()
            frames = range(len(self.corpus))[part * PART : (part + 1) * PART]
            names = [self.corpus.frames[index].id for index in frames]
            return stored == {"frame": names, _STAMP: _stamps(self.corpus, frames)}
        except (OSError, KeyError, pa.ArrowInvalid):  # damaged, or an older version's: done again
            return False


def _stamps(corpus: Dataset, frames: range) -> list[str]:
    """Of each of these frames; it changes when the frame's files do, the meaning of their ids, or what is made of
    them."""
    about = f"{SCORING} {corpus.digest_of_classes()}"
    return [f"{about} {_files(corpus.frames[index])}" for index in frames]


def _files(frame: Frame) -> str:
    files = [file.stat() for file in (frame.image, frame.label, frame.planted) if file is not None]
    return " ".join(f"{file.st_size} {file.st_mtime_ns}" for file in files)


def _batches(
    corpus: Dataset, wanted: Sequence[range], loaded: Checkpoint, *, workers: int, device: torch.device
) -> Iterator[tuple[range, Batch]]:
    reader = FrameReader([corpus], loaded.config.data, regions=True)
    order = range(len(wanted))
    loader = DataLoader(Guarded(Chunks(reader, wanted)), batch_size=None, sampler=order, num_workers=workers)
    for frames, batch in zip(wanted, unguarded(loader), strict=True):
        yield frames, batch.to(device)


def _write_batch(
    corpus: Dataset, frames: range, batch: Batch, weights: WeightMaps, classes: int, folder: CorpusFolder
) -> pa.Table:
    """Write pictures, labels and raw maps of a batch; its rows of a part."""
    rows: list[Row] = []
    moments, stamps = [], _stamps(corpus, frames)
    for i, index in enumerate(frames):
        about = corpus.frames[index]
        stem = file_stem(about.id)
        maps, picture = folder.map_file(stem), picture_file(folder.frames, stem)
        image, label = _seen(batch, i)
        moments.append(write_weights(maps, weights.maps(i), label, classes))
        write_frame(picture, image, label)
        files = {"image": about.image, "label": about.label, "map": maps.relative_to(folder.path)}
        files["picture"] = picture.relative_to(folder.path)
        rows.append({"frame": about.id, **{name: str(file) for name, file in files.items()}})
    return pa.table({**file_columns(rows), _STAMP: pa.array(stamps), **Moments.join(moments).to_columns()})


def _seen(batch: Batch, i: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image (h w 3) and label (h w) of a frame as the network saw them."""
    return batch.images[i].permute(1, 2, 0).cpu().numpy(), batch.labels[i].cpu().numpy()


def _identity(checkpoint: Path) -> str:
    """Which weights these are, wherever their run lies and whatever it is called."""
    with open(checkpoint / MODEL, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _identity_before(checkpoint: Path) -> str:
    """What older versions called them: path, size and time of the model file."""
    file = checkpoint / MODEL
    return f"{file.resolve()} {file.stat().st_size} {file.stat().st_mtime_ns}"


def _claim(folder: CorpusFolder, about: dict[str, Any], *, before: dict[str, Any]) -> None:
    """Mark a folder as the scores of this checkpoint over this corpus, which an older version may have marked as
    ``before``; refuse one that holds others."""
    text, known = (json.dumps(each, indent=2) for each in (about, before))
    if folder.claim.is_file() and folder.claim.read_text(encoding="utf-8") not in (text, known):
        raise HRSError(
            f"{folder.path} holds the scores of another checkpoint or corpus; delete it or choose another --out"
        )
    with disk_errors(folder.path):
        folder.parts.mkdir(parents=True, exist_ok=True)
    atomic_write(folder.claim, text)
