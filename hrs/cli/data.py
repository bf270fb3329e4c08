"""Commands on data sets: check, render."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from hrs.cli.terminal import progress_bar
from hrs.data.formats.table import to_text
from hrs.errors import HRSError

app = typer.Typer()


@app.command(epilog="\b\nFormats:\n" + to_text())
def check(
    dataset: Annotated[str, typer.Argument(help="format:path[?key=value&...], e.g. camvid:data/camvid")],
    split: Annotated[str | None, typer.Option(help="Which split, for formats that have them.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write a picture of examples and report.json here.")] = None,
) -> None:
    """The data doctor: pairs, missing partners, sizes, unreadable files, unknown ids, classes."""
    from hrs.data.doctor import inspect, write_examples
    from hrs.system.files import atomic_write, make_folder

    if out is not None and out.exists() and not out.is_dir():
        raise HRSError(f"--out {out} is a file; name a folder")
    with progress_bar("checking") as progress:
        report = inspect(dataset, split=split, progress=progress)
    print(report.to_text())
    if out is not None:
        make_folder(out)
        atomic_write(out / "report.json", json.dumps(report.to_dict(), indent=2) + "\n")
        print(f"examples: {write_examples(report, out / 'examples.png')}")


@app.command()
def render(
    out: Annotated[Path, typer.Option(help="Folder to write, in the layout of the format 'folder'.")],
    frames: Annotated[int, typer.Option(min=1)] = 2000,
    domain: Annotated[Literal["synthetic", "camera"], typer.Option()] = "synthetic",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    height: Annotated[int, typer.Option(min=32)] = 360,
    width: Annotated[int, typer.Option(min=32)] = 480,
    faults: Annotated[bool, typer.Option(help="Plant wrong labels and odd looks in synthetic frames.")] = True,
) -> None:
    """Render streets of the built-in world with labels. Goes on where an earlier call stopped."""
    from hrs.street import render_corpus

    with progress_bar("rendering") as progress:
        render_corpus(
            out, domain, frames=frames, seed=seed, height=height, width=width, progress=progress, faults=faults
        )
    print(f"{frames} frames in {out}; use it as folder:{out}")
