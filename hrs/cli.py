"""The command line: python -m hrs COMMAND."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hrs.errors import HRSError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Semantic segmentation from many synthetic frames and a few labelled photos.",
)
runs_app = typer.Typer(no_args_is_help=True, help="List, show, cancel, resume and delete runs.")
app.add_typer(runs_app, name="runs")

RunsRoot = Annotated[Path, typer.Option("--runs", help="Folder of all runs.")]
RUNS = Path("runs")


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A callback (done, total): a bar with rate and ETA on a terminal, a plain line every tenth elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_progress(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True))
    try:
        yield partial(_move, bar, what)
    finally:
        bar.stop()


def _move(bar: Progress, what: str, done: int, total: int) -> None:
    """Show the bar from the first call to the last, so that it is not in the way of what is printed after it."""
    if not bar.live.is_started:
        bar.add_task(what, total=total)
        bar.start()
    bar.update(bar.task_ids[-1], completed=done, total=total)
    if done >= total:
        bar.stop()


def _plain_progress(what: str) -> Callable[[int, int], None]:
    spoken = -1

    def tell(done: int, total: int) -> None:
        nonlocal spoken
        tenth = 10 * done // max(total, 1)
        if tenth != spoken:
            spoken = tenth
            print(f"{what} {done}/{total}", file=sys.stderr)

    return tell


@app.command()
def check(
    dataset: Annotated[str, typer.Argument(help="format:path[?key=value&...], e.g. camvid:data/camvid")],
    split: Annotated[str | None, typer.Option(help="Which split, for formats that have them.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write a picture of examples and report.json here.")] = None,
) -> None:
    """The data doctor: pairs, missing partners, sizes, unreadable files, unknown ids, classes."""
    from hrs.data.doctor import inspect, write_examples
    from hrs.files import atomic_write

    if out is not None and out.exists() and not out.is_dir():
        raise HRSError(f"--out {out} is a file; name a folder")
    with progress_bar("checking") as progress:
        report = inspect(dataset, split=split, progress=progress)
    print(report.to_text())
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
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
) -> None:
    """Render streets of the built-in world with labels. Goes on where an earlier call stopped."""
    from hrs.data.scenes import render_corpus

    with progress_bar("rendering") as progress:
        render_corpus(out, domain, frames=frames, seed=seed, height=height, width=width, progress=progress)
    print(f"{frames} frames in {out}; use it as folder:{out}")


@app.command()
def train(
    config: Annotated[Path | None, typer.Argument(help="YAML; without it, the built-in example.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, e.g. data.n_real=20")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run; made from method and time if left out.")] = None,
    runs: RunsRoot = RUNS,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run --name from its last checkpoint.")
    ] = False,
) -> None:
    """Train one run; its folder holds everything it makes."""
    from hrs.config import load_config
    from hrs.runs import find_run
    from hrs.training.trainer import create_run, processes
    from hrs.training.trainer import train as train_run

    if resume:
        if name is None:
            raise HRSError("--resume needs --name; python -m hrs runs list shows the names")
        run = find_run(runs, name)
        settings = load_config(run.config, tuple(set_ or ()))
        if processes(settings).is_main_process and run.read_status().state == "running":
            raise HRSError(f"run {name} is running; cancel it first: python -m hrs runs cancel {name}")
    else:
        settings = load_config(config, tuple(set_ or ()))
        run = create_run(settings, runs, name)
    with progress_bar("rendering") as progress:
        scores = train_run(settings, run, resume=resume, progress=progress)
    if not processes(settings).is_main_process:
        return
    print(scores.to_table())
    print(f"run: {run.path}\nbest model: {run.best}\nweight maps: {run.weights}")


@app.command()
def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint folder, run, or name under checkpoints/.")],
    dataset: Annotated[str, typer.Argument(help="Labelled data set.")],
    split: Annotated[str | None, typer.Option()] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Also write the scores here.")] = None,
    runs: RunsRoot = RUNS,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Per-class IoU and mIoU from one confusion matrix over the data set."""
    from hrs.data.layouts import open_dataset
    from hrs.files import atomic_write
    from hrs.inference import Predictor
    from hrs.inference import evaluate as evaluate_dataset

    if json_ is not None and not json_.parent.is_dir():
        raise HRSError(f"--json {json_}: the folder {json_.parent} does not exist; make it first")
    predictor = Predictor.load(_checkpoint(checkpoint, runs), device=pick_device(device))
    data = open_dataset(dataset, split=split).map_to(predictor.space)
    with progress_bar("evaluating") as progress:
        scores = evaluate_dataset(predictor, data, progress=progress)
    print(scores.to_table())
    if json_ is not None:
        atomic_write(json_, json.dumps(scores.to_json_dict(), indent=2) + "\n")


@app.command()
def score(
    checkpoint: Annotated[str, typer.Argument(help="A run with weighting networks.")],
    dataset: Annotated[str | None, typer.Argument(help="Synthetic corpus; without it, the run's own.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: the run's scores folder.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many frames.")] = None,
    runs: RunsRoot = RUNS,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Weight maps of a whole corpus and a table over its frames. Goes on where an earlier call stopped."""
    from hrs.scoring import own_corpus
    from hrs.scoring import score as score_corpus

    folder = _checkpoint(checkpoint, runs)
    run = folder.parent.parent
    out = out or (run if (run / "status.json").is_file() else folder) / "scores"
    corpus = dataset or own_corpus(folder)
    with progress_bar("scoring") as progress:
        index = score_corpus(folder, corpus, out, limit=limit, device=pick_device(device), progress=progress)
    print(f"index: {index}\nmaps: {out / 'maps'}")


@app.command()
def segment(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint folder, run, or name under checkpoints/.")],
    images: Annotated[list[Path], typer.Argument(help="Photographs, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Gets NAME.png (class ids) and NAME_overlay.jpg.")],
    runs: RunsRoot = RUNS,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Segment photographs."""
    from hrs.inference import Predictor, segment_files

    predictor = Predictor.load(_checkpoint(checkpoint, runs), device=pick_device(device))
    with progress_bar("segmenting") as progress:
        done = segment_files(predictor, images, out, progress=progress)
    print(f"{done} images segmented into {out}")


@runs_app.command("list")
def runs_list(runs: RunsRoot = RUNS) -> None:
    """All runs, newest first."""
    from rich.table import Table

    from hrs.runs import list_runs

    table = Table("run", "state", "step", "best mIoU", box=None)
    for summary in list_runs(runs):
        status = summary.status
        best = f"{status.best['miou']:.1f}" if status.best else "–"
        table.add_row(summary.name, status.state, f"{status.step}/{status.steps}", best)
    Console().print(table)


@runs_app.command("show")
def runs_show(name: str, runs: RunsRoot = RUNS) -> None:
    """Status, settings and the last lines of the log."""
    from hrs.runs import find_run

    run = find_run(runs, name)
    print(run.read_status().model_dump_json(indent=2))
    print(run.config.read_text(encoding="utf-8"))
    print("\n".join(run.log_tail(20)))


@runs_app.command("cancel")
def runs_cancel(name: str, runs: RunsRoot = RUNS) -> None:
    """Stop a running run after its step; it saves first."""
    from hrs.runs import cancel, find_run

    cancel(find_run(runs, name))
    print(f"{name} will stop after its current step; go on with: python -m hrs runs resume {name}")


@runs_app.command("resume")
def runs_resume(name: str, runs: RunsRoot = RUNS) -> None:
    """Go on with a run that stopped, from its last checkpoint."""
    train(name=name, runs=runs, resume=True)


@runs_app.command("delete")
def runs_delete(
    name: str, runs: RunsRoot = RUNS, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Delete a run and all it made."""
    from hrs.runs import delete, find_run

    run = find_run(runs, name)
    if not yes and not typer.confirm(f"delete {run.path} and all it made?"):
        return
    delete(run)
    print(f"deleted {name}")


def pick_device(name: str) -> str:
    """auto -> cuda where there is one, else cpu."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise HRSError(f"--device {name} cannot be used here; expected auto, cpu or cuda") from error
    return name


def _checkpoint(text: str, runs: Path) -> Path:
    from hrs.runs import resolve_checkpoint

    return resolve_checkpoint(text, runs)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; a user's mistake is one line on stderr and exit code 1."""
    try:
        return app(args=arguments, standalone_mode=True)
    except HRSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
