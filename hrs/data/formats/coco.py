"""COCO (Lin et al., ECCV 2014) and what is exported as it: one JSON of polygons and run lengths for many images.

annotations/instances_SPLIT.json with the images in any folder, Roboflow's SPLIT/_annotations.coco.json, Label Studio's
result.json. Small objects lie over large ones. Pixels outside of all objects are background.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.data.encoding import Raw
from hrs.data.frames import Found, Frame
from hrs.data.outlines import BACKGROUND, NOTES, Shape, encoding_of, image_size, json_of, painted, points
from hrs.data.spec import DatasetSpec, holds
from hrs.data.splits import TRAIN, pick, role_of
from hrs.errors import HRSError
from hrs.system.photographs import SUFFIXES
from hrs.system.tree import Skipped, files_below

_PLACES = ("annotations/*.json", "*/_annotations.coco.json", "_annotations.coco.json", "result.json", "*.json")
_OTHERS = ("captions", "person_keypoints", "panoptic", "stuff", "image_info")
Annotation = Mapping[str, Any]


def read(spec: DatasetSpec) -> Found:
    path = _chosen(spec)
    stored = json_of(path, "images", "annotations", "categories")
    names = {each["id"]: str(each["name"]) for each in stored["categories"]}
    classes = [BACKGROUND, *dict.fromkeys(name for name in names.values() if name != BACKGROUND)]
    ids = {category: classes.index(name) for category, name in names.items()}
    frames, missing = _frames(spec, path, stored["images"])
    objects: dict[str, list[Annotation]] = {}
    of_image = {image["id"]: _frame_id(image) for image in stored["images"]}
    for each in stored["annotations"]:
        objects.setdefault(of_image.get(each["image_id"], ""), []).append(each)
    encoding = encoding_of(classes, partial(_draw, ids, objects), spec.root.name)
    return Found(frames=frames, missing=missing, encoding=encoding, layout=f"{path.name} and its images", notes=NOTES)


def splits(spec: DatasetSpec) -> list[str]:
    return [name for path in _lists(spec.root) if (name := _split_of(path, spec.root))]


def _chosen(spec: DatasetSpec) -> Path:
    lists, names = _lists(spec.root), splits(spec)
    if not lists:
        raise HRSError(f"data set {spec}: no JSON such as annotations/instances_train.json; {holds(spec.root)}")
    if not names or ("split" not in spec.options and pick(names, TRAIN) is None and len(lists) == 1):
        return lists[0]
    split = spec.split_of(names)
    return next(path for path in lists if _split_of(path, spec.root) == split)


def _lists(root: Path) -> list[Path]:
    """The JSON files of objects: those of the first place that has any."""
    for place in _PLACES:
        found = [path for path in sorted(root.glob(place)) if not path.name.startswith(_OTHERS)]
        if found:
            return found
    return []


def _split_of(path: Path, root: Path) -> str | None:
    """The folder that the list lies in, else the word in its name that is one: instances_val2017.json is val."""
    folder = path.parent.name if path.parent not in (root, root / "annotations") else ""
    words = [folder, *re.split(r"[_\-.\d]+", path.stem)]
    return next((word for word in words if word and role_of(word)), None)


def _frames(
    spec: DatasetSpec, path: Path, images: Sequence[Annotation]
) -> tuple[tuple[Frame, ...], tuple[Skipped, ...]]:
    tree = files_below(spec.root, SUFFIXES)
    by_name: dict[str, list[Path]] = {}
    for file in tree.files:
        by_name.setdefault(file.name, []).append(file)
    frames, missing = [], []
    for image in images:
        named = Path(str(image["file_name"]))
        found = by_name.get(named.name)
        if found:
            frames.append(Frame(id=_frame_id(image), image=_nearest(found, named, path, spec.root), label=path))
        else:
            missing.append(Skipped(path=named, reason="is named in the list of objects, but not there"))
    aside = [item for item in tree.aside if item.path.suffix.lower() != ".json"]
    used = {frame.image for frame in frames}
    split = _split_of(path, spec.root)
    lonely = [file for file in tree.files if file not in used] if split is None else []
    missing += [Skipped(path=file, reason="is not named in the list of objects") for file in lonely]
    return tuple(sorted(frames, key=lambda frame: frame.id)), (*missing, *aside)


def _nearest(files: Sequence[Path], named: Path, path: Path, root: Path) -> Path:
    """Of files of one name the one whose path ends as it is named, is beside the list, or in a folder of its split."""
    split = _split_of(path, root) or ""

    def fit(file: Path) -> tuple[int, bool, bool]:
        same = sum(1 for a, b in zip(reversed(file.parts), reversed(named.parts), strict=False) if a == b)
        folders = [re.sub(r"\d+$", "", part) for part in file.relative_to(root).parts[:-1]]
        return same, file.parent == path.parent, split in folders

    return max(files, key=fit)


def _frame_id(image: Annotation) -> str:
    return Path(str(image["file_name"])).with_suffix("").as_posix()


def _draw(ids: Mapping[Any, int], objects: Mapping[str, Sequence[Annotation]], frame: Frame) -> Raw:
    path, size = frame.label or Path(), image_size(frame)
    ordered = sorted(objects.get(frame.id, ()), key=lambda each: -float(each.get("area") or 0))
    return painted([_shape(ids, each, size, path) for each in ordered if each.get("segmentation")], size)


def _shape(ids: Mapping[Any, int], each: Annotation, size: tuple[int, int], path: Path) -> Shape:
    if each["category_id"] not in ids:
        raise HRSError(f"{path} has an object of the category {each['category_id']}, which it does not name")
    outline = each["segmentation"]
    if isinstance(outline, Mapping):
        return Shape(raw=ids[each["category_id"]], mask=_mask(outline, size, path))
    return Shape(raw=ids[each["category_id"]], parts=[points(part, path) for part in outline])


def _mask(outline: Mapping[str, Any], size: tuple[int, int], path: Path) -> NDArray[np.uint8]:
    """Run lengths as a mask (h w), column by column. Decoded here, since pycocotools warns under NumPy 2.4."""
    width, height = size
    try:
        counts = outline["counts"]
        runs = counts if isinstance(counts, list) else _lengths(str(counts))
        flat = np.repeat(np.arange(len(runs), dtype=np.uint8) % 2, runs)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise HRSError(f"{path} has run lengths that cannot be read ({error}); export it anew") from error
    if len(flat) != width * height:
        raise HRSError(f"{path} has run lengths for {len(flat)} pixels, the image has {width}x{height}; export it anew")
    return flat.reshape(width, height).T


def _lengths(text: str) -> list[int]:
    """COCO's compressed run lengths: five bits a character, from the third on as differences to the last but one."""
    runs: list[int] = []
    at = 0
    while at < len(text):
        value, shift, code = 0, 0, 0x20
        while code & 0x20:
            code = ord(text[at]) - 48
            value |= (code & 0x1F) << shift
            shift += 5
            at += 1
        if code & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs
