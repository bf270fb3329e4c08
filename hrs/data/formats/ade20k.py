"""ADE20K's scene parsing benchmark (Zhou et al., CVPR 2017): images/SPLIT/NAME.jpg, annotations/SPLIT/NAME.png with ids
1 to 150, 0 for the rest; objectInfo150.txt names them."""

from __future__ import annotations

import csv

from hrs.data.classlist import text_of
from hrs.data.encoding import Encoding, by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec, holds
from hrs.data.splits import splits_among
from hrs.errors import HRSError
from hrs.system.tree import folders_in


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    inner = f"/{spec.split_of(names)}" if names or "split" in spec.options else ""
    images, labels = spec.folders(f"images{inner}", f"annotations{inner}")
    return pair(images, labels, encoding=_encoding(spec))


def splits(spec: DatasetSpec) -> list[str]:
    place = spec.root / "images"
    return splits_among(folders_in(place)) if place.is_dir() else []


def _encoding(spec: DatasetSpec) -> Encoding:
    path = spec.root / "objectInfo150.txt"
    if not path.is_file():
        raise HRSError(f"data set {spec}: {path} does not exist; it names the classes; {holds(spec.root)}")
    rows = csv.reader(text_of(path).splitlines(), delimiter="\t")
    named = [(int(row[0]), row[-1].split(",")[0].strip()) for row in rows if row and row[0].strip().isdecimal()]
    words = [name for _, name in named]
    # Two of the 150 have the same first word: a screen and a screen.
    names = {raw: name if words.count(name) == 1 else f"{name} {raw}" for raw, name in named}
    if len(names) < 2:
        raise HRSError(f"{path} names no classes; expected a line a class with its number, and its names last")
    return by_name(names, channel="index", void=frozenset({0}), name="ade150")
