"""What a piece of work gets of a cluster."""

import socket
import sys

import pytest

from hrs.cluster.connection import Portion, connected, portion
from hrs.errors import HRSError

PROCESSORS = [{"CPU": 8.0}, {"CPU": 4.0}, {"memory": 1.0}]
GRAPHICS = [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 2.0}, {"CPU": 64.0}]


@pytest.mark.parametrize(
    ("nodes", "device", "at_once", "expected"),
    [
        (PROCESSORS, "auto", 1, Portion(4)),  # fits the smaller node too
        (PROCESSORS, "cpu", 6, Portion(2)),
        ([{"CPU": 16.0}] * 2, "cpu", 3, Portion(8)),  # of 10 each, the third would find no node
        ([{"CPU": 2.0}] * 2, "cpu", 8, Portion(1)),
        (PROCESSORS, "cpu", 100, Portion(1)),
        (PROCESSORS, None, 1, Portion()),
        (GRAPHICS, "auto", 1, Portion(4, 1.0)),
        (GRAPHICS, "auto", 4, Portion(4, 1.0)),
        (GRAPHICS, "auto", 8, Portion(2, 0.5)),
        (GRAPHICS, "auto", 12, Portion(1, 0.3333)),
        (GRAPHICS, "cpu", 1, Portion(8)),
    ],
)
def test_so_many_run_side_by_side_and_each_fits_on_any_node(nodes, device, at_once, expected) -> None:
    assert portion(nodes, device, at_once) == expected


def test_a_cluster_without_processors_trains_nothing() -> None:
    with pytest.raises(HRSError, match="no node of the cluster has a processor"):
        portion([{"memory": 1.0}], "auto")


@pytest.mark.parametrize("address", ["a..b:6379", "ray://a..b:10001", f"{'a' * 64}:6379"])
def test_a_name_that_no_machine_can_have(address) -> None:
    pytest.importorskip("ray")
    with pytest.raises(HRSError, match="no Ray cluster at"), connected(address):
        pass


def test_a_cluster_that_wants_a_token_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def refuses(*_: object, **__: object) -> None:
        raise ray.exceptions.RayError("a token is missing")

    monkeypatch.setattr(ray, "init", refuses)
    with pytest.raises(HRSError, match=r"a token is missing.* RAY_AUTH_TOKEN"), connected("auto"):
        pass


def test_without_ray_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HRSError, match=r"needs Ray .*: pip install '\.\[cluster\]'"), connected("auto"):
        pass


def test_from_outside_it_knocks_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    asked: list[str] = []

    def comes_up_the_second_time(address: str, **_: object) -> None:
        asked.append(address)
        if len(asked) % 2:
            raise ConnectionError("Initialization failure from server:\n a traceback")

    monkeypatch.setattr(ray, "init", comes_up_the_second_time)
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"127.0.0.1:{door.getsockname()[1]}"
        with connected(f"ray://{address}") as given:
            assert given is ray
        with pytest.raises(HRSError, match="Initialization failure from server:\\); start one"), connected(address):
            pass
    assert asked == [f"ray://{address}"] * 2 + [address]
