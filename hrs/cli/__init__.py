"""The command line: python -m hrs COMMAND."""

from __future__ import annotations

import sys
from typing import Any

import typer

from hrs.cli import data, models, prune, runs, tasks, training
from hrs.errors import HRSError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Semantic segmentation from many synthetic frames and a few labelled photos.",
)
for part in (data, training, models, prune):
    app.add_typer(part.app)
app.add_typer(runs.app, name="runs")
app.add_typer(tasks.app, name="tasks")
app.command("work", hidden=True)(tasks.work)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; a user's mistake is one line on stderr and exit code 1."""
    try:
        return app(args=arguments, standalone_mode=True)
    except HRSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
