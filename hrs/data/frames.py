"""Frames and how images find their labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hrs.data.encoding import TRAIN_IDS, Encoding, by_name
from hrs.data.lists import pick_listed
from hrs.errors import HRSError
from hrs.labels import CITYSCAPES, CITYSCAPES_IDS, CITYSCAPES_VOID
from hrs.system.photographs import SUFFIXES
from hrs.system.tree import Skipped, files_below

LABEL_ENDS = (
    *("_gtFine_labelIds", "_labelIds", "_labelTrainIds", "_labels", "_label", "_masks", "_mask", "-mask", ".mask"),
    *("_gt", "_GT", "_seg", "_segmentation", "_semantic", "_annotation", "_annotations", "_id", "_ids", "_L", "_color"),
    *(".semantic segmentation", ".jpg", ".jpeg", ".png"),  # Unity's; a.jpg.png beside a.jpg
)
IMAGE_ENDS = ("", "_leftImg8bit", "_image", "_img", "_rgb", "_photo", "_sat", ".jpg", ".jpeg", ".png")
LABEL_STARTS = (
    *("label_", "labels_", "mask_", "gt_", "seg_", "segmentation_", "semantic_segmentation_", "annotation_"),
    *("label", "mask", "gt"),
)
IMAGE_STARTS = ("", "image_", "img_", "rgb_", "photo_", "image", "img")
"""What people add to names, in the order in which it is tried."""
TRAIN_END = "_labelTrainIds"
OR_TRAIN_IDS = (f"let the labels' names end in {TRAIN_END}.png", TRAIN_IDS)
"""Of `Found.others`, for formats of ids whose labels may be converted to Cityscapes' train ids."""
_BRUSH = re.compile(r"task-?\d+-annotation-?\d+-")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One image. ``id`` is its path below the image folder without suffix, unique in its data set.

    label_turn: EXIF's orientation of the image where the label's size proves that it was drawn on the unturned one.
    doubtful: whether the image is turned by EXIF, and the label's size cannot tell which of both it was drawn on.
    paged: whether the image is the first of several pages of a file.
    """

    id: str
    image: Path
    label: Path | None = None
    planted: Path | None = None
    label_turn: int = 1
    doubtful: bool = False
    paged: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a layout's reader saw. ``layout`` says in words what it looked for.

    others: encodings that the same files may have, by what to do where it is the right one; the doctor compares.
    notes: what was guessed, in words.
    doubts: what is likely wrong, in words; the doctor warns.
    """

    frames: tuple[Frame, ...]
    missing: tuple[Skipped, ...]
    encoding: Encoding | None
    layout: str
    others: tuple[tuple[str, Encoding], ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Glimpse:
    """A look at a data set whose frames may not all be there yet.

    found: some of its frames; all of them where none has to be made.
    total: how many it has.
    making: seconds that it will take to make those that are missing.
    """

    found: Found
    total: int
    making: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a data set's names alone tell. missing: those of its ``total`` frames that are made when first asked for."""

    total: int
    labelled: bool
    missing: int = 0


Names = dict[str, Path]
"""Path below a folder, without suffix and in one Unicode form -> file."""


def pair(
    images: Path,
    labels: Path,
    *,
    encoding: Encoding | None,
    image_end: str = "",
    label_end: str = "",
    label_kinds: Iterable[str] = SUFFIXES,
    planted: Path | None = None,
    only: Sequence[str] | None = None,
) -> Found:
    """Match images and labels by name, once ``image_end`` and ``label_end`` are taken off.

    Names that do not meet are compared in small letters, and then without what people often add, such as _mask.

    Args:
        label_kinds: how labels' files end.
        planted: folder of masks of planted departures.
        only: names to take, as a list has them; None takes all.
    """
    left, aside = _by_name(images, SUFFIXES, image_end)
    right, more = _by_name(labels, label_kinds, label_end)
    masks, _ = _by_name(planted, SUFFIXES) if planted else ({}, [])
    met, notes = _meet(left, right)
    if images == labels:  # each is what the other leaves aside
        of_labels = set(right.values())
        aside, more = tuple(item for item in aside if item.path not in of_labels), ()
    chosen, absent = pick_listed(only, left) if only is not None else (frozenset(left), [])
    frames = tuple(
        Frame(id=key, image=left[key], label=right[label], planted=masks.get(key))
        for key, label in sorted(met.items())
        if key in chosen
    )
    missing = [Skipped(path=left[key], reason="has no label") for key in chosen - met.keys()]
    if only is None:
        missing += [Skipped(path=right[key], reason="has no image") for key in right.keys() - set(met.values())]
    missing += [Skipped(path=Path(name), reason="is in the list of the split, but not there") for name in absent]
    layout = f"{images.name}/NAME{image_end}.* with {labels.name}/NAME{label_end}.png"
    return Found(
        frames=frames,
        missing=(*sorted(missing, key=lambda item: (item.path, item.reason)), *aside, *more),
        encoding=encoding,
        layout=layout,
        notes=tuple(notes),
    )


def without_polygons(found: Found) -> Found:
    """Without the outlines that lie beside the labels made of them, in Cityscapes and IDD: nothing is amiss there."""
    return replace(
        found, missing=tuple(item for item in found.missing if not item.path.name.endswith("_polygons.json"))
    )


def pair_by_ids(images: Path, labels: Path) -> Found:
    """Match images and labels of Cityscapes' ids, or of its train ids where names end so, as mmsegmentation's do."""
    if any(path.stem.endswith(TRAIN_END) for path in label_files(labels)):
        return pair(images, labels, encoding=TRAIN_IDS, label_end=TRAIN_END)
    ids = by_name(CITYSCAPES_IDS, channel="index", void=CITYSCAPES_VOID, space=CITYSCAPES)
    return replace(pair(images, labels, encoding=ids), others=(OR_TRAIN_IDS,))


def pair_in_one(folder: Path, *, encoding: Encoding, label_end: str) -> Found:
    """Match images and labels that lie in one folder: NAME.* with NAME and an ending."""
    names, aside = _by_name(folder, SUFFIXES)
    labels = {name.removesuffix(label_end): path for name, path in names.items() if name.endswith(label_end)}
    images = {name: path for name, path in names.items() if not name.endswith(label_end)}
    frames = tuple(
        Frame(id=name, image=images[name], label=labels[name]) for name in sorted(images.keys() & labels.keys())
    )
    missing = [Skipped(path=images[name], reason="has no label") for name in sorted(images.keys() - labels.keys())]
    missing += [Skipped(path=labels[name], reason="has no image") for name in sorted(labels.keys() - images.keys())]
    layout = f"{folder.name}/NAME.* with {folder.name}/NAME{label_end}.png"
    return Found(frames=frames, missing=(*missing, *aside), encoding=encoding, layout=layout)


def in_no_split(folder: Path, split: str | None) -> tuple[Skipped, ...]:
    """The images that lie beside the folder of a split, in none; nothing where the split is no folder in this one."""
    if split is None or not (folder / split).is_dir():
        return ()
    images = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    return tuple(Skipped(path=path, reason="lies in no split") for path in images if not path.name.startswith("."))


def photo_names(label: str) -> Iterator[str]:
    """What a photo may be called whose label has this name; nothing where it is not a label's."""
    for end in LABEL_ENDS:
        if base := _without_end(label, end):
            yield from (base + each for each in IMAGE_ENDS)
    for start in LABEL_STARTS:
        if base := _without_start(label, start):
            yield from (each + base for each in IMAGE_STARTS)


def refuse_brush_masks(spec: object, folder: Path, files: Iterable[Path]) -> None:
    """Raises HRSError for a folder of Label Studio's brush masks, which are no photos and name none."""
    if any(_BRUSH.match(path.name) for path in files):
        raise HRSError(
            f"data set {spec}: {folder} holds Label Studio's brush masks, one for each class and named after tasks, "
            "not after images; export from it as COCO (polygons, or brush as run lengths), and name that coco:FOLDER"
        )


def label_files(folder: Path) -> list[Path]:
    """The images in a folder of labels, sorted."""
    return list(files_below(folder, SUFFIXES).files)


def _meet(left: Names, right: Names) -> tuple[dict[str, str], list[str]]:
    """Image's name -> label's name, and what was taken off where they differ."""
    met = {key: key for key in left.keys() & right.keys()}
    notes = []
    for note, pairs in _ways(left, right, met):
        if pairs:
            met |= pairs
            notes.append(f"{len(pairs)} labels were matched {note}")
    return met, notes


def _ways(left: Names, right: Names, met: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Further ways to match what is left, one after the other; the caller adds to ``met`` between them."""
    small = {key.casefold(): key for key in left.keys() - met.keys()}
    lonely = right.keys() - met.keys()
    yield "without regard to case", {small[key.casefold()]: key for key in lonely if key.casefold() in small}
    free, lonely = left.keys() - met.keys(), right.keys() - set(met.values())
    if free and lonely:
        yield max(_bare(free, lonely), key=lambda way: len(way[1]))


def _bare(images: Iterable[str], labels: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """What meets once each of the endings and beginnings that people add is taken off."""
    bare = {base: key for start in reversed(IMAGE_STARTS) for key in images if (base := _without_start(key, start))}
    bare |= {base: key for end in reversed(IMAGE_ENDS) for key in images if (base := _without_end(key, end))}
    ordered = sorted(labels)
    for ways, without in ((("", *LABEL_ENDS), _without_end), (LABEL_STARTS, _without_start)):
        for affix in ways:
            met = {bare[base]: key for key in ordered if (base := without(key, affix)) in bare}
            yield f"without {affix or 'what is added to the names of images'}", met


def _without_end(key: str, end: str) -> str | None:
    return key.removesuffix(key[len(key) - len(end) :]) if key.lower().endswith(end.lower()) else None


def _without_start(key: str, start: str) -> str | None:
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{name[len(start) :]}" if name.lower().startswith(start) else None


def _by_name(root: Path, suffixes: Iterable[str], ending: str = "") -> tuple[Names, tuple[Skipped, ...]]:
    tree = files_below(root, suffixes)
    found: Names = {}
    for path in tree.files:
        stem = unicodedata.normalize("NFC", path.relative_to(root).with_suffix("").as_posix())
        if not stem.endswith(ending):
            continue
        key = stem[: len(stem) - len(ending)]
        if key in found:
            raise HRSError(f"{found[key]} and {path} have the same name; keep one of them")
        found[key] = path
    return found, tree.aside
