"""Photos and their labels from other tools and back: in from any format that is read, out as Pascal VOC with colours.

VOC with labelmap.txt is what CVAT calls "Segmentation mask 1.1", and what most tools read. What nobody has labelled is
its background, which comes back as nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hrs.data.classlist import is_void
from hrs.data.layouts import Dataset
from hrs.errors import HRSError
from hrs.labelling.photoset import BACKGROUND, PhotoSet, space_of, without
from hrs.labels import IGNORE, Colour, LabelSpace, fold, mapping
from hrs.pictures import label_png
from hrs.progress import Progress
from hrs.system.files import atomic_folder, atomic_write, check_new

_BLACK: Colour = (0, 0, 0)


def take_in(dataset: Dataset, path: Path, *, progress: Progress | None = None) -> PhotoSet:
    """A data set as photos to label on; classes called background, void and the like become nothing.

    Args:
        dataset: its images are copied, with their labels where it has any.
        path: of the new set.
        progress: called with (photos done, all photos).

    Raises:
        HRSError: the folder is taken, the data set has no classes, or something cannot be read.
    """
    _check_free(path)
    if dataset.space is None:
        raise HRSError(f"data set {dataset.spec} has no labels; make a set with your classes, and add its photos")
    space = without(dataset.space, _is_nothing)
    if space is None:
        raise HRSError(f"data set {dataset.spec} has one class beside the background; expected two to label with")
    table = mapping(dataset.space, space)
    with atomic_folder(path) as folder:
        own = PhotoSet.create(folder, space)
        for i, frame in enumerate(dataset.frames):
            name = own.add(frame.image.read_bytes(), frame.image.name)
            if frame.label is not None:
                own.write_label(name, table[dataset.read_label(i)])
            if progress:
                progress(i + 1, len(dataset))
        _check_free(path)  # somebody may have made it while photos were copied
    return PhotoSet.open(path)


def _is_nothing(name: str) -> bool:
    return is_void(name) or fold(name) == BACKGROUND


def taken_for_nothing(space: LabelSpace) -> tuple[str, ...]:
    """The classes of a data set that `take_in` makes nothing."""
    return tuple(filter(_is_nothing, space.classes))


def _check_free(path: Path) -> None:
    if path.exists():
        raise HRSError(f"{path} exists; choose another name")


def give_out(own: PhotoSet, out: Path, *, progress: Progress | None = None) -> int:
    """The labelled photos as Pascal VOC: JPEGImages, SegmentationClass, ImageSets/Segmentation, labelmap.txt.

    Returns:
        How many there are.

    Raises:
        HRSError: the folder is there already, nothing is labelled, a label is damaged, a class is called background or
            has a name that labelmap.txt cannot tell, or the disk is full.
    """
    out = out.expanduser()
    photos, names = own.photos(), list[str]()
    check_new(out)
    if BACKGROUND in map(fold, own.space.classes):
        raise HRSError(f"{own.path.name} has a class called background, which is nothing to other tools; rename it")
    if unfit := [name for name in own.space.classes if ":" in name or name.startswith("#")]:
        raise HRSError(f"{unfit[0]!r} cannot be told in labelmap.txt; rename it without ':' and a leading '#'")
    space = _with_background(own.space)
    with atomic_folder(out) as folder:
        for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
            (folder / part).mkdir(parents=True)
        for done, photo in enumerate(photos, 1):
            label, _ = own.read_label(photo.name)
            if progress:
                progress(done, len(photos))
            if label is None or (label == IGNORE).all():
                continue
            names.append(photo.name)
            (folder / "JPEGImages" / photo.image.name).write_bytes(photo.image.read_bytes())
            ids = np.where(label == IGNORE, 0, label + 1).astype(np.uint8)
            (folder / "SegmentationClass" / f"{photo.name}.png").write_bytes(label_png(ids, space))
        if not names:
            raise HRSError(f"no photo of {own.path.name} has labels yet")
        atomic_write(folder / "ImageSets/Segmentation/default.txt", "".join(f"{name}\n" for name in names))
        atomic_write(folder / "labelmap.txt", _labelmap(space))
    return len(names)


def _with_background(space: LabelSpace) -> LabelSpace:
    """Background before the classes, black; a class that was black gets another colour."""
    others = space_of(space.name, [f"other {name}" for name in space.classes]).palette  # colours of no known name
    palette = [other if own == _BLACK else own for own, other in zip(space.palette, others, strict=True)]
    return LabelSpace(name=space.name, classes=(BACKGROUND, *space.classes), palette=(_BLACK, *palette))


def _labelmap(space: LabelSpace) -> str:
    lines = [f"{name}:{r},{g},{b}::" for name, (r, g, b) in zip(space.classes, space.palette, strict=True)]
    return "\n".join(["# label:color_rgb:parts:actions", *lines, ""])
