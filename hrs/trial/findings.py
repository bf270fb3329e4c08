"""What a trial found, with how sure it is, and what follows from it. Free of torch, so that pages can read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic import TypeAdapter

from hrs.config import RunConfig
from hrs.data.glance import maps_kept
from hrs.study.table import Estimate

PHOTOS, ALIKE, WEIGHTED = "photos alone", "all frames alike", "all frames, weighted by hrs"
LESS = 0.3
"""Share of the synthetic loss's weight where frames count less."""
LIGHT = f"all frames, counting {LESS:g} as much"
ALONE = "only "
"""What the name of one of several sources' own use begins with."""
_TRIED = ("target_only", "joint", "hrs")


@dataclass(frozen=True, kw_only=True)
class Use:
    """A way to use synthetic frames, as settings of a run."""

    name: str
    method: str
    source_weight: float
    sources: tuple[str, ...]

    def of(self, config: RunConfig) -> RunConfig:
        """A run's settings with this use of its frames.

        Raises HRSError where sources share a class map and one of them cannot be opened.
        """
        changes: dict[str, Any] = {"sources": self.sources}
        if self.sources != config.data.sources:
            changes["classes"] = maps_kept(config.data, self.sources)
        data = config.data.model_copy(update=changes)
        train = config.train.model_copy(update={"source_weight": self.source_weight})
        return config.model_copy(update={"method": self.method, "data": data, "train": train})


def uses(config: RunConfig) -> tuple[Use, ...]:
    """What is compared: ways to use all frames of a run, and each of several sources alone."""
    sources, weight = config.data.sources, config.train.source_weight
    every = [
        Use(name=PHOTOS, method="target_only", source_weight=weight, sources=sources),
        Use(name=ALIKE, method="joint", source_weight=weight, sources=sources),
        Use(name=LIGHT, method="joint", source_weight=LESS * weight, sources=sources),
    ]
    if config.selection.levels:
        every.append(Use(name=WEIGHTED, method="hrs", source_weight=weight, sources=sources))
    several = dict.fromkeys(sources) if len(set(sources)) > 1 else {}
    own = [Use(name=f"{ALONE}{name}", method="joint", source_weight=weight, sources=(name,)) for name in several]
    return (*every, *own)


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a use of the frames comes to. miou and iou, by class, in percent over all photos; None for a class that no
    network could learn and be judged on. over: what it has over each other way, by name."""

    use: Use
    miou: float
    iou: tuple[float | None, ...]
    over: Mapping[str, Estimate]

    @property
    def name(self) -> str:
        return self.use.name


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What each way to use synthetic frames comes to on photos that its networks did not learn from.

    classes: names, in the order of every way's iou. photos: those that were judged, ``learned`` at least at a time
    learned from. frames: synthetic ones that were learned from, of ``frames_there``. size: height and width of the
    views. notes: what was left out, guessed or not tried.
    """

    classes: tuple[str, ...]
    ways: tuple[Way, ...]
    photos: int
    learned: int
    folds: int
    frames: int
    frames_there: int
    size: tuple[int, int]
    steps: int
    notes: tuple[str, ...] = ()

    def way(self, name: str) -> Way | None:
        return next((each for each in self.ways if each.name == name), None)

    @property
    def best(self) -> Way:
        """That of most mIoU, the first of several; how sure that is takes no part."""
        return max(self.ways, key=lambda way: (not math.isnan(way.miou), way.miou))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """Raises ValueError where it is not what `to_dict` gave."""
        return TypeAdapter(cls).validate_python(found)

    def to_text(self) -> str:
        """Plain text: notes, a table of all ways, one by class, what was done, and what follows."""
        parts = ["\n".join(self.notes), self._all(), self._by_class(), self.about(), "\n".join(self.verdict())]
        return "\n\n".join(filter(None, parts))

    def _all(self) -> str:
        head = ["", "", "mIoU", f"over {PHOTOS}", f"over {ALIKE}"]
        rows = [
            [str(i), each.name, f"{each.miou:.1f}", signed(each.over.get(PHOTOS)), signed(each.over.get(ALIKE))]
            for i, each in enumerate(self.ways, 1)
        ]
        return _table([head, *rows], left=2)

    def _by_class(self) -> str:
        rows = [
            [name, *("-" if each.iou[i] is None else f"{each.iou[i]:.1f}" for each in self.ways)]
            for i, name in enumerate(self.classes)
        ]
        return _table([["IoU", *(str(i) for i in range(1, len(self.ways) + 1))], *rows], left=1)

    def about(self) -> str:
        """What was done, in three sentences."""
        height, width = self.size
        return (
            f"{self.photos} photos in {self.folds} parts: each part was judged by networks that learned from the "
            f"others, at least {self.learned} photos, and from {self.frames:,} of {self.frames_there:,} synthetic "
            f"frames, in {self.steps:,} steps at {width}x{height}. The network is lite0, its encoder frozen at "
            "ImageNet's weights: another network, or longer training, may differ. ± is half of a 95 % interval over "
            "the parts."
        )

    def verdict(self) -> list[str]:
        """What follows, a sentence each: of the frames, of less of them, of selection, of each of several sources, and
        which way has most."""
        said = [_verdict("The synthetic frames", self._over(ALIKE, PHOTOS), PHOTOS)]
        if surely(self._over(ALIKE, PHOTOS)) < 1:
            said.append(_verdict(f"Counting {LESS:g} as much", self._over(LIGHT, PHOTOS), PHOTOS))
        if self.way(WEIGHTED):
            said.append(_verdict("Selection (hrs)", self._over(WEIGHTED, ALIKE), ALIKE))
        alone = [each for each in self.ways if each.name.startswith(ALONE)]
        said += [_verdict(f"{each.use.sources[0]} alone", each.over[PHOTOS], PHOTOS) for each in alone]
        return [*said, f"Most mIoU: {self.best.name}, {self.best.miou:.1f}."]

    def _over(self, name: str, other: str) -> Estimate:
        return next(each.over[other] for each in self.ways if each.name == name)


_WORDS = {1: "better", -1: "worse", 0: "cannot be told from these photos"}


def untried(config: RunConfig) -> list[str]:
    """What of a run a trial leaves aside, a sentence each."""
    said = []
    if config.method not in _TRIED:
        said.append(f"method {config.method} is not tried")
    if config.data.unlabelled:
        said.append("the teacher on unlabelled photos is not tried")
    if config.data.rare_classes:
        said.append("photos come equally often here, whatever their classes: data.rare_classes has no part")
    if config.data.style == "photos":
        said.append("frames keep their own colours here: those of the photos would tell of the part that is judged")
    if config.selection.image_acts == "sampling":
        said.append("image weights act in the loss here, not as how often a frame is drawn")
    return said


def surely(difference: Estimate) -> int:
    """1 where a difference is above 0 with 95 % confidence and a tenth at least, -1 where below, else 0."""
    half = math.inf if difference.half is None else difference.half
    if round(abs(difference.mean), 1) == 0:
        return 0
    return (difference.mean - half > 0) - (difference.mean + half < 0)


def signed(difference: Estimate | None) -> str:
    if difference is None:
        return ""
    mean = f"{round(difference.mean, 1) + 0.0:+.1f}"
    return mean if difference.half is None else f"{mean} ± {difference.half:.1f}"


def _verdict(what: str, difference: Estimate, other: str) -> str:
    return f"{what}: {_WORDS[surely(difference)]}, {signed(difference)} mIoU over {other}."


def _table(rows: Sequence[Sequence[str]], *, left: int) -> str:
    """Columns under each other, the first ``left`` to the left, the others to the right."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, wide, strict=True)
        shown = [cell.ljust(n) if i < left else cell.rjust(n) for i, (cell, n) in enumerate(cells)]
        lines.append("  ".join(shown).rstrip())
    return "\n".join(lines)
