"""The one way to a Ray cluster, and what of its nodes a piece of work gets."""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hrs.errors import HRSError

NAMESPACE = "hrs"
_PATIENCE = 5.0  # seconds for a cluster to answer at all
_FROM_OUTSIDE = "ray://"
_CPU = "cpu"  # the device that is no GPU
_IN_TURN = threading.RLock()  # a process has one connection, which threads of a server would take from each other


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module ray, connected to a cluster within the block; inside of a task of Ray, to that task's.

    Args:
        address: HOST:PORT, ray://HOST:PORT, or "auto".

    Raises:
        HRSError: Ray is not installed, or there is no cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise HRSError(f"work on a cluster needs Ray ({error}); install it with: pip install '.[cluster]'") from None
    with _IN_TURN:
        if ray.is_initialized():
            yield ray
            return
        if address != "auto":
            _knock(address)
        _enter(ray, address)
        try:
            yield ray
        finally:
            ray.shutdown()


def _enter(ray: Any, address: str) -> None:
    """Connect; once more by ray://, behind which a process is started that now and then does not come up."""
    from ray.exceptions import RayError

    for again in (address.startswith(_FROM_OUTSIDE), False):
        try:
            with _few_tries():
                ray.init(address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
            return
        except (ConnectionError, RuntimeError, ValueError, RayError) as error:
            if not again:
                raise HRSError(f"no Ray cluster at {address} ({_line(error)}); {_REMEDY}") from error


_REMEDY = (
    "start one with: ray start --head, and give its HOST:PORT, ray://HOST:10001 from elsewhere, or auto on one of its "
    "nodes; where it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
)
_TRIES = "RAY_gcs_server_port_wait_time_s"


@contextmanager
def _few_tries() -> Iterator[None]:
    """Else Ray tries a port where something else listens for a quarter of an hour."""
    before = os.environ.get(_TRIES)
    os.environ[_TRIES] = before or "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_TRIES]


def _knock(address: str) -> None:
    """Raises HRSError at once where nobody listens; Ray itself would try for minutes."""
    host, _, port = address.removeprefix(_FROM_OUTSIDE).rpartition(":")
    if not host or not port.isdecimal():
        raise HRSError(f"--on {address} is no address of a cluster; expected auto, HOST:PORT or ray://HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise HRSError(f"no Ray cluster at {address} ({_line(error)}); {_REMEDY}") from None


def _line(error: BaseException) -> str:
    """The first line of what it says; a server's traceback may follow."""
    return (str(error) or type(error).__name__).splitlines()[0]


def resources(ray: Any) -> list[Mapping[str, float]]:
    """What each node that lives has: "CPU", "GPU" and more."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


@dataclass(frozen=True)
class Portion:
    """Processors and GPUs, or a part of one, that a process is given."""

    cpus: int = 0
    gpus: float = 0.0

    def options(self) -> dict[str, float]:
        """The same in Ray's words."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus}


def portion(nodes: Sequence[Mapping[str, float]], device: str | None, at_once: int = 1) -> Portion:
    """What one of so many equal pieces of work gets, so that they run side by side and each fits on any node.

    Args:
        nodes: as `resources` has them.
        device: "cpu", None for work that needs none, or anything else for a GPU where there are some.
        at_once: how many share the cluster.

    Raises:
        HRSError: no node has a processor.

    More pieces than there are processors get one each, and take turns.
    """
    if device is None:
        return Portion()
    graphics = [node for node in nodes if node.get("GPU", 0) >= 1 and node.get("CPU", 0) >= 1]
    if graphics and device != _CPU:
        gpus = min(1.0, math.floor(sum(node["GPU"] for node in graphics) / at_once * 1e4) / 1e4)
        beside = min(node["CPU"] / node["GPU"] for node in graphics)
        return Portion(max(1, int(beside * gpus)), gpus)
    processors = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
    if not processors:
        raise HRSError("no node of the cluster has a processor for work; start one with: ray start --num-cpus N")
    return Portion(
        max((cpus for cpus in range(1, min(processors) + 1) if places(processors, cpus) >= at_once), default=1)
    )


def places(processors: Sequence[int], cpus: int) -> int:
    """How many pieces of work of so many processors fit on nodes at once; none is spread over two."""
    return sum(own // cpus for own in processors)
