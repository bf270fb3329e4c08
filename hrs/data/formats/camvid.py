"""CamVid (Brostow et al., 2009): SegNet's SPLIT, SPLITannot with ids 0..11, or SPLIT, SPLIT_labels with 32 colours,
or the original 701_StillsRaw_full and LabeledApproved_full, which has no splits.

A list of other classes than CamVid's, such as class_dict.csv, says what the labels hold.
"""

from __future__ import annotations

from pathlib import Path

from hrs.data.classfile import find_class_list
from hrs.data.classlist import ClassList
from hrs.data.encoding import Encoding, by_name, colour_id
from hrs.data.formats.folder import encoded, encodings_of
from hrs.data.frames import Found, label_files, pair
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import CAMVID, CAMVID_ORIGINAL, CAMVID_VOID
from hrs.system.tree import folders_in


def read(spec: DatasetSpec) -> Found:
    images, labels = _places(spec)
    of_ids = labels.name.endswith("annot")
    label_end = "" if of_ids or not any(path.stem.endswith("_L") for path in label_files(labels)) else "_L"
    encoding, classes = _IDS if of_ids else _colours(), find_class_list(spec.root)
    found = pair(images, labels, encoding=encoding, label_end=label_end)
    if classes is None or _is_camvid(classes):
        return found
    return encoded(found, encodings_of(classes, spec.root.name), classes)


def _places(spec: DatasetSpec) -> tuple[Path, Path]:
    if (spec.root / "701_StillsRaw_full").is_dir():
        if "split" in spec.options:
            raise HRSError(f"data set {spec}: this original layout has no splits; sort the frames into folders")
        return spec.folders("701_StillsRaw_full", "LabeledApproved_full")
    split = spec.split_of(splits(spec)) if splits(spec) else spec.split
    in_colours = (spec.root / f"{split}_labels").is_dir()
    return spec.folders(split, f"{split}_labels" if in_colours else f"{split}annot")


def splits(spec: DatasetSpec) -> list[str]:
    names = folders_in(spec.root)
    return [name for name in names if f"{name}annot" in names or f"{name}_labels" in names]


def _is_camvid(classes: ClassList) -> bool:
    """Whether a list is of CamVid's own classes: of their colours, or where it has none, of their ids."""
    own = {raw: CAMVID_ORIGINAL.get(colour) for raw, colour in classes.palette.items()}
    return classes.names.items() <= (own or dict(enumerate(CAMVID.classes))).items()


_IDS = Encoding(space=CAMVID, channel="index", ids={i: i for i in range(len(CAMVID))}, void=CAMVID_VOID)


def _colours() -> Encoding:
    ids = {colour_id(colour): name for colour, name in CAMVID_ORIGINAL.items()}
    wanted = {raw: name for raw, name in ids.items() if name in CAMVID.classes}
    return by_name(wanted, channel="colour", void=frozenset(ids) - frozenset(wanted), space=CAMVID)
