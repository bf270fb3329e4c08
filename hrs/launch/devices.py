"""What work may run on, told without importing torch: it is large, and reads which GPU it may see as it is imported."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

CPU = "cpu"


def devices(device: str | None) -> tuple[str, ...]:
    """What work may take here: the UUIDs of the visible GPUs, else "cpu", which is the whole machine; nothing for None.

    Args:
        device: "cpu", None, or anything else for a GPU where there is one.
    """
    if device is None:
        return ()
    return (() if device == CPU else visible_gpus()) or (CPU,)


def visible_gpus() -> tuple[str, ...]:
    """UUIDs of the NVIDIA GPUs that torch could use, without importing it: nvidia-smi lists them,
    CUDA_VISIBLE_DEVICES chooses, and a torch without CUDA uses none."""
    command = shutil.which("nvidia-smi")
    if command is None or not _torch_has_cuda():
        return ()
    query = [command, "--query-gpu=uuid", "--format=csv,noheader"]
    listed = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    found = tuple(listed.stdout.split()) if listed.returncode == 0 else ()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found if chosen is None else tuple(_named_gpus(found, chosen))


def _named_gpus(found: tuple[str, ...], chosen: str) -> Iterator[str]:
    """As CUDA reads the variable: numbers or beginnings of UUIDs, up to the first that fits nothing."""
    for entry in (part.strip() for part in chosen.split(",")):
        fits = [uuid for i, uuid in enumerate(found) if entry == str(i) or (entry and uuid.startswith(entry))]
        if entry.startswith("MIG-"):  # a part of a GPU, which this query does not list
            fits = [entry]
        if not fits:
            return
        yield fits[0]


def _torch_has_cuda() -> bool:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    return any((Path(spec.origin).parent / "lib").glob("*torch_cuda*"))


def use(device: str | None) -> None:
    """Let torch, once it is imported, see this device alone."""
    if device not in (None, CPU):
        os.environ["CUDA_VISIBLE_DEVICES"] = device
