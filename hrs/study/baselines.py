"""A run beside the methods that it has to beat, with its own settings, over a few seeds."""

from __future__ import annotations

from pathlib import Path

from hrs.config import RunConfig
from hrs.launch.launcher import launcher
from hrs.launch.task import Task
from hrs.runs.folder import check_name
from hrs.runs.names import STUDIES
from hrs.study.plan import FILE, Study, plan, to_yaml
from hrs.system.files import atomic_write, disk_errors, only_if_done

BASELINES = ("joint", "target_only", "mixing")
SEEDS = 3


def beside_baselines(config: RunConfig) -> Study:
    """The run's method and those it is compared with: same data, size, steps and network, SEEDS seeds from the
    run's own on."""
    base = config.model_dump(mode="json", exclude={"method": True, "seed": True, "data": {"n_real"}})
    methods = dict.fromkeys([config.method, *BASELINES])
    return Study(
        base=base,
        methods=tuple({"method": method} for method in methods),
        n_real=(config.data.n_real,),
        seeds=tuple(range(config.seed, config.seed + SEEDS)),
        against=tuple(name for name in BASELINES if name != config.method),
    )


def start_study(study: Study, root: Path, name: str, on: str | None = None) -> Task:
    """Write a study below the folder of all runs and have it done in the background, here or on a cluster.

    Raises:
        HRSError: the name is unfit or taken, settings that no run could have, the folder cannot be written, or there
            is no such cluster.
    """
    plan(study)
    folder = root / STUDIES / name
    check_name(folder.parent, name)
    with disk_errors(folder):
        folder.mkdir(parents=True)
    with only_if_done(folder):
        atomic_write(folder / FILE, to_yaml(study))
        return hand_in(folder / FILE, folder, on)


def hand_in(file: Path, folder: Path, on: str | None = None) -> Task:
    """Have the study of a file done in the background, into a folder, here or on a cluster. Raises HRSError where it is
    at work already."""
    command = ["study", str(file.resolve()), "--out", str(folder.resolve()), *(["--on", on] if on else [])]
    task = Task.create(study_task(folder).path, command, out=folder)
    launcher(on).submit(task)
    return task


def study_task(folder: Path) -> Task:
    """The task that does a study, whether it is there or not."""
    return Task(folder / "tasks" / "study")
