"""Pascal VOC (Everingham et al., 2010) and CVAT's export of it: JPEGImages/NAME.jpg, SegmentationClass/NAME.png.

ImageSets/Segmentation/SPLIT.txt lists the splits. Labels are palette PNGs of ids, or have the colours of labelmap.txt;
without a list of classes they have VOC's 21. LabelMe's converter writes SegmentationClassPNG and class_names.txt.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hrs.data.classfile import find_class_list
from hrs.data.classlist import ClassList
from hrs.data.formats.folder import encoded, encodings_of
from hrs.data.frames import Found, pair
from hrs.data.lists import read_list
from hrs.data.spec import DatasetSpec
from hrs.data.splits import TRAIN, pick
from hrs.labels import Colour

_COLOURS: dict[str, Colour] = {
    "background": (0, 0, 0),
    "aeroplane": (128, 0, 0),
    "bicycle": (0, 128, 0),
    "bird": (128, 128, 0),
    "boat": (0, 0, 128),
    "bottle": (128, 0, 128),
    "bus": (0, 128, 128),
    "car": (128, 128, 128),
    "cat": (64, 0, 0),
    "chair": (192, 0, 0),
    "cow": (64, 128, 0),
    "diningtable": (192, 128, 0),
    "dog": (64, 0, 128),
    "horse": (192, 0, 128),
    "motorbike": (64, 128, 128),
    "person": (192, 128, 128),
    "pottedplant": (0, 64, 0),
    "sheep": (128, 64, 0),
    "sofa": (0, 192, 0),
    "train": (128, 192, 0),
    "tvmonitor": (0, 64, 128),
}
"""Pascal VOC's classes in the order of their ids, and the colours of its palette."""


def read(spec: DatasetSpec) -> Found:
    of_labelme = spec.root / "SegmentationClassPNG"
    images, labels = spec.folders("JPEGImages", of_labelme.name if of_labelme.is_dir() else "SegmentationClass")
    names = splits(spec)
    wanted = "split" in spec.options or pick(names, TRAIN) is not None
    only = read_list(_lists(spec) / f"{spec.split_of(names)}.txt") if wanted else None
    classes = find_class_list(spec.root) or _VOC
    encodings = encodings_of(classes, spec.root.name)
    found = pair(images, labels, encoding=encodings[0], only=only)
    notes = () if classes is not _VOC else ("no list of classes, so they are taken for VOC's 21",)
    return encoded(replace(found, notes=(*found.notes, *notes)), encodings, classes)


def splits(spec: DatasetSpec) -> list[str]:
    return sorted(path.stem for path in _lists(spec).glob("*.txt"))


def _lists(spec: DatasetSpec) -> Path:
    """CVAT writes default.txt beside no other list: that is no split."""
    return spec.root / "ImageSets" / "Segmentation"


_VOC = ClassList(
    path=Path("Pascal VOC"),
    names=dict(enumerate(_COLOURS)),
    palette=dict(enumerate(_COLOURS.values())),
)
