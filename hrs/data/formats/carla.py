"""CARLA's semantic camera: rgb/NAME, seg/NAME with the tag in red. Tags changed in 0.9.14, so version is asked."""

from __future__ import annotations

from hrs.data.encoding import by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import CARLA_TAGS, CARLA_VOID


def read(spec: DatasetSpec) -> Found:
    version = spec.options.get("version")
    if version not in CARLA_TAGS:
        raise HRSError(
            f"data set {spec}: CARLA's tags changed in 0.9.14; add ?version=0.9.13 (and older) or ?version=0.9.14"
        )
    images, labels = spec.folders("rgb", "seg")
    encoding = by_name(CARLA_TAGS[version], channel="red", void=CARLA_VOID[version], name=f"carla-{version}")
    return pair(images, labels, encoding=encoding)
