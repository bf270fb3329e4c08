"""Training: runs from their start to their end, and the trainer, which takes one step after another.

Whatever looks on (the log, validation, the panel, checkpoints, requests to stop) is in watchers.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from hrs.checkpoint import check_format
from hrs.config import RunConfig
from hrs.data.loaders import loader_errors
from hrs.errors import HRSError
from hrs.evaluation import Evaluation
from hrs.progress import Progress, both
from hrs.runs.folder import RunFolder
from hrs.runs.seen import NOTHING, read_seen
from hrs.runs.status import ACTIVE
from hrs.runs.work import may_be_lost
from hrs.system.files import recover, sweep
from hrs.system.processes import interrupting
from hrs.training.record import PhaseTeller
from hrs.training.steps import Cancelled, Trainer
from hrs.training.watchers import watch

OPENING = "opening the data"


def train(config: RunConfig, run: RunFolder, *, resume: bool = False, progress: Progress | None = None) -> Evaluation:
    """Train one run to its end and return its last validation.

    Args:
        config: what to do.
        run: its folder, created for this run (or one that stopped, with ``resume``).
        progress: called with (done, total) while frames are rendered.
        resume: go on from checkpoints/last; on a CPU the result has the same weights as an unbroken run.

    Raises:
        HRSError: data or settings that cannot work, a loss that stays non-finite, or a signal to stop; the run's status
            says so too. Or another process trains the run; its status stays as that one writes it.
    """
    main = processes(config).is_main_process
    with run.held() if main else nullcontext():
        return _train_alone(config, run, resume=resume, progress=progress, main=main)


def _train_alone(
    config: RunConfig, run: RunFolder, *, resume: bool, progress: Progress | None, main: bool
) -> Evaluation:
    def say(**status: Any) -> None:
        if main:
            run.write_status(**status)

    try:
        with interrupting() as check:
            # first: a run that finished well shall not be called failed
            stopped, resume = resume, resume and check_resumable(run, sole=True)
            if main:
                _heed(run, stopped=stopped)
                sweep(run.path)
                sweep(run.best.parent, sole=True)
            say(state="running", steps=config.train.steps, phase={"what": OPENING})
            telling = both(progress, PhaseTeller(run, "rendering", after=OPENING)) if main else progress
            evaluation = _train(config, run, resume=resume, progress=telling, check=check)
    except (Cancelled, KeyboardInterrupt) as error:
        say(state="cancelled")
        if main:
            run.forget_request()
        raise HRSError(f"run {run.name} was cancelled; go on with: {run.command('runs', 'resume')}") from error
    except BaseException as error:
        if main and run.read_status().state in ACTIVE and not may_be_lost(run, error):
            say(state="failed", error=str(error) or type(error).__name__)
        raise
    say(state="finished", eta=0)
    return evaluation


def _heed(run: RunFolder, *, stopped: bool) -> None:
    """Raises Cancelled where the run was cancelled now: while it was new, or since this process has it. Where it had
    ``stopped`` the request was to what stopped."""
    if run.read_status().state in ACTIVE or not run.stop_requested():
        return  # a request that is not in the status yet is seen at the first step
    if run.mine() or not stopped:
        raise Cancelled
    run.forget_request()


def _train(
    config: RunConfig, run: RunFolder, *, resume: bool, progress: Progress | None, check: Callable[[], None]
) -> Evaluation:
    source, seen = (run.last, read_seen(run)) if resume else (None, NOTHING)
    trainer = Trainer(config, resume_from=source, seen=seen, progress=progress)
    check()
    with watch(trainer, run) as watchers, loader_errors():
        trainer.fit(watchers.in_order())
        return watchers.validation.result()


def check_resumable(run: RunFolder, *, sole: bool = False) -> bool:
    """Whether a run has a checkpoint to go on from; one that stopped before its first starts anew.

    Args:
        sole: as in `hrs.system.files.recover`; for who holds the run.

    Raises:
        HRSError: another version of hrs wrote it, or it cannot be read.
    """
    there = recover(run.last, sole=sole)
    if there:
        check_format(run.last)
    return there


def processes(config: RunConfig) -> PartialState:
    """How many processes train this run together, and which of them this is."""
    return PartialState(cpu=config.train.device == "cpu")


def end_together(config: RunConfig) -> None:
    """Have the processes that trained a run end together, and close what connects them: one that goes while another
    still writes is taken for lost with all of them, as is one whose open connections kill it."""
    state = processes(config)
    state.wait_for_everyone()
    state.destroy_process_group()


def create_run(config: RunConfig, root: Path, name: str | None) -> RunFolder:
    """A new run folder, made by the main process and known to all of them. Raises HRSError as RunFolder.create does."""
    answer: list[Path | HRSError | None] = [None]
    if processes(config).is_main_process:
        try:
            answer = [RunFolder.create(root, name, config.to_yaml(), prefix=config.method).path]
        except HRSError as error:
            answer = [error]
    (made,) = broadcast_object_list(answer)
    if isinstance(made, HRSError):
        raise made
    return RunFolder(made)
