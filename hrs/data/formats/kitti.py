"""KITTI semantics (Alhaija et al., 2018): training/image_2/NAME.png, training/semantic/NAME.png, Cityscapes ids."""

from __future__ import annotations

from hrs.data.encoding import by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.labels import CITYSCAPES, CITYSCAPES_IDS, CITYSCAPES_VOID


def read(spec: DatasetSpec) -> Found:
    inner = "training/" if (spec.root / "training").is_dir() else ""
    images, labels = spec.folders(f"{inner}image_2", f"{inner}semantic")
    return pair(
        images, labels, encoding=by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    )
