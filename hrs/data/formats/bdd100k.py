"""BDD100K semantic segmentation (Yu et al., CVPR 2020): images/10k/SPLIT, labels/sem_seg/masks/SPLIT, train ids; or the
older images/SPLIT, labels/SPLIT/NAME_train_id.png."""

from __future__ import annotations

from hrs.data.encoding import TRAIN_IDS
from hrs.data.frames import Found, pair
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.system.tree import folders_in


def read(spec: DatasetSpec) -> Found:
    place, masks = _places(spec)
    names = splits(spec)
    split = spec.split_of(names) if names else spec.split
    images, labels = spec.folders(f"{place}/{split}", f"{masks}/{split}")
    return pair(images, labels, encoding=TRAIN_IDS, label_end="" if masks.endswith("masks") else "_train_id")


def splits(spec: DatasetSpec) -> list[str]:
    place = spec.root / _places(spec)[1]
    return folders_in(place) if place.is_dir() else []


def _places(spec: DatasetSpec) -> tuple[str, str]:
    """The folders of images and of masks. Raises HRSError where the masks are those of another task."""
    others = [path.parent.name for path in sorted(spec.root.glob("labels/*/masks"))]
    if others and "sem_seg" not in others:
        raise HRSError(
            f"data set {spec}: its masks are of {', '.join(others)}; expected labels/sem_seg/masks: fetch BDD100K's "
            "semantic segmentation, or put these into images/ and labels/ with a list of their classes, for folder:PATH"
        )
    new = (spec.root / "labels/sem_seg/masks").is_dir() or not (spec.root / "labels").is_dir()
    images = "images/10k" if (spec.root / "images/10k").is_dir() else "images"
    return images, "labels/sem_seg/masks" if new else "labels"
