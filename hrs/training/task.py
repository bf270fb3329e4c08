"""The real data of a run: which images it may learn from, and what it is validated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.config import UNDRAWN, RunConfig
from hrs.data.apart import apart
from hrs.data.census import take_census
from hrs.data.classmap import check_named, map_for
from hrs.data.draw import draw_real
from hrs.data.holdout import HeldOut, hold_out, validated_on
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.survey import Survey, survey, survey_source
from hrs.errors import HRSError
from hrs.labels import LabelSpace, label_space
from hrs.progress import Progress, counted
from hrs.runs.seen import NOTHING, Seen
from hrs.system.tree import by_kind, in_words


@dataclass(frozen=True, kw_only=True)
class RealData:
    """The real side in the label space of the run. ``target`` holds the drawn images; no other label is trained on.

    surveys: what was found in the labels, all of which were read once.
    held_out: what of the target is validated on; None where that is a data set or split of its own.
    classes: those that the drawn photos hold.
    unlabelled: the teacher's photos, without labels; None where there is no teacher.
    """

    space: LabelSpace
    target: Dataset
    val: Dataset
    classes: tuple[int, ...]
    unlabelled: Dataset | None = None
    surveys: tuple[Survey, ...] = ()
    held_out: HeldOut | None = None

    def in_words(self, sources: Sequence[Survey] = ()) -> list[str]:
        """What the run reads, leaves out and guesses, for its log."""
        held = [f"target {self.target.spec}: {self.held_out.how}"] if self.held_out else []
        photos = _lines_of(self.unlabelled) if self.unlabelled else []
        return [line for each in (*self.surveys, *sources) for line in each.lines()] + held + photos

    def to_dict(self, sources: Sequence[Survey] = ()) -> dict[str, Any]:
        """The same for data.json, with the names of the images that are trained and validated on."""
        return {
            "data_sets": [each.to_dict() for each in (*self.surveys, *sources)],
            "held_out": self.held_out.how if self.held_out else None,
            "unlabelled": _record_of(self.unlabelled) if self.unlabelled else None,
            "target": [frame.id for frame in self.target.frames],
            "target_classes": [self.space.classes[c] for c in self.classes],
            "validation": [frame.id for frame in self.val.frames],
        }


def _lines_of(photos: Dataset) -> list[str]:
    told = [f"{counted(len(photos), 'photo')}, left out {in_words(photos.skipped)}", *photos.notes]
    return [f"unlabelled {photos.spec}: {line}" for line in told]


def _record_of(photos: Dataset) -> dict[str, Any]:
    left_out = {why: len(items) for why, items in by_kind(photos.skipped).items()}
    return {"spec": str(photos.spec), "photos": len(photos), "left_out": left_out}


def open_real(config: RunConfig, *, seen: Seen = NOTHING, progress: Progress | None = None) -> RealData:
    """Open, draw and map the real images, and read all their labels once.

    Args:
        seen: of a run that goes on, the images that it saw before: it keeps them, whatever was labelled meanwhile.
        progress: called with (done, total) while frames are rendered.

    Raises:
        HRSError: whatever is missing or does not fit; labels that cannot be right.
    """
    data = config.data
    check_named(data.classes, [*data.sources, data.target, *([data.val] if data.val else [])])
    target = open_dataset(data.target, classes=map_for(data.classes, data.target), progress=progress)
    if target.space is None:
        raise HRSError(f"target {data.target} has no labels; name a labelled data set of real images")
    space = label_space(data.space) if data.space else target.space
    target = target.map_to(space)
    val_name, held = validated_on(data), None
    if val_name is None:
        target, val, held = _hold_out(target, seen, seed=config.seed)
    else:
        val = open_dataset(val_name, classes=map_for(data.classes, data.val or val_name), progress=progress).map_to(
            space
        )
        val = _again(val, seen.scored_on)
        target = apart(target, val)
    target, found, presence = _read_all(target, "target")
    val, of_val, _ = _read_all(val, "validation")
    _check_classes((found, of_val), seen.real_classes)
    if seen.target:
        drawn, val = _again(target, seen.target), _again(val, seen.scored_on)
    else:
        left_out = len(val) if held else 0
        drawn = draw_real(target, data.n_real, seed=config.seed, presence=presence, held_out=left_out)
    unlabelled = _open_unlabelled(data.unlabelled, target, drawn, val) if data.unlabelled else None
    return RealData(
        space=space,
        target=drawn,
        val=val,
        classes=_classes_of(drawn, target, presence),
        surveys=(found, of_val),
        held_out=held,
        unlabelled=unlabelled,
    )


def _hold_out(target: Dataset, seen: Seen, *, seed: int) -> tuple[Dataset, Dataset, HeldOut]:
    """As `hold_out`, or what was held out before."""
    if not seen.scored_on:
        return hold_out(target, seed=seed)
    val = _again(target, seen.scored_on)
    return target.except_for(val), val, HeldOut(ids=seen.scored_on, how=seen.held_out or "")


def _again(dataset: Dataset, ids: Sequence[str]) -> Dataset:
    """The images that the run saw before; all, where no record says."""
    try:
        return dataset.named(ids) if ids else dataset
    except HRSError as error:
        raise _changed_since(str(error)) from error


def _changed_since(what: str) -> HRSError:
    """Why a run cannot go on as it began."""
    return HRSError(
        f"{what}, which the run had when it stopped; put back what was there, or start a new run from its config.yaml"
    )


def _check_classes(surveys: Sequence[Survey], before: Sequence[Mapping[str, str | None]]) -> None:
    """Raises HRSError where labels are taken for other classes than those that a run that goes on learned."""
    for each, taken in zip(surveys, before, strict=False):  # as many, or none where no record says
        now = {match.source: match.target for match in each.matches}
        if list(now.items()) != list(taken.items()):
            raise _changed_since(f"{each.role} {each.spec} has the classes {_in_words(now)} and not {_in_words(taken)}")


def check_space(real: RealData, before: LabelSpace) -> None:
    """Raises HRSError where the classes of a run that goes on are not those that its network tells apart."""
    now, then = real.space.classes, before.classes
    if now != then:
        raise _changed_since(f"target {real.target.spec} has the classes {', '.join(now)} and not {', '.join(then)}")


def _in_words(classes: Mapping[str, str | None]) -> str:
    return ", ".join(
        name if name == taken_for else f"{name} ({f'as {taken_for}' if taken_for else 'ignored'})"
        for name, taken_for in classes.items()
    )


def _open_unlabelled(name: str, target: Dataset, drawn: Dataset, val: Dataset) -> Dataset:
    photos = target.except_for(drawn) if name == UNDRAWN else apart(open_dataset(name), val)
    if not len(photos):
        raise HRSError(
            f"data.unlabelled is {name}, but all {len(target)} images of {target.spec} are drawn; lower data.n_real "
            "or name a folder of photos, images:FOLDER"
        )
    return photos.without_labels()


def _classes_of(drawn: Dataset, target: Dataset, presence: NDArray[np.bool_]) -> tuple[int, ...]:
    """The classes that some images of a target hold; ``presence``: those of all its images, (images, classes)."""
    chosen = {frame.id for frame in drawn.frames}
    rows = [row for row, frame in enumerate(target.frames) if frame.id in chosen]
    return tuple(np.flatnonzero(presence[rows].any(axis=0)).tolist())


def _read_all(dataset: Dataset, role: str) -> tuple[Dataset, Survey, NDArray[np.bool_]]:
    """The frames that can be read, what was found in their labels, and which classes each holds, (frames, classes)."""
    census, presence, unreadable = take_census(dataset, images=role == "validation")
    if not census.labels:
        first = next(iter(unreadable.values()))
        raise HRSError(f"{role} {dataset.spec}: none of {len(dataset)} labels can be read; {first.reason}")
    kept = [i for i in range(len(dataset)) if i not in unreadable]
    return dataset.take(kept), survey(dataset, role, census, list(unreadable.values())), presence[kept]


def survey_sources(sources: Sequence[Dataset], seen: Seen = NOTHING) -> tuple[Survey, ...]:
    """What was found in synthetic data sets, by some of their labels. Raises HRSError where they cannot be right, or
    are not as many frames, or not of the classes, that a run that goes on saw before."""
    found = tuple(survey_source(source) for source in sources)
    for each, before in zip(found, seen.sources, strict=False):  # as many, or none where no record says
        if each.frames != before:
            raise _changed_since(f"source {each.spec} has {each.frames} frames and not the {before}")
    _check_classes(found, seen.source_classes)
    return found
