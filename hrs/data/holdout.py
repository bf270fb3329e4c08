"""What a run validates on where nobody named it: another split of the target, or a share of its labelled images."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hrs.data.formats.table import FORMATS
from hrs.data.layouts import Dataset
from hrs.data.spec import DatasetSpec
from hrs.data.splits import VAL, pick
from hrs.errors import HRSError

SHARE = 0.2
"""Of a target's labelled images that are held out to validate on."""
_FEWEST_GROUPS = 3


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


def hold_out(dataset: Dataset, *, seed: int, share: float = SHARE) -> tuple[Dataset, Dataset, HeldOut]:
    """Training images, held-out images and what they are; the same for the same seed.

    Whole folders, sequences or drives are held out where names tell, since neighbouring video frames are not
    independent; else the last images in the order of their names, so that only one of them has a neighbour on the other
    side. At most half of the images are held out. Raises HRSError for fewer than two images.
    """
    if len(dataset) < 2:
        raise HRSError(
            f"target {dataset.spec} has {len(dataset)} labelled image and no validation split; name one with data.val"
        )
    ids = [frame.id for frame in dataset.frames]
    wanted = max(1, round(share * len(ids)))
    kind, groups = _grouped(ids)
    if groups:
        chosen = _take_groups(groups, wanted, len(ids) // 2, seed)
        how = f"{len(chosen)} of {len(groups)} {kind} ({', '.join(chosen[:4])}{', …' if len(chosen) > 4 else ''})"
        held = {i for name in chosen for i in groups[name]}
    else:
        held = set(range(len(ids) - wanted, len(ids)))
        how = "the last by name, since names tell no sequences"
    train = dataset.take(i for i in range(len(ids)) if i not in held)
    val = dataset.take(sorted(held))
    words = f"{len(val)} of {len(ids)} labelled images are held out to validate on: {how}"
    return train, val, HeldOut(ids=tuple(frame.id for frame in val.frames), how=words)


def _take_groups(groups: dict[str, list[int]], wanted: int, most: int, seed: int) -> list[str]:
    """Groups at random until there are enough images; one that would make it more than half is passed over."""
    names = sorted(groups)
    order = [names[i] for i in np.random.default_rng((seed, len(names))).permutation(len(names))]
    chosen: list[str] = []
    count = 0
    for name in order:
        if count < wanted and count + len(groups[name]) <= most:
            chosen.append(name)
            count += len(groups[name])
    return sorted(chosen or [min(order, key=lambda name: len(groups[name]))])


def _grouped(ids: Sequence[str]) -> tuple[str, dict[str, list[int]]]:
    """What the names tell: folders, else the beginning of the name; nothing where there are too few or too many."""
    ways: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("folders", lambda each: each.rpartition("/")[0]),
        ("sequences", lambda each: re.split(r"[_\-. ]", each.rpartition("/")[2])[0]),
        ("sequences", lambda each: re.sub(r"[_\-. ]?\d+$", "", each)),
    )
    for kind, key in ways:
        groups: dict[str, list[int]] = {}
        for i, each in enumerate(ids):
            groups.setdefault(key(each), []).append(i)
        if _FEWEST_GROUPS <= len(groups) <= len(ids) // 2 or (kind == "folders" and 2 <= len(groups) <= len(ids) // 2):
            return kind, groups
    return "", {}
