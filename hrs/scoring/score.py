"""A trained run over a whole synthetic corpus: a weight map per frame and one table over all of them.

Frames stream through in batches; finished parts stay on disk, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from hrs.checkpoint import Checkpoint, load_checkpoint, read_about
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.loaders import Batch, FrameReader, Guarded, unguarded
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.methods.hrs import HierarchicalSelection, weigh_frames
from hrs.methods.table import in_words, that_learn_weights
from hrs.progress import Progress
from hrs.scoring.maps import file_stem, write_frame, write_maps
from hrs.selection.combine import effective_share
from hrs.selection.selector import WeightMaps
from hrs.selection.statistics import class_sums
from hrs.system.files import atomic_write, disk_errors

PART = 64
"""Frames per finished part; at most this many are done again after a stop."""


@dataclass(frozen=True)
class Chunks(TorchDataset[Batch]):
    """The given ranges of frames as batches."""

    reader: FrameReader
    frames: Sequence[range]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Batch:
        return self.reader.batch([self.reader[i] for i in self.frames[index]])


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
    """Weigh every frame of a corpus with a trained run.

    Args:
        checkpoint: folder of a run whose method learns weights.
        dataset: synthetic corpus, format:path[?key=value].
        out: gets maps/<frame>.npz and frames/<frame>.jpg and .png (see maps.py), and index.parquet with a row a
            frame: frame, image, label, map, picture, effective_share, weight (mean combined weight), LEVEL/mean,
            LEVEL/std, and combined/CLASS and LEVEL/CLASS, the mean weight per class, empty where it does not occur.
        limit: stop after this many frames.
        progress: called with (frames done, frames in all).

    Returns:
        The path of index.parquet.

    Raises:
        HRSError: the checkpoint has no weighting networks, the corpus cannot be used, or ``out`` holds other scores.
    """
    loaded = load_checkpoint(checkpoint, device=device)
    if not isinstance(loaded.method, HierarchicalSelection):
        raise HRSError(
            f"checkpoint {checkpoint} was trained with {loaded.config.method}, which has no weighting networks; "
            f"score a run of {in_words(that_learn_weights())}"
        )
    method = loaded.method
    corpus = open_dataset(dataset).map_to(loaded.space)
    corpus = corpus.take(range(min(limit or len(corpus), len(corpus))))
    if PART % batch:
        raise HRSError(f"batch is {batch}; expected a divisor of {PART}")
    _claim(out, {"checkpoint": _identity(checkpoint), "dataset": dataset, "space": loaded.space.to_dict()})

    parts = _Parts(out / "parts", len(corpus))
    wanted = [chunk for part in parts.missing() for chunk in parts.frames(part, batch)]
    done = len(corpus) - sum(map(len, wanted))
    rows: list[dict[str, Any]] = []
    for frames, on_device in _batches(corpus, wanted, loaded, workers=workers, device=torch.device(device)):
        rows += _write_batch(corpus, frames, on_device, weigh_frames(method, on_device), loaded.space, out)
        if frames.stop % PART == 0 or frames.stop == len(corpus):
            _write_table(parts.path(frames.start // PART), rows)
            rows = []
        done += len(frames)
        if progress:
            progress(done, len(corpus))
    table = pa.concat_tables([pq.read_table(parts.path(part)) for part in range(len(parts))], promote_options="default")
    _write_table(out / "index.parquet", table)
    return out / "index.parquet"


def own_corpus(checkpoint: Path) -> str:
    """The synthetic data set that a checkpoint was trained on. Raises HRSError where there were several."""
    sources = read_about(checkpoint).config.sources
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
    """The finished parts of a corpus of ``total`` frames, PART frames each but the last."""

    folder: Path
    total: int

    def __len__(self) -> int:
        return -(-self.total // PART)

    def path(self, part: int) -> Path:
        return self.folder / f"{part:06d}.parquet"

    def missing(self) -> list[int]:
        return [part for part in range(len(self)) if not self._finished(part)]

    def frames(self, part: int, size: int) -> list[range]:
        """The part's frames, ``size`` at a time."""
        return chunks(part * PART, min((part + 1) * PART, self.total), size)

    def _finished(self, part: int) -> bool:
        path, count = self.path(part), sum(map(len, self.frames(part, PART)))
        return path.is_file() and pq.read_metadata(path).num_rows == count


def _batches(
    corpus: Dataset, wanted: Sequence[range], loaded: Checkpoint, *, workers: int, device: torch.device
) -> Iterator[tuple[range, Batch]]:
    reader = FrameReader([corpus], loaded.config.data, regions=True)
    order = range(len(wanted))
    loader = DataLoader(Guarded(Chunks(reader, wanted)), batch_size=None, sampler=order, num_workers=workers)
    for frames, batch in zip(wanted, unguarded(loader), strict=True):
        yield frames, batch.to(device)


def _write_batch(
    corpus: Dataset, frames: range, batch: Batch, weights: WeightMaps, space: LabelSpace, out: Path
) -> list[dict[str, Any]]:
    """Write pictures, labels and maps of a batch; its rows of the index."""
    figures = _figures(weights, batch.labels, space)
    rows = []
    for i, index in enumerate(frames):
        about = corpus.frames[index]
        stem = file_stem(about.id)
        write_maps(out / "maps" / f"{stem}.npz", weights.maps(i))
        write_frame(out / "frames", about.id, *_seen(batch, i))
        paths = {"image": str(about.image), "label": str(about.label)}
        kept = {"map": f"maps/{stem}.npz", "picture": f"frames/{stem}.jpg"}
        rows.append({"frame": about.id, **paths, **kept, **{name: values[i] for name, values in figures.items()}})
    return rows


def _seen(batch: Batch, i: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image (h w 3) and label (h w) of a frame as the network saw them."""
    return batch.images[i].permute(1, 2, 0).cpu().numpy(), batch.labels[i].cpu().numpy()


def _figures(weights: WeightMaps, labels: Tensor, space: LabelSpace) -> dict[str, list[float | None]]:
    """The columns of figures, a value an image: whole frame, per level, and per class."""
    figures = {
        "effective_share": torch.stack([effective_share(*pair) for pair in zip(weights.combined, labels, strict=True)]),
        "weight": weights.combined.mean(dim=(1, 2)),
    }
    for name, values in weights.levels.items():
        figures |= {f"{name}/mean": values.mean(dim=(1, 2)), f"{name}/std": values.std(dim=(1, 2))}
    for name, values in weights.named().items():
        means = class_means(values, labels, len(space))
        figures |= {f"{name}/{space.classes[c]}": means[:, c] for c in range(len(space))}
    return {name: [None if math.isnan(v) else v for v in values.tolist()] for name, values in figures.items()}


def class_means(values: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Mean per image and class: (b h w) twice -> (b c); NaN where an image lacks the class."""
    count = len(values)
    own = labels.long().clamp(max=num_classes)  # the last column collects what is ignored
    own = own + (num_classes + 1) * torch.arange(count, device=own.device)[:, None, None]
    sums, sizes = class_sums(values, own, count * (num_classes + 1))
    return (sums / sizes).view(count, num_classes + 1)[:, :-1]


def _write_table(path: Path, rows: list[dict[str, Any]] | pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), sink)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, sink.getvalue().to_pybytes())


def _identity(checkpoint: Path) -> str:
    """Which weights these are: path, size and time of the model file."""
    file = checkpoint / "model.safetensors"
    return f"{file.resolve()} {file.stat().st_size} {file.stat().st_mtime_ns}"


def _claim(out: Path, about: dict[str, Any]) -> None:
    """Mark ``out`` as the scores of this checkpoint over this corpus; refuse a folder that holds others."""
    path = out / "scores.json"
    text = json.dumps(about, indent=2)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise HRSError(f"{out} holds the scores of another checkpoint or corpus; delete it or choose another --out")
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text)
