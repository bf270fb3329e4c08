"""Why an area weighs what it does, as numbers and as a sentence. Nothing here needs torch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hrs.methods.table import in_words
from hrs.scoring.areatable import Area, AreaTable
from hrs.scoring.corpus import MAP_NAMES
from hrs.scoring.write import Judges
from hrs.selection.scale import Scale

NEAR_ONE = 0.1
"""Weights this near to 1 need no reason."""
MOSTLY = 0.6
"""Of what moved a weight, the share that the levels have that are named."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A level that moved the weight of an area away from 1, and the signal that moved it most."""

    level: str
    signal: str


def causes(area: Area, judges: Judges, scale: Scale) -> tuple[Cause, ...]:
    """The levels that together account for most of an area's weight, the strongest first; none where it is about 1.

    A level's part is what it multiplies the weight by, or adds to it, beside its mean over the area's class.
    """
    weight = area.weights[MAP_NAMES[0]]
    if abs(weight - 1) <= NEAR_ONE or not judges.acting:
        return ()
    way = 1 if weight > 1 else -1
    parts = {level: way * _part(area, level, judges, scale) for level in judges.acting}
    pulling = sorted((level for level in parts if parts[level] > 0), key=lambda level: -parts[level])
    if not pulling:  # the levels' own scales say nothing of it: each is right for its class, and together they are not
        return ()
    total, found = sum(parts[level] for level in pulling), list[Cause]()
    covered = 0.0
    for level in pulling:
        found.append(Cause(level=level, signal=_signal(area, level, way)))
        covered += parts[level]
        if covered >= MOSTLY * total:
            break
    return tuple(found)


def sentence(area: Area, table: AreaTable) -> str:
    """Such as "Label: Fence. Real images say: Tree (0.93). Weight 0.27, mostly by region."."""
    classes = table.corpus.space.classes
    said = f"{speaker(table.judges)}: {classes[area.seen]} ({area.confidence:.2f})."
    label = classes[area.label] if table.judges.knows(area.label) else f"{classes[area.label]}, which no photo shows"
    return f"Label: {label}. {said} Weight {area.weights[MAP_NAMES[0]]:.2f}{because(area, table)}."


def because(area: Area, table: AreaTable) -> str:
    """The end of the sentence: ", mostly by region"; with several signals, ", mostly by region (agreement)"."""
    found = causes(area, table.judges, table.corpus.about.scale)
    if not found:
        near = abs(area.weights[MAP_NAMES[0]] - 1) <= NEAR_ONE
        return ", about as without selection" if near else ""
    signals = dict.fromkeys(cause.signal for cause in found)
    if len(table.judges.signals) == 1:
        return f", mostly by {_joined(cause.level for cause in found)}"
    if len(signals) == 1:
        return f", mostly by {_joined(cause.level for cause in found)} ({next(iter(signals))})"
    return f", mostly by {_joined(f'{cause.level} ({cause.signal})' for cause in found)}"


def speaker(judges: Judges) -> str:
    """Whose opinion it is, to be followed by a colon."""
    return "Real images say" if judges.seen_by == "real images" else "The network says"


def said_of(table: AreaTable) -> str:
    """Who says what areas look like, as a sentence."""
    if table.judges.seen_by == "real images":
        return (
            "What they look like is said by a classifier of the network's features that real labels alone have taught."
        )
    return "What they look like is said by the network itself; no signal of this run has a classifier of its own."


def _joined(words: Iterable[str]) -> str:
    return in_words(list(words))


def _part(area: Area, level: str, judges: Judges, scale: Scale) -> float:
    over = area.weights[level]  # over the class's mean
    if judges.combination == "product":
        return math.log(max(over, 1e-6))
    return (over - 1) * scale.maps[level].means[area.label]


def _signal(area: Area, level: str, way: int) -> str:
    scores = area.scores[level]
    return max(scores, key=lambda name: way * scores[name])
