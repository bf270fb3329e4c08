"""What a corpus of so many frames costs, frame by frame and as a whole: python -m benchmarks.scale [--frames 1000 5000]

The frames are those that ship, written as a data set of the format ``folder`` and linked under so many names; each is
listed and opened as a file of its own. ``--scored`` of them are scored truly, which is the cost a frame; the finished
parts are linked as well, so that what is done once for the corpus (listing, fitting the scale, the table) and what
the Weights page does (opening, sorting) are timed at every size without hours of scoring.
"""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.common import empty_region_cache, print_table, step_options, told
from benchmarks.scoring import untrained
from hrs.data.layouts import Dataset, open_dataset
from hrs.runs.names import CorpusFolder
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.score import PART, Scoring, score
from hrs.street import shipped_frames


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def link_frames(source: Dataset, root: Path, count: int) -> str:
    """A data set of the format folder of so many frames, which are hard links of those of another."""
    images, labels = root / "images", root / "labels"
    for folder in (images, labels):
        folder.mkdir(parents=True)
    given = Path(str(source.frames[0].label)).parents[1] / "classes.yaml"
    shutil.copy(given, root / "classes.yaml")
    for i in range(count):
        frame = source.frames[i % len(source)]
        for folder, file in ((images, Path(str(frame.image))), (labels, Path(str(frame.label)))):
            os.link(file, folder / f"{i:08d}{file.suffix}")
    return f"folder:{root}"


def scored_once(checkpoint: Path, name: str, out: Path, frames: int) -> dict[str, float]:
    """Frames a second, superpixels computed and then in the cache; bytes a frame of what scoring writes."""
    rates = {}
    with empty_region_cache():
        for key in ("superpixels computed", "superpixels cached"):
            shutil.rmtree(out, ignore_errors=True)
            rates[key] = frames / timed(lambda: score(checkpoint, name, out, limit=frames, workers=0))
    files = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    return rates | {"bytes a frame": sum(files) / frames}


def whole(checkpoint: Path, name: str, out: Path, count: int, part: Path) -> dict[str, float]:
    """Seconds of what is done once for a corpus of so many frames, and bytes of its table."""
    shutil.rmtree(out, ignore_errors=True)
    listing = timed(lambda: open_dataset(name))
    scoring = Scoring(checkpoint, name, out, limit=count // PART * PART)
    with scoring.claimed():
        for number in range(count // PART):
            os.link(part, CorpusFolder(out).part(number))
        table = timed(scoring.finish)
    opening = timed(lambda: ScoredCorpus.open(out).values("weight"))
    corpus = ScoredCorpus.open(out)
    rows = corpus.select(sort="weight")
    return {
        "list": listing,
        "table": table,
        "open": opening,
        "sort": timed(lambda: corpus.select(sort="weight")),
        "page": timed(lambda: corpus.page(rows, len(rows) // 48, 24)),
        "table MB": CorpusFolder(out).index.stat().st_size / 1e6,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = step_options(__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--scored", type=int, default=2 * PART)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        source = open_dataset(f"folder:{copy_of_shipped(root / 'shipped')}")
        small = link_frames(source, root / "small", options.scored)
        space = open_dataset(small).space
        assert space is not None
        checkpoint = untrained(root / "untrained", options, space)
        once = scored_once(checkpoint, small, root / "scored", options.scored)
        print_table(("scoring", "frames/s or bytes"), [(name, f"{value:.1f}") for name, value in once.items()])
        part, lines = CorpusFolder(root / "scored").part(0), []
        for count in options.frames:
            name = link_frames(source, root / f"frames-{count}", count)
            found = whole(checkpoint, name, root / "whole", count, part)
            lines.append((str(count), *(f"{value:.3f}" for value in found.values())))
        print_table(("frames, seconds", *found), lines)


def copy_of_shipped(to: Path) -> Path:
    """The shipped synthetic frames, on the disk where they are to be linked."""
    shutil.copytree(shipped_frames("synthetic"), to)
    return to


if __name__ == "__main__":
    told(main)
