"""Playing for Data (Richter et al., ECCV 2016): images/NAME.png, labels/NAME.png, palette PNG of Cityscapes ids; or
labels/NAME_labelTrainIds.png, as mmsegmentation converts them; or Cityscapes' colours."""

from __future__ import annotations

from dataclasses import replace

from hrs.data.encoding import TRAIN_IDS, by_name, cityscapes_by_colour, fitting
from hrs.data.frames import Found, label_files, pair
from hrs.data.spec import DatasetSpec
from hrs.labels import CITYSCAPES, CITYSCAPES_IDS, CITYSCAPES_VOID


def read(spec: DatasetSpec) -> Found:
    images, labels = spec.folders("images", "labels")
    ids = by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    if any(path.stem.endswith("_labelTrainIds") for path in label_files(labels)):
        return pair(images, labels, encoding=TRAIN_IDS, label_end="_labelTrainIds")
    found = pair(images, labels, encoding=ids)
    encoding = fitting([ids, cityscapes_by_colour()], [frame.label for frame in found.frames if frame.label])
    if encoding is not ids:
        return replace(found, encoding=encoding, notes=(*found.notes, "the labels have colours, not ids; read so"))
    return replace(found, others=(("let the labels' names end in _labelTrainIds.png", TRAIN_IDS),))
