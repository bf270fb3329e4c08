"""Commands on work in the background that is no training run: list, cancel; and what a process in the queue does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from hrs.cli.options import RunsRoot, check_runs
from hrs.cli.terminal import progress_bar, table_console
from hrs.errors import HRSError
from hrs.runs.names import RUNS

app = typer.Typer(no_args_is_help=True, help="List and cancel what works in the background beside training.")


@app.command("list")
def tasks_list(runs: RunsRoot = RUNS) -> None:
    """Scoring, copies of data sets and studies below the folder of all runs, newest first."""
    from rich.table import Column, Table

    from hrs.launch.task import tasks_below

    check_runs(runs)
    names = (Column("task", overflow="fold"), "state", "done", Column("result", overflow="fold"))
    table = Table(*names, box=None)
    for task in tasks_below(runs):
        status = task.read_status()
        try:
            out = str(task.read_order().out)
        except HRSError:  # damaged; the others are listed all the same
            out = "unknown"
        table.add_row(escape(str(task.path)), status.state, f"{status.step}/{status.steps}", escape(out))
    table_console().print(table)


@app.command("cancel")
def tasks_cancel(folder: Annotated[Path, typer.Argument(help="As list names it.")]) -> None:
    """Stop a task; what it has finished stays, and most go on there when they are started again."""
    from hrs.launch.launcher import launcher
    from hrs.launch.task import Task

    launcher().cancel(Task(folder))
    print(f"{folder} will stop")


def work(folder: Path) -> None:
    """What the process of a queued run or task does: wait for a device, then work."""
    from hrs import cli
    from hrs.launch.process import INTERRUPTED
    from hrs.launch.queue import task_in_turn, train_in_turn
    from hrs.launch.task import Task
    from hrs.runs.folder import RunFolder

    task, run = Task(folder), RunFolder(folder)
    if task.exists():
        with task_in_turn(task):
            if cli.app(args=task.read_order().command, standalone_mode=False) == INTERRUPTED:
                raise KeyboardInterrupt
    elif run.exists():
        with progress_bar("rendering") as progress:
            train_in_turn(run, progress=progress)
    else:
        raise HRSError(f"{folder} is neither a run nor a task")


@contextmanager
def occupying(device: str | None, folder: Path | None, command: Sequence[str], *, out: Path) -> Iterator[None]:
    """Hold a device while a command works in this terminal, so that what is queued waits, and pages see it. Where the
    command is a task's, that holds one already.

    Args:
        device: None for a command that needs none.
        folder: of the task that it is then; None: one that nobody needs to find again.
    """
    from hrs.launch.launcher import launcher
    from hrs.launch.task import Task

    if Task.current():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="hrs-task-") as scratch:
        task = Task.create(folder or Path(scratch) / command[0], command, out=out, device=device)
        launcher().occupy(task, device)
        with task.at_work():
            yield
