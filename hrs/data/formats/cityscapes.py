"""Cityscapes (Cordts et al., CVPR 2016): leftImg8bit/SPLIT/CITY/*, gtFine/SPLIT/CITY/*_label(Train)Ids."""

from __future__ import annotations

from dataclasses import replace

from hrs.data.encoding import TRAIN_IDS, by_name, cityscapes_by_colour
from hrs.data.frames import Found, pair, without_polygons
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import CITYSCAPES, CITYSCAPES_IDS, CITYSCAPES_VOID
from hrs.system.tree import files_below, folders_in


def read(spec: DatasetSpec) -> Found:
    root = spec.root
    kind = "gtFine" if (root / "gtFine").is_dir() or not (root / "gtCoarse").is_dir() else "gtCoarse"
    split = spec.split_of(splits(spec)) if splits(spec) else spec.split
    images, labels = spec.folders(f"leftImg8bit/{split}", f"{kind}/{split}")
    ids = by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    kinds = {"labelIds": ids, "labelTrainIds": TRAIN_IDS, "color": cityscapes_by_colour()}
    names = [path.stem for path in files_below(labels, {".png"}).files]
    ending = next((end for end in kinds if any(name.endswith(f"_{end}") for name in names)), None)
    if ending is None:
        wanted = ", ".join(f"*_{kind}_{end}.png" for end in kinds)
        raise HRSError(
            f"data set {spec}: {labels} has no {wanted}, but {', '.join(sorted(names)[:2]) or 'no PNG'}; make them of "
            "its polygons with csCreateTrainIdLabelImgs of cityscapesScripts"
        )
    found = without_polygons(
        pair(images, labels, encoding=kinds[ending], image_end="_leftImg8bit", label_end=f"_{kind}_{ending}")
    )
    if ending == "color":
        return replace(found, notes=(*found.notes, "only label images in colour are there; they are read by colours"))
    other = TRAIN_IDS if ending == "labelIds" else ids
    return replace(found, others=(("rename the labels by what they hold, labelIds or labelTrainIds", other),))


def splits(spec: DatasetSpec) -> list[str]:
    place = spec.root / "leftImg8bit"
    return folders_in(place) if place.is_dir() else []
