"""KITTI semantics (Alhaija et al., 2018): SPLIT/image_2/NAME.png, SPLIT/semantic/NAME.png, Cityscapes ids.

As it is published training/ alone has labels; other splits are what people made of it.
"""

from __future__ import annotations

from hrs.data.frames import Found, pair_by_ids
from hrs.data.spec import DatasetSpec
from hrs.system.tree import folders_in


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    inner = f"{spec.split_of(names)}/" if names or "split" in spec.options else ""
    images, labels = spec.folders(f"{inner}image_2", f"{inner}semantic")
    return pair_by_ids(images, labels)


def splits(spec: DatasetSpec) -> list[str]:
    return [name for name in folders_in(spec.root) if (spec.root / name / "semantic").is_dir()]
