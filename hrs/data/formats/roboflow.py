"""Roboflow's semantic masks: SPLIT/NAME.jpg and SPLIT/NAME_mask.png beside each other, SPLIT/_classes.csv."""

from __future__ import annotations

from dataclasses import replace

from hrs.data.classfile import find_class_list
from hrs.data.formats.folder import encoded, encodings_of
from hrs.data.frames import Found, in_no_split, pair_in_one
from hrs.data.spec import DatasetSpec, holds
from hrs.data.splits import splits_among
from hrs.errors import HRSError
from hrs.system.tree import folders_in


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    split = spec.split_of(names) if names or "split" in spec.options else None
    folder = spec.root / (split or "")
    classes = find_class_list(folder, spec.root)
    if classes is None:
        raise HRSError(f"data set {spec}: {folder} has no _classes.csv; expected it beside the images; {holds(folder)}")
    encodings = encodings_of(classes, spec.root.name)
    found = encoded(pair_in_one(folder, encoding=encodings[0], label_end="_mask"), encodings, classes)
    return replace(found, missing=(*found.missing, *in_no_split(spec.root, split)))


def splits(spec: DatasetSpec) -> list[str]:
    return splits_among(folders_in(spec.root))
