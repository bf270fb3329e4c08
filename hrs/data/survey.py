"""What was found in a data set of a run before its first step: for the log and data.json, and to refuse.

Training, the doctor and the pages judge labels by `hrs.data.plausibility` alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hrs.data.census import Census, classes_of, take_census
from hrs.data.draw import spread_indices
from hrs.data.layouts import Dataset
from hrs.data.plausibility import Finding, judge, refuse
from hrs.data.shown import judge_images, look_at_some
from hrs.labels import Match
from hrs.progress import counted
from hrs.system.tree import Skipped, by_kind, in_words

_SAMPLE = 100  # labels of a synthetic data set that are read before training
_IMAGES = 8  # that are read


@dataclass(frozen=True, kw_only=True)
class Survey:
    """role: source, target or validation. split: as `Dataset.split`. read: labels that were looked at."""

    role: str
    spec: str
    split: str | None
    frames: int
    read: int
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    matches: tuple[Match, ...]
    findings: tuple[Finding, ...]

    def lines(self) -> Iterator[str]:
        """In words: frames, all that is left out, what classes became, warnings."""
        yield f"{self.role} {self.spec}: {counted(self.frames, 'frame')}, left out {in_words(self.skipped)}"
        if self.split:
            yield f"{self.role} {self.spec}: its split {self.split}"
        yield from (f"{self.role} {self.spec}: {note}" for note in self.notes)
        guessed = [f"{each.source} -> {each.target} ({each.how})" for each in self.matches if _is_guess(each)]
        if guessed:
            yield f"{self.role} {self.spec}: classes taken for others: {', '.join(guessed)}"
        lost = [each.source for each in self.matches if each.target is None]
        if lost:
            yield f"{self.role} {self.spec}: classes without a counterpart, ignored: {', '.join(lost)}"
        yield from (f"warning: {self.role} {self.spec}: {each.text}" for each in self.findings)

    def to_dict(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "spec": self.spec,
            "frames": self.frames,
            "labels_read": self.read,
            "left_out": {why: len(items) for why, items in by_kind(self.skipped).items()},
            "notes": list(self.notes),
            "classes": {each.source: each.target for each in self.matches},
            "warnings": [each.text for each in self.findings],
        }


def survey(dataset: Dataset, role: str, census: Census, unreadable: Sequence[Skipped] = ()) -> Survey:
    """Judge the labels of a data set, and a few of its images. Raises HRSError where labels cannot be right."""
    images = look_at_some(dataset, spread_indices(len(dataset), _IMAGES))
    findings = [*judge(dataset, census), *judge_images(images)]
    refuse(dataset, role, findings)
    return Survey(
        role=role,
        spec=str(dataset.spec),
        split=dataset.split,
        frames=len(dataset),
        read=census.labels,
        skipped=(*dataset.skipped, *unreadable),
        notes=dataset.notes,
        matches=dataset.matches,
        findings=tuple(findings),
    )


def survey_source(dataset: Dataset) -> Survey:
    """Judge a synthetic data set by some labels spread over it, and by all of them where none of those has a class."""
    census, _, unreadable = take_census(dataset, spread_indices(len(dataset), _SAMPLE))
    if not classes_of(dataset, census.ids).any():
        census, _, unreadable = take_census(dataset)
    return survey(dataset, "source", census, list(unreadable.values()))


def _is_guess(each: Match) -> bool:
    return each.target is not None and each.how != "name"
