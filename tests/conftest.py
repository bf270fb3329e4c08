import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Before torch and hrs are imported, here and in the processes that tests start; several threads each would wait for
# each other's turn.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HRS_SHIPPED"] = "no shipped runs"

import cv2
import numpy as np
import pytest
import yaml

from hrs.config import RunConfig, load_config

PATIENCE = 90.0  # seconds, on a machine that does much else
MEMORY, ROOM = Path("/dev/shm"), 8 << 30  # bytes, many times what all tests write
CLASSES = ("sky", "road", "car", "tree")
COLOURS = np.array([[120, 170, 230], [90, 90, 95], [190, 40, 40], [40, 120, 50]])
CAMVID = Path(os.environ.get("HRS_CAMVID", Path(__file__).resolve().parents[2] / "shared/data/camvid"))

needs_camvid = pytest.mark.skipif(not CAMVID.is_dir(), reason=f"no CamVid at {CAMVID}; set HRS_CAMVID")


def pytest_configure() -> None:
    """What a run writes is synced, a thousand times in the tests of its folder alone: a disk takes milliseconds for
    each, memory nothing."""
    if _takes_tests(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _takes_tests(folder: Path) -> bool:
    """Whether there is room, and the programs that some tests write may run there."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize > ROOM and not found.f_flag & os.ST_NOEXEC


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("HRS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _own_main(monkeypatch):
    """A page that a test runs stays the main module, which later tests' processes would then run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait for a condition, which other processes bring about."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_together(count: int, script: Path, *words: object) -> None:
    """Run a script in so many processes that know of each other, a thread each."""
    root = Path(__file__).resolve().parents[1]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", str(script)]
    done = subprocess.run(
        [*launch, *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
        cwd=root,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr


def write_frames(root: Path, count: int, *, seed: int, tint: float = 0.0, planted: bool = False) -> Path:
    """A data set of the format ``folder``: sky over road, with a car and a tree; 64x48."""
    rng = np.random.default_rng(seed)
    for name in ("images", "labels", *(["planted"] if planted else [])):
        (root / name).mkdir(parents=True)
    for i in range(count):
        label = np.zeros((48, 64), np.uint8)
        label[rng.integers(20, 28) :] = 1
        x, y = rng.integers(0, 44), rng.integers(22, 36)
        label[y : y + 10, x : x + 18] = 2
        x = rng.integers(0, 50)
        label[6:26, x : x + 10] = 3
        noise = rng.normal(0, 12, (48, 64, 3))
        image = np.clip(COLOURS[label] * (1 - tint) + 128 * tint + noise, 0, 255).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{i:03d}.png"), image[..., ::-1])
        cv2.imwrite(str(root / "labels" / f"{i:03d}.png"), label)
        if planted:
            cv2.imwrite(str(root / "planted" / f"{i:03d}.png"), np.zeros_like(label))
    (root / "classes.yaml").write_text(yaml.safe_dump({"classes": dict(enumerate(CLASSES))}))
    return root


@pytest.fixture(scope="session")
def frames(tmp_path_factory) -> dict[str, str]:
    """Specs of a tiny synthetic data set, a real one and a validation set."""
    root = tmp_path_factory.mktemp("frames")
    return {
        "source": f"folder:{write_frames(root / 'source', 12, seed=1, tint=0.3, planted=True)}",
        "target": f"folder:{write_frames(root / 'target', 6, seed=2)}",
        "val": f"folder:{write_frames(root / 'val', 4, seed=3)}",
    }


@pytest.fixture
def tiny(frames) -> RunConfig:
    """A run of seconds."""
    return tiny_config(frames)


def tiny_config(frames: dict[str, str], *overrides: str) -> RunConfig:
    return load_config(
        {
            "method": "hrs",
            "data": {
                "sources": [frames["source"]],
                "target": frames["target"],
                "val": frames["val"],
                "n_real": 3,
                "height": 48,
                "width": 64,
                "segments": 30,
                "workers": 0,
            },
            "train": {
                "steps": 6,
                "batch_source": 2,
                "batch_target": 2,
                "validate_every": 3,
                "save_every": 2,
                "log_every": 1,
                "panel": 2,
                "previews": 1,
                "device": "cpu",
            },
        },
        overrides,
    )
