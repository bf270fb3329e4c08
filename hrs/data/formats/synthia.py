"""SYNTHIA-RAND-CITYSCAPES (Ros et al., CVPR 2016): RGB/NAME.png, GT/LABELS/NAME.png, 16-bit, class in red."""

from __future__ import annotations

from hrs.data.encoding import by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.labels import SYNTHIA_IDS, SYNTHIA_VOID, label_space


def read(spec: DatasetSpec) -> Found:
    images, labels = spec.folders("RGB", "GT/LABELS")
    encoding = by_name(SYNTHIA_IDS, channel="red", void=SYNTHIA_VOID, space=label_space("synthia16"))
    return pair(images, labels, encoding=encoding)
