"""What commands show while they work."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import rich.progress
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from hrs.launch.process import TELL_EVERY
from hrs.progress import Pace, Progress, duration

_UNBOUNDED = 10_000  # columns


class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: rich.progress.Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


def table_console() -> Console:
    """Where tables are printed: whole off a terminal, as in a pipe, however wide they are."""
    console = Console()
    return console if console.is_terminal else Console(width=_UNBOUNDED)


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A callback (done, total): a bar with rate and ETA on a terminal; elsewhere a plain line every tenth, or as often
    as `TELL_EVERY` says. Of a task the status says it, too; where it was asked to stop, the callback raises."""
    from hrs.launch.task import Task, Teller

    task = Task.current()
    with _shown(what) as show:
        yield show if task is None else partial(_tell_both, show, Teller(task))


def _tell_both(first: Progress, second: Progress, done: int, total: int) -> None:
    first(done, total)
    second(done, total)


@contextmanager
def _shown(what: str) -> Iterator[Progress]:
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
    spoken, last, pace, silent = -1, 0.0, Pace(), float(os.environ.get(TELL_EVERY, "inf"))

    def tell(done: int, total: int) -> None:
        nonlocal spoken, last
        now, tenth = time.monotonic(), 10 * done // max(total, 1)
        left = pace.left(done, total, now)
        if tenth != spoken or now - last > silent:
            spoken, last = tenth, now
            when = f", {duration(left)} left" if round(left or 0) else ""
            print(f"{what} {done}/{total}{when}", file=sys.stderr, flush=True)

    return tell
