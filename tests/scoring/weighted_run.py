"""A run with weight maps, made by hand: a few frames, a panel of two steps, and a scored corpus."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hrs.config import RunConfig
from hrs.data.layouts import open_dataset
from hrs.labels import LabelSpace
from hrs.runs.folder import RunFolder
from hrs.scoring.maps import file_stem, write_frame, write_maps
from hrs.scoring.panel import frame_statistics

HEIGHT, WIDTH = 24, 32
STEPS = (0, 5)


def make_maps(seed: int, label: NDArray[np.uint8], strength: float = 1.0) -> dict[str, NDArray[np.float32]]:
    """Weights that differ by class and place; at strength 0 all are 1."""
    rng = np.random.default_rng(seed)
    pixel = rng.uniform(0.2, 1.8, label.shape)
    region = 0.4 + 0.3 * (label % 5)
    image = np.full(label.shape, 0.5 + 0.1 * seed)
    levels = {"pixel": pixel, "region": region, "image": image}
    maps = {"combined": pixel * region * image, **levels}
    return {name: (1 + strength * (values - 1)).astype(np.float32) for name, values in maps.items()}


def make_run(root: Path, name: str, source: str, config: RunConfig, *, panel: bool = True, scores: bool = True) -> Path:
    """A finished run over a data set of the format ``folder``; returns its path."""
    run = RunFolder.create(root, name, config.to_yaml())
    run.write_status(state="finished", step=STEPS[-1], steps=STEPS[-1])
    data = open_dataset(source)
    assert data.space is not None
    run.write_space(data.space)
    if panel:
        for i in range(2):
            image, label = small(data.read_image(i)), small(data.read_label(i))
            write_frame(run.panel_frames, data.frames[i].id, image, label)
            for step in STEPS:
                maps = make_maps(i, label, strength=step / STEPS[-1])
                write_maps(run.panel_step(step).path / f"{file_stem(data.frames[i].id)}.npz", maps)
    if scores:
        make_scores(run.scores.path, source)
    return run.path


def make_scores(out: Path, source: str) -> LabelSpace:
    """What scoring leaves, without a network."""
    data = open_dataset(source)
    assert data.space is not None
    rows = []
    for i, frame in enumerate(data.frames):
        image, label = small(data.read_image(i)), small(data.read_label(i))
        maps, stem = make_maps(i, label), file_stem(frame.id)
        write_maps(out / "maps" / f"{stem}.npz", maps)
        write_frame(out / "frames", frame.id, image, label)
        files = {"image": str(frame.image), "label": str(frame.label), "map": f"maps/{stem}.npz"}
        files["picture"] = f"frames/{stem}.jpg"
        rows.append({"frame": frame.id, **files, **frame_statistics(maps, label, data.space)})
    pq.write_table(pa.Table.from_pylist(rows), out / "index.parquet")
    about = {"checkpoint": "best", "dataset": source, "space": data.space.to_dict()}
    (out / "scores.json").write_text(json.dumps(about))
    return data.space


def small(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half the size of the frames of `tests.conftest.write_frames`."""
    return np.ascontiguousarray(values[::2, ::2])
