"""The command line: python -m hrs COMMAND."""

from __future__ import annotations

import io
import sys
from typing import Any

import typer

from hrs.cli import areas, data, models, photos, prune, runs, tasks, training
from hrs.errors import HRSError
from hrs.system.documents import printable, reason
from hrs.system.processes import interrupting

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Semantic segmentation from many synthetic frames and a few labelled photos.",
)
for part in (data, training, models, areas, prune):
    app.add_typer(part.app)
app.add_typer(runs.app, name="runs")
app.add_typer(tasks.app, name="tasks")
app.add_typer(photos.app, name="photos")
app.command("work", hidden=True)(tasks.work)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; a user's mistake is one line on stderr and exit code 1. Where it is asked to end, what is
    open is closed and removed first."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may hold what is no text
            stream.reconfigure(errors="backslashreplace")
    try:
        with interrupting():
            return app(args=arguments, standalone_mode=True)
    except HRSError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # the disk or the network failed: the user's to mend, wherever it was met
        where = f" ({printable(str(error.filename))})" if error.filename else ""
        print(f"error: {reason(error)}{where}; check the disk, the path and its permissions", file=sys.stderr)
        sys.exit(1)
