"""Commands that train: train, estimate, study."""

from __future__ import annotations

import json
import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hrs.cli.options import On, Overrides, RunsRoot, check_file
from hrs.cli.terminal import progress_bar
from hrs.errors import HRSError
from hrs.methods.table import METHODS
from hrs.networks.table import check_network
from hrs.runs.names import RUNS

if TYPE_CHECKING:
    from hrs.config import RunConfig
    from hrs.runs.folder import RunFolder

app = typer.Typer()


@app.command(epilog="\n\n".join(["Methods, for --set method=NAME:", *(f"{n}: {m.about}" for n, m in METHODS.items())]))
def train(
    config: Annotated[Path | None, typer.Argument(help="YAML; without it, the built-in example.")] = None,
    set_: Overrides = None,
    name: Annotated[str | None, typer.Option(help="Name of the run; made from method and time if left out.")] = None,
    runs: RunsRoot = RUNS,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run --name from its last checkpoint.")
    ] = False,
    queue: Annotated[
        bool, typer.Option("--queue", help="Return at once; it trains in the background when a device is free.")
    ] = False,
    on: On = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes of the cluster that train the run together.")] = 1,
) -> None:
    """Train one run; its folder holds everything it makes."""
    from hrs.config import load_config
    from hrs.launch.launcher import check_unfinished, launcher
    from hrs.runs.registry import find_run

    if queue or on or workers > 1:
        if resume:
            raise HRSError(
                "--queue and --on start a new run; to queue one that stopped: python -m hrs runs resume NAME --queue"
            )
        settings = load_config(config, tuple(set_ or ()))
        check_names(settings, here=on is None)
        say_queued(launcher(on, workers=workers).start(settings, runs, name))
        return
    from hrs.system.files import only_if_done
    from hrs.training.trainer import check_resumable, create_run, end_together, processes
    from hrs.training.trainer import train as train_run

    if resume:
        if name is None:
            raise HRSError("--resume needs --name; python -m hrs runs list shows the names")
        run = find_run(runs, name)
        if config is not None:
            raise HRSError(f"--resume goes on with the run's own settings; leave {config} out, or start a new run")
        check_unfinished(run)
        settings = changed(run, tuple(set_ or ()))
        check_resumable(run)
        check_names(settings)
    else:
        settings = load_config(config, tuple(set_ or ()))
        check_names(settings)
        run = create_run(settings, runs, name)
    if processes(settings).is_main_process:
        if resume:
            background = f"{run.command('runs', 'resume')} --queue"
            print(f"{run.name} goes on here until it ends or Ctrl-C; in the background it goes on with: {background}")
        with nullcontext() if resume else only_if_done(run.path):
            launcher().occupy(run, settings.train.device, again=resume)
            if resume and set_:
                run.rewrite_config(settings.to_yaml())
    with progress_bar("rendering") as progress:
        evaluation = train_run(settings, run, resume=resume, progress=progress)
    end_together(settings)
    if not processes(settings).is_main_process:
        return
    print(evaluation.to_table())
    print(f"run: {run.path}\nbest model: {run.best}")
    if run.weights.is_dir():
        print(f"weight maps: {run.weights}")


@app.command()
def estimate(
    config: Annotated[Path | None, typer.Argument(help="YAML; without it, the built-in example.")] = None,
    set_: Overrides = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Also write the numbers here.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="How long to time training steps, at least three.")] = 6.0,
) -> None:
    """Time and memory that a run will need, from a few real steps on a few of its frames."""
    from hrs.config import load_config
    from hrs.system.files import atomic_write

    settings = load_config(config, tuple(set_ or ()))
    check_file("--json", json_)
    from hrs.training.estimate import estimate as estimate_run

    result = estimate_run(settings, budget=seconds)
    print(result.to_text())
    if json_ is not None:
        atomic_write(json_, json.dumps(result.to_dict(), indent=2) + "\n")


@app.command()
def trial(
    config: Annotated[Path | None, typer.Argument(help="YAML; without it, the built-in example.")] = None,
    set_: Overrides = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Also write the findings here.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each small training.")] = 800,
    folds: Annotated[int, typer.Option(min=2, help="Parts that the photos are split into, at most.")] = 5,
    best: Annotated[
        Path | None, typer.Option(help="Also write the run's settings, a new YAML, with the way that has most mIoU.")
    ] = None,
) -> None:
    """Whether the synthetic frames help, in minutes: cross-validation on the photos alone, before a run.

    For each part of the photos small networks learn from the other parts: from photos alone, with all frames, with
    frames that count 0.3 as much, with frames weighted by hrs, and with each of several sources alone. At most 400
    photos and 1,200 frames; a training for each part and each of these, half a minute on one core.
    """
    from hrs.config import load_config
    from hrs.data.glance import look_at_all
    from hrs.system.files import atomic_write

    settings = load_config(config, tuple(set_ or ()))
    check_file("--json", json_)
    check_file("--best", best, new=True)
    look_at_all(settings)
    from hrs.trial.trial import run_trial

    with progress_bar("rendering") as rendering, progress_bar("trying") as progress:
        found = run_trial(settings, steps=steps, count=folds, progress=progress, rendering=rendering, say=print)
    print(found.to_text())
    if json_ is not None:
        atomic_write(json_, json.dumps(found.to_dict(), indent=2) + "\n")
    if best is not None:
        atomic_write(best, found.best.use.of(settings).to_yaml())
        print(f"\n{found.best.name}: {shlex.join(['python', '-m', 'hrs', 'train', str(best)])}")


@app.command()
def study(
    file: Annotated[Path, typer.Argument(help="YAML: base, methods, n_real, seeds, parallel; see hrs/study/plan.py.")],
    out: Annotated[Path | None, typer.Option(help="Default: studies/NAME below the folder of all runs.")] = None,
    runs: RunsRoot = RUNS,
    queue: Annotated[bool, typer.Option("--queue", help="Return at once; it works in the background.")] = False,
    on: On = None,
) -> None:
    """Compare methods over numbers of real images and seeds. Goes on where an earlier call stopped."""
    from hrs.launch.task import Task, Teller
    from hrs.runs.folder import checked_name
    from hrs.runs.names import STUDIES
    from hrs.study.baselines import hand_in
    from hrs.study.plan import load_study, plan
    from hrs.study.run import run_study
    from hrs.study.table import to_markdown

    try:
        folder = out or runs / STUDIES / checked_name(file.stem, "study")
    except HRSError as error:
        raise HRSError(f"{error}; rename {file.name}, or name a folder with --out") from error
    wanted = load_study(file)
    jobs = plan(wanted)
    check_names(*(job.config for job in jobs if job.outcome(folder) is None), here=on is None)
    if queue:
        task = hand_in(file, folder, on)
        print(
            f"the study works in the background; stop it with: python -m hrs tasks cancel {shlex.quote(str(task.path))}"
        )
        print(f"log: {task.log}\ntable: {folder / 'table.md'}")
        return
    own = Task.current()
    lines = run_study(wanted, folder, on=on, progress=Teller(own) if own else None)
    print(to_markdown(lines))
    print(f"table: {folder / 'table.md'}\nplot: {folder / 'plot.png'}")


def check_names(*configs: RunConfig, here: bool = True) -> None:
    """Raises HRSError where a run names a network that is none, or a data set that is not there, before anything of the
    run is made or changed.

    Args:
        here: whether it trains here; else its data may be where the cluster is.
    """
    from hrs.data.glance import look_at_all

    for config in configs:
        check_network(config.network.name, pretrained=config.network.pretrained)
    if here:
        look_at_all(*configs)


def changed(run: RunFolder, overrides: tuple[str, ...]) -> RunConfig:
    """The settings that a stopped run goes on with.

    Raises HRSError where a change bears on the result: what came before the stop was trained otherwise.
    """
    from hrs.config import load_config
    from hrs.study.table import differences

    before, settings = load_config(run.config), load_config(run.config, overrides)
    if differ := differences(before, settings):
        raise HRSError(
            f"run {run.name} was trained with another {', '.join(differ)} until it stopped; leave that --set out, or "
            "start a new run"
        )
    return settings


def say_queued(run: RunFolder) -> None:
    """Say that a run waits for its process, and how to follow it."""
    print(f"{run.name} is queued; watch it with: {run.command('runs', 'show')}")
