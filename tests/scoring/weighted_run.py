"""A run with weight maps, made by hand: a few frames, a panel of two steps, and a scored corpus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hrs.config import RunConfig
from hrs.data.layouts import open_dataset
from hrs.labels import LabelSpace
from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL, CorpusFolder, picture_file
from hrs.scoring.areas import FrameAreas, find_areas, to_table
from hrs.scoring.maps import file_stem, write_frame
from hrs.scoring.moments import Moments
from hrs.scoring.panel import PanelFrame, PanelWriter
from hrs.scoring.reasons import FrameReasons
from hrs.scoring.write import About, Judges, file_columns, write_corpus, write_table, write_weights
from hrs.selection.scale import MapScale, Scale

HEIGHT, WIDTH = 24, 32
STEPS = (0, 5)
LEVELS = ("pixel", "region", "image")
CLASS_MEANS = np.array([1.0, 0.5, 0.25, 0.1])
"""How high classes score: a level's raw weight is this times what depends on frame and place."""


DEPARTURE = 4
"""What is planted: an object labelled as another class."""
JUDGES = Judges(seen_by="real images", acting=LEVELS, combination="product", signals=("agreement",))


def make_raw(seed: int, label: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Raw weights in (0, 1] that differ by class, place and frame."""
    rng = np.random.default_rng(seed)
    by_class = CLASS_MEANS[label % len(CLASS_MEANS)]
    left = np.arange(label.shape[1]) < label.shape[1] // 2
    levels = {
        "pixel": by_class * rng.uniform(0.1, 1, label.shape),
        "region": by_class * np.where(left, 0.2, 0.8),
        "image": by_class * (0.4 + 0.05 * seed % 0.6),
    }
    maps = {"combined": levels["pixel"] * levels["region"] * levels["image"], **levels}
    return {name: values.astype(np.float32) for name, values in maps.items()}


def panel_scale(step: int) -> Scale:
    """The scale of the panel at a step; at the first one every weight is 1."""
    powers = {"combined": 3, **dict.fromkeys(LEVELS, 1)}
    strength = step / STEPS[-1]
    maps = {
        name: MapScale(means=tuple(0.5**power * CLASS_MEANS**power), strength=strength)
        for name, power in powers.items()
    }
    return Scale(maps=maps)


def make_run(root: Path, name: str, source: str, config: RunConfig, *, panel: bool = True, scores: bool = True) -> Path:
    """A finished run over a data set of the format ``folder``; returns its path."""
    run = RunFolder.create(root, name, config.to_yaml())
    run.write_status(state="finished", step=STEPS[-1], steps=STEPS[-1])
    data = open_dataset(source)
    assert data.space is not None
    run.write_space(data.space)
    if panel:
        make_panel(run, source)
    if scores:
        make_scores(run.scores.path, source)
    return run.path


def make_panel(run: RunFolder, source: str, steps: Sequence[int] = STEPS) -> None:
    """What training leaves of its first two frames at each of some steps."""
    data = open_dataset(source)
    assert data.space is not None
    frames = [
        PanelFrame(id=data.frames[i].id, image=small(data.read_image(i)), label=small(data.read_label(i)))
        for i in range(2)
    ]
    writer = PanelWriter(run=run, space=data.space, frames=frames)
    for step in steps:
        writer.write(step, [make_raw(i, frame.label) for i, frame in enumerate(frames)], panel_scale(step))


def make_scores(out: Path, source: str, *, reasons: bool = True, planted: bool = True) -> LabelSpace:
    """What scoring leaves, without a network.

    Args:
        reasons: False leaves what versions left that did not say why.
        planted: whether something is known of planted departures.
    """
    data, folder = open_dataset(source), CorpusFolder(out)
    assert data.space is not None
    rows, moments, areas = [], [], []
    for i, frame in enumerate(data.frames):
        image, label = small(data.read_image(i)), small(data.read_label(i))
        stem = file_stem(frame.id)
        maps, picture = folder.map_file(stem), picture_file(folder.frames, stem)
        moments.append(write_weights(maps, make_raw(i, label), label, len(data.space)))
        write_frame(picture, image, label)
        areas.append(make_reasons(folder, i, stem, label, planted=planted))
        files = {"map": str(maps.relative_to(out)), "picture": str(picture.relative_to(out))}
        rows.append({"frame": frame.id, "image": str(frame.image), "label": str(frame.label), **files})
    joined = Moments.join(moments)
    about = About(space=data.space, scale=joined.fit(min_effective=0.1), checkpoint="best", dataset=source)
    if reasons:
        about = replace(about, judges=JUDGES)
        write_table(folder.areas_file(0), to_table(areas))
    write_corpus(folder, pa.table(file_columns(rows)), joined, about)
    return data.space


def make_reasons(
    folder: CorpusFolder, row: int, stem: str, label: NDArray[np.uint8], *, planted: bool = True
) -> FrameAreas:
    """Write what is seen in a frame: its label in the left half, and the next class in the right one, where harm is
    planted."""
    left = np.arange(label.shape[1]) < label.shape[1] // 2
    sees = np.where(left, label, (label + 1) % len(CLASS_MEANS)) % len(CLASS_MEANS)
    likely = np.where(np.arange(len(CLASS_MEANS))[:, None, None] == sees[::2, ::2], 0.85, 0.05).astype(np.float32)
    regions = np.unique(label * 2 + left, return_inverse=True)[1].reshape(label.shape).astype(np.int32)
    raw = make_raw(row, label)
    harm = np.where(left, 0, DEPARTURE).astype(np.uint8) * np.ones_like(label) if planted else None
    values = {**raw, **{f"{level}/agreement": np.log(raw[level]) for level in LEVELS}}
    areas = find_areas(row, label, regions, likely, values, harm)
    FrameReasons.of(likely, areas.ids, harm).write(folder.reasons_file(stem))
    return areas


def gone_on(run: RunFolder) -> None:
    """As where a run went on to train after it was scored: its scores are of other weights than it has now."""
    about = json.loads(run.scores.about.read_text())
    run.scores.about.write_text(json.dumps({**about, "checkpoint": "0" * 128}))
    run.scores.parts.mkdir(exist_ok=True)
    run.scores.claim.write_text("of the weights before")
    run.best.mkdir(parents=True, exist_ok=True)
    (run.best / MODEL).write_bytes(b"weights")


def small(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half the size of the frames of `tests.conftest.write_frames`."""
    return np.ascontiguousarray(values[::2, ::2])
