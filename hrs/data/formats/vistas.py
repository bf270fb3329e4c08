"""Mapillary Vistas (Neuhold et al., ICCV 2017): SPLIT/images, SPLIT/v1.2/labels or SPLIT/v2.0/labels, palette PNGs;
config_v1.2.json or config_v2.0.json names the classes. In version 1.1 SPLIT/labels and config.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hrs.data.classlist import as_colour
from hrs.data.encoding import Encoding
from hrs.data.frames import Found, pair
from hrs.data.outlines import json_of
from hrs.data.spec import DatasetSpec, holds
from hrs.data.splits import splits_among
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.system.tree import folders_in

_VERSIONS = (("v2.0/labels", "config_v2.0.json"), ("v1.2/labels", "config_v1.2.json"), ("labels", "config.json"))


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    split = spec.split_of(names) if names else spec.split
    for place, config in _VERSIONS:
        if (spec.root / split / place).is_dir() and (spec.root / config).is_file():
            images, labels = spec.folders(f"{split}/images", f"{split}/{place}")
            return pair(images, labels, encoding=_encoding(spec.root / config))
    wanted = " or ".join(f"{split}/{place} with {config}" for place, config in _VERSIONS)
    raise HRSError(f"data set {spec}: expected {wanted}; {holds(spec.root)}")


def splits(spec: DatasetSpec) -> list[str]:
    return splits_among(folders_in(spec.root))


def _is_class(each: Any) -> bool:
    colour = each.get("color") if isinstance(each, dict) and "readable" in each else None
    return isinstance(colour, list) and as_colour(colour[:3]) is not None


def _encoding(path: Path) -> Encoding:
    listed = json_of(path, "labels")["labels"]
    if not isinstance(listed, list) or not all(map(_is_class, listed)):
        raise HRSError(f"{path} has a label without readable or color, [r, g, b]; copy it anew from the data set")
    names = [str(each["readable"]) for each in listed]
    kept = {raw: name for raw, name in enumerate(names) if name.lower() != "unlabeled"}
    classes = list(dict.fromkeys(kept.values()))
    colours = {name: listed[raw]["color"] for raw, name in reversed(kept.items())}
    space = LabelSpace(
        name=path.stem.replace("config", "vistas"),
        classes=tuple(classes),
        palette=tuple((int(r), int(g), int(b)) for r, g, b in (colours[name][:3] for name in classes)),
    )
    ids = {raw: classes.index(name) for raw, name in kept.items()}
    return Encoding(space=space, channel="index", ids=ids, void=frozenset(range(len(names))) - ids.keys())
