"""What work may run on, told without torch."""

from pathlib import Path

import pytest

from hrs.launch.devices import devices


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (None, ("GPU-aaa1", "GPU-bbb2")),
        ("1", ("GPU-bbb2",)),
        ("1,0", ("GPU-bbb2", "GPU-aaa1")),
        ("GPU-b", ("GPU-bbb2",)),
        ("0,7,1", ("GPU-aaa1",)),
        ("MIG-123", ("MIG-123",)),
        ("", ("cpu",)),
        ("-1", ("cpu",)),
    ],
)
def test_gpus_are_those_that_torch_would_see(
    chosen: str | None, found: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert devices("auto") == found
    assert devices("cpu") == ("cpu",)


def test_no_gpu_is_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices("auto") == ("cpu",)
