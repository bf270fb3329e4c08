"""CamVid (Brostow et al., 2009): SegNet's SPLIT, SPLITannot with ids 0..11, or SPLIT, SPLIT_labels with 32 colours,
or the original 701_StillsRaw_full and LabeledApproved_full, which has no splits."""

from __future__ import annotations

from hrs.data.encoding import Encoding, by_name, colour_id
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import CAMVID, CAMVID_ORIGINAL, CAMVID_VOID
from hrs.system.tree import folders_in


def read(spec: DatasetSpec) -> Found:
    if (spec.root / "701_StillsRaw_full").is_dir():
        if "split" in spec.options:
            raise HRSError(f"data set {spec}: this original layout has no splits; sort the frames into folders")
        images, labels = spec.folders("701_StillsRaw_full", "LabeledApproved_full")
        return pair(images, labels, encoding=_colours(), label_end="_L")
    split = spec.split_of(splits(spec)) if splits(spec) else spec.split
    if (spec.root / f"{split}_labels").is_dir():
        images, labels = spec.folders(split, f"{split}_labels")
        return pair(images, labels, encoding=_colours(), label_end="_L")
    images, labels = spec.folders(split, f"{split}annot")
    ids = {i: i for i in range(len(CAMVID))}
    return pair(images, labels, encoding=Encoding(space=CAMVID, channel="index", ids=ids, void=CAMVID_VOID))


def splits(spec: DatasetSpec) -> list[str]:
    names = folders_in(spec.root)
    return [name for name in names if f"{name}annot" in names or f"{name}_labels" in names]


def _colours() -> Encoding:
    ids = {colour_id(colour): name for colour, name in CAMVID_ORIGINAL.items()}
    wanted = {raw: name for raw, name in ids.items() if name in CAMVID.classes}
    return by_name(wanted, channel="colour", void=frozenset(ids) - frozenset(wanted), space=CAMVID)
