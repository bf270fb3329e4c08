"""COCO (Lin et al., ECCV 2014) and what is exported as it: one JSON of polygons and run lengths for many images.

annotations/instances_SPLIT.json with the images in any folder, Roboflow's SPLIT/_annotations.coco.json, Label Studio's
result.json. Small objects lie over large ones. Coordinates lie between pixels, as pycocotools takes them. Pixels
outside of all objects are background.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from hrs.data.classlist import is_id, listed
from hrs.data.encoding import Raw
from hrs.data.extents import Extents, Outlined
from hrs.data.frames import Found, Frame
from hrs.data.outlines import (
    NOTES,
    Shape,
    are_corners,
    drawn,
    empty_notes,
    encoding_of,
    json_of,
    name_notes,
    points,
    raw_ids,
    size_in,
    small_over_large,
)
from hrs.data.spec import DatasetSpec, holds, unread_in_words
from hrs.data.splits import TRAIN, pick, role_of
from hrs.errors import HRSError
from hrs.system.photographs import SUFFIXES, Size
from hrs.system.tree import Skipped, files_below

_PLACES = ("annotations/*.json", "*/_annotations.coco.json", "_annotations.coco.json", "result.json", "*.json")
_OTHERS = ("captions", "person_keypoints", "panoptic", "stuff", "image_info")
Annotation = Mapping[str, Any]
_ABSENT, _ELSEWHERE = "not there", "only files of that name that seem to be others are there"
T = TypeVar("T")
_Fit = tuple[int, bool, bool]


def read(spec: DatasetSpec) -> Found:
    path = _chosen(spec)
    if not _lists_objects(path) and (unread := unread_in_words(spec.root)):
        raise HRSError(f"data set {spec}: it {unread}")
    stored = json_of(path, "images", "annotations", "categories")
    images = _entries(stored, path, "images", "id", "file_name")
    annotations = _entries(stored, path, "annotations", "image_id", "category_id")
    if not annotations:
        raise HRSError(f"{path} has no objects: its annotations are empty; export it with them")
    categories = _entries(stored, path, "categories", "id", "name")
    names = _by_id(path, "categories", dict.fromkeys((_id(each["id"]), str(each["name"] or "")) for each in categories))
    named = _by_id(path, "images", [(_id(image["id"]), _named(image)) for image in images])
    of_image = _frame_ids(named)
    frames, missing = _frames(spec, path, {of_image[image]: name for image, name in named.items()})
    objects: dict[str, list[Annotation]] = {}
    for each in annotations:
        objects.setdefault(of_image.get(_id(each["image_id"]), ""), []).append(each)
    if objects.keys() == {""}:
        ids = f"{listed([annotations[0]['image_id']])} among {listed(list(of_image)[:3])}"
        raise HRSError(f"{path}: its objects are of no image that it names (there is no {ids}); export it anew")
    if lost := objects.pop("", None):
        missing = (*missing, Skipped(path=path, reason=f"has {len(lost)} objects of images that it does not name"))
    sizes = {of_image[_id(image["id"])]: size_in(image) for image in images}
    raws = raw_ids(names)
    numbers = {int(each): raw for each, raw in raws.items() if is_id(each)}
    encoding = encoding_of(names.values(), partial(_draw, raws, objects, sizes), spec, numbers)
    of_frames = [(objects.get(frame.id, ()), sizes[frame.id]) for frame in frames]
    extents = Extents(objects=[*_outlined(of_frames, names, path)], between=True)
    extents.refuse_shares(spec)
    empty = empty_notes(sum(frame.id not in objects for frame in frames), len(frames))
    return Found(
        frames=frames,
        missing=missing,
        encoding=encoding,
        layout=f"{path.name} and its images",
        notes=(*NOTES, *name_notes(names.values()), *empty, *extents.notes()),
        doubts=tuple(extents.doubts()),
    )


def _outlined(
    of_frames: Iterable[tuple[Sequence[Annotation], Size | None]], names: Mapping[str, str], path: Path
) -> Iterator[Outlined]:
    """Objects of frames whose pictures have these sizes, but for what cannot be read, which is said where it is
    drawn."""
    for here, size in of_frames:
        for each in here:
            name, outline = names.get(_id(each["category_id"])), each.get("segmentation")
            if name is None or not outline:
                continue
            with suppress(HRSError):
                parts = None if isinstance(outline, Mapping) else [points(part, path) for part in _parts(outline)]
                called = f"{each.get('id', 'one')} of the class {name}"
                yield Outlined(name=name, called=called, parts=parts, size=size)


def _id(stored: Any) -> str:
    """An id as it is compared: tools write 7, 7.0 and "7" for the same."""
    return str(int(stored) if isinstance(stored, float) and stored.is_integer() else stored)


def _entries(stored: Mapping[str, Any], path: Path, key: str, *needed: str) -> list[Annotation]:
    """The entries of one kind. Raises HRSError where they are no list of tables with what is needed."""
    found = stored[key]
    if not isinstance(found, list):
        raise HRSError(f"{path}: {key} is no list; export it anew")
    for i, each in enumerate(found):
        lacks = [name for name in needed if not isinstance(each, Mapping) or name not in each]
        if lacks:
            raise HRSError(f"{path}: entry {i} of {key} lacks {', '.join(lacks)}; export it anew")
    return found


def _by_id(path: Path, key: str, pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Id -> what has it. Raises HRSError where an id is given twice, so that its objects may belong to either."""
    found: dict[str, T] = {}
    for each, value in pairs:
        if each in found:
            raise HRSError(
                f"{path}: two entries of {key} have the id {listed([each])} ({listed((found[each], value))}); ids must "
                "differ: merge exports with a tool that gives new ones, or export anew"
            )
        found[each] = value
    return found


def splits(spec: DatasetSpec) -> list[str]:
    return list(dict.fromkeys(name for path in _lists(spec.root) if (name := _split_of(path, spec.root))))


def _chosen(spec: DatasetSpec) -> Path:
    lists, names = _lists(spec.root), splits(spec)
    if not lists and (others := _of_others(spec.root)):
        raise HRSError(
            f"data set {spec}: {listed(others)} is not read: of COCO's lists the outlines of objects are, which "
            "instances_SPLIT.json has; put that into annotations/"
        )
    if not lists:
        raise HRSError(f"data set {spec}: no JSON such as annotations/instances_train.json; {holds(spec.root)}")
    if "split" not in spec.options and (not names or (pick(names, TRAIN) is None and len(lists) == 1)):
        return _only(lists, spec)
    split = spec.split_of(names)
    return _only([path for path in lists if _split_of(path, spec.root) == split], spec, f" of the split {split}")


def _only(lists: Sequence[Path], spec: DatasetSpec, of: str = "") -> Path:
    """The one of these that lists objects. Raises HRSError where several do."""
    found = [path for path in lists if _lists_objects(path)] if len(lists) > 1 else lists
    if len(found) > 1:
        names = ", ".join(path.relative_to(spec.root).as_posix() for path in found)
        raise HRSError(f"data set {spec}: {len(found)} lists{of}: {names}; merge them, or leave one in its place")
    return (found or lists)[0]


def _lists_objects(path: Path) -> bool:
    text = path.read_bytes()
    return b'"annotations"' in text and b'"images"' in text


def _lists(root: Path) -> list[Path]:
    """The JSON files of objects: those of the first place that has any."""
    for place in _PLACES:
        found = [path for path in sorted(root.glob(place)) if not path.name.startswith(_OTHERS)]
        if found:
            return found
    return []


def _of_others(root: Path) -> list[str]:
    """The names of lists that are of no outlines of objects, such as panoptic_train2017.json."""
    return sorted({path.name for place in _PLACES for path in root.glob(place) if path.name.startswith(_OTHERS)})


def _split_of(path: Path, root: Path) -> str | None:
    """The folder that the list lies in, else the word in its name that is one: instances_val2017.json is val."""
    folder = path.parent.name if path.parent not in (root, root / "annotations") else ""
    words = [folder, *re.split(r"[_\-.\d]+", path.stem)]
    return next((word for word in words if word and role_of(word)), None)


def _frames(spec: DatasetSpec, path: Path, images: Mapping[str, Path]) -> tuple[tuple[Frame, ...], tuple[Skipped, ...]]:
    tree = files_below(spec.root, SUFFIXES)
    ends = _ends(tree.files, max((len(named.parts) for named in images.values()), default=1))
    alike = {
        key: named if (named.name,) in ends else named.with_name(unquote(named.name)) for key, named in images.items()
    }
    nearest = cache(partial(_nearest, ends, path=path, root=spec.root))
    claims: dict[Path, list[tuple[_Fit, str]]] = {}
    for frame_id, named in alike.items():
        tried = (nearest(named.parts[first:]) for first in range(len(named.parts)))
        if found := next(filter(None, tried), None):
            claims.setdefault(found[1], []).append((found[0], frame_id))
    taken = {best: image for image, entries in claims.items() if (best := _best(entries)) is not None}
    frames = [Frame(id=frame_id, image=image, label=path) for frame_id, image in taken.items()]
    missing = [
        Skipped(
            path=named,
            reason=f"is named in the list of objects, but {_ELSEWHERE if (alike[frame_id].name,) in ends else _ABSENT}",
        )
        for frame_id, named in images.items()
        if frame_id not in taken
    ]
    aside = [item for item in tree.aside if item.path.suffix.lower() != ".json"]
    used = {frame.image for frame in frames}
    split = _split_of(path, spec.root)
    lonely = [file for file in tree.files if file not in used] if split is None else []
    missing += [Skipped(path=file, reason="is not named in the list of objects") for file in lonely]
    return tuple(sorted(frames, key=lambda frame: frame.id)), (*missing, *aside)


def _ends(files: Iterable[Path], longest: int) -> dict[tuple[str, ...], list[Path]]:
    """The files whose path ends in a name and up to so many folders before it."""
    found: dict[tuple[str, ...], list[Path]] = {}
    for file in files:
        parts = tuple(unicodedata.normalize("NFC", file.as_posix()).split("/"))
        for count in range(1, min(longest, len(parts)) + 1):
            found.setdefault(parts[-count:], []).append(file)
    return found


def _nearest(
    ends: Mapping[tuple[str, ...], Sequence[Path]], end: tuple[str, ...], *, path: Path, root: Path
) -> tuple[_Fit, Path] | None:
    """Of files whose path ends so the one that is beside the list, or in a folder of its split.

    Files in the folders of other splits are none of them, unless the list names these folders itself.
    """
    split = re.sub(r"\d+$", "", _split_of(path, root) or "")
    same, fits = len(end) - 1, []
    for file in ends.get(end, ()):
        folders = [re.sub(r"\d+$", "", part) for part in file.relative_to(root).parts[:-1]]
        roles = {role_of(part) for part in folders[: max(len(folders) - same, 0)]} - {None}
        if not split or roles <= {role_of(split)}:
            fits.append(((same, file.parent == path.parent, split in folders), file))
    return max(fits, key=lambda each: each[0], default=None)


def _best(entries: Sequence[tuple[_Fit, str]]) -> str | None:
    """Of images that are named the one that a file is; None where it may as well be another of them."""
    top = max(fit for fit, _ in entries)
    best = [frame_id for fit, frame_id in entries if fit == top]
    return best[0] if len(best) == 1 else None


def _named(image: Annotation) -> Path:
    """An image's path as the list has it, from whatever system; Label Studio's may follow a ?d=."""
    text = str(image["file_name"]).replace("\\", "/").rpartition("?d=")[2]
    return Path(unicodedata.normalize("NFC", text))


def _frame_ids(named: Mapping[str, Path]) -> dict[str, str]:
    """Paths without suffix, with it where two would be alike."""
    stems = Counter(path.with_suffix("") for path in set(named.values()))
    return {
        key: (path if stems[path.with_suffix("")] > 1 else path.with_suffix("")).as_posix()
        for key, path in named.items()
    }


def _draw(
    ids: Mapping[str, int], objects: Mapping[str, Sequence[Annotation]], sizes: Mapping[str, Size | None], frame: Frame
) -> Raw:
    path = frame.label or Path()
    here = objects.get(frame.id, ())
    return drawn(
        frame,
        sizes[frame.id] or next((size for each in here if (size := _size_of_runs(each))), None),
        lambda size: small_over_large(_shape(ids, each, size, path) for each in here),
    )


def _parts(outline: Any) -> Sequence[Any]:
    """The lists of corners of one outline or of several."""
    several = isinstance(outline, list) and isinstance(outline[0], list) and not are_corners(outline)
    return outline if several else [outline]


def _shape(ids: Mapping[str, int], each: Annotation, size: Size, path: Path) -> Shape:
    """An object; where it has several outlines, it is all that any of them encloses."""
    raw, outline = ids.get(_id(each["category_id"])), each.get("segmentation")
    if raw is None:
        raise HRSError(f"{path} has an object of the category {each['category_id']}, which it does not name")
    if not outline:
        number = each.get("id", "")
        raise HRSError(f"{path}: the object {number} has a box and no outline; export segmentation, not detection")
    if isinstance(outline, Mapping):
        return Shape(raw=raw, mask=_mask(outline, size, path))
    return Shape(raw=raw, parts=[points(part, path) for part in _parts(outline)], between=True)


def _mask(outline: Mapping[str, Any], size: Size, path: Path) -> NDArray[np.uint8]:
    """Run lengths as a mask (h w), column by column. Decoded here, since pycocotools warns under NumPy 2.4."""
    width, height = size
    runs, said = _runs(outline, path), outline.get("size")
    if said is not None and said != [height, width]:
        raise HRSError(
            f"{path} has run lengths of the size {listed([said])}, the image has {width}x{height}; expected "
            f"[{height}, {width}], height before width: export it anew"
        )
    if sum(runs) != width * height:
        raise HRSError(f"{path} has run lengths for {sum(runs)} pixels, the image has {width}x{height}; export it anew")
    return np.repeat(np.arange(len(runs), dtype=np.uint8) % 2, runs).reshape(width, height).T


def _size_of_runs(each: Annotation) -> Size | None:
    """(width, height) of the picture that an object's run lengths were made on; None where nothing says it."""
    outline = each.get("segmentation")
    said = outline.get("size") if isinstance(outline, Mapping) else None
    fits = isinstance(said, list) and len(said) == 2 and all(isinstance(side, int) for side in said)
    return (said[1], said[0]) if said and fits else None


def _runs(outline: Mapping[str, Any], path: Path) -> Sequence[int]:
    """How many pixels in turn are none and are of an object. Raises HRSError where nothing says it."""
    try:
        counts = outline["counts"]
        runs = [int(each) for each in counts] if isinstance(counts, list) else _lengths(str(counts))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise HRSError(f"{path} has run lengths that cannot be read ({error}); export it anew") from error
    if min(runs, default=0) < 0:
        raise HRSError(f"{path} has run lengths that cannot be read (one is below 0); export it anew")
    return runs


def _lengths(text: str) -> list[int]:
    """COCO's compressed run lengths: five bits a character, from the third on as differences to the last but one."""
    runs: list[int] = []
    at = 0
    while at < len(text):
        value, shift, code = 0, 0, 0x20
        while code & 0x20:
            code = ord(text[at]) - 48
            value |= (code & 0x1F) << shift
            shift += 5
            at += 1
        if code & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs
