"""Synscapes (Wrenninge and Unger, 2018): img/rgb/N.png, img/class/N.png, Cityscapes ids."""

from __future__ import annotations

from hrs.data.encoding import by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.labels import CITYSCAPES, CITYSCAPES_IDS, CITYSCAPES_VOID


def read(spec: DatasetSpec) -> Found:
    inner = "img/" if (spec.root / "img").is_dir() else ""
    images, labels = spec.folders(f"{inner}rgb", f"{inner}class")
    return pair(
        images, labels, encoding=by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    )
