"""Commands on run folders: list, show, cancel, resume, rename, delete."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hrs.cli.options import On, RunsRoot, check_runs
from hrs.cli.terminal import table_console
from hrs.cli.training import say_queued, train
from hrs.runs.names import RUNS

if TYPE_CHECKING:
    from hrs.runs.folder import RunFolder

app = typer.Typer(no_args_is_help=True, help="List, show, cancel, resume and delete runs.")


@app.command("list")
def runs_list(runs: RunsRoot = RUNS) -> None:
    """All runs, newest first, and those that ship with hrs."""
    from rich.table import Column, Table

    from hrs.runs.registry import list_runs, shipped_runs, study_folders

    check_runs(runs)
    table = Table(Column("run", overflow="fold"), "state", "step", "best mIoU", box=None)
    found, shipped = list_runs(runs), shipped_runs(runs)
    for summary in (*found, *shipped):
        status = summary.status
        best = f"{status.best.miou:.1f}" if status.best and status.best.miou is not None else "–"
        state = "ships with hrs" if summary in shipped else status.state
        table.add_row(summary.name, state, f"{status.step}/{status.steps}", best)
    table_console().print(table)
    for summary in found:
        if summary.damage:
            print(f"{summary.name}: {summary.damage}", file=sys.stderr)
    for study in study_folders(runs):
        print(f"study {study.name}: its runs are listed with --runs {study}", file=sys.stderr)


@app.command("show")
def runs_show(
    name: str,
    runs: RunsRoot = RUNS,
    json_: Annotated[bool, typer.Option("--json", help="The status alone, as JSON.")] = False,
) -> None:
    """State, score, settings and the last lines of the log; of a run that comes with hrs too."""
    from hrs.runs.registry import find_run
    from hrs.system.documents import printable, read_bounded

    run = find_run(runs, name, shipped=True)
    if json_:
        print(run.read_status().model_dump_json(indent=2))
        return
    settings = read_bounded(run.config).decode(errors="replace").splitlines()
    for line in [*_head(run), "", *settings, "", *run.log_tail(20)]:
        print(printable(line))


def _head(run: RunFolder) -> list[str]:
    """A run in a few lines: what it is at, since when, how well it does, and where it lies."""
    from hrs.launch.phases import phase_in_words

    status = run.read_status()
    at = phase_in_words(run, status) or (status.error if status.state == "failed" else None)
    best = status.best if status.best and status.best.miou is not None else None
    facts = {
        "run": run.name,
        "state": f"{status.state}: {at}" if at else status.state,
        "started": _when(status.started),
        "last heard": _when(status.updated),
        "step": f"{status.step:,} of {status.steps:,}",
        "best mIoU": f"{best.miou:.1f} at step {best.step:,}" if best else "not validated yet",
        "folder": str(run.path.resolve()),
    }
    return [f"{key:<12}{value}" for key, value in facts.items() if value]


def _when(seconds: float | None) -> str:
    """A moment in local time; empty where there is none."""
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""


@app.command("cancel")
def runs_cancel(name: str, runs: RunsRoot = RUNS) -> None:
    """Stop a running run after its step, when it has saved; take a queued one out of the queue."""
    from hrs.launch.launcher import launcher
    from hrs.runs.registry import find_run

    run = find_run(runs, name)
    launcher().cancel(run)
    waits = run.read_status().state == "cancelled"
    stops = "is out of the queue" if waits else "will stop after its current step"
    print(f"{name} {stops}; go on with: {run.command('runs', 'resume')}")


@app.command("resume")
def runs_resume(
    name: str,
    runs: RunsRoot = RUNS,
    queue: Annotated[bool, typer.Option("--queue", help="Return at once; it goes on when a device is free.")] = False,
    on: On = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes of the cluster that train the run together.")] = 1,
) -> None:
    """Go on with a run that stopped, from its last checkpoint: here until it ends, or in the background (--queue)."""
    from hrs.launch.launcher import launcher
    from hrs.runs.registry import find_run

    if queue or on or workers > 1:
        run = find_run(runs, name)
        launcher(on, workers=workers).resume(run)
        say_queued(run)
        return
    train(name=name, runs=runs, resume=True)


@app.command("pack")
def runs_pack(
    name: str,
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    half: Annotated[bool, typer.Option("--half", help="Weights in 16 bits: half the size.")] = False,
    runs: RunsRoot = RUNS,
) -> None:
    """Copy a finished run without what only training needs, to pass it on."""
    from hrs.runs.pack import pack
    from hrs.runs.registry import find_run

    print(f"{name} is packed in {pack(find_run(runs, name), out, half=half).path}")


@app.command("rename")
def runs_rename(name: str, new: str, runs: RunsRoot = RUNS) -> None:
    """Give a run that has ended another name."""
    from hrs.runs.registry import find_run, rename

    print(f"{name} is now {rename(find_run(runs, name), new).name}")


@app.command("delete")
def runs_delete(
    name: str, runs: RunsRoot = RUNS, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Delete a run and all it made."""
    from hrs.runs.registry import delete, find_run

    run = find_run(runs, name)
    if not yes and not typer.confirm(f"delete {run.path} and all it made?"):
        return
    delete(run)
    print(f"deleted {name}")
