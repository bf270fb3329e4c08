import os
from pathlib import Path

import pytest

from hrs.launch import devices


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two GPUs, as far as nvidia-smi says."""
    script = tmp_path / "bin/nvidia-smi"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho GPU-aaa1\necho GPU-bbb2\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "_torch_has_cuda", lambda: True)
