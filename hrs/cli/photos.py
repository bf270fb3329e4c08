"""Commands on sets of photos that a person labels: import, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hrs.cli.options import RunsRoot
from hrs.cli.terminal import progress_bar
from hrs.progress import counted
from hrs.runs.names import RUNS

app = typer.Typer(no_args_is_help=True, help="Bring labelled photos onto the Label page, and away from it.")


@app.command("import")
def photos_import(
    dataset: Annotated[str, typer.Argument(help="format:path[?key=value&...] of photos with labels.")],
    name: Annotated[str, typer.Argument(help="What the set is called.")],
    runs: RunsRoot = RUNS,
) -> None:
    """Copy a data set, such as an export of CVAT, into a set that the Label page opens."""
    from hrs.data.classlist import listed
    from hrs.data.layouts import open_dataset
    from hrs.labelling.exchange import take_in, taken_for_nothing
    from hrs.runs.folder import checked_name
    from hrs.runs.names import DATASETS

    folder = runs / DATASETS / checked_name(name)
    data = open_dataset(dataset)
    with progress_bar("copying") as progress:
        own = take_in(data, folder, progress=progress)
    print(f"{counted(len(own.photos()), 'photo')} in {folder}; open the Label page to go on with them")
    if nothing := data.space and taken_for_nothing(data.space):
        print(f"{listed(nothing)}: no class here, and ignored in training; to learn it as one, train with {dataset}")


@app.command("export")
def photos_export(
    name: Annotated[str, typer.Argument(help="Name of a set.")],
    out: Annotated[Path, typer.Argument(help="New folder.")],
    runs: RunsRoot = RUNS,
) -> None:
    """Write the labelled photos of a set as Pascal VOC with colours, which CVAT imports as Segmentation mask 1.1."""
    from hrs.labelling.exchange import give_out
    from hrs.labelling.photoset import PhotoSet
    from hrs.runs.folder import checked_name
    from hrs.runs.names import DATASETS

    own = PhotoSet.open(runs / DATASETS / checked_name(name))
    with progress_bar("copying") as progress:
        count = give_out(own, out, progress=progress)
    print(
        f"{counted(count, 'labelled photo')} in {out}, for other tools: to them what has no label is the class "
        f"background. To train, name folder:{own.path}, where it is ignored"
    )
