"""One arm less another, on the same photos and seeds: place by place, and over all places together.

    python -m benchmarks.pairs RESULTS.csv ... [--arm hrs] [--against joint]

RESULTS: what `benchmarks.rivals`, `benchmarks.kinds`, `benchmarks.leftout` or `hrs study` wrote. A place is a sequence
or a data set that was scored on. Rows, for each source, number of photos and length of training:

- one a place: means of both, and the mean difference with its 95 % interval over the seeds (Student's t);
- *all*, where there are several places: the mean of their differences, with its 95 % interval over the places
  (Student's t), the seeds being means by then. With two or three places it is wide, as it must be: drawing places and
  seeds anew (a bootstrap) would call one difference in four significant where there is none.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.common import print_table, told
from hrs.errors import HRSError
from hrs.study.table import Estimate, estimate

PHOTOS = "photos"
"""The arm that sees no source, and so is the same beside each."""
Scores = dict[int, float]
"""mIoU by seed."""
Both = list[tuple[float, float]]
"""mIoU of one arm and the other, by seed."""


class Key(NamedTuple):
    """What runs share that differ in the seed alone. length: steps."""

    source: str
    n_real: str
    length: str
    place: str
    arm: str


def read(files: Sequence[Path]) -> dict[Key, Scores]:
    """Raises HRSError where two rows are of one run and differ."""
    found: dict[Key, Scores] = {}
    for file in files:
        for row in csv.DictReader(file.read_text().splitlines()):
            arm = row.get("arm") or row["method"]
            source = "" if arm == PHOTOS else row.get("source") or ""
            place = row.get("target") or row.get("sequence") or file.stem
            key = Key(source, row["n_real"], row.get("steps") or row.get("step") or "", place, arm)
            score = float(row["miou"])
            if found.setdefault(key, {}).setdefault(int(row["seed"]), score) != score:
                raise HRSError(f"{file}: two rows of {arm}, seed {row['seed']}, on {place} differ; give one of them")
    return found


def pairs(found: Mapping[Key, Scores], arm: str, against: str) -> dict[tuple[str, str, str], dict[str, Both]]:
    """Both scores of every seed that has both, by source, number of photos and length, then by place."""
    result: dict[tuple[str, str, str], dict[str, Both]] = {}
    for key, scores in found.items():
        if key.arm != arm:
            continue
        for other, theirs in found.items():
            beside = other._replace(source=key.source) if PHOTOS in (arm, against) else other
            if other.arm == against and beside._replace(arm=arm) == key:
                source = key.source or other.source
                if both := [(scores[seed], theirs[seed]) for seed in sorted(scores.keys() & theirs.keys())]:
                    result.setdefault((source, key.n_real, key.length), {})[key.place] = both
    return result


def over(both: Both) -> Estimate:
    return estimate([own - other for own, other in both])


def rows(found: Mapping[Key, Scores], arm: str, against: str) -> Iterator[list[str]]:
    for group, places in pairs(found, arm, against).items():
        for place, both in places.items():
            own, other = (float(np.mean(side)) for side in zip(*both, strict=True))
            yield [*group, place, str(len(both)), f"{other:.1f}", f"{own:.1f}", signed(over(both))]
        if len(places) > 1:
            seeds = str(sum(map(len, places.values())))
            yield [*group, "all", seeds, "", "", signed(estimate([over(both).mean for both in places.values()]))]


def signed(difference: Estimate) -> str:
    return f"{'' if difference.mean < 0 else '+'}{difference}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--arm", default="hrs")
    parser.add_argument("--against", default="joint")
    options = parser.parse_args()
    table = list(rows(read(options.results), options.arm, options.against))
    head = ["source", "photos", "steps", "place", "pairs", options.against, options.arm, "difference"]
    print_table(head, table)


if __name__ == "__main__":
    told(main)
