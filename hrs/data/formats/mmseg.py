"""mmsegmentation's own layout: img_dir/SPLIT/NAME.jpg, ann_dir/SPLIT/NAME.png, and a list of classes, classes.yaml."""

from __future__ import annotations

from dataclasses import replace

from hrs.data.formats import folder
from hrs.data.frames import Found, in_no_split
from hrs.data.spec import DatasetSpec
from hrs.data.splits import splits_among
from hrs.system.tree import folders_in


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    split = spec.split_of(names) if names or "split" in spec.options else None
    inner = f"/{split}" if split else ""
    images, labels = spec.folders(f"img_dir{inner}", f"ann_dir{inner}")
    found = folder.read_layout(spec, images, labels)
    return replace(found, missing=(*found.missing, *in_no_split(spec.root / "img_dir", split)))


def splits(spec: DatasetSpec) -> list[str]:
    place = spec.root / "img_dir"
    return splits_among(folders_in(place)) if place.is_dir() else []
