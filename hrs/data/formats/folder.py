"""One's own classes: images/NAME, labels/NAME.png (8 or 16 bit), classes.yaml, and perhaps planted/NAME.png.

The two folders may be called otherwise, as image and masks, in any case. Splits are folders: images/SPLIT and
labels/SPLIT, or SPLIT/images and SPLIT/labels; or lists of names, SPLIT.txt. Folders that are not called like splits,
such as rooms or cities, are all read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hrs.data.classfile import EXPECTED, READERS, find_class_list
from hrs.data.classlist import ClassList, as_colour, check_several
from hrs.data.encoding import UNLISTED_VOID, Encoding, by_name, colour_id, fitting, palette_of, raw_id, spread
from hrs.data.frames import Found, in_no_split, label_files, pair, refuse_brush_masks
from hrs.data.lists import pick_listed, read_list
from hrs.data.spec import DatasetSpec, holds, unread_in_words
from hrs.data.splits import TRAIN, role_of, splits_among
from hrs.errors import HRSError
from hrs.labels import Colour, LabelSpace
from hrs.system.photographs import SUFFIXES
from hrs.system.tree import Skipped, files_below, folders_in


def read(spec: DatasetSpec) -> Found:
    root = spec.root
    names = splits(spec)
    if not names and "split" in spec.options:
        names = _folders(root / _called(root, IMAGES))
        if spec.split not in names:
            raise HRSError(f"data set {spec}: {_called(root, IMAGES)}/ has no splits; leave split out")
    split = spec.split_of(names) if names else None
    found = read_layout(spec, *places(spec, split), planted=_planted(root, split), only=listed(root, split))
    return replace(found, missing=(*found.missing, *beside_splits(root, split)))


def beside_splits(root: Path, split: str | None) -> tuple[Skipped, ...]:
    """The images that lie beside the folders of splits, and text that is called like a split and lists no image."""
    called = [] if _of_folders(root) else [path for path in _texts(root) if role_of(path.stem)]
    stray = sorted({*called}.difference(_lists(root))) if called else []
    left = (Skipped(path=path, reason="names no image: no list of a split") for path in stray)
    return (*in_no_split(root / _called(root, IMAGES), split), *left)


def splits(spec: DatasetSpec) -> list[str]:
    return _of_folders(spec.root) or splits_among([path.stem for path in _lists(spec.root)])


def _of_folders(root: Path) -> list[str]:
    inner = splits_among(_folders(root / _called(root, IMAGES)))
    return inner or [name for name in splits_among(folders_in(root)) if _has(root / name, IMAGES)]


def read_layout(
    spec: DatasetSpec, images: Path, labels: Path, *, planted: Path | None = None, only: Sequence[str] | None = None
) -> Found:
    """Images and labels in two folders, with a list of classes in the root: by ids or by colours, as they fit."""
    _check_kinds(spec, labels)
    classes = find_class_list(spec.root, labels, labels.parent)
    encodings = encodings_of(classes, spec.root.name) if classes else _from_map(spec)
    if not encodings:
        raise HRSError(_no_list(spec, labels))
    return encoded(pair(images, labels, encoding=encodings[0], planted=planted, only=only), encodings, classes)


def _check_kinds(spec: DatasetSpec, labels: Path) -> None:
    """Raises HRSError where a folder of labels holds no image but what other formats read, or masks without a photo."""
    tree = files_below(labels, SUFFIXES)
    refuse_brush_masks(spec, labels, tree.files)
    kinds = {item.path.suffix.lower() for item in tree.aside} & _HINTS.keys()
    if not tree.files and kinds:
        kind = sorted(kinds)[0]
        what = unread_in_words(spec.root) or f"has no images but {kind} files, {_HINTS[kind]}"
        raise HRSError(f"data set {spec}: {labels} {what}")


_HINTS = {
    ".json": "outlines of LabelMe or COCO: name it labelme:FOLDER or coco:FOLDER",
    ".npy": "arrays of NumPy: save them as PNG",
    ".txt": "outlines as YOLO has them: name it yolo:FOLDER",
    ".xml": "boxes as Pascal VOC has them for detection, which say nothing of pixels: export masks or polygons",
}


def encoded(found: Found, encodings: list[Encoding], classes: ClassList | None) -> Found:
    """The frames with that of the encodings that fits their labels."""
    paths, notes = [frame.label for frame in found.frames if frame.label], classes.notes if classes else ()
    left = _by_palettes(encodings, spread(paths), classes.palette) if classes and classes.palette else encodings
    encoding = fitting(left, paths) if paths else left[0]
    if classes and encoding.channel == "colour":
        notes = (*notes, *classes.colour_notes, *_either_way(encodings, paths, classes))
    return replace(found, encoding=encoding, notes=(*found.notes, *notes))


def _either_way(encodings: Sequence[Encoding], paths: Sequence[Path], classes: ClassList) -> Iterator[str]:
    """What is said where labels are read by their palettes' colours, and their ids, which are others, are known too."""
    by_id = next((each for each in encodings if each.channel == "index"), None)
    if by_id and any(_is_moved(by_id, path, classes.palette) and _knows_all(by_id, path) for path in spread(paths)):
        yield (
            "labels are read by their palettes' colours, which stand at other ids than the list has them; if ids are "
            f"meant, take the colours out of {classes.path.name}"
        )


def _by_palettes(encodings: list[Encoding], paths: Sequence[Path], palette: Mapping[int, Colour]) -> list[Encoding]:
    """The encodings in the order in which labels' own palettes speak for them; one alone where that is sure.

    Raises HRSError where some labels can only be read by their palette's colours, and others only by ids.
    """
    by_kind = {each.channel: each for each in encodings}
    by_id, by_colour = by_kind.get("index"), by_kind.get("colour")
    if by_id is None or by_colour is None:
        return encodings
    if paths and all(_agrees(palette_of(path), palette) for path in paths):
        return [by_id]
    moved = [path for path in paths if _is_moved(by_id, path, palette)]
    if not moved:
        return encodings
    sure = [path for path in moved if _knows_most(by_colour, path)]
    if not sure:
        return [by_colour, by_id]
    plain = [path for path in paths if not set(palette.values()) & set(palette_of(path).values())]
    others = [path for path in plain if not _knows_all(by_colour, path) and _knows_all(by_id, path)]
    if others:
        raise HRSError(
            f"labels are of two kinds: {sure[0]} has the listed colours at indices that are no ids, {others[0]} has "
            "ids; expected one kind: save all as ids, or all in the listed colours"
        )
    return [by_colour]


def _is_moved(by_id: Encoding, path: Path, palette: Mapping[int, Colour]) -> bool:
    """Whether an index in use has the colour that is listed for another id, as where a tool made the palette anew."""
    stored, wanted = palette_of(path), set(palette.values())
    if not wanted & set(stored.values()) or _agrees(stored, palette):
        return False
    used = {raw: stored.get(raw) for raw in _held(by_id, path)}
    return any(colour in wanted and colour != palette.get(raw) for raw, colour in used.items())


def _agrees(stored: Mapping[int, Colour], palette: Mapping[int, Colour]) -> bool:
    """Whether an image's palette has every listed colour at its id."""
    return all(stored.get(raw) == colour for raw, colour in palette.items())


def _knows_all(encoding: Encoding, path: Path) -> bool:
    """Whether each raw id in a label is a class or ignored."""
    held = _held(encoding, path)
    return bool(held) and held.keys() <= encoding.ids.keys() | encoding.void


def _knows_most(encoding: Encoding, path: Path) -> bool:
    """Whether most raw ids in a label, and of most of its pixels, are a class or ignored: what a tool painted beside
    the classes, such as black for no label, need not be listed, and a few colours may be another list's by chance."""
    held = _held(encoding, path)
    known = held.keys() & (encoding.ids.keys() | encoding.void)
    return 2 * len(known) > len(held) and 2 * sum(held[raw] for raw in known) > sum(held.values())


def _held(encoding: Encoding, path: Path) -> dict[int, int]:
    """The raw ids in a label, and how many pixels each has; none where it cannot be read in this way."""
    try:
        ids, pixels = np.unique(encoding.raw_file(path), return_counts=True)
    except HRSError:
        return {}
    return dict(zip(ids.tolist(), pixels.tolist(), strict=True))


def encodings_of(classes: ClassList, name: str) -> list[Encoding]:
    """How labels with these classes may be written: by id, and by colour where the list has colours.

    Raises HRSError for a list of one class.
    """
    check_several(classes)
    ids = by_name(dict(sorted(classes.names.items())), channel="index", void=_void(classes), name=name or "own")
    space = LabelSpace(
        name=ids.space.name, classes=ids.space.classes, palette=_palette(ids.space, classes.names, classes.palette)
    )
    by_id = Encoding(
        space=space,
        channel="index",
        ids=ids.ids,
        void=ids.void - ids.ids.keys(),
        unlisted=UNLISTED_VOID - ids.ids.keys() - set(map(raw_id, classes.ignored)),
    )
    firsts = {colour_id(colour): raws[0] for colour, raws in classes.of_colours.items()}
    coloured = {colour: ids.ids[raw] for colour, raw in firsts.items() if raw in classes.names}
    if not coloured:
        return [by_id]
    void = frozenset(map(colour_id, (*classes.ignored_colours, _BORDER))) | firsts.keys()
    by_colour = Encoding(space=space, channel="colour", ids=coloured, void=void - coloured.keys())
    return [by_colour, by_id] if classes.ordered else [by_id, by_colour]


_BORDER: Colour = (224, 224, 192)
"""Pascal VOC draws in it, around objects, what is ignored; its id is 255."""


def _void(classes: ClassList) -> frozenset[int]:
    return UNLISTED_VOID.union(map(raw_id, classes.ignored))


def _from_map(spec: DatasetSpec) -> list[Encoding]:
    """Where there is no list of classes, a class map by ids or colours says which there are."""
    keys = [part.strip() for key in (spec.given.entries if spec.given else ()) for part in _parts(key)]
    colours = {colour_id(colour): key for key in keys if (colour := as_colour(key))}
    ids = {int(key): f"id {key}" for key in keys if key.isdecimal()}
    both = ((ids, "index"), (colours, "colour"))
    made = [
        by_name(names, channel="index" if channel == "index" else "colour", void=UNLISTED_VOID, name=spec.root.name)
        for names, channel in both
        if len(names) > 1
    ]
    return [replace(each, unlisted=UNLISTED_VOID - each.ids.keys()) for each in made]


def _parts(key: str) -> list[str]:
    return [key] if as_colour(key) else key.split(",")


def _no_list(spec: DatasetSpec, labels: Path) -> str:
    """What to write, with what the first label holds."""
    message = (
        f"data set {spec}: {spec.root / 'classes.yaml'} does not exist; {EXPECTED}, "
        f"so that ids have names (or {', '.join(list(READERS)[1:])}); {holds(spec.root)}"
    )
    first = next(iter(label_files(labels)), None)
    if first is None:
        return message
    plain = Encoding(space=_TWO, channel="index", ids={0: 0}, void=frozenset())
    try:
        raw = plain.raw_file(first)
    except HRSError as error:
        return f"{message}; {error}"
    found = np.unique(raw)[:12].tolist()
    return f"{message}; {first.name} holds the ids {', '.join(map(str, found))}"


_TWO = LabelSpace(name="any", classes=("a", "b"), palette=((0, 0, 0), (1, 1, 1)))


def places(spec: DatasetSpec, split: str | None, kinds: Iterable[str] = SUFFIXES) -> tuple[Path, Path]:
    """The folders of images and of labels, of a split or of all; of several of labels the first with such files."""
    root = spec.root
    images, labels = _called(root, IMAGES), _called(root, LABELS, kinds)
    if split and (root / images / split).is_dir():
        return spec.folders(f"{images}/{split}", f"{labels}/{split}")
    if split and _has(root / split, IMAGES):
        inner = root / split
        return spec.folders(f"{split}/{_called(inner, IMAGES)}", f"{split}/{_called(inner, LABELS, kinds)}")
    return spec.folders(images, labels)


IMAGES = ("images", "image", "imgs", "img")
LABELS = ("labels", "label", "masks", "mask", "annotations", "annotation", "segmentation", "ground_truth", "gt")
"""What people call the two folders, in any case; the first is what is asked for."""


def _called(root: Path, names: Sequence[str], kinds: Iterable[str] = ()) -> str:
    """What the first of these folders is called in a folder, of several the first with files of some kinds; the first
    name where there is none."""
    there = {name.lower(): name for name in reversed(_folders(root))}
    found = [there[name] for name in names if name in there]
    if len(found) > 1 and kinds:
        found = [name for name in found if files_below(root / name, kinds).files] or found
    return next(iter(found), names[0])


def _has(root: Path, names: Sequence[str]) -> bool:
    return (root / _called(root, names)).is_dir()


def _planted(root: Path, split: str | None) -> Path | None:
    places = [root / "planted" / split, root / split / "planted"] if split else []
    return next((place for place in [*places, root / "planted"] if place.is_dir()), None)


def listed(root: Path, split: str | None) -> tuple[str, ...] | None:
    """The names in SPLIT.txt, where that is what makes the split; None where it is a folder, or all is read."""
    path = root / f"{split}.txt"
    if split is None or (root / _called(root, IMAGES) / split).is_dir() or _has(root / split, IMAGES):
        return None
    return read_list(path) if path.is_file() else None


def _texts(root: Path) -> list[Path]:
    return [path for path in sorted(root.glob("*.txt")) if path.name not in READERS]


def _lists(root: Path) -> list[Path]:
    """The lists of splits: text that names an image. What is called train is one anyway, or what it leaves out would be
    trained on."""
    texts, images = _texts(root), root / _called(root, IMAGES)
    if not any(role_of(path.stem) for path in texts) or not images.is_dir():
        return texts
    files = files_below(images, SUFFIXES).files
    names = {unicodedata.normalize("NFC", file.relative_to(images).with_suffix("").as_posix()) for file in files}
    return [path for path in texts if role_of(path.stem) == TRAIN or _names_one(path, names)]


def _names_one(path: Path, names: set[str]) -> bool:
    try:
        return bool(pick_listed(read_list(path), names)[0])
    except HRSError:  # such as text in another encoding: a list would be refused for it, and this need not be one
        return False


def _folders(place: Path) -> list[str]:
    return folders_in(place) if place.is_dir() else []


def _palette(space: LabelSpace, names: Mapping[int, str], given: Mapping[int, Colour]) -> tuple[Colour, ...]:
    """The given colours, and those of the space where none is; ids that are no class may have one, unused."""
    colours = dict(zip(space.classes, space.palette, strict=True))
    colours |= {names[raw]: colour for raw, colour in given.items() if raw in names}
    return tuple(colours[name] for name in space.classes)
