"""Synscapes (Wrenninge and Unger, 2018): img/rgb/N.png, img/class/N.png, Cityscapes ids.

As it is published it has no splits; folders called like splits, with img/ in each, are what people made of it.
"""

from __future__ import annotations

from hrs.data.frames import Found, pair_by_ids
from hrs.data.spec import DatasetSpec
from hrs.data.splits import splits_among
from hrs.system.tree import folders_in


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    split = f"{spec.split_of(names)}/" if names or "split" in spec.options else ""
    inner = f"{split}img/" if (spec.root / split / "img").is_dir() else split
    images, labels = spec.folders(f"{inner}rgb", f"{inner}class")
    return pair_by_ids(images, labels)


def splits(spec: DatasetSpec) -> list[str]:
    return splits_among(folders_in(spec.root))
