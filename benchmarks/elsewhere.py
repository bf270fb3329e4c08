"""How models of CamVid's classes do on photos of another country: IDD-Lite, by the classes that map onto its own.

    python -m benchmarks.settings DATA --out settings
    python -m benchmarks.elsewhere street [CHECKPOINT ...] --target folder:settings/idd-dev [--out elsewhere.csv]
        [--pictures elsewhere.png]

The val split of the target is scored, no image of which any of the models has seen: drives of IDD-Lite's train split. A
picture shows some of its photos as each model sees them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import print_table, told, write_rows
from benchmarks.settings import STREET
from hrs.data.draw import spread_indices
from hrs.data.layouts import Dataset, open_dataset
from hrs.evaluation import ConfusionMatrix
from hrs.inference import Predictor
from hrs.labels import IGNORE, LabelSpace, colourise
from hrs.pictures import sheet, write_picture
from hrs.runs.registry import resolve_checkpoint

SHOWN = 20  # photos in the picture


def onto(own: LabelSpace, space: LabelSpace) -> NDArray[np.uint8]:
    """Class of ``space`` by class of ``own``, (256,); IGNORE where none is meant alike."""
    table = np.full(256, IGNORE, np.uint8)
    for i, name in enumerate(own.classes):
        if name in STREET:
            table[i] = space.classes.index(STREET[name])
    return table


def score(predictor: Predictor, dataset: Dataset, space: LabelSpace) -> ConfusionMatrix:
    table, matrix = onto(predictor.space, space), ConfusionMatrix(space)
    for i in range(len(dataset)):
        label, (seen,) = dataset.read_label(i), predictor.predict([dataset.read_image(i)])
        seen = table[seen]
        matrix.update(seen, np.where(seen == IGNORE, IGNORE, label))
    return matrix


def rows_of(predictors: list[Predictor], dataset: Dataset) -> list[list[NDArray[np.uint8]]]:
    """Photos, and what each model sees in them, in its own colours."""
    rows = []
    for i in spread_indices(len(dataset), SHOWN):
        photo = dataset.read_image(i)
        seen = [colourise(each.segment(photo).labels, each.space) for each in predictors]
        rows.append([photo, *seen])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--target", required=True)
    parser.add_argument("--out", type=Path, help="write the table here as CSV")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    dataset = open_dataset(options.target, split="val")
    space = dataset.space
    assert space is not None
    predictors = [Predictor.load(resolve_checkpoint(each, options.runs)) for each in options.checkpoints]
    head, rows = ("mIoU", *space.classes), []
    for name, predictor in zip(options.checkpoints, predictors, strict=True):
        matrix = score(predictor, dataset, space)
        scores = (matrix.miou(), *matrix.iou())
        rows.append({"model": name} | {key: f"{value:.1f}" for key, value in zip(head, scores, strict=True)})
    print_table(("model", *head), [list(row.values()) for row in rows])
    if options.out:
        write_rows(options.out, rows)
    if options.pictures:
        write_picture(options.pictures, sheet(rows_of(predictors, dataset), ("photo", *options.checkpoints), width=280))


if __name__ == "__main__":
    told(main)
