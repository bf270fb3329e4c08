"""Which real images a run saw, as its data.json has it: two runs compare where these agree, whatever their settings."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.system.documents import read_json


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The real images of a run.

    photos: labelled images of the target, drawn or not, but for those that it is scored on; None where no record says.
    scored: labelled images that it is scored on; None where no record says.
    digest: of the images that it learned from and was scored on, and of what their classes were taken for; empty where
        no record says.
    ruler: the same of the images that it was scored on alone, and of their data set: only scores on one ruler compare.
    validation: name of the data set that it was scored on, split included; empty where no record says.
    target: ids of those that it learned from.
    target_classes: the classes, by name, that those hold; None where no record says.
    scored_on: ids of those that it is scored on.
    held_out: what of the target is validated on, in words; None where that is a data set or split of its own.
    sources: frames of each synthetic data set; none where no record says.
    real_classes, source_classes: of each real and each synthetic data set what each of its classes, in the order of its
        labels, was taken for; none where no record says.
    """

    photos: int | None = None
    scored: int | None = None
    digest: str = ""
    ruler: str = ""
    validation: str = ""
    target: tuple[str, ...] = ()
    target_classes: tuple[str, ...] | None = None
    scored_on: tuple[str, ...] = ()
    held_out: str | None = None
    sources: tuple[int, ...] = ()
    real_classes: tuple[dict[str, str | None], ...] = ()
    source_classes: tuple[dict[str, str | None], ...] = ()


NOTHING = Seen()


def read_seen(run: RunFolder) -> Seen:
    """What a run saw; nothing where it stopped before it opened its data, or its record is damaged."""
    try:
        return _seen(read_json(run.data))
    except (OSError, HRSError, KeyError, TypeError, AttributeError):
        return NOTHING


def _seen(found: dict[str, Any]) -> Seen:
    learned, scored, sources = (
        [each for each in found["data_sets"] if each["role"] == role] for role in ("target", "validation", "source")
    )
    name = ", ".join(str(each.get("spec", "")) for each in scored)
    return Seen(
        photos=sum(int(each["frames"]) for each in learned),
        scored=sum(int(each["frames"]) for each in scored),
        digest=_digest([found["target"], found["validation"], [each["classes"] for each in (*learned, *scored)]]),
        ruler=_digest([name, found["validation"], [each["classes"] for each in scored]]),
        validation=name,
        target=tuple(found["target"]),
        target_classes=None if (held := found.get("target_classes")) is None else tuple(map(str, held)),
        scored_on=tuple(found["validation"]),
        held_out=found["held_out"],
        sources=tuple(int(each["frames"]) for each in sources),
        real_classes=tuple(each["classes"] for each in (*learned, *scored)),
        source_classes=tuple(each["classes"] for each in sources),
    )


def _digest(images: list[Any]) -> str:
    return hashlib.sha256(json.dumps(images, sort_keys=True).encode()).hexdigest()


def alike(one: str, other: str) -> bool:
    """Whether two digests are of the same images, as far as records say."""
    return not one or not other or one == other
