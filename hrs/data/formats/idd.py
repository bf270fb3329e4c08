"""IDD (Varma et al., WACV 2019): leftImg8bit/SPLIT/DRIVE/*, gtFine/SPLIT/DRIVE/*; labels as autonue writes them:
_labellevel3Ids, _labelids or _labelcsTrainIds. IDD-Lite (Mishra et al., 2019): NAME_image.jpg, NAME_label.png."""

from __future__ import annotations

from hrs.data.encoding import TRAIN_IDS, Encoding, by_name
from hrs.data.frames import Found, pair, without_polygons
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.system.tree import files_below, folders_in

_NAMES = (
    *("road", "parking", "drivable fallback", "sidewalk", "rail track", "non-drivable fallback", "person", "animal"),
    *("rider", "motorcycle", "bicycle", "autorickshaw", "car", "truck", "bus", "caravan", "trailer", "train"),
    *("vehicle fallback", "curb", "wall", "fence", "guard rail", "billboard", "traffic sign", "traffic light", "pole"),
    *("polegroup", "obs-str-bar-fallback", "building", "bridge", "tunnel", "vegetation", "sky", "fallback background"),
)
_IDS: dict[int, str] = dict(enumerate(_NAMES))
"""IDD's ids, of files that end in _labelids."""
_LEVEL3: dict[int, str] = dict(
    enumerate(
        (
            *("road", "drivable fallback", "sidewalk", "non-drivable fallback", "person", "rider", "motorcycle"),
            *("bicycle", "autorickshaw", "car", "truck", "bus", "vehicle fallback", "curb", "wall", "fence"),
            *("guard rail", "billboard", "traffic sign", "traffic light", "pole", "obs-str-bar-fallback", "building"),
            *("bridge", "vegetation", "sky"),
        )
    )
)
"""IDD's 26 classes of level 3, of files that end in _labellevel3Ids; persons take in animals, bridges tunnels."""
_LITE = ("drivable", "non-drivable", "living things", "vehicles", "roadside objects", "far objects", "sky")
"""IDD-Lite's seven classes in the order of their ids."""
_VOID = frozenset({35, 36, 37, 38, 39, 255})


def read(spec: DatasetSpec) -> Found:
    names = splits(spec)
    split = spec.split_of(names) if names else spec.split
    images, labels = spec.folders(f"leftImg8bit/{split}", f"gtFine/{split}")
    files = [path.stem for path in files_below(labels, {".png"}).files]
    kinds: dict[str, Encoding] = {
        "_gtFine_labellevel3Ids": by_name(_LEVEL3, channel="index", void=frozenset({255}), name="idd26"),
        "_gtFine_labelids": by_name(_IDS, channel="index", void=_VOID, name="idd"),
        "_gtFine_labelcsTrainIds": TRAIN_IDS,
        "_label": by_name(dict(enumerate(_LITE)), channel="index", void=frozenset({255}), name="idd-lite"),
    }
    ending = next((end for end in kinds if any(name.endswith(end) for name in files)), None)
    if ending is None:
        raise HRSError(
            f"data set {spec}: {labels} has no {', '.join(f'*{end}.png' for end in kinds)}; make them of its polygons "
            "with preperation/createLabels.py of autonue/public-code"
        )
    image_end = "_image" if ending == "_label" else "_leftImg8bit"
    return without_polygons(pair(images, labels, encoding=kinds[ending], image_end=image_end, label_end=ending))


def splits(spec: DatasetSpec) -> list[str]:
    place = spec.root / "leftImg8bit"
    return folders_in(place) if place.is_dir() else []
