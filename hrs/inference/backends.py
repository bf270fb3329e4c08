"""What runs the network: PyTorch, or ONNX Runtime, which is faster on a CPU."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrs.checkpoint import load_segmenter
from hrs.errors import HRSError
from hrs.inference.export import NotExportable, export_network, read_metadata, weights_hash
from hrs.networks.segmenter import Segmenter, normalise
from hrs.runs.names import CONFIG
from hrs.system.cache import cache_root
from hrs.system.files import atomic_write, sweep

BackendName = Literal["auto", "torch", "onnx"]
ONNX_MODEL, ONNX_8_BITS = "model.onnx", "model_int8.onnx"
"""Beside a checkpoint's weights: its network in float32, and in 8 bits."""
BITS = "bits"
"""In an ONNX file's metadata: 8, where its network is in 8 bits."""
EXPORT_FORMAT = 1
"""To be raised where a network's forward pass or the export changes: files made before are not taken any more."""
MOST_MODELS = 16
"""Exported networks that the user's cache keeps, those used last. More stay for as long as somebody may open them."""
_IN_USE = 3600.0  # seconds since a model was last asked for
LOGGER = logging.getLogger("hrs")


class Output(NamedTuple):
    """Of a batch of images, float32 on the backend's device, at the network's own stride."""

    logits: Tensor
    """(b c h' w')"""
    features: Tensor
    """(b d h' w')"""


class Backend(Protocol):
    device: torch.device

    def __call__(self, images: NDArray[np.uint8]) -> Output:
        """RGB images (b h w 3) of one size."""
        ...


class TorchBackend:
    """A network in PyTorch, in float32; ``fast``: in bfloat16, which changes few pixels."""

    def __init__(self, segmenter: Segmenter, device: torch.device | str = "cpu", *, fast: bool = False) -> None:
        self.segmenter, self.device, self.fast = segmenter, torch.device(device), fast

    @torch.inference_mode()
    def __call__(self, images: NDArray[np.uint8]) -> Output:
        batch = normalise(torch.from_numpy(images).permute(0, 3, 1, 2).to(self.device))
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.fast):
            output = self.segmenter(batch)
        return Output(output.logits.float(), output.features.float())


class OnnxBackend:
    """An exported network in ONNX Runtime on the CPU, with as many threads as PyTorch would take."""

    device = torch.device("cpu")

    def __init__(self, path: Path) -> None:
        import onnxruntime

        self.path = path
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own errors share no base
            raise HRSError(f"{path} cannot be read as an ONNX model ({error}); export it again") from error

    @property
    def bits(self) -> int:
        return 8 if self.session.get_modelmeta().custom_metadata_map.get(BITS) == "8" else 32

    @torch.inference_mode()
    def __call__(self, images: NDArray[np.uint8]) -> Output:
        batch = normalise(torch.from_numpy(images).permute(0, 3, 1, 2)).contiguous()
        logits, features = self.session.run(["logits", "features"], {"images": batch.numpy()})
        return Output(torch.from_numpy(logits), torch.from_numpy(features))


def open_backend(checkpoint: Path, name: BackendName, device: torch.device | str) -> Backend:
    """The backend of a checkpoint.

    "torch" is exact: the float32 network that validation saw. "onnx" is the same on the CPU up to rounding. "auto" is
    the fastest: on a CPU 8 bits where they lie beside the weights, else the faster of the two, where the network can be
    exported; on a GPU bfloat16.

    Raises:
        HRSError: a damaged checkpoint, or "onnx" for a network or device that cannot have it.
    """
    device = torch.device(device)
    if name == "onnx" and device.type != "cpu":
        raise HRSError(f"backend onnx runs on the CPU, not on {device}; choose backend torch")
    if name == "onnx":
        try:
            return OnnxBackend(onnx_model(checkpoint))
        except (ImportError, OSError) as error:
            raise HRSError(str(error)) from error
    segmenter = load_segmenter(checkpoint, device=device)
    if name == "auto" and device.type == "cpu":
        try:
            if takes_8_bits(checkpoint):
                return OnnxBackend(checkpoint / ONNX_8_BITS)
            if segmenter.faster_as_onnx:
                return OnnxBackend(onnx_model(checkpoint))
        except (HRSError, ImportError, OSError) as error:
            LOGGER.warning("no ONNX (%s); PyTorch segments instead, more slowly", error)
    segmenter.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as photos are
    return TorchBackend(segmenter, device, fast=name == "auto" and device.type == "cuda")


def takes_8_bits(checkpoint: Path) -> bool:
    """Whether "auto" on a CPU takes a network in 8 bits: one beside the weights that was made from them.

    Raises HRSError for one that cannot be read.
    """
    eight_bits = checkpoint / ONNX_8_BITS
    return eight_bits.is_file() and _made_from(eight_bits, weights_hash(checkpoint))


def onnx_model(checkpoint: Path) -> Path:
    """The checkpoint as ONNX: model.onnx beside it if it was made from these weights, else one in the user's cache,
    exported now where there is none."""
    return _found(checkpoint) or _made(checkpoint)


def make_onnx_apart(checkpoint: Path) -> None:
    """Have a process of its own make what `open_backend` would make for "auto" on a CPU, and wait for it.

    For servers: PyTorch's exporter patches PyTorch, compiles Python and mutes warnings while it works, and other
    threads of its process see all of it.

    Raises:
        HRSError: it could not, since the cache cannot be written perhaps, or was killed, for its memory perhaps.
    """
    if takes_8_bits(checkpoint) or _found(checkpoint):
        return
    process = get_context("spawn").Process(target=_make_here, args=(checkpoint,), daemon=True)
    process.start()
    process.join()
    if process.exitcode:
        raise HRSError(f"the process that was to make {checkpoint} as ONNX ended with {process.exitcode}")


def _make_here(checkpoint: Path) -> None:
    if load_segmenter(checkpoint, device="cpu").faster_as_onnx:
        with suppress(NotExportable):  # which is noted, for whoever opens the backend then
            onnx_model(checkpoint)


def _found(checkpoint: Path) -> Path | None:
    """One that was made before. Raises NotExportable where that was tried in vain."""
    weights = weights_hash(checkpoint)
    beside = checkpoint / ONNX_MODEL
    if _made_from(beside, weights):
        return beside
    cached = _cached(checkpoint)
    if (refused := _refused(cached)).is_file():
        raise NotExportable(refused.read_text(encoding="utf-8"))
    with suppress(OSError):  # none there yet, or not ours to touch
        os.utime(cached)
    try:
        return cached if _made_from(cached, weights) else None
    except HRSError:  # damaged
        return None


def _made(checkpoint: Path) -> Path:
    cached = _cached(checkpoint)
    LOGGER.info("making %s once, for speed", cached)
    try:
        export_network(checkpoint, cached)
    except NotExportable as error:
        cached.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(_refused(cached), str(error))
        raise
    _forget_oldest(cached.parent)
    return cached


def _cached(checkpoint: Path) -> Path:
    """Named by all that the file depends on: weights, what the checkpoint says of itself, and who exports."""
    about = (checkpoint / CONFIG).read_bytes() + f"{EXPORT_FORMAT} {torch.__version__}".encode()
    return cache_root() / "onnx" / f"{weights_hash(checkpoint)}-{hashlib.sha256(about).hexdigest()[:12]}.onnx"


def _refused(cached: Path) -> Path:
    """Says why there is none."""
    return cached.with_suffix(".txt")


def _forget_oldest(folder: Path) -> None:
    """Remove the least recently used models above MOST_MODELS, and what killed processes left half-written."""
    sweep(folder, below=False)
    models = sorted(folder.glob("*.onnx"), key=_last_used, reverse=True)
    for model in models[MOST_MODELS:]:
        if time.time() - _last_used(model) > _IN_USE:
            with suppress(OSError):  # another process was quicker
                model.unlink()


def _last_used(model: Path) -> float:
    """Seconds since the epoch; 0 where it has gone."""
    try:
        return model.stat().st_mtime
    except OSError:
        return 0.0


def _made_from(model: Path, weights: str) -> bool:
    return model.is_file() and read_metadata(model).get("weights") == weights


def pick_device(name: str) -> str:
    """A device by name; "auto" is cuda where there is one, else cpu. Raises HRSError for one that is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()  # which meta has none of
    except (RuntimeError, AssertionError, ImportError) as error:
        raise HRSError(f"device {name} cannot be used here; expected auto, cpu or cuda") from error
    return name
