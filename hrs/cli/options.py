"""What several commands share: their options, and what those mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunsRoot = Annotated[Path, typer.Option("--runs", help="Folder of all runs.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="section.key=value, e.g. data.n_real=20")]
Model = Annotated[str, typer.Argument(help="Checkpoint folder, run, or name under checkpoints/.")]
On = Annotated[
    str | None,
    typer.Option("--on", help="A Ray cluster, HOST:PORT, ray://HOST:PORT, or auto: the one this machine is part of."),
]


def checkpoint_folder(text: str, runs: Path) -> Path:
    """The checkpoint folder that a user means."""
    from hrs.runs.registry import resolve_checkpoint

    return resolve_checkpoint(text, runs)
