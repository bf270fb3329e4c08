"""The command line: python -m hrs COMMAND."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import rich.progress
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from hrs.errors import HRSError
from hrs.progress import Progress

if TYPE_CHECKING:
    from hrs.runs import RunFolder

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
_SILENT = 5.0  # seconds between two plain lines of progress at most


class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A callback (done, total): a bar with rate and ETA on a terminal; elsewhere a plain line every tenth, or sooner
    where that takes long."""
    if not sys.stderr.isatty():
        yield _plain_progress(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    bar = rich.progress.Progress(*columns, console=Console(stderr=True))
    try:
        yield partial(_move, bar, what)
    finally:
        bar.stop()


def _move(bar: rich.progress.Progress, what: str, done: int, total: int) -> None:
    """Show the bar from the first call to the last, so that it is not in the way of what is printed after it."""
    if not bar.live.is_started:
        bar.add_task(what, total=total)
        bar.start()
    bar.update(bar.task_ids[-1], completed=done, total=total)
    if done >= total:
        bar.stop()


def _plain_progress(what: str) -> Progress:
    spoken, last = -1, 0.0

    def tell(done: int, total: int) -> None:
        nonlocal spoken, last
        tenth = 10 * done // max(total, 1)
        if tenth != spoken or time.monotonic() - last > _SILENT:
            spoken, last = tenth, time.monotonic()
            print(f"{what} {done}/{total}", file=sys.stderr, flush=True)

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
    queue: Annotated[
        bool, typer.Option("--queue", help="Return at once; it trains in the background when a device is free.")
    ] = False,
) -> None:
    """Train one run; its folder holds everything it makes."""
    from hrs.config import load_config
    from hrs.launch import occupy, start
    from hrs.runs import find_run

    if queue:
        if resume:
            raise HRSError(
                "--queue starts a new run; to queue one that stopped: python -m hrs runs resume NAME --queue"
            )
        _queued(start(load_config(config, tuple(set_ or ())), runs, name))
        return
    from hrs.training.trainer import create_run, processes
    from hrs.training.trainer import train as train_run

    if resume:
        if name is None:
            raise HRSError("--resume needs --name; python -m hrs runs list shows the names")
        run = find_run(runs, name)
        settings = load_config(run.config, tuple(set_ or ()))
        state = run.read_status().state
        if processes(settings).is_main_process and state in ("queued", "running"):
            raise HRSError(f"run {name} is {state}; cancel it first: python -m hrs runs cancel {name}")
    else:
        settings = load_config(config, tuple(set_ or ()))
        run = create_run(settings, runs, name)
    if processes(settings).is_main_process:
        occupy(run, settings)
    with progress_bar("rendering") as progress:
        scores = train_run(settings, run, resume=resume, progress=progress)
    if not processes(settings).is_main_process:
        return
    print(scores.to_table())
    print(f"run: {run.path}\nbest model: {run.best}\nweight maps: {run.weights}")


@app.command()
def estimate(
    config: Annotated[Path | None, typer.Argument(help="YAML; without it, the built-in example.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, e.g. data.n_real=20")] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Also write the numbers here.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="How long to time training steps, at least three.")] = 6.0,
) -> None:
    """Time and memory that a run will need, from a few real steps on a few of its frames."""
    from hrs.config import load_config
    from hrs.files import atomic_write

    settings = load_config(config, tuple(set_ or ()))
    from hrs.estimate import estimate as estimate_run

    result = estimate_run(settings, budget=seconds)
    print(result.to_text())
    if json_ is not None:
        atomic_write(json_, json.dumps(result.to_dict(), indent=2) + "\n")


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
    predictor = Predictor.load(_checkpoint(checkpoint, runs), device=pick_device(device), backend="torch")
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
def study(
    file: Annotated[Path, typer.Argument(help="YAML: base, methods, n_real, seeds, parallel; see hrs/study.py.")],
    out: Annotated[Path | None, typer.Option(help="Default: studies/NAME below the folder of all runs.")] = None,
    runs: RunsRoot = RUNS,
) -> None:
    """Compare methods over numbers of real images and seeds. Goes on where an earlier call stopped."""
    from hrs.study import load_study, run_study
    from hrs.study_table import to_markdown

    folder = out or runs / "studies" / file.stem
    print(to_markdown(run_study(load_study(file), folder)))
    print(f"table: {folder / 'table.md'}\nplot: {folder / 'plot.png'}")


@app.command()
def segment(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint folder, run, or name under checkpoints/.")],
    files: Annotated[list[Path], typer.Argument(help="Photos, videos, or folders of them with all their sub-folders.")],
    out: Annotated[Path, typer.Option(help="Gets NAME.png (class ids), NAME_overlay.jpg or .mp4, and NAME.json.")],
    augment: Annotated[bool, typer.Option("--augment", help="Average over mirrored and enlarged views.")] = False,
    frame_labels: Annotated[bool, typer.Option("--frame-labels", help="Write class ids of videos too.")] = False,
    backend: Annotated[
        Literal["auto", "torch", "onnx"], typer.Option(help="auto: ONNX on a CPU, made once per model; torch: exact.")
    ] = "auto",
    runs: RunsRoot = RUNS,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Segment photos and videos."""
    from hrs.inference import Predictor, find_jobs, segment_files

    folder = _checkpoint(checkpoint, runs)
    find_jobs(files, out)  # a wrong path is said before the model loads
    predictor = Predictor.load(folder, device=pick_device(device), backend=backend)
    with progress_bar("segmenting") as progress:
        outcome = segment_files(predictor, files, out, augment=augment, frame_labels=frame_labels, progress=progress)
    print(f"{outcome.done} {'file' if outcome.done == 1 else 'files'} segmented into {out}")
    *others, last = outcome.failed or [""]
    for reason in others:
        print(f"left out: {reason}", file=sys.stderr)
    if last:
        raise HRSError(last)


@app.command()
def export(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint folder, run, or name under checkpoints/.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    format_: Annotated[Literal["onnx"], typer.Option("--format")] = "onnx",
    tolerance: Annotated[float, typer.Option(min=0, help="Largest difference to PyTorch that is accepted.")] = 1e-3,
    runs: RunsRoot = RUNS,
) -> None:
    """Write the network for other programs, with its classes and colours inside; checked against PyTorch."""
    from hrs.export import export_network

    done = export_network(_checkpoint(checkpoint, runs), out, tolerance=tolerance)
    sizes = ", ".join(f"{batch} of {width}x{height}" for batch, height, width in done.checked)
    print(f"{format_}: {done.path}, {done.path.stat().st_size / 1e6:.1f} MB")
    print(f"largest difference to PyTorch: {done.difference:.1e} (images: {sizes})")


@app.command()
def calibrate(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint folder, run, or name under checkpoints/.")],
    runs: RunsRoot = RUNS,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Let a model say how close a photo is to its real images: their statistics are kept beside it."""
    from hrs.config import load_config
    from hrs.inference import Predictor, write_gauge
    from hrs.inference import calibrate as calibrate_model
    from hrs.training.checkpoint import read_about
    from hrs.training.task import open_real

    folder = _checkpoint(checkpoint, runs)
    real = open_real(load_config(read_about(folder)["run"]))
    predictor = Predictor.load(folder, device=pick_device(device), backend="torch")
    with progress_bar("calibrating") as progress:
        gauge = calibrate_model(predictor, real.target, real.val, progress=progress)
    print(f"gauge: {write_gauge(gauge, folder)}")


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
    """Stop a running run after its step, when it has saved; take a queued one out of the queue."""
    from hrs.runs import cancel, find_run

    run = find_run(runs, name)
    cancel(run)
    waits = run.read_status().state == "cancelled"
    stops = "is out of the queue" if waits else "will stop after its current step"
    print(f"{name} {stops}; go on with: python -m hrs runs resume {name}")


@runs_app.command("resume")
def runs_resume(
    name: str,
    runs: RunsRoot = RUNS,
    queue: Annotated[bool, typer.Option("--queue", help="Return at once; it goes on when a device is free.")] = False,
) -> None:
    """Go on with a run that stopped, from its last checkpoint."""
    from hrs.launch import resume
    from hrs.runs import find_run

    if queue:
        run = find_run(runs, name)
        resume(run)
        _queued(run)
        return
    train(name=name, runs=runs, resume=True)


@runs_app.command("work", hidden=True)
def runs_work(name: str, runs: RunsRoot = RUNS) -> None:
    """What the process of a queued run does: wait for a device, then train."""
    from hrs.launch import work
    from hrs.runs import find_run

    with progress_bar("rendering") as progress:
        work(find_run(runs, name), progress=progress)


@runs_app.command("rename")
def runs_rename(name: str, new: str, runs: RunsRoot = RUNS) -> None:
    """Give a run that has ended another name."""
    from hrs.runs import find_run, rename

    print(f"{name} is now {rename(find_run(runs, name), new).name}")


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


def _queued(run: RunFolder) -> None:
    """Say that a run waits for its process, and how to follow it."""
    print(f"{run.name} is queued; watch it with: python -m hrs runs show {run.name} --runs {run.path.parent}")


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
