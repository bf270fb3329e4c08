"""The command that says which areas of a scored corpus count least, and why: areas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hrs.cli.options import RunsRoot
from hrs.cli.prune import outdated_in_words, scores_folder
from hrs.runs.names import RUNS

if TYPE_CHECKING:
    from hrs.scoring.areatable import AreaTable, Group

app = typer.Typer()
SHOWN = 15


@app.command()
def areas(
    run: Annotated[str, typer.Argument(help="A scored run, or the folder of its scores.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Also write a new folder: faults.csv, areas.csv, areas.png, and areas.html, a report. Boxes and "
            "pixels are of frames as they were scored; their width and height stand beside them."
        ),
    ] = None,
    runs: RunsRoot = RUNS,
) -> None:
    """Which labels the real images contradict, and how much they count: a row for each kind of fault."""
    from hrs.scoring.acting import apart_in_words
    from hrs.scoring.areatable import AreaTable
    from hrs.scoring.corpus import ScoredCorpus
    from hrs.scoring.report import agreeing_in_words, doubt, losing, unjudged_in_words, unlisted_in_words
    from hrs.scoring.takeaway import write_takeaway
    from hrs.scoring.why import said_of
    from hrs.system.files import check_new

    if out is not None:
        check_new(out)
    table = AreaTable.of(ScoredCorpus.open(scores_folder(run, runs)))
    written = [] if out is None else write_takeaway(table, out, f"Areas of {run}")
    print(f"{len(table):,} areas in {len(table.corpus):,} frames. {said_of(table)}")
    if old := outdated_in_words(table.corpus):
        print(old)
    if elsewhere := apart_in_words(table.corpus):
        print(elsewhere)
    if weak := doubt(table):
        print(weak)
    Console().print(_listed(table, losing(table, SHOWN)))
    print(agreeing_in_words(table))
    if unjudged := unjudged_in_words(table):
        print(unjudged)
    if rest := unlisted_in_words(table, SHOWN):
        print(rest if written else f"{rest} Write it with --out DIR.")
    for path in written:
        print(path)


def _listed(table: AreaTable, groups: list[Group]) -> Table:
    heads = ["areas", "labelled", "look like", "sure", "frames", "pixels", "weight", "pixels\nlost"]
    shown = Table(*heads, *(["planted\nto\nmislead"] if table.knows_harm else []), box=None, pad_edge=False)
    names = [escape(name) for name in table.corpus.space.classes]
    for group in groups:
        numbers = (
            f"{group.confidence:.2f}",
            f"{group.frames:,}",
            f"{group.pixels:,}",
            f"{group.weight:.2f}",
            f"{group.lost:,.0f}",
        )
        harm = () if group.harm is None else (f"{100 * group.harm:.0f} %",)
        shown.add_row(f"{group.areas:,}", names[group.label], names[group.seen], *numbers, *harm)
    return shown
