"""IDD (Varma et al., WACV 2019): leftImg8bit/SPLIT/DRIVE/*, gtFine/SPLIT/DRIVE/*; labels as autonue writes them:
_labellevel3Ids, _labelids or _labelcsTrainIds."""

from __future__ import annotations

from hrs.data.encoding import TRAIN_IDS, Encoding, by_name
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import IDD_IDS, IDD_LEVEL3
from hrs.system.tree import files_below, folders_in

_VOID = frozenset({35, 36, 37, 38, 39, 255})


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    split = spec.split_of(names) if names else spec.split
    images, labels = spec.folders(f"leftImg8bit/{split}", f"gtFine/{split}")
    files = [path.stem for path in files_below(labels, {".png"}).files]
    kinds: dict[str, Encoding] = {
        "_gtFine_labellevel3Ids": by_name(IDD_LEVEL3, channel="index", void=frozenset({255}), name="idd26"),
        "_gtFine_labelids": by_name(IDD_IDS, channel="index", void=_VOID, name="idd"),
        "_gtFine_labelcsTrainIds": TRAIN_IDS,
    }
    ending = next((end for end in kinds if any(name.endswith(end) for name in files)), None)
    if ending is None:
        raise HRSError(
            f"data set {spec}: {labels} has no {', '.join(f'*{end}.png' for end in kinds)}; make them of its polygons "
            "with preperation/createLabels.py of autonue/public-code"
        )
    return pair(images, labels, encoding=kinds[ending], image_end="_leftImg8bit", label_end=ending)


def splits(spec: DatasetSpec) -> list[str]:
    place = spec.root / "leftImg8bit"
    return folders_in(place) if place.is_dir() else []
