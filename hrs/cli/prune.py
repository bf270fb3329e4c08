"""The command that takes what weighs little out of a data set: prune."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hrs.cli.options import RunsRoot
from hrs.cli.terminal import progress_bar
from hrs.errors import HRSError
from hrs.runs.names import RUNS

if TYPE_CHECKING:
    from hrs.labels import LabelSpace
    from hrs.scoring.corpus import Between, ScoredCorpus
    from hrs.scoring.prune import Copied

app = typer.Typer()
SHOWN = 5
"""Classes that are named."""


@app.command()
def prune(
    run: Annotated[str, typer.Argument(help="A scored run, or the folder of its scores.")],
    out: Annotated[Path, typer.Option(help="The data set to write; in the layout of the format 'folder'.")],
    mode: Annotated[
        Literal["frames", "labels"], typer.Option(help="labels: pixels on the wrong side of --threshold lose theirs.")
    ] = "frames",
    threshold: Annotated[float, typer.Option(min=0, help="A weight, for --mode labels.")] = 0.0,
    level: Annotated[str, typer.Option(help="Whose weight: combined, pixel, region or image.")] = "combined",
    keep: Annotated[
        Literal["above", "below"],
        typer.Option(help="Which pixels keep their label: those that weigh as much, or less."),
    ] = "above",
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Only frames with STATISTIC=LOW:HIGH, e.g. weight=0.5: or combined/road=:1; may be repeated."
        ),
    ] = None,
    frames: Annotated[Path | None, typer.Option(help="Only the frames that this file names, one a line.")] = None,
    runs: RunsRoot = RUNS,
) -> None:
    """Copy a scored data set without the frames, or without the labels, that weigh little."""
    import numpy as np

    from hrs.scoring.acting import apart_in_words
    from hrs.scoring.corpus import ScoredCorpus
    from hrs.scoring.prune import export_dataset

    if mode == "labels" and not threshold:
        raise HRSError("--mode labels takes away the labels of what weighs less than --threshold; give one above 0")
    of_labels = {"--threshold": threshold, "--keep": keep != "above", "--level": level != "combined"}
    if mode == "frames" and (idle := next((name for name, given in of_labels.items() if given), None)):
        raise HRSError(f"{idle} is for --mode labels; add that, or choose frames with --where weight=0.5:")
    corpus = ScoredCorpus.open(scores_folder(run, runs))
    if level not in corpus.maps:
        raise HRSError(f"--level {level!r}: expected {', '.join(corpus.maps)}")
    conditions = [condition(text) for text in where or ()]
    rows = corpus.select(where=conditions)
    if frames is not None:
        rows = np.intersect1d(rows, named_rows(corpus, frames))
    ranges = [range_of(corpus, each.statistic) for each in conditions]
    if not len(rows) and ranges:
        raise HRSError(f"no frame was chosen: {'; '.join(ranges)}; widen --where")
    with progress_bar("writing") as progress:
        copied = export_dataset(
            corpus, rows, out, mode=mode, threshold=threshold, keep=keep, level=level, progress=progress
        )
    for said in filter(None, (outdated_in_words(corpus), apart_in_words(corpus))):
        print(said)
    for line in ranges:
        print(line)
    if mode == "labels":
        print(removed_in_words(copied, corpus.space))
    print(f"{copied.frames} of {len(corpus)} frames in {out}; use it as folder:{out}")


def range_of(corpus: ScoredCorpus, statistic: str) -> str:
    """Between which values a statistic lies, in words."""
    known = sorted(each for each in corpus.values(statistic).tolist() if each == each)
    ends = f"lies between {known[0]:.3g} and {known[-1]:.3g}" if known else "has no value"
    return f"{statistic} {ends} in the {len(corpus)} frames that were scored"


def removed_in_words(copied: Copied, space: LabelSpace) -> str:
    """How much of the labelled pixels lost its label, and the classes that lost most."""
    import numpy as np

    shares = 100 * copied.removed / copied.labelled.clip(min=1)
    order = sorted(np.flatnonzero(copied.removed).tolist(), key=lambda c: -shares[c])
    named = ", ".join(f"{space.classes[c]} {shares[c]:.1f} %" for c in order[:SHOWN])
    share = 100 * copied.removed.sum() / max(copied.labelled.sum(), 1)
    of = f": of {named}{', of others less' if len(order) > SHOWN else ''}" if named else ""
    return f"removed the labels of {share:.1f} % of the labelled pixels{of}"


def scores_folder(text: str, runs: Path) -> Path:
    """The folder of scores that a user means: itself, that of a run's folder, or of a run's name."""
    from hrs.runs.folder import RunFolder
    from hrs.runs.names import CorpusFolder
    from hrs.runs.registry import find_run

    given = Path(text).expanduser()
    if CorpusFolder(given).complete():
        return given
    return (RunFolder(given) if RunFolder(given).exists() else find_run(runs, text)).scores.path


def outdated_in_words(corpus: ScoredCorpus) -> str:
    """That a run has gone on since it was scored, where these are the scores of a run and it has; else nothing."""
    from hrs.scoring.stamps import OUTDATED, outdated, run_of

    run = run_of(corpus)
    if run is None or not outdated(run, corpus.about):
        return ""
    return f"{OUTDATED} Score it again: {shlex.join(['python', '-m', 'hrs', 'score', str(run.best), '--replace'])}"


def condition(text: str) -> Between:
    """STATISTIC=LOW:HIGH; an end that is left out is open. Raises HRSError for anything else."""
    from hrs.scoring.corpus import Between

    statistic, _, limits = text.rpartition("=")
    low, colon, high = limits.partition(":")
    try:
        found = Between(statistic=statistic, low=float(low or "-inf"), high=float(high or "inf"))
    except ValueError:
        found = None
    if not (found and statistic and colon):
        raise HRSError(
            f"--where {text!r}: expected STATISTIC=LOW:HIGH, e.g. weight=0.5:2, weight=0.5: or combined/road=:1"
        )
    return found


def named_rows(corpus: ScoredCorpus, file: Path) -> list[int]:
    """The rows of the frames that a file names. Raises HRSError where it cannot be read, or names another."""
    from hrs.data.lists import read_list

    try:
        rows = {name: corpus.find(name) for name in read_list(file)}
    except HRSError as error:
        raise HRSError(f"--frames {error}") from error
    if unknown := [name for name, row in rows.items() if row is None]:
        raise HRSError(f"--frames {file} names {unknown[0]}, which was not scored; name frames as index.parquet does")
    return [row for row in rows.values() if row is not None]
