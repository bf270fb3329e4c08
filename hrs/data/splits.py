"""Splits by whatever name they have on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

TRAIN, VAL, TEST = "train", "val", "test"
_NAMES = {
    TRAIN: ("train", "training", "trn", "train_set", "trainset"),
    VAL: ("val", "valid", "validation", "validate", "dev", "val_set", "valset", "eval"),
    TEST: ("test", "testing", "tst", "test_set", "testset"),
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names}


def role_of(name: str) -> str | None:
    """train, val or test for what a split is called; None for other names."""
    return _ROLES.get(name.lower())


def pick(names: Iterable[str], wanted: str) -> str | None:
    """The split of that very name, else the one of that role; None where there is none."""
    known = list(names)
    if wanted in known:
        return wanted
    role = role_of(wanted)
    return next((name for name in known if role is not None and role_of(name) == role), None)


def splits_among(names: Sequence[str]) -> list[str]:
    """The folders that are splits: all of them where one is called like one, else none, as with rooms or cities."""
    return list(names) if any(role_of(name) for name in names) else []
