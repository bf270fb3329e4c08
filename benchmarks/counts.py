"""What trained networks see in every image that is scored: its pixels by true and predicted class.

    python -m benchmarks.counts STUDY.yaml RUNS --out COUNTS

A file for each finished run of a study: its last checkpoint, whose score the study's table holds, on the images that it
was validated on. Files that are there are kept. The experiments of `benchmarks.frozen` write the same with --counts.
`benchmarks.drives` reads them.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import told
from benchmarks.pairs import Key
from hrs.data.classmap import map_for
from hrs.data.layouts import Dataset, open_dataset
from hrs.errors import HRSError
from hrs.evaluation import ConfusionMatrix
from hrs.inference import Predictor
from hrs.inference.predictor import predictions
from hrs.runs.folder import RunFolder
from hrs.runs.seen import read_seen
from hrs.settings import DataConfig
from hrs.study.plan import Job, load_study, plan
from hrs.system.files import atomic_write

Pixels = NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """One run. images: ids of those that were scored, (n,). matrices: pixels of each, rows true class, columns
    predicted class, int64 (n c c)."""

    key: Key
    seed: int
    images: NDArray[np.str_]
    matrices: NDArray[np.int64]

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        packed = io.BytesIO()
        about = {**self.key._asdict(), "seed": self.seed}
        np.savez_compressed(packed, images=self.images, matrices=self.matrices, **about)
        atomic_write(file_of(folder, self.key, self.seed), packed.getvalue())

    @classmethod
    def read(cls, file: Path) -> Counts:
        with np.load(file) as found:
            key = Key(*(str(found[name]) for name in Key._fields))
            return cls(key=key, seed=int(found["seed"]), images=found["images"], matrices=found["matrices"])


def file_of(folder: Path, key: Key, seed: int) -> Path:
    return folder / ("-".join(re.sub(r"[^A-Za-z0-9.]+", "_", word) for word in (*key, f"s{seed}")) + ".npz")


def read_all(folder: Path) -> list[Counts]:
    """Raises HRSError where there is none."""
    found = [Counts.read(file) for file in sorted(folder.glob("*.npz"))]
    if not found:
        raise HRSError(f"{folder} has no counts; write some with benchmarks.counts")
    return found


def by_image(pairs: Iterable[tuple[Pixels, Pixels]], classes: int) -> NDArray[np.int64]:
    """Pixels by true and predicted class, (n c c), of pairs of a label and what was seen, (h w) both."""
    matrices = []
    for label, seen in pairs:
        own = ConfusionMatrix(classes)
        own.update(seen, label)
        matrices.append(own.matrix)
    return np.stack(matrices)


def key_of(job: Job) -> Key:
    data = job.config.data
    return Key(
        source=" + ".join(Path(name).name for name in data.sources),
        n_real=str(data.n_real or "all"),
        length=str(job.config.train.steps),
        place=Path(data.target).name,
        arm=job.label,
    )


def count(job: Job, run: RunFolder) -> Counts:
    """What a study's run sees at its end in what it was validated on, at the labels' own size."""
    predictor = Predictor.load(run.last, backend="torch")
    val = _validated_on(run, job.config.data).map_to(predictor.space)
    found = ((label, seen) for _, _, label, seen in predictions(predictor, val, range(len(val))))
    return Counts(
        key=key_of(job),
        seed=job.config.seed,
        images=np.array([frame.id for frame in val.frames]),
        matrices=by_image(found, len(predictor.space)),
    )


def _validated_on(run: RunFolder, data: DataConfig) -> Dataset:
    """As the run's record has it. Raises HRSError where there is none, or where images are gone."""
    seen = read_seen(run)
    if not seen.scored_on:
        raise HRSError(
            f"{run.data} is missing or damaged, so what this run was validated on is not known; train it again"
        )
    name = seen.validation if seen.held_out is None else data.target
    found = open_dataset(name, classes=map_for(data.classes, name))
    places = {frame.id: i for i, frame in enumerate(found.frames)}
    if gone := [image for image in seen.scored_on if image not in places]:
        raise HRSError(f"{name} has no {gone[0]} any more, which {run.path} was validated on; bring it back")
    return found.take(places[image] for image in seen.scored_on)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("runs", type=Path, help="what hrs study --out wrote")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for job in plan(load_study(options.study)):
        if job.outcome(options.runs) is None or file_of(options.out, key_of(job), job.config.seed).exists():
            continue
        count(job, RunFolder(options.runs / job.name)).write(options.out)
        print(job.name, flush=True)


if __name__ == "__main__":
    told(main)
