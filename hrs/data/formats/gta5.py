"""Playing for Data (Richter et al., ECCV 2016): images/NAME.png, labels/NAME.png, palette PNG of Cityscapes ids."""

from __future__ import annotations

from hrs.data.encoding import by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.labels import CITYSCAPES, CITYSCAPES_IDS, CITYSCAPES_VOID


def read(spec: DatasetSpec) -> Found:
    images, labels = spec.folders("images", "labels")
    encoding = by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    return pair(images, labels, encoding=encoding)
