"""Playing for Data (Richter et al., ECCV 2016): images/NAME.png, labels/NAME.png, palette PNG of Cityscapes ids; or
labels/NAME_labelTrainIds.png, as mmsegmentation converts them; or Cityscapes' colours."""

from __future__ import annotations

from dataclasses import replace

from hrs.data.encoding import TRAIN_IDS, cityscapes_by_colour, fitting
from hrs.data.frames import Found, pair_by_ids
from hrs.data.spec import DatasetSpec


def read(spec: DatasetSpec) -> Found:
    found = pair_by_ids(*spec.folders("images", "labels"))
    ids = found.encoding
    if ids is None or ids is TRAIN_IDS:
        return found
    encoding = fitting([ids, cityscapes_by_colour()], [frame.label for frame in found.frames if frame.label])
    if encoding is ids:
        return found
    return replace(
        found, encoding=encoding, others=(), notes=(*found.notes, "the labels have colours, not ids; read so")
    )
