"""A trained run over a whole synthetic corpus: a weight map per frame and one table over all of them.

Frames stream through in batches; finished parts stay on disk, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from hrs.data.layouts import Dataset, open_dataset
from hrs.data.loaders import Batch, FrameReader, Guarded, collate, unguarded
from hrs.errors import HRSError
from hrs.files import atomic_write, disk_errors
from hrs.labels import LabelSpace
from hrs.methods import weigh_frames
from hrs.selection.combine import effective_share
from hrs.selection.maps import write_maps
from hrs.selection.selector import Weights
from hrs.selection.statistics import class_sums
from hrs.training.checkpoint import Checkpoint, load_checkpoint, read_about

PART = 64
"""Frames per finished part; at most this many are done again after a stop."""


@dataclass(frozen=True)
class Chunks(TorchDataset[Batch]):
    """Consecutive frames of a corpus as batches."""

    reader: FrameReader
    size: int

    def __len__(self) -> int:
        return -(-len(self.reader) // self.size)

    def __getitem__(self, index: int) -> Batch:
        frames = range(index * self.size, min((index + 1) * self.size, len(self.reader)))
        return collate([self.reader[i] for i in frames])


def score(
    checkpoint: Path,
    dataset: str,
    out: Path,
    *,
    limit: int | None = None,
    batch: int = 8,
    workers: int = 2,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Weigh every frame of a corpus with a trained run.

    Args:
        checkpoint: folder of a run with weighting networks (methods hrs, shuffled).
        dataset: synthetic corpus, format:path[?key=value].
        out: gets maps/<frame>.npz (see `read_maps`) and index.parquet: frame, image, label, map, image weight, mean and
            spread per level, mean weight per class, effective sample size.
        limit: stop after this many frames.
        progress: called with (frames done, frames in all).

    Returns:
        The path of index.parquet.

    Raises:
        HRSError: the checkpoint has no weighting networks, the corpus cannot be used, or ``out`` holds other scores.
    """
    loaded = load_checkpoint(checkpoint, device=device)
    if loaded.method.selector is None:
        raise HRSError(
            f"checkpoint {checkpoint} was trained with {loaded.config.method}, which has no weighting networks; "
            "score a run of method hrs"
        )
    corpus = open_dataset(dataset).map_to(loaded.space)
    corpus = corpus.take(range(min(limit or len(corpus), len(corpus))))
    _claim(out, {"checkpoint": _identity(checkpoint), "dataset": dataset})
    if PART % batch:
        raise HRSError(f"batch is {batch}; expected a divisor of {PART}")

    rows: list[dict[str, Any]] = []
    done = 0
    for part in range(-(-len(corpus) // PART)):
        file = out / "parts" / f"{part:06d}.parquet"
        frames = corpus.take(range(part * PART, min((part + 1) * PART, len(corpus))))
        if not (file.is_file() and pq.read_metadata(file).num_rows == len(frames)):
            fresh = []
            for new in _score_part(loaded, frames, out, batch=batch, workers=workers, device=device):
                fresh += new
                if progress:
                    progress(done + len(fresh), len(corpus))
            _write_table(file, fresh)
        done += len(frames)
        rows += pq.read_table(file).to_pylist()
        if progress:
            progress(done, len(corpus))
    _write_table(out / "index.parquet", rows)
    return out / "index.parquet"


def own_corpus(checkpoint: Path) -> str:
    """The synthetic data set that a checkpoint was trained on. Raises HRSError where there were several."""
    sources = read_about(checkpoint)["run"]["data"]["sources"]
    if len(sources) > 1:
        raise HRSError(
            f"{checkpoint} was trained on {len(sources)} data sets; name the one to score: {', '.join(sources)}"
        )
    name: str = sources[0]
    return name


def _score_part(
    loaded: Checkpoint, frames: Dataset, out: Path, *, batch: int, workers: int, device: torch.device | str
) -> Iterator[list[dict[str, Any]]]:
    reader = FrameReader([frames], loaded.config.data, regions=True)
    first = 0
    chunks = Chunks(reader, batch)
    loader = DataLoader(Guarded(chunks), batch_size=None, sampler=range(len(chunks)), num_workers=workers)
    for chunk in unguarded(loader):
        on_device = chunk.to(torch.device(device))
        weights = weigh_frames(loaded.method, on_device)
        yield [_row(frames, first + i, i, weights, on_device.labels, loaded.space, out) for i in range(len(chunk))]
        first += len(chunk)


def _row(
    frames: Dataset, frame: int, i: int, weights: Weights, labels: Tensor, space: LabelSpace, out: Path
) -> dict[str, Any]:
    """The index row of image ``i`` of a batch; its maps are written beside."""
    about = frames.frames[frame]
    file = Path("maps") / f"{about.id.replace('/', '__')}.npz"
    write_maps(out / file, weights, i)
    row: dict[str, Any] = {"frame": about.id, "image": str(about.image), "label": str(about.label), "map": str(file)}
    combined, label = weights.combined[i], labels[i]
    row["effective_share"] = effective_share(combined, label).item()
    row["weight"] = combined.mean().item()
    for name, values in weights.levels.items():
        row[f"{name}/mean"] = values[i].mean().item()
        row[f"{name}/std"] = values[i].std().item()
    for name, values in {"combined": weights.combined, **weights.levels}.items():
        sums, counts = class_sums(values[i], label, len(space))
        for c, (total, count) in enumerate(zip(sums.tolist(), counts.tolist(), strict=True)):
            row[f"{name}/{space.classes[c]}"] = total / count if count else None
    return row


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, sink.getvalue().to_pybytes())


def _identity(checkpoint: Path) -> str:
    """Which weights these are: path, size and time of the model file."""
    file = checkpoint / "model.safetensors"
    return f"{file.resolve()} {file.stat().st_size} {file.stat().st_mtime_ns}"


def _claim(out: Path, about: dict[str, str]) -> None:
    """Mark ``out`` as the scores of this checkpoint over this corpus; refuse a folder that holds others."""
    path = out / "scores.json"
    text = json.dumps(about, indent=2)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise HRSError(f"{out} holds the scores of another checkpoint or corpus; delete it or choose another --out")
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text)
