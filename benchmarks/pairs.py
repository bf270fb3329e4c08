"""One arm less another, on the same photos and seeds: place by place, and over all places together.

    python -m benchmarks.pairs RESULTS.csv ... [--arm hrs] [--against joint]

RESULTS: what `benchmarks.rivals`, `benchmarks.kinds`, `benchmarks.leftout` or `hrs study` wrote. A place is a sequence
or a data set that was scored on. Rows, for each source and number of photos:

- one a place: means of both, and the mean difference with its 95 % interval over the seeds (Student's t);
- *all*, where there are several places: the mean difference, and the interval of a hierarchical bootstrap, which draws
  places and then, in each, seeds (10,000 times); p is twice the share of draws on the other side of 0, corrected by
  Holm (Scandinavian Journal of Statistics, 1979) over all rows of this kind.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import print_table
from hrs.study.table import CONFIDENCE, estimate

DRAWS = 10_000
PHOTOS = "photos"
"""The arm that sees no source, and so is the same beside each."""
Scores = dict[int, float]
"""mIoU by seed."""
Key = tuple[str, str, str, str]
"""source, number of photos, place, arm."""


def read(files: Sequence[Path]) -> dict[Key, Scores]:
    found: dict[Key, Scores] = {}
    for file in files:
        for row in csv.DictReader(file.read_text().splitlines()):
            place = row.get("target") or row.get("sequence") or file.stem
            arm = row.get("arm") or row["method"]
            source = "" if arm == PHOTOS else row.get("source") or ""
            found.setdefault((source, row["n_real"], place, arm), {})[int(row["seed"])] = float(row["miou"])
    return found


def bootstrap(differences: Sequence[Sequence[float]], seed: int = 0) -> tuple[float, float, float]:
    """The ends of the interval of the mean over places, and p of the two-sided test that it is 0."""
    rng, places = np.random.default_rng(seed), [np.asarray(each) for each in differences]
    means = np.empty(DRAWS)
    for i in range(DRAWS):
        drawn = rng.integers(len(places), size=len(places))
        means[i] = np.mean([rng.choice(places[k], len(places[k])).mean() for k in drawn])
    low, high = np.quantile(means, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    beyond = (1 + min((means <= 0).sum(), (means >= 0).sum())) / (1 + DRAWS)
    return float(low), float(high), min(1.0, 2 * float(beyond))


def holm(values: Sequence[float]) -> list[float]:
    """p corrected for as many tests."""
    order = np.argsort(values, kind="stable")
    steps = np.asarray(values)[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(p) for p in corrected]


def pairs(
    found: Mapping[Key, Scores], arm: str, against: str
) -> dict[tuple[str, str], dict[str, list[tuple[float, float]]]]:
    """Both scores of every seed that has both, by source and number of photos, then by place."""
    result: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for (source, n_real, place, own), scores in found.items():
        beside = "" if against == PHOTOS else source
        other = found.get((beside, n_real, place, against), {}) if own == arm else {}
        if shared := sorted(scores.keys() & other.keys()):
            both = [(scores[seed], other[seed]) for seed in shared]
            result.setdefault((source, n_real), {})[place] = both
    return result


def rows(found: Mapping[Key, Scores], arm: str, against: str) -> Iterator[list[str]]:
    groups = pairs(found, arm, against)
    pooled = {
        key: bootstrap([[own - other for own, other in both] for both in places.values()])
        for key, places in groups.items()
        if len(places) > 1
    }
    corrected = dict(zip(pooled, holm([p for _, _, p in pooled.values()]), strict=True))
    for (source, n_real), places in groups.items():
        for place, both in places.items():
            own, other = (float(np.mean(side)) for side in zip(*both, strict=True))
            difference = estimate([one - two for one, two in both])
            yield [source, n_real, place, str(len(both)), f"{other:.1f}", f"{own:.1f}", signed(str(difference)), ""]
        if (key := (source, n_real)) in pooled:
            low, high, _ = pooled[key]
            mean = float(np.mean([np.mean([one - two for one, two in both]) for both in places.values()]))
            seeds = str(sum(len(both) for both in places.values()))
            yield [*key, "all", seeds, "", "", f"{mean:+.1f} ({low:+.1f} to {high:+.1f})", f"{corrected[key]:.4f}"]


def signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--arm", default="hrs")
    parser.add_argument("--against", default="joint")
    options = parser.parse_args()
    table = list(rows(read(options.results), options.arm, options.against))
    head = ["source", "photos", "place", "pairs", options.against, options.arm, "difference", "p (Holm)"]
    print_table(head, table)


if __name__ == "__main__":
    main()
