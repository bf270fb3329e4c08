"""What several commands share: their options, and what those mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hrs.errors import HRSError
from hrs.runs.names import RUNS

RunsRoot = Annotated[Path, typer.Option("--runs", help="Folder of all runs.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="section.key=value, e.g. data.n_real=20")]
Model = Annotated[str, typer.Argument(help="Checkpoint folder, run, or name under checkpoints/.")]
Classes = Annotated[
    Path | None, typer.Option("--classes", help="Class map of the data set: a file with lines of 'class: new name'.")
]
On = Annotated[
    str | None,
    typer.Option("--on", help="A Ray cluster, HOST:PORT, ray://HOST:PORT, or auto: the one this machine is part of."),
]


def check_file(option: str, file: Path | None, *, new: bool = False) -> None:
    """Raises HRSError before any work where the file that an option names cannot be one, or is there and should be
    ``new``."""
    if file is None:
        return
    if not file.parent.is_dir():
        raise HRSError(f"{option} {file}: the folder {file.parent} does not exist; make it first")
    if file.is_dir():
        raise HRSError(f"{option} {file} is a folder; name a file in it")
    if new and file.exists():
        raise HRSError(f"{option} {file} exists; name a file that does not")
    if file.exists() and not file.is_file():
        raise HRSError(f"{option} {file} is no ordinary file; name one that is, or none that is there yet")


def check_runs(root: Path) -> None:
    """Raises HRSError where a folder of runs that somebody named is not there; the usual one comes with the first."""
    if root != RUNS and not root.is_dir():
        raise HRSError(f"no folder {root} is there; name that of all runs, or leave --runs out")


def checkpoint_folder(text: str, runs: Path) -> Path:
    """The checkpoint folder that a user means."""
    from hrs.runs.registry import resolve_checkpoint

    return resolve_checkpoint(text, runs)
