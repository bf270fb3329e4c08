"""What runs and tasks are at, in words."""

from __future__ import annotations

from pathlib import Path

from hrs.errors import HRSError
from hrs.launch.launcher import Line, launcher
from hrs.launch.task import Task
from hrs.progress import duration
from hrs.runs.status import Status
from hrs.runs.work import WorkFolder


def phase_in_words(work: WorkFolder, status: Status, line: Line | None = None, *, brief: bool = False) -> str:
    """Such as "rendering 7/40", "training 120/1,000, 5 min left", "waiting for tiny, about 5 min"; empty for what has
    ended.

    Args:
        line: this machine's queue, for who asks of many; else it is read.
        brief: "120/1,000, 5 min left", for a narrow column.
    """
    if status.state == "queued" and status.keeper:
        return f"waiting for a node of the cluster {status.keeper}"
    if status.state == "queued":
        return _waiting((line or launcher().line()).ahead(work))
    if status.state != "running":
        return ""
    if status.phase:
        return status.phase.in_words()
    left = f", {duration(status.eta)} left" if status.eta else ""
    return f"{'' if brief else 'training '}{status.step:,}/{status.steps:,}{left}"


def _waiting(ahead: tuple[Path, ...]) -> str:
    if not ahead:
        return "starting"
    more = f" and {len(ahead) - 1} more" if len(ahead) > 1 else ""
    return f"waiting for {_called(ahead[0])}{_about(ahead[0])}{more}"


def _called(folder: Path) -> str:
    """A run by its name, a task by its own and the run's or study's that it works with."""
    return f"{folder.name} of {folder.parents[1].name}" if Task(folder).exists() else folder.name


def _about(folder: Path) -> str:
    try:
        eta = WorkFolder(folder).read_status().eta
    except HRSError:  # removed at this moment
        return ""
    return f", about {duration(eta)}" if eta else ""
