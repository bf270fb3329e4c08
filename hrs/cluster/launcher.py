"""Work handed to a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrs.cluster.connection import NAMESPACE, Portion, connected, places, portion, resources
from hrs.config import RunConfig
from hrs.errors import HRSError
from hrs.launch.launcher import Line, Share, check_unfinished, launcher
from hrs.launch.task import Task
from hrs.runs.folder import RunFolder
from hrs.runs.work import WorkFolder, cancel, requeue
from hrs.system.files import only_if_done

if TYPE_CHECKING:
    from hrs.cluster.keeper import Job


@dataclass(frozen=True)
class RayLauncher:
    """The `hrs.launch.launcher.Launcher` of a cluster, which looks after each piece of work by a `Keeper`.

    workers: how many processes train each run together.
    """

    address: str
    workers: int = 1

    def start(self, config: RunConfig, root: Path, name: str | None = None, *, share: Share | None = None) -> RunFolder:
        with connected(self.address) as ray:
            run = RunFolder.create(root.resolve(), name, config.to_yaml(), prefix=config.method)
            with only_if_done(run.path):
                run.write_status(steps=config.train.steps, keeper=self.address)
                self._hand_in(ray, run, config.train.device, share)
        return run

    def resume(self, run: RunFolder, *, share: Share | None = None) -> None:
        run = RunFolder(run.path.resolve())
        config = check_unfinished(run)
        with connected(self.address) as ray:
            requeue(run, keeper=self.address)
            self._hand_in(ray, run, config.train.device, share)

    def submit(self, task: Task) -> None:
        with _told(task), connected(self.address) as ray:
            task.write_status(keeper=self.address)
            self._hand_in(ray, task, task.read_order().device)

    def cancel(self, work: WorkFolder, *, force: bool = False) -> None:
        if not force:
            cancel(work)
            return
        with connected(self.address) as ray:
            _dismiss(ray, work)
        with work.held():  # its process ended with its keeper
            if work.active():
                work.write_status(state="cancelled")

    def waiting(self) -> tuple[Path, ...]:
        with connected(self.address) as ray:
            named = [each["name"] for each in ray.util.list_named_actors(all_namespaces=True) if _ours(each)]
        queued = []
        for folder in map(Path, named):
            with suppress(HRSError):  # deleted meanwhile
                status = WorkFolder(folder).read_status()
                queued += [(status.updated or 0, folder)] if status.state == "queued" else []
        return tuple(folder for _, folder in sorted(queued))

    def line(self) -> Line:
        """Ray has none: what waits begins as soon as what it needs is free."""
        return Line()

    def occupy(self, work: WorkFolder, device: str | None, *, again: bool = False) -> None:
        """What this process does it does on this machine."""
        launcher().occupy(work, device, again=again)

    def _hand_in(self, ray: Any, work: WorkFolder, device: str | None, share: Share | None = None) -> None:
        """Give work to a new keeper; where that fails, its status says so."""
        from ray.exceptions import RayError

        from hrs.cluster.keeper import Job, Keeper

        with _told(work):
            workers = self.workers if isinstance(work, RunFolder) else 1
            nodes = resources(ray)
            part = portion(nodes, device, workers * (share.at_once if share else 1))
            if workers > 1 and (0 < part.gpus < 1 or not _fit(nodes, part, workers)):
                what = "GPU" if part.gpus else "processor"
                raise HRSError(f"{workers} workers need a {what} each; the cluster has fewer: ask for fewer workers")
            job = Job(folder=work.path.resolve(), cwd=Path.cwd(), portion=part, workers=workers)
            _dismiss(ray, work)  # one that has not ended quite yet
            keeper = ray.remote(Keeper).options(**_options(job)).remote(job)
            try:
                seen = ray.get(keeper.sees.remote())
            except RayError as error:
                why = str(error).strip().splitlines()[-1]
                raise HRSError(
                    f"the cluster cannot begin ({why}); every node needs this version of hrs, and the same storage"
                ) from error
            if not seen:
                _dismiss(ray, work)
                raise HRSError(f"the cluster does not see {job.folder}; give a --runs folder on storage it shares")


@contextmanager
def _told(work: WorkFolder) -> Iterator[None]:
    """Where the block fails, the work's status says so."""
    try:
        yield
    except BaseException as error:
        work.write_status(state="failed", error=str(error) or type(error).__name__)
        raise


def _fit(nodes: Sequence[Mapping[str, float]], part: Portion, workers: int) -> bool:
    """Whether so many processes find places at once; with a GPU each their number was seen to before."""
    return bool(part.gpus) or places([int(node.get("CPU", 0)) for node in nodes], part.cpus) >= workers


def _options(job: Job) -> dict[str, Any]:
    return {"name": str(job.folder), "namespace": NAMESPACE, "lifetime": "detached", "max_restarts": -1, "num_cpus": 0}


def _ours(actor: dict[str, str]) -> bool:
    return actor["namespace"] == NAMESPACE and actor["name"].startswith("/")


def _dismiss(ray: Any, work: WorkFolder) -> None:
    """End the keeper of this work, if there is one, and its process with it."""
    with suppress(ValueError):  # there is none
        ray.kill(ray.get_actor(str(work.path.resolve()), namespace=NAMESPACE), no_restart=True)
