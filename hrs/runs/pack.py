"""A finished run made small, to be passed on: its best model, its figures, its weight maps over a few frames."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL
from hrs.runs.status import NOBODY
from hrs.system.files import atomic_folder, check_new, usual_rights

STEPS = 6
"""Training steps whose weight maps are kept, spread over the run, its last among them."""


def pack(run: RunFolder, out: Path, *, half: bool = False) -> RunFolder:
    """Copy what others need of a run into a folder of the same layout.

    Left behind are what resumes it, TensorBoard, whole-corpus scores, and pictures of real images, which may not be
    ours to pass on; their names go along, so that nobody takes scores on them for scores on new ones.

    Args:
        half: keep the weights of convolutions and linear layers in 16 bits, rounded to 11 of them; half the size. What
            was exported from the whole ones is left behind, too.

    Raises:
        HRSError: the run has not finished, ``out`` exists, or cannot be written.
    """
    status = run.read_status()
    if status.state != "finished":
        raise HRSError(f"run {run.name} is {status.state}; only a finished one can be packed")
    check_new(out)
    facts = (run.config, run.space, run.metrics, run.results_csv, run.log)
    if missing := [file.name for file in (*facts, run.best / MODEL) if not file.is_file()]:
        raise HRSError(f"run {run.name} lacks {missing[0]}; copy it anew from where it is whole")
    with atomic_folder(out) as folder:
        packed = RunFolder(folder)
        for file in (*facts, *([run.data] if run.data.is_file() else [])):  # earlier versions wrote no data.json
            shutil.copy2(file, folder / file.name)
        shutil.copytree(run.best, packed.best, ignore=shutil.ignore_patterns("*.onnx") if half else None)
        if half:
            _halve(packed.best / MODEL)
            _keep_gauge(run.best, packed.best)
        if run.weights.is_dir():
            for frames in run.all_panel_frames():
                shutil.copytree(frames, packed.weights / frames.name)
            for step in _spread(run.panel_steps()):
                shutil.copytree(run.panel_step(step).path, packed.panel_step(step).path)
        packed.previews.mkdir()
        for step in run.preview_steps("weights")[-1:]:
            shutil.copy2(run.preview("weights", step), packed.preview("weights", step))
        packed.write_status(status, **NOBODY)
    return RunFolder(out)


def _halve(model: Path) -> None:
    """Matrices and kernels to float16, but those whose values it does not reach; the network they are loaded into
    stays in float32."""
    tensors = load_file(model)
    for name, value in tensors.items():
        if value.dtype == np.float32 and value.ndim > 1 and np.abs(value).max(initial=0) <= np.finfo(np.float16).max:
            tensors[name] = value.astype(np.float16)
    with usual_rights(model):
        save_file(tensors, model)


def _keep_gauge(whole: Path, halved: Path) -> None:
    """A gauge that counts for the whole weights counts for the rounded ones."""
    from hrs.inference.export import weights_hash  # torch, which nothing else here needs
    from hrs.inference.realism import read_gauge, write_gauge

    if (gauge := read_gauge(whole)) is not None:
        write_gauge(gauge, halved, weights=weights_hash(halved))


def _spread(steps: list[int]) -> list[int]:
    last = len(steps) - 1
    return [steps[i] for i in sorted({round(k * last / (STEPS - 1)) for k in range(STEPS)})] if steps else []
