"""A trained run over a whole synthetic corpus: a weight map per frame and one table over all of them.

Frames stream through in batches; finished parts stay on disk, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from hrs.checkpoint import Checkpoint, load_checkpoint, read_about
from hrs.data.classmap import map_for
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.loaders import Batch, FrameReader, Readable, ReadableChunks
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.methods.hrs import HierarchicalSelection, weight_reasons
from hrs.methods.table import METHODS, in_words, that_learn_weights
from hrs.progress import Progress
from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL, CorpusFolder, picture_file
from hrs.runs.seen import read_seen
from hrs.scoring.areas import FrameAreas, to_table
from hrs.scoring.claim import claim
from hrs.scoring.evidence import Evidence
from hrs.scoring.maps import file_stem, write_frame
from hrs.scoring.moments import Moments
from hrs.scoring.stamps import STAMP, frame_stamps, weights_digest
from hrs.scoring.write import About, Judges, LeftOut, Row, file_columns, write_corpus, write_table, write_weights
from hrs.selection.selector import Reasons, WeightMaps
from hrs.system.files import alone

PART = 64
"""Frames per finished part; at most this many are done again after a stop."""
ERROR = "error"
"""Column of a part that has frames which cannot be read: why."""


def score(
    checkpoint: Path,
    dataset: str,
    out: Path,
    *,
    limit: int | None = None,
    batch: int = 8,
    workers: int = 2,
    device: torch.device | str = "cpu",
    replace: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Weigh every frame of a corpus with a trained run. Goes on where it was stopped; ``limit`` may be raised later.

    Args:
        checkpoint: folder of a run whose method learns weights.
        dataset: synthetic corpus, format:path[?key=value].
        out: gets what `ScoredCorpus.open` reads. The scale of the weights is fitted on the frames scored, so that their
            mean is 1 within every class.
        limit: stop after this many frames.
        replace: have scores of another checkpoint or corpus in ``out`` give way; they go before the first frame is
            weighed.
        progress: called with (frames done, frames in all).

    Returns:
        The path of index.parquet.

    Raises:
        HRSError: the checkpoint has no weighting networks, the corpus cannot be used, or ``out`` holds other scores.
    """
    scoring = Scoring(checkpoint, dataset, out, limit=limit, batch=batch, workers=workers, device=device)
    with scoring.claimed(replace=replace):
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
        self._loaded, self._method, digest = _load(checkpoint, device)
        given = map_for(self._loaded.config.data.classes, dataset, source=True)
        corpus = open_dataset(dataset, classes=given).map_to(self._loaded.space)
        self._corpus = corpus.take(range(min(limit or len(corpus), len(corpus))))
        self._folder, self._device = CorpusFolder(out), torch.device(device)
        self._batch, self._workers = batch, workers
        self._parts = _Parts(self._folder, self._corpus)
        self._origin: dict[str, Any] = {"checkpoint": digest, "dataset": dataset}
        self._identity_before = _identity_before(checkpoint)
        self._classes = given.entries if given else {}
        self._taught = _taught(checkpoint, self._loaded.space)

    def __len__(self) -> int:
        """Frames in all."""
        return len(self._corpus)

    @contextmanager
    def claimed(self, *, replace: bool = False) -> Iterator[None]:
        """`claim` the folder, and have it alone. Raises HRSError where somebody else has it, too."""
        busy = f"another process scores into {self._folder.path}; wait until it ends, or choose another --out"
        with alone(self._folder.lock, busy):
            self.claim(replace=replace)
            yield

    def claim(self, *, replace: bool = False) -> None:
        """Take the folder for this checkpoint and corpus. Where it holds other scores, they go (``replace``), or it
        raises HRSError."""
        about = {**self._origin, "space": self._loaded.space.to_dict()}
        claim(self._folder, about, before={**about, "checkpoint": self._identity_before}, replace=replace)

    def missing(self, among: Sequence[int] | None = None) -> list[int]:
        """Numbers of the parts that are still to be written; of these ones alone, where given."""
        return self._parts.missing(among)

    def frames_in(self, parts: Sequence[int]) -> int:
        return sum(len(chunk) for part in parts for chunk in self._parts.frames(part, self._batch))

    def write_parts(self, parts: Sequence[int]) -> Iterator[int]:
        """Weigh the frames of these parts but for those that cannot be read; after each batch, how many it held.

        A table that has some of them as they were goes first: nobody shall read it together with new maps.
        """
        if any(self._parts.outdated(part) for part in parts):
            self._folder.index.unlink(missing_ok=True)
        chosen = [chunk for part in parts for chunk in self._parts.frames(part, self._batch)]
        tables, areas = list[pa.Table](), list[FrameAreas]()
        for frames, found in self._read(chosen):
            table, of_frames = self._weigh(frames, found)
            tables.append(table)
            areas += of_frames
            if frames.stop % PART == 0 or frames.stop == len(self._corpus):
                part = frames.start // PART
                if areas:
                    write_table(self._folder.areas_file(part * PART), to_table(areas))
                # last: it says that the part is finished
                write_table(self._folder.part(part), pa.concat_tables(tables, promote_options="default"))
                tables, areas = [], []
            yield len(frames)

    def _weigh(self, frames: range, found: Readable) -> tuple[pa.Table, list[FrameAreas]]:
        """Write what is to be known of some frames; their rows of a part, and the areas of those that can be read."""
        unread = [index for index in frames if index not in found.frames]
        tables, areas = [_unread(self._corpus, unread, found.errors)] if unread else [], list[FrameAreas]()
        if found.frames:
            batch = found.batch.to(self._device)
            reasons = weight_reasons(self._method, batch)
            tables.append(self._write_batch(found.frames, batch, reasons.raw))
            areas = [self._write_evidence(reasons, batch, i, index) for i, index in enumerate(found.frames)]
        order = np.argsort([*unread, *found.frames])
        return pa.concat_tables(tables, promote_options="default").take(order), areas

    def _read(self, wanted: Sequence[range]) -> Iterator[tuple[range, Readable]]:
        reader = FrameReader([self._corpus], self._loaded.config.data, regions=True)
        chunks = ReadableChunks(reader, wanted)
        loader = DataLoader(chunks, batch_size=None, sampler=range(len(wanted)), num_workers=self._workers)
        yield from zip(wanted, loader, strict=True)

    def _write_batch(self, frames: Sequence[int], batch: Batch, weights: WeightMaps) -> pa.Table:
        """Write pictures, labels and raw maps of a batch; its rows of a part."""
        corpus, folder, classes = self._corpus, self._folder, len(self._loaded.space)
        rows: list[Row] = []
        moments, stamps = [], frame_stamps(corpus, frames)
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
        return pa.table({**file_columns(rows), STAMP: pa.array(stamps), **Moments.join(moments).to_columns()})

    def _write_evidence(self, reasons: Reasons, batch: Batch, i: int, index: int) -> FrameAreas:
        frame = self._corpus.frames[index]
        evidence = evidence_of(reasons, batch, i, planted=frame.planted is not None)
        return evidence.write(self._folder, index, file_stem(frame.id))

    def finish(self) -> Path:
        """Fit the scale on all parts and write the table, whose path is returned. Raises HRSError where no frame can be
        read."""
        parts = [pq.read_table(self._folder.part(part)) for part in range(len(self._parts))]
        rows, left_out = _without_unread(pa.concat_tables(parts, promote_options="default"))
        if not len(rows):
            raise HRSError(f"none of {len(self)} frames can be read: {left_out[0].error}; check the data set")
        moments = Moments.from_table(rows)
        selector = self._method.selector
        scale = moments.fit(min_effective=selector.config.min_effective, drawing=selector.drawing)
        origin = {**self._origin, "classes": self._classes, "judges": judges_of(self._method, self._taught)}
        about = About(space=self._loaded.space, scale=scale, left_out=left_out, **origin)
        write_corpus(self._folder, rows, moments, about)
        return self._folder.index


def _load(checkpoint: Path, device: torch.device | str) -> tuple[Checkpoint, HierarchicalSelection, str]:
    """The checkpoint, its method, and the digest of the very weights that were loaded: a run that trains may replace
    them at that moment, and then the new ones are taken."""
    before = weights_digest(checkpoint)
    while True:
        loaded = load_checkpoint(checkpoint, device=device)
        if not isinstance(loaded.method, HierarchicalSelection):
            raise _without_networks(checkpoint, loaded.config.method)
        after = weights_digest(checkpoint)
        if after is not None and after == before:
            return loaded, loaded.method, after
        before = after


def _taught(checkpoint: Path, space: LabelSpace) -> tuple[int, ...] | None:
    """The classes that the photos of a checkpoint's run hold; None where no record says."""
    run = RunFolder.of_checkpoint(checkpoint)
    names = read_seen(run).target_classes if run else None
    return None if names is None else tuple(c for c, name in enumerate(space.classes) if name in names)


def judges_of(method: HierarchicalSelection, taught: tuple[int, ...] | None = None) -> Judges:
    """Whose opinion a method's evidence holds; ``taught``: see `Judges`."""
    selector = method.selector
    return Judges(
        seen_by=selector.seen_by,
        acting=selector.acting,
        combination=selector.config.combination,
        signals=selector.config.signals,
        taught=taught if selector.seen_by == "real images" else None,
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

    def outdated(self, part: int) -> bool:
        """Whether there is such a part, of other frames than these or of these as they were."""
        if not self.folder.part(part).is_file():
            return False
        stored, now = self._stored(part), self._wanted(part)
        return stored is None or any(stored[name] != now[name][: len(stored[name])] for name in now)

    def _finished(self, part: int) -> bool:
        """Whether it holds these very frames as they are now: where one has gone from the data set, those after it have
        moved up, and where somebody mended a label or the list of classes, it is another."""
        if self._stored(part) != self._wanted(part):
            return False
        weighed = pq.read_table(self.folder.part(part), columns=["map"])["map"]
        return self.folder.areas_file(part * PART).is_file() or weighed.null_count == len(weighed)

    def _stored(self, part: int) -> dict[str, list[str]] | None:
        """Its frames and what they were; None where there is none, it is damaged or an older version's."""
        try:
            stored = pq.read_table(self.folder.part(part), columns=["frame", STAMP]).select(["frame", STAMP])
        except (OSError, KeyError, pa.ArrowInvalid):
            return None
        found: dict[str, list[str]] = stored.to_pydict()
        return found

    def _wanted(self, part: int) -> dict[str, list[str]]:
        frames = range(len(self.corpus))[part * PART : (part + 1) * PART]
        return {
            "frame": [self.corpus.frames[index].id for index in frames],
            STAMP: frame_stamps(self.corpus, frames),
        }


def _unread(corpus: Dataset, frames: Sequence[int], errors: Sequence[str]) -> pa.Table:
    """Rows of a part for frames that cannot be read, and why: they have no map."""
    rows = file_columns([{"frame": corpus.frames[index].id} for index in frames])
    return pa.table({**rows, STAMP: frame_stamps(corpus, frames), ERROR: errors})


def _without_unread(rows: pa.Table) -> tuple[pa.Table, tuple[LeftOut, ...]]:
    """The rows that have a map, and of which frames there are others."""
    if ERROR not in rows.column_names:
        return rows, ()
    known = pc.is_valid(rows["map"])
    places = np.flatnonzero(~known.to_numpy()).tolist()
    told = rows.take(places).select(["frame", ERROR]).to_pylist()
    both = zip(places, told, strict=True)
    left_out = tuple(LeftOut(place=place, frame=each["frame"], error=each[ERROR]) for place, each in both)
    return rows.filter(known), left_out


def _seen(batch: Batch, i: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image (h w 3) and label (h w) of a frame as the network saw them."""
    return batch.images[i].permute(1, 2, 0).cpu().numpy(), batch.labels[i].cpu().numpy()


def _identity_before(checkpoint: Path) -> str:
    """What older versions called them: path, size and time of the model file."""
    file = checkpoint / MODEL
    return f"{file.resolve()} {file.stat().st_size} {file.stat().st_mtime_ns}"
