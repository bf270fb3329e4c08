"""One arm less another, when photos, seeds and the drives that are scored had been others.

    python -m benchmarks.drives COUNTS [--pairs hrs:joint hrs:photos ...] [--csv drives.csv]

COUNTS: what `benchmarks.counts` wrote. For each pair of arms a row for each source, place and number of photos: the
mean difference in mIoU on the same seeds, its 95 % interval, and the chance of one as far from 0 where there is none,
as it is and by Holm's step down over the rows of that pair. Images of one drive stand and fall together; drives are
told by what stands before the first _ of an image's name, as in IDD-Lite.

Two things could have been otherwise, and both widen the interval: the seeds (the photos that are drawn, and training),
by Student's t, and the drives, by drawing them anew with replacement, the same for both arms and all seeds, times
d / (d - 1), since d drives spread less about their own mean than about that of all. Their variances add up; degrees of
freedom by Welch and Satterthwaite, which many drives raise so far beside two or three seeds that the interval can come
out narrower than that over seeds alone; then the latter stands. Below ten drives the interval is a rough one, which is
said. Drawing seeds anew as well, a bootstrap of both levels, is too sure of itself with three or five of them.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import print_table, told
from benchmarks.counts import Counts, read_all
from benchmarks.pairs import PHOTOS, Key
from benchmarks.settings import drive_of
from hrs.errors import HRSError
from hrs.evaluation import iou
from hrs.study.table import CONFIDENCE

DRAWS = 2000
ENOUGH = 10
"""Drives below which an interval over them is a rough one."""
HEAD = (
    *("arm", "against", "source", "place", "photos", "seeds", "drives"),
    *("mIoU of arm", "mIoU of against", "difference", "half of 95 %", "p", "p by Holm"),
)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """In mIoU. half: of the 95 % interval. chance: of one as far from 0 where there is none."""

    seeds: int
    drives: int
    against: float
    arm: float
    half: float
    chance: float


def by_drive(counts: Counts) -> NDArray[np.int64]:
    """Pixels of each drive, in the order of their names, (d c c)."""
    drives, place = np.unique([drive_of(Path(image)) for image in counts.images], return_inverse=True)
    result = np.zeros((len(drives), *counts.matrices.shape[1:]), np.int64)
    np.add.at(result, place, counts.matrices)
    return result


def compare(arm: Sequence[Counts], against: Sequence[Counts]) -> Difference:
    """Runs of two arms, pair by pair of one seed.

    Raises HRSError where they were not scored on the same images, or seeds or drives are fewer than two.
    """
    images = arm[0].images
    if any(not np.array_equal(each.images, images) for each in (*arm, *against)):
        raise HRSError("runs to be compared were scored on different images; count them anew")
    own, other = (np.stack([by_drive(each) for each in side]) for side in (arm, against))
    seeds, drives = own.shape[:2]
    if seeds < 2 or drives < 2:
        raise HRSError(f"{seeds} seeds and {drives} drives; an interval needs two of each")
    means = [miou(side.sum(axis=1)) for side in (own, other)]
    over_seeds = float(np.var(means[0] - means[1], ddof=1)) / seeds
    drawn = np.random.default_rng(0).multinomial(drives, np.full(drives, 1 / drives), size=DRAWS)
    anew = [miou(np.einsum("nd,sdij->nsij", drawn, side)) for side in (own, other)]
    over_drives = float(np.var((anew[0] - anew[1]).mean(axis=1), ddof=1)) * drives / (drives - 1)
    mean, chance, half = _student(float(np.mean(means[0] - means[1])), (over_seeds, over_drives), (seeds, drives))
    against_mean = float(means[1].mean())
    return Difference(
        seeds=seeds, drives=drives, against=against_mean, arm=against_mean + mean, half=half, chance=chance
    )


def miou(matrices: NDArray[np.int64]) -> NDArray[np.float64]:
    """In percent, (…), over the classes that occur, of (… c c)."""
    return np.nanmean(iou(matrices), axis=-1)


def _student(mean: float, variances: tuple[float, float], counts: tuple[int, int]) -> tuple[float, float, float]:
    """The mean, the chance of one as far from 0, and half of the interval: over seeds and drives, and no narrower than
    over seeds alone."""
    total = sum(variances)
    parts = sum(each**2 / (count - 1) for each, count in zip(variances, counts, strict=True))
    both = _t(mean, total, total**2 / parts if parts else 1.0)
    alone = _t(mean, variances[0], counts[0] - 1)
    return mean, max(both[0], alone[0]), max(both[1], alone[1])


def _t(mean: float, variance: float, freedom: float) -> tuple[float, float]:
    """Student's t: the chance of a mean as far from 0, and half of the interval."""
    from scipy.stats import t

    if variance == 0:
        return float(mean == 0), 0.0
    error = variance**0.5
    return float(2 * t.sf(abs(mean) / error, freedom)), float(t.ppf(0.5 + CONFIDENCE / 2, freedom) * error)


def holm(chances: Sequence[float]) -> list[float]:
    """Holm's step down: each chance times how many are no smaller, and never less than a smaller one's (Scandinavian
    Journal of Statistics, 1979)."""
    result, worst = [0.0] * len(chances), 0.0
    for place, i in enumerate(np.argsort(chances)):
        worst = max(worst, min(1.0, chances[i] * (len(chances) - place)))
        result[i] = worst
    return result


def differences(found: Sequence[Counts], arm: str, against: str) -> dict[Key, Difference]:
    """By what both share. *photos*, which sees no source, stands beside every one."""
    runs: dict[Key, dict[int, Counts]] = {}
    for each in found:
        key = each.key._replace(source="") if each.key.arm == PHOTOS else each.key
        runs.setdefault(key, {})[each.seed] = each
    result = {}
    for key in runs:
        if key.arm == arm and (pair := _shared(runs, key, against)):
            result[key] = compare(*pair)
    return result


def _shared(
    runs: Mapping[Key, Mapping[int, Counts]], key: Key, against: str
) -> tuple[list[Counts], list[Counts]] | None:
    other = key._replace(arm=against, source="" if against == PHOTOS else key.source)
    seeds = sorted(runs[key].keys() & runs.get(other, {}).keys())
    return ([runs[key][s] for s in seeds], [runs[other][s] for s in seeds]) if len(seeds) > 1 else None


def rows(found: Sequence[Counts], arm: str, against: str) -> Iterator[list[str]]:
    """In the order of HEAD."""
    pairs = differences(found, arm, against)
    corrected = holm([each.chance for each in pairs.values()])
    for (key, each), by_holm in zip(pairs.items(), corrected, strict=True):
        about = (arm, against, key.source, key.place, key.n_real, each.seeds, each.drives)
        figures = (each.arm, each.against, each.arm - each.against, each.half)
        yield [*map(str, about), *(f"{figure:.2f}" for figure in figures), f"{each.chance:.3f}", f"{by_holm:.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=Path)
    parser.add_argument("--pairs", nargs="+", default=["hrs:joint"], help="ARM:AGAINST")
    parser.add_argument("--csv", type=Path, help="also write the table here")
    options = parser.parse_args()
    found = read_all(options.counts)
    table = [row for pair in options.pairs for row in rows(found, *pair.split(":", 1))]
    print_table(HEAD, table)
    if (fewest := min((int(row[HEAD.index("drives")]) for row in table), default=ENOUGH)) < ENOUGH:
        print(f"With {fewest} drives these intervals are rough: {ENOUGH} or more tell how far drives differ.")
    if options.csv:
        with options.csv.open("w") as file:
            csv.writer(file, lineterminator="\n").writerows([HEAD, *table])


if __name__ == "__main__":
    told(main)
