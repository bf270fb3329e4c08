"""Splits by whatever name they have on disk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

TRAIN, VAL, TEST = "train", "val", "test"
_NAMES = {
    TRAIN: ("train", "training", "trn", "train_set", "trainset"),
    VAL: ("val", "valid", "validation", "validate", "dev", "val_set", "valset", "eval"),
    TEST: ("test", "testing", "tst", "test_set", "testset"),
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names}


def role_of(name: str) -> str | None:
    """train, val or test for what a split is called, perhaps with a number behind, as train2017; None for others."""
    return _ROLES.get(re.sub(r"[_-]?\d+$", "", name.lower()))


def pick(names: Iterable[str], wanted: str) -> str | None:
    """The split of that very name, else the first of that role; None where there is none."""
    return next(iter(alike(names, wanted)), None)


def alike(names: Iterable[str], wanted: str) -> list[str]:
    """The split of that very name, else all of that role."""
    known, role = list(names), role_of(wanted)
    return [wanted] if wanted in known else [name for name in known if role is not None and role_of(name) == role]


def splits_among(names: Sequence[str]) -> list[str]:
    """The folders that are splits: all of them where one is called like one, else none, as with rooms or cities."""
    return list(names) if any(role_of(name) for name in names) else []
