"""What a run validates on where nobody named it: another split of the target, or a share of its labelled images."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hrs.data.apart import firsts
from hrs.data.formats.table import FORMATS
from hrs.data.layouts import Dataset
from hrs.data.spec import DatasetSpec
from hrs.data.splits import VAL, pick
from hrs.errors import HRSError
from hrs.settings import DataConfig

SHARE = 0.2
"""Of a target's labelled images that are held out to validate on."""
_FEWEST_GROUPS = 3
_FOLDERS, _NUMBERS = "folders", "numbers"
_STUDIO = re.compile(r"(?:(?<=/)|^)([0-9a-f]{8})-(?=[^/]+$)")
"""What Label Studio puts before the name of a file."""
_ROBOFLOW = re.compile(r"_(?:jpe?g|png|bmp|webp|tiff?)\.rf\.[0-9a-zA-Z]+$")
"""What Roboflow puts behind it, another for each copy that it changed."""
_VIEWS = (
    "cam|camera|left|right|front|rear|back|side|center|centre|middle|top|bottom|view|"
    "aug|augmented|flip|flipped|hflip|vflip|mirrored|rotated|copy"
)
_VIEW = re.compile(
    rf"(?<![^/_\-. ])(?:{_VIEWS})\d{{0,2}}(?:[_\-. ]\d{{1,2}}(?=[/_\-. ]))?(?:[_\-. ]|(?=/|$))",
    re.IGNORECASE,
)
"""A word that says which of several views or copies of an instant an image is, perhaps with a number behind."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """ids: frames that are validated on and never trained on. how: what was held out, in words."""

    ids: tuple[str, ...]
    how: str


def other_split(target: str) -> str | None:
    """The name of the target's own validation split; None where it has none, or is that split itself."""
    spec = DatasetSpec.parse(target)
    names = FORMATS[spec.format].splits(spec)
    found = pick(names, VAL)
    return None if found is None or found == pick(names, spec.split) else str(spec.with_options(split=found))


def to_validate_on(name: str) -> str:
    """The split of a data set that is meant where its name says none: its validation split where it has one."""
    spec = DatasetSpec.parse(name)
    return name if "split" in spec.options else other_split(name) or name


def validated_on(data: DataConfig) -> str | None:
    """The data set, with its split, that a run is validated on; None where images of its target are held out."""
    return to_validate_on(data.val) if data.val else other_split(data.target)


def hold_out(dataset: Dataset, *, seed: int, share: float = SHARE) -> tuple[Dataset, Dataset, HeldOut]:
    """Training images, held-out images and what they are; the same for the same seed.

    Whole folders, sequences or drives are held out where names tell, since neighbouring video frames are not
    independent; else the last images in the order of their names, so that only one of them has a neighbour on the other
    side. Views and copies of one instant stay together, and so does an image that has several names. At most half of
    the images are held out. Raises HRSError for fewer than two images.
    """
    if len(dataset) < 2:
        raise HRSError(
            f"target {dataset.spec} has {len(dataset)} labelled image and no validation split; name one with data.val"
        )
    ids = [frame.id for frame in dataset.frames]
    wanted = max(1, round(share * len(ids)))
    kind, groups = _grouped(_once_each(dataset, _instants(ids)))
    chosen = _take_groups(groups, _order(kind, groups, seed), wanted, len(ids) // 2)
    how = f"{len(chosen)} of {len(groups)} {kind} ({', '.join(chosen[:4])}{', …' if len(chosen) > 4 else ''})"
    if not kind:
        how = "the last by name, since names tell no sequences"
    held = {i for name in chosen for i in groups[name]}
    train = dataset.take(i for i in range(len(ids)) if i not in held)
    val = dataset.take(sorted(held))
    words = f"{len(val)} of {len(ids)} labelled images are held out to validate on: {how}"
    return train, val, HeldOut(ids=tuple(frame.id for frame in val.frames), how=words)


def _order(kind: str, groups: dict[str, list[int]], seed: int) -> list[str]:
    """The order in which groups are held out: at random, but the last first of numbers, of names that differ in
    their last number alone, and where names tell nothing: these are neighbours."""
    if kind not in ("", _FOLDERS) and len({re.sub(r"\d+$", "", name) for name in groups}) == 1:
        return sorted(groups, key=_number, reverse=True)
    names = sorted(groups)
    return (
        [names[i] for i in np.random.default_rng((seed, len(names))).permutation(len(names))] if kind else names[::-1]
    )


def _take_groups(groups: dict[str, list[int]], order: Sequence[str], wanted: int, most: int) -> list[str]:
    """Groups in this order until there are enough images; one that would make it more than half is passed over."""
    chosen: list[str] = []
    count = 0
    for name in order:
        if count < wanted and count + len(groups[name]) <= most:
            chosen.append(name)
            count += len(groups[name])
    return sorted(chosen or [min(order, key=lambda name: len(groups[name]))])


def _grouped(ids: Sequence[str]) -> tuple[str, dict[str, list[int]]]:
    """What the names tell: folders, else the beginning of the name; by name where there are too few or too many."""
    ways: tuple[tuple[str, Callable[[str], str]], ...] = (
        (_FOLDERS, lambda each: each.rpartition("/")[0]),
        ("sequences", lambda each: re.split(r"[_\-. ]", each.rpartition("/")[2])[0]),
        ("sequences", lambda each: re.sub(r"[_\-. ]?\d+$", "", each)),
    )
    most = len(set(ids)) // 2
    for kind, key in ways:
        groups = _by(key, ids)
        if (2 if kind == _FOLDERS else _FEWEST_GROUPS) <= len(groups) <= most:
            return _NUMBERS if kind != _FOLDERS and all(map(str.isdecimal, groups)) else kind, groups
    return "", _by(str, ids)


def _by(key: Callable[[str], str], ids: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for i, each in enumerate(ids):
        groups.setdefault(key(each), []).append(i)
    return groups


def _instants(ids: Sequence[str]) -> list[str]:
    """Names without what tells apart views and copies of one instant: cam_left/0001 and cam_right/0001 are 0001."""
    own = _without_tools(ids)
    bare = ["/".join(filter(None, (part.rstrip("_-. ") for part in _VIEW.sub("", each).split("/")))) for each in own]
    found = [each.rpartition("/")[2] for each in bare] if _are_views(bare) else bare
    return found if len(set(found)) > 1 else list(ids)


def _without_tools(ids: Sequence[str]) -> list[str]:
    """Names without what tools add to each; eight digits alone, such as a date, are none of Label Studio's."""
    bare = [_ROBOFLOW.sub("", each) for each in ids]
    marks = [found[1] for each in bare if (found := _STUDIO.search(each))]
    return [_STUDIO.sub("", each) for each in bare] if not all(map(str.isdecimal, marks)) else bare


def _once_each(dataset: Dataset, names: Sequence[str]) -> Sequence[str]:
    """Names where an image that is there twice, by links or copies, has that of the first."""
    found = [names[i] for i in firsts(dataset)]
    return found if len(set(found)) > 1 else names


def _are_views(names: Sequence[str]) -> bool:
    """Whether most file names are in several folders, and are no numbers that begin anew in each."""
    folders: dict[str, set[str]] = {}
    for folder, _, name in (each.rpartition("/") for each in names):
        folders.setdefault(folder, set()).add(name)
    often = Counter(name for inside in folders.values() for name in inside)
    anew = all(min(map(_number, inside)) <= 1 for inside in folders.values())
    return not anew and 2 * sum(count > 1 for count in often.values()) > len(often)


def _number(name: str) -> int:
    """The last number in a name; a large one where there is none."""
    return int((re.findall(r"\d+", name) or [sys.maxsize])[-1])
