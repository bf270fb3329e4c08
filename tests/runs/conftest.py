import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hrs.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "first", "method: hrs\n")


HOLD = "import sys, time; held = open(sys.argv[1], 'wb'); print(flush=True); time.sleep(60)"


@pytest.fixture
def sleeper(run: RunFolder) -> Iterator[subprocess.Popen]:
    """A process that holds the run as one that trains it does, and never ends by itself."""
    command = [sys.executable, "-c", HOLD, str(run.lock)]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.stdout.close()
    process.kill()
    process.wait()
