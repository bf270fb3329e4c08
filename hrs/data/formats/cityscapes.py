"""Cityscapes (Cordts et al., CVPR 2016): leftImg8bit/SPLIT/CITY/*, gtFine/SPLIT/CITY/*_label(Train)Ids."""

from __future__ import annotations

from hrs.data.encoding import Encoding, by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.labels import CITYSCAPES, CITYSCAPES_IDS, CITYSCAPES_VOID


def read(spec: DatasetSpec) -> Found:
    images, labels = spec.folders(f"leftImg8bit/{spec.split}", f"gtFine/{spec.split}")
    ids = by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    train_ids = Encoding(
        space=CITYSCAPES, channel="index", ids={i: i for i in range(len(CITYSCAPES))}, void=frozenset({255})
    )
    for ending, encoding in (("_gtFine_labelIds", ids), ("_gtFine_labelTrainIds", train_ids)):
        if any(True for _ in labels.rglob(f"*{ending}.png")):
            return pair(images, labels, encoding=encoding, image_end="_leftImg8bit", label_end=ending)
    return pair(images, labels, encoding=ids, image_end="_leftImg8bit", label_end="_gtFine_labelIds")
