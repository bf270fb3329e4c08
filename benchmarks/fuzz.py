"""Files spoiled in every way, read by everything that reads files: python -m benchmarks.fuzz --minutes 10

Says how many cases of each kind were tried, how many of them ended in a traceback or took longer than five seconds, and
the slowest. A case that fails is shown whole, so that it can be added to tests/fuzz/seeds. Needs the development
packages (hypothesis).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.cases import KINDS, Kind, check

BATCH = 200  # cases of one kind, before the next one's turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--cases", type=int, default=0, help="go on until there were so many, however long it takes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tried, failed, slowest, round_ = Counter[str](), Counter[str](), 0.0, 0
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as scratch:
        while time.monotonic() < end or tried.total() < options.cases:
            for kind in KINDS:
                count, bad, slow = batch(kind, options.seed + round_, Path(scratch) / kind.name)
                tried[kind.name] += count
                failed[kind.name] += bad
                slowest = max(slowest, slow)
            round_ += 1
            print(f"{tried.total():,} cases, {failed.total()} failed, slowest {slowest:.2f} s", flush=True)
    for name, count in sorted(tried.items()):
        print(f"{name:12} {count:8,} cases {failed[name]:4} failed")
    print(f"{'all':12} {tried.total():8,} cases {failed.total():4} failed, slowest {slowest:.2f} s")
    raise SystemExit(failed.total() > 0)


def batch(kind: Kind, number: int, folder: Path) -> tuple[int, int, float]:
    """Cases of one kind: how many, how many failed, and the seconds of the slowest."""
    folder.mkdir(exist_ok=True)
    took: list[float] = []
    bad = 0

    @seed(number)
    @settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=kind.cases)
    def run(case: Any) -> None:
        nonlocal bad
        began = time.perf_counter()
        try:
            check(kind, case, folder)
        except Exception:
            bad += 1
            print(f"{kind.name}: {case!r}\n{traceback.format_exc()}", flush=True)
        took.append(time.perf_counter() - began)

    run()
    return len(took), bad, max(took)


if __name__ == "__main__":
    main()
