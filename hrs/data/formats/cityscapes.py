"""Cityscapes (Cordts et al., CVPR 2016): leftImg8bit/SPLIT/CITY/*, gtFine/SPLIT/CITY/*_label(Train)Ids."""

from __future__ import annotations

from dataclasses import replace

from hrs.data.encoding import TRAIN_IDS, by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.labels import CITYSCAPES, CITYSCAPES_IDS, CITYSCAPES_VOID
from hrs.system.tree import files_below, folders_in


def read(spec: DatasetSpec) -> Found:
    root = spec.root
    kind = "gtFine" if (root / "gtFine").is_dir() or not (root / "gtCoarse").is_dir() else "gtCoarse"
    split = spec.split_of(splits(spec)) if splits(spec) else spec.split
    images, labels = spec.folders(f"leftImg8bit/{split}", f"{kind}/{split}")
    ids = by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    names = [path.stem for path in files_below(labels, {".png"}).files]
    ending = next(
        (end for end in ("labelIds", "labelTrainIds") if any(name.endswith(f"_{end}") for name in names)), "labelIds"
    )
    encoding, other = (ids, TRAIN_IDS) if ending == "labelIds" else (TRAIN_IDS, ids)
    found = pair(images, labels, encoding=encoding, image_end="_leftImg8bit", label_end=f"_{kind}_{ending}")
    return replace(found, others=(("rename the labels by what they hold, labelIds or labelTrainIds", other),))


def splits(spec: DatasetSpec) -> list[str]:
    place = spec.root / "leftImg8bit"
    return folders_in(place) if place.is_dir() else []
