"""One run trained by several processes of a cluster: Ray Train starts them, accelerate in them shares the batches."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrs.launch.queue import placed
from hrs.runs.folder import RunFolder

if TYPE_CHECKING:
    from hrs.cluster.keeper import Job


def train_together(job: Job) -> str:
    """Have the job's workers train its run; a word on how it ended. Raises TrainingFailedError of Ray where one of them
    failed or was lost; the run's status says which."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    part, own = job.portion, job.folder / ".ray"  # its bookkeeping, which all of them must see
    trainer = TorchTrainer(
        _member,
        train_loop_config={"folder": str(job.folder), "cwd": str(job.cwd)},
        scaling_config=ScalingConfig(
            num_workers=job.workers,
            use_gpu=part.gpus > 0,
            resources_per_worker={"CPU": part.cpus} | ({"GPU": part.gpus} if part.gpus else {}),
            placement_strategy="SPREAD" if not part.gpus else "PACK",
        ),
        run_config=RunConfig(name="train", storage_path=str(own)),
    )
    try:
        trainer.fit()
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return "it ended"


def free_places() -> None:
    """Give back what an earlier attempt at the work of this keeper still has of the cluster: where Ray Train's own
    processes were lost with a node, nobody else would. A keeper is of a job of its own, which its groups' ids end in.
    """
    import ray
    from ray.util.placement_group import PlacementGroup, placement_group_table, remove_placement_group

    job = ray.get_runtime_context().get_job_id()
    for name, group in placement_group_table().items():
        if name.endswith(job) and group["state"] != "REMOVED":
            remove_placement_group(PlacementGroup(ray.PlacementGroupID(bytes.fromhex(name))))


def _member(about: dict[str, Any]) -> None:
    """What each process does; torch.distributed is up."""
    from hrs.config import load_config
    from hrs.training.trainer import processes, train

    os.chdir(about["cwd"])
    run = RunFolder(Path(about["folder"]))
    config = load_config(run.config)
    state = processes(config)
    if not state.is_main_process:
        state.wait_for_everyone()
        train(config, run, resume=True)
        return
    with placed(run):
        state.wait_for_everyone()
        train(config, run, resume=True)
