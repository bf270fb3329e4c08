"""Methods against each other: means over seeds with 95 % intervals, and differences on the same real images and seed.

Two methods trained on the same draw of real images share much of their luck, so the paired difference is judged, not
the distance of two means (Student's t on both). Free of torch, so that the dashboard can use it.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hrs.config import RunConfig
from hrs.methods.table import METHODS
from hrs.runs.seen import alike
from hrs.system.documents import as_cell

CONFIDENCE = 0.95
ENOUGH = 3
"""Seeds below which an interval says next to nothing: with two, t is 12.7."""

_DEFAULTS = RunConfig()
# What does not bear on the result: how often things are written, and how the machine is used.
_IDLE = frozenset(
    {
        *(f"train.{name}" for name in ("save_every", "log_every", "panel", "previews")),
        *(f"train.{name}" for name in ("device", "channels_last", "compile")),
        *("data.workers", "data.n_real", "seed", "method"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One finished run. ``score`` in percent; ``n_real`` None for all images; ``images`` the digest of the real images
    that it saw (`hrs.runs.seen`), empty where unknown."""

    method: str
    n_real: int | None
    seed: int
    score: float
    images: str = ""


@dataclass(frozen=True)
class Estimate:
    """A mean with half the width of its 95 % interval, None for fewer than two values; ``count`` values went in."""

    mean: float
    half: float | None
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.1f}" if self.half is None else f"{self.mean:.1f} ± {self.half:.1f}"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One method at one number of real images. ``against`` holds, by baseline, the mean difference over the seeds that
    both have; None where they share none, or for the baseline itself."""

    method: str
    n_real: int | None
    score: Estimate
    against: Mapping[str, Estimate | None]


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and 95 % t interval. Raises ValueError without any value."""
    if not values:
        raise ValueError("no values to average")
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return Estimate(mean, None, count)
    from scipy.stats import sem, t  # half a second and more, which only those who see an interval need wait for

    return Estimate(mean, float(t.ppf(0.5 + CONFIDENCE / 2, count - 1) * sem(values)), count)


def paired(one: Mapping[int, Outcome], other: Mapping[int, Outcome]) -> Estimate | None:
    """Mean of one minus other over the seeds that both have on the same real images; None where there is none."""
    pairs = [(one[seed], other[seed]) for seed in sorted(one.keys() & other.keys())]
    differences = [a.score - b.score for a, b in pairs if alike(a.images, b.images)]
    return estimate(differences) if differences else None


def unlike(outcomes: Iterable[Outcome]) -> tuple[Outcome, Outcome] | None:
    """Two outcomes of one number of real images and seed that are of other real images, if there are such."""
    first: dict[tuple[int | None, int], Outcome] = {}
    for outcome in outcomes:
        other = first.setdefault((outcome.n_real, outcome.seed), outcome)
        if not alike(other.images, outcome.images):
            return other, outcome
    return None


COMPARED_WITH = ("joint", "mixing")
"""What methods are compared with where nobody says otherwise."""


def study_table(outcomes: Iterable[Outcome], baselines: Sequence[str] = COMPARED_WITH) -> list[Line]:
    """A line for each method and number of real images, by method as first seen, then by number, all images last.

    Of several runs with the same method, number and seed, the first counts. Of the baselines those that ran are
    compared with.
    """
    cells: dict[tuple[str, int | None], dict[int, Outcome]] = {}
    for outcome in outcomes:
        cells.setdefault((outcome.method, outcome.n_real), {}).setdefault(outcome.seed, outcome)
    order = {method: i for i, method in enumerate(dict.fromkeys(method for method, _ in cells))}
    keys = sorted(cells, key=lambda key: (order[key[0]], math.inf if key[1] is None else key[1]))
    ran = [name for name in baselines if name in order]
    return [_line(cells, method, n_real, ran) for method, n_real in keys]


def _line(
    cells: Mapping[tuple[str, int | None], Mapping[int, Outcome]], method: str, n_real: int | None, names: Sequence[str]
) -> Line:
    scores = cells[method, n_real]
    against = {
        name: paired(scores, cells[name, n_real]) if name != method and (name, n_real) in cells else None
        for name in names
    }
    mean = estimate([outcome.score for outcome in scores.values()])
    return Line(method=method, n_real=n_real, score=mean, against=against)


def setup(config: RunConfig) -> dict[str, Any]:
    """The settings, by dotted name, that two runs must share to be comparable: all but method, number of real images,
    seed, what belongs to one method alone, and what has no bearing on the result."""
    sections = {name for facts in METHODS.values() for name in facts.sections}
    flat = _flatten(config.model_dump(mode="json", exclude=sections))
    return {key: value for key, value in flat.items() if key not in _IDLE}


def differences(one: RunConfig, other: RunConfig) -> list[str]:
    """Names of the settings in which two runs differ and that bear on the result of either's method."""
    both = [_bearing(config) for config in (one, other)]
    return sorted(key for key in both[0].keys() | both[1].keys() if both[0].get(key) != both[1].get(key))


def _bearing(config: RunConfig) -> dict[str, Any]:
    own = config.model_dump(mode="json", include=set(METHODS[config.method].sections))
    which = {"method": config.method, "seed": config.seed, "data.n_real": config.data.n_real}
    return setup(config) | _flatten(own) | which


def method_label(config: RunConfig) -> str:
    """The method, and its own settings where they are not the defaults: "hrs (levels=pixel)"."""
    changed = [
        f"{key}={'+'.join(map(str, value)) if isinstance(value, list) else value}"
        for section in METHODS[config.method].sections
        for key, value in getattr(config, section).model_dump(mode="json").items()
        if value != getattr(_DEFAULTS, section).model_dump(mode="json")[key]
    ]
    return f"{config.method} ({', '.join(changed)})" if changed else config.method


def table_cells(lines: Sequence[Line]) -> tuple[list[str], list[list[str]]]:
    """Head and rows as text, mIoU in percent; n is the number of seeds that a difference is taken over."""
    baselines = list(lines[0].against) if lines else []
    head = ["method", "real images", "seeds", "mIoU", *(f"against {name}" for name in baselines)]
    return head, [_cells(line, baselines) for line in lines]


def to_markdown(lines: Sequence[Line]) -> str:
    """The table as Markdown."""
    head, rows = table_cells(lines)
    ruler = ["---", *(["---:"] * (len(head) - 1))]
    return "\n".join(f"| {' | '.join(_escaped(row))} |" for row in (head, ruler, *rows))


def _escaped(row: Iterable[str]) -> list[str]:
    return [cell.replace("|", r"\|") for cell in row]


def to_csv(lines: Sequence[Line]) -> str:
    """The table as CSV, a column a number and two decimals; "half" is half the width of a 95 % interval."""
    baselines = list(lines[0].against) if lines else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    differences = [f"{name}{column}" for name in baselines for column in ("_difference", "_half", "_pairs")]
    writer.writerow(["method", "n_real", "seeds", "miou", "miou_half", *map(as_cell, differences)])
    for line in lines:
        numbers = [cell for name in baselines for cell in _plain(line.against[name])]
        mean, half, seeds = _plain(line.score)
        writer.writerow(
            [as_cell(line.method), "all" if line.n_real is None else line.n_real, seeds, mean, half, *numbers]
        )
    return text.getvalue()


def _cells(line: Line, baselines: Sequence[str]) -> list[str]:
    images = "all" if line.n_real is None else str(line.n_real)
    differences = [_signed(line.against[name]) for name in baselines]
    return [line.method, images, str(line.score.count), str(line.score), *differences]


def _signed(difference: Estimate | None) -> str:
    if difference is None:
        return ""
    return f"{'+' if difference.mean >= 0 else ''}{difference} (n={difference.count})"


def _plain(estimate: Estimate | None) -> list[str]:
    if estimate is None:
        return ["", "", ""]
    return [f"{estimate.mean:.2f}", "" if estimate.half is None else f"{estimate.half:.2f}", str(estimate.count)]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
