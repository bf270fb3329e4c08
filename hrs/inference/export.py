"""A trained network as an ONNX file that says what its classes are, checked against PyTorch."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hrs.checkpoint import About, load_segmenter, read_about
from hrs.errors import HRSError
from hrs.networks.base import IMAGENET_MEAN, IMAGENET_STD
from hrs.networks.segmenter import Segmenter
from hrs.runs.names import MODEL
from hrs.system.files import atomic_write, disk_errors, hidden_folder, make_folder

OPSET = 20
INPUT, OUTPUTS = "images", ("logits", "features")
TOLERANCE = 1e-3
"""By how much a faithful export may differ from PyTorch, in units of the largest logit where that exceeds 1."""
_SMALLEST = 32  # pixels a side that every network takes
_IN_TURN = threading.Lock()  # PyTorch's exporter patches PyTorch while it works: two at once leave it patched for good


class NotExportable(HRSError):
    """ONNX cannot hold this network, or not faithfully; trying again will not help."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An ONNX file. ``difference``: the largest by which its logits differ from PyTorch's, over all ``checked`` inputs
    (batch, height, width)."""

    path: Path
    difference: float
    checked: tuple[tuple[int, int, int], ...]


def export_network(checkpoint: Path, out: Path, *, tolerance: float = TOLERANCE) -> Exported:
    """Write a checkpoint's network as one ONNX file.

    Input ``images``: float32 (batch 3 height width), RGB in 0..1, less ``mean`` and divided by ``std``; any batch,
    height and width of at least 32. Outputs ``logits`` (batch c h w) at the network's stride, to be resized bilinearly
    to the image and then compared, and the ``features`` (batch d h w) below them. The file's metadata holds, as JSON:
    classes, palette, space, mean, std, height and width of training, network, and the hash of the weights.

    Args:
        tolerance: largest difference to PyTorch that is accepted, in units of the largest logit where that exceeds 1.

    Raises:
        NotExportable: a network that ONNX cannot hold, or a difference above the tolerance; no file is written then.
        HRSError: a damaged checkpoint, or a file that cannot be written.
    """
    about = read_about(checkpoint)
    size = about.config.data.height, about.config.data.width
    before, segmenter = weights_hash(checkpoint), load_segmenter(checkpoint)
    if weights_hash(checkpoint) != before:
        raise HRSError(f"{checkpoint} was replaced while it was read, by the run that trains it; export it again")
    return write_onnx(segmenter, out, metadata(about, before), size=size, tolerance=tolerance)


def write_onnx(
    segmenter: Segmenter, out: Path, metadata: dict[str, Any], *, size: tuple[int, int], tolerance: float = TOLERANCE
) -> Exported:
    """As `export_network`, of a network in memory; ``size`` is the (height, width) it is meant for."""
    checked = _sizes(*size)
    make_folder(out.parent)
    with disk_errors(out), hidden_folder(out) as scratch:  # there, so that what may not be written fails at once
        made = scratch / "model.onnx"
        with _IN_TURN:
            _convert(segmenter, made, metadata, size)
        difference = max(_difference(segmenter, made, each, tolerance) for each in checked)
        atomic_write(out, made.read_bytes())
    return Exported(path=out, difference=difference, checked=checked)


def metadata(about: About, weights: str) -> dict[str, Any]:
    """What the exported file says of itself. ``weights``: their `weights_hash`."""
    data, space = about.config.data, about.space.to_dict()
    return {
        "format": 1,
        "space": space["name"],
        "classes": space["classes"],
        "palette": space["palette"],
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "height": data.height,
        "width": data.width,
        "network": about.config.network.name,
        "weights": weights,
    }


def weights_hash(checkpoint: Path) -> str:
    """Which weights a checkpoint folder holds: SHA-256 of its model.safetensors."""
    with open(checkpoint / MODEL, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_metadata(path: Path) -> dict[str, Any]:
    """What `about` put into an ONNX file; empty where the file was not made here. Raises HRSError if unreadable."""
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
        return {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    except ValueError:  # foreign metadata
        return {}
    except Exception as error:  # protobuf's errors share no base
        raise HRSError(f"{path} cannot be read as an ONNX model ({error}); export it again") from error


def write_metadata(path: Path, metadata: dict[str, Any]) -> None:
    """Have an ONNX file say this of itself, and nothing else."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    onnx.save(model, path)


def _convert(segmenter: Segmenter, path: Path, metadata: dict[str, Any], size: tuple[int, int]) -> None:
    example = torch.zeros(2, 3, *size)
    free = torch.export.Dim.AUTO
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                segmenter.eval(),
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_shapes={INPUT: {0: free, 2: free, 3: free}},
                opset_version=OPSET,
                verbose=False,
            )
    except (MemoryError, OSError):
        raise  # which another time may not be
    except Exception as error:  # whatever part of the network ONNX has no word for
        cause = str(error.__cause__ or error)
        reason = next((line for line in cause.splitlines() if line.strip()), type(error).__name__)
        raise _refused(segmenter, f"cannot be written as ONNX ({reason})") from error
    assert program is not None  # with dynamo=True there always is one
    program.model.metadata_props.update({key: json.dumps(value) for key, value in metadata.items()})
    program.save(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own deprecated calls and of libraries that it does without."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.fx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _sizes(height: int, width: int) -> tuple[tuple[int, int, int], ...]:
    """The training size, an odd one, and a batch of small ones."""
    odd = 1, height * 3 // 4 + 33, width + 13
    return (1, height, width), odd, (3, max(_SMALLEST, height // 2), max(_SMALLEST, width // 2))


def _difference(segmenter: Segmenter, path: Path, size: tuple[int, int, int], tolerance: float) -> float:
    import onnxruntime

    batch, height, width = size
    images = torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = [part.numpy() for part in segmenter(images)]
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is said below
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        found = session.run(list(OUTPUTS), {INPUT: images.numpy()})
    except Exception as error:  # ONNX Runtime's own errors share no base
        raise _unfaithful(segmenter, size, "fails") from error
    if any(a.shape != b.shape for a, b in zip(wanted, found, strict=True)):
        raise _unfaithful(segmenter, size, "gives another shape")
    difference = float(np.abs(wanted[0] - found[0]).max())
    if not difference <= tolerance * max(1.0, float(np.abs(wanted[0]).max())):
        raise _unfaithful(segmenter, size, f"differs by {difference:.2g}")
    return difference


def _unfaithful(segmenter: Segmenter, size: tuple[int, int, int], how: str) -> NotExportable:
    batch, height, width = size
    return _refused(segmenter, f"as ONNX {how} on {batch} images of {width}x{height}")


def _refused(segmenter: Segmenter, how: str) -> NotExportable:
    return NotExportable(f"{type(segmenter).__name__} {how}; use it with PyTorch: backend torch")
