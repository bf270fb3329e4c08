"""A folder of photographs without labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from hrs.data.encoding import spread
from hrs.data.formats.folder import IMAGES, LABELS
from hrs.data.frames import Found, Frame, photo_names, refuse_brush_masks
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.system.photographs import SUFFIXES, open_image
from hrs.system.tree import files_below

_PHOTOGRAPHS = (".jpg", ".jpeg")  # no mask is one
_LOOKED_AT = 8
_NEARLY_HALF = 0.4  # of the files
_MORE_THAN_A_FEW = 0.1  # of the files
_MOST_IDS = 64  # in a label; a grey photo has more values
_IN_AREAS = 0.9  # of a label's pixels, and more, are as the one beside them
_OF_MASKS = ("1", "L", "P", "I;16")


def read(spec: DatasetSpec) -> Found:
    root = spec.root
    tree = files_below(root, SUFFIXES)
    refuse_brush_masks(spec, root, tree.files)
    _refuse_masks(spec, root, tree.files)
    stems = Counter(file.relative_to(root).with_suffix("") for file in tree.files)
    names = [file.relative_to(root) for file in tree.files]  # a.png beside a.jpg keep their suffixes: ids are unique
    ids = [str(name if stems[name.with_suffix("")] > 1 else name.with_suffix("")) for name in names]
    frames = tuple(Frame(id=each, image=file) for each, file in zip(ids, tree.files, strict=True))
    return Found(frames=frames, missing=tree.aside, encoding=None, layout="a folder of images")


def _refuse_masks(spec: DatasetSpec, root: Path, files: Sequence[Path]) -> None:
    """Raises HRSError where about half of the files are masks of the others: NAME_mask and its like, NAME in a folder
    of labels, or NAME of another kind; and where more than a few are by what they hold, in whatever folder."""
    anywhere, near = {file.stem: file for file in files}, {file.with_suffix(""): file for file in files}
    photos = {file: _photo_of(file, near, anywhere) for file in files}
    masks = [(file, photo) for file, photo in photos.items() if photo and not photos[photo]]
    masks = masks or _in_folders_of_labels(root, files)
    twins = [(two, one) for one, two in pairwise(files) if one.with_suffix("") == two.with_suffix("")]
    masks = masks or (twins if all(_is_mask(*each) for each in twins[:_LOOKED_AT]) else [])
    least = _NEARLY_HALF
    if len(masks) < max(least * len(files), 2):
        masks, least = _in_folders_beside(root, files), _MORE_THAN_A_FEW
    if len(masks) > 1 and len(masks) >= least * len(files):
        mask, photo = (each.relative_to(root) for each in masks[0])
        raise HRSError(
            f"data set {spec}: {len(masks)} of {len(files)} images seem to be masks of others, as {mask} of {photo}: "
            f"move photos to images/ and masks to labels/, and name it folder:{root}, or images:{root / 'images'}"
        )


def _in_folders_of_labels(root: Path, files: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Files below labels/ and their like whose name is there without it, as labels/a.png of images/a.jpg or a.jpg."""
    places: dict[bool, dict[tuple[str, ...], Path]] = {True: {}, False: {}}
    for file in files:
        *folders, _ = file.relative_to(root).parts
        inside = any(name.lower() in LABELS for name in folders)
        key = (*(name for name in folders if name.lower() not in (*IMAGES, *LABELS)), file.stem)
        if not (inside and file.suffix.lower() in _PHOTOGRAPHS):
            places[inside][key] = file
    return [(mask, places[False][key]) for key, mask in places[True].items() if key in places[False]]


def _in_folders_beside(root: Path, files: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Files of folders that hold ids, whose name is in another folder beside, as semantic/a.png of image_2/a.png."""
    folders: dict[Path, list[Path]] = {}
    for file in files:
        folders.setdefault(file.parent, []).append(file)
    of_masks = {folder for folder, its in folders.items() if all(map(_holds_ids, spread(its)))}
    photos = {key: file for file in files if file.parent not in of_masks for key in _keys(root, file)}
    masks = (file for folder in of_masks for file in folders[folder])
    met = ((mask, next((photos[key] for key in _keys(root, mask) if key in photos), None)) for mask in sorted(masks))
    return [(mask, photo) for mask, photo in met if photo]


def _keys(root: Path, file: Path) -> Iterator[tuple[object, ...]]:
    """What a file is called but for one of its folders, for each of them."""
    *folders, _ = file.relative_to(root).parts
    for i in range(len(folders)):
        yield (i, *folders[:i], *folders[i + 1 :], file.stem)


def _holds_ids(file: Path) -> bool:
    """Whether a PNG has one channel and few values in areas, as no photo has: a dull one has noise."""
    try:
        with open_image(file) as image:
            if image.format != "PNG" or image.mode not in _OF_MASKS:
                return False
            values = np.asarray(image)
            alike = float((values[:, 1:] == values[:, :-1]).mean()) if values.shape[1] > 1 else 0.0
            return alike >= _IN_AREAS and len(np.unique(values)) <= _MOST_IDS
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _photo_of(mask: Path, near: Mapping[Path, Path], anywhere: Mapping[str, Path]) -> Path | None:
    """The photo that a mask's name says it is of, in its own folder if there; None where it says none."""
    names = (name for name in photo_names(mask.stem) if name in anywhere and name != mask.stem)
    return next((near.get(mask.with_name(name)) or anywhere[name] for name in names), None)


def _is_mask(mask: Path, photo: Path) -> bool:
    """Whether of two files of one name this is a PNG of one channel, the other a JPEG in colour."""
    try:
        with open_image(photo) as first, open_image(mask) as second:
            return (first.format, second.format) == ("JPEG", "PNG") and first.mode == "RGB" and second.mode in _OF_MASKS
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
