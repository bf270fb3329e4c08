"""What a trial found, with how sure it is, and what follows from it. Free of torch, so that pages can read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from hrs.config import RunConfig
from hrs.study.table import Estimate

PHOTOS, ALIKE = "photos alone", "all frames alike"
LIGHT, WEIGHTED = "all frames, counting less", "all frames, weighted by hrs"
_ALL = (PHOTOS, ALIKE, LIGHT, WEIGHTED)
LESS = 0.3
"""Share of the synthetic loss's weight where frames count less."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """A way to use synthetic frames, as settings of a run."""

    name: str
    method: str
    source_weight: float
    sources: tuple[str, ...]

    def of(self, config: RunConfig) -> RunConfig:
        data = config.data.model_copy(update={"sources": self.sources})
        train = config.train.model_copy(update={"source_weight": self.source_weight})
        return config.model_copy(update={"method": self.method, "data": data, "train": train})


def uses(config: RunConfig) -> tuple[Use, ...]:
    """What is compared: four ways to use all frames of a run, and each of several sources alone."""
    sources, weight = config.data.sources, config.train.source_weight
    return (
        Use(name=PHOTOS, method="target_only", source_weight=weight, sources=sources),
        Use(name=ALIKE, method="joint", source_weight=weight, sources=sources),
        Use(name=LIGHT, method="joint", source_weight=LESS * weight, sources=sources),
        Use(name=WEIGHTED, method="hrs", source_weight=weight, sources=sources),
        *(
            Use(name=f"{each} alone", method="joint", source_weight=weight, sources=(each,))
            for each in sources
            if len(sources) > 1
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a use of the frames comes to. miou and iou, by class, in percent over all photos; None for a class that no
    photo shows. over: what it has over each other way, by name."""

    use: Use
    miou: float
    iou: tuple[float | None, ...]
    over: Mapping[str, Estimate]

    @property
    def name(self) -> str:
        return self.use.name

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        use = Use(**{**found["use"], "sources": tuple(found["use"]["sources"])})
        over = {name: Estimate(**value) for name, value in found["over"].items()}
        return cls(use=use, miou=found["miou"], iou=tuple(found["iou"]), over=over)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What each way to use synthetic frames comes to on photos that its networks did not learn from.

    classes: names, in the order of every way's iou. units: drives, sequences or single photos that stand and fall
    together. frames: synthetic ones that were learned from. size: height and width of the views.
    """

    classes: tuple[str, ...]
    ways: tuple[Way, ...]
    photos: int
    units: int
    folds: int
    frames: int
    size: tuple[int, int]
    steps: int

    def way(self, name: str) -> Way:
        return next(each for each in self.ways if each.name == name)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        ways = tuple(map(Way.from_dict, found["ways"]))
        return cls(**{**found, "ways": ways, "classes": tuple(found["classes"]), "size": tuple(found["size"])})

    def to_text(self) -> str:
        """Plain text: what was done, a table of all ways, one by class, and what follows."""
        return "\n\n".join([self.about(), self._all(), self._by_class(), "\n".join(self.verdict())])

    def _all(self) -> str:
        head = ["", "mIoU", f"over {PHOTOS}", f"over {ALIKE}"]
        rows = [
            [each.name, f"{each.miou:.1f}", signed(each.over.get(PHOTOS)), signed(each.over.get(ALIKE))]
            for each in self.ways
        ]
        return _table([head, *rows])

    def _by_class(self) -> str:
        rows = [
            [name, *("-" if each.iou[i] is None else f"{each.iou[i]:.1f}" for each in self.ways)]
            for i, name in enumerate(self.classes)
        ]
        return _table([["IoU", *(each.name for each in self.ways)], *rows])

    def about(self) -> str:
        height, width = self.size
        together = f" of {self.units} drives or sequences" if self.units < self.photos else ""
        return (
            f"{self.photos} photos{together} in {self.folds} folds, each judged by networks that learned from the "
            f"others; {self.frames:,} synthetic frames; {width}x{height}, {self.steps} steps"
        )

    def verdict(self) -> list[str]:
        """What follows, a sentence each: of the frames, their weights, and each source where there are several."""
        frames = self.way(ALIKE).over[PHOTOS]
        said = [_verdict("The synthetic frames", frames, plural=True)]
        if surely(frames) < 1:
            less = signed(self.way(LIGHT).over[PHOTOS])
            said.append(f"At {LESS:g} of their loss's weight they come to {less}.")
        said.append(_verdict("Selection, beside all frames alike,", self.way(WEIGHTED).over[ALIKE]))
        return said + [_verdict(each.use.sources[0], each.over[PHOTOS]) for each in self.ways[len(_ALL) :]]


def surely(difference: Estimate) -> int:
    """1 where a difference is above 0 with 95 % confidence, -1 where it is below, else 0."""
    half = math.inf if difference.half is None else difference.half
    return (difference.mean - half > 0) - (difference.mean + half < 0)


def signed(difference: Estimate | None) -> str:
    if difference is None:
        return ""
    return f"{'' if difference.mean < 0 else '+'}{difference}"


def _verdict(what: str, difference: Estimate, *, plural: bool = False) -> str:
    verbs = {1: "help", -1: "cost", 0: "make"} if plural else {1: "helps", -1: "costs", 0: "makes"}
    sure = surely(difference)
    words = verbs[sure] if sure else f"{verbs[sure]} no difference that these photos show"
    return f"{what} {words}: {signed(difference)} mIoU."


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns under each other, the first to the left, the others to the right."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(wide[0]), *(cell.rjust(n) for cell, n in zip(row[1:], wide[1:], strict=True))])
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
