"""A real Ray cluster on this machine: nodes of one processor each, which may be lost."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from hrs.runs.work import WorkFolder
from tests.app.conftest import _as_the_dashboard_does, open_page, root
from tests.conftest import free_port

__all__ = ["_as_the_dashboard_does", "machines", "open_page", "root"]

STORE = 80_000_000  # bytes of shared memory a node, the least that Ray takes; nothing of ours goes there


@dataclass
class Machines:
    """The nodes, the first of which is the head."""

    cluster: Any
    door: int
    nodes: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    @property
    def from_outside(self) -> str:
        """The address for who is on none of its nodes."""
        return f"ray://127.0.0.1:{self.door}"

    def add(self) -> None:
        self.nodes.append(self.cluster.add_node(num_cpus=1, object_store_memory=STORE))

    def lose(self, work: WorkFolder) -> None:
        """Kill all that runs on the machine that does this work, as a power cut does."""
        above = {each.pid for each in psutil.Process(work.read_status().pid).parents()}
        (node,) = (node for node in self.nodes if _pid(node) in above)
        raylet = psutil.Process(_pid(node))
        for each in [raylet, *raylet.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.nodes.remove(node)


def _pid(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A head without processors, which is never lost, and two nodes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HRS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        from ray.cluster_utils import Cluster

        quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_timeout_ms": 2000}
        head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False, "_system_config": quick}
        door = free_port()
        found = Machines(Cluster(initialize_head=True, head_node_args=head | {"ray_client_server_port": door}), door)
        try:
            for _ in range(2):
                found.add()
            yield found
        finally:
            found.cluster.shutdown()
