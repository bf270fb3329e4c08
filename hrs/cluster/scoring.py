"""Scoring a corpus on a cluster: a streaming Ray Data job over its parts.

What streams are the numbers of parts. Each process of the job holds the network once, reads the frames of a part batch
by batch, and writes their maps and the part to the shared storage; nothing of a frame goes through Ray's object store,
so memory does not grow with the corpus. A part whose node is lost is done again elsewhere.
"""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.cluster.connection import connected, portion, resources
from hrs.errors import HRSError
from hrs.inference import pick_device
from hrs.progress import Progress
from hrs.scoring.score import Scoring

Column = dict[str, NDArray[np.int64]]
_PAUSE = 1.0  # seconds between two looks at what is done


def score_on(
    address: str,
    checkpoint: Path,
    dataset: str,
    out: Path,
    *,
    limit: int | None = None,
    device: str = "auto",
    replace: bool = False,
    progress: Progress | None = None,
) -> Path:
    """As `hrs.scoring.score.score`, with the same result, by all nodes of a cluster that share this storage.

    Args:
        address: of the cluster; see `hrs.launch.launcher.launcher`.
        device: "auto", "cpu" or "cuda", of the nodes.

    Raises:
        HRSError: as there, or there is no cluster, or its nodes cannot score.
    """
    about: dict[str, Any] = {"checkpoint": checkpoint.resolve(), "dataset": dataset, "out": out.resolve()}
    scoring = Scoring(**about, limit=limit)
    with scoring.claimed(replace=replace):
        with connected(address) as ray:
            from ray.exceptions import RayError

            job = ray.remote(_stream).options(num_cpus=0).remote({**about, "limit": limit}, device, Path.cwd())
            missing, ended = scoring.missing(), False
            try:
                while not ended:
                    ended = bool(ray.wait([job], timeout=_PAUSE)[0])
                    if ended:
                        ray.get(job)  # the word that it is done may come before it is
                    missing = scoring.missing(among=missing)  # the storage is shared, so that nobody has to be asked
                    if progress:
                        progress(len(scoring) - scoring.frames_in(missing), len(scoring))
            except RayError as error:
                raise HRSError(
                    f"the cluster could not score {dataset}: {str(error).strip().splitlines()[-1]}"
                ) from error
            except ConnectionError as error:  # which Ray's client raises
                raise HRSError(
                    f"the cluster at {address} was lost; what is scored stays, and the same command goes on from it"
                ) from error
        return scoring.finish()


def _stream(about: dict[str, Any], device: str, cwd: Path) -> None:
    """Score what is missing. A task of the cluster, since Ray Data takes no driver that came in by ray://."""
    from ray.data import ActorPoolStrategy, DataContext

    logging.getLogger("ray.data").setLevel(logging.WARNING)  # it tells of each step of its plan
    DataContext.get_current().enable_progress_bars = False
    _go_to(cwd, about["out"])
    if not (missing := Scoring(**about).missing()):
        return
    with connected("auto") as ray:
        nodes = resources(ray)
        at_once = _processes(nodes, device)
        parts = ray.data.from_items([{"part": number} for number in missing], override_num_blocks=len(missing))
        scored = parts.map_batches(
            _Worker,
            fn_constructor_kwargs={**about, "device": device, "cwd": cwd},
            batch_size=1,
            compute=ActorPoolStrategy(min_size=1, max_size=at_once, max_tasks_in_flight_per_actor=2),
            **portion(nodes, device, at_once=at_once).options(),
        )
        for _ in scored.iter_rows():
            pass


def _processes(nodes: Any, device: str) -> int:
    """As many as keep the cluster busy: one a GPU or, without any, one a node."""
    graphics = int(sum(node.get("GPU", 0) for node in nodes)) if device != "cpu" else 0
    return graphics or sum(node.get("CPU", 0) >= 1 for node in nodes) or 1


def _go_to(cwd: Path, out: Path) -> None:
    """Where relative paths of the data set start. Raises HRSError where this node does not see it, or the scores."""
    for folder in (cwd, out):
        if not folder.is_dir():
            raise HRSError(f"node {socket.gethostname()} has no {folder}; all nodes must share that storage")
    os.chdir(cwd)


class _Worker:
    """A process that scores parts."""

    def __init__(self, *, cwd: Path, device: str, **about: Any) -> None:
        _go_to(cwd, about["out"])
        self.scoring = Scoring(**about, device=pick_device(device))
        self.scoring.claim()  # refuses other weights than those that the job began with

    def __call__(self, batch: Column) -> Column:
        for _ in self.scoring.write_parts([int(part) for part in batch["part"]]):
            pass
        return batch
