"""A trained network in 8 bits, for CPUs: a third of the size, and faster where the processor has words for that."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hrs.checkpoint import read_about
from hrs.data.draw import spread_indices
from hrs.data.layouts import open_dataset
from hrs.data.transforms import Sample, fit
from hrs.errors import HRSError
from hrs.inference.backends import BITS, OnnxBackend, onnx_model
from hrs.inference.export import INPUT, NotExportable, read_metadata, write_metadata
from hrs.networks.segmenter import normalise
from hrs.system.files import atomic_write, disk_errors

MOST_IMAGES, FEWEST_IMAGES = 80, 8
CHECKS = 4
"""One image in so many is kept out of the calibration, to check it."""
LEAST_AGREEMENT = 0.85
"""Share of cells below which 8 bits are refused: they name another network's classes."""


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """An ONNX file. same: the share of cells on which it names the class that float32 names, over ``checked`` images;
    it was calibrated on ``calibrated`` others."""

    path: Path
    same: float
    calibrated: int
    checked: int


def quantise_on(checkpoint: Path, out: Path, dataset: str) -> Quantised:
    """As `quantise`, on images spread over a data set, at the size of training. Raises HRSError for a data set, too."""
    about, data = read_about(checkpoint), open_dataset(dataset)
    size = about.config.data.height, about.config.data.width
    chosen = spread_indices(len(data), MOST_IMAGES)
    return quantise(checkpoint, out, [fit(Sample(image=data.read_image(i)), *size).image for i in chosen])


def quantise(checkpoint: Path, out: Path, images: Sequence[NDArray[np.uint8]]) -> Quantised:
    """Write a checkpoint's network as ONNX in 8 bits, its inputs, outputs and metadata as `export_network` has them.

    Static quantisation (Jacob et al., CVPR 2018) by ONNX Runtime: weights by channel, activations between the least and
    the greatest value that they take on these images. Weights have 7 bits in truth: with 8, processors without VNNI add
    up products in fewer bits than these may need.

    Args:
        images: RGB (h w 3) of one size, that of training, like those it is for; some dozens. One in CHECKS of them is
            not calibrated on.

    Raises:
        HRSError: too few images, classes too unlike those of float32, a network that ONNX cannot hold, or a file that
            cannot be written.
    """
    if len(images) < FEWEST_IMAGES:
        raise HRSError(f"{len(images)} images are too few to calibrate 8 bits on; give at least {FEWEST_IMAGES}")
    checks = images[::CHECKS]
    others = [image for i, image in enumerate(images) if i % CHECKS]
    whole = onnx_model(checkpoint)
    with disk_errors(out), tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "eight.onnx"
        _quantise(whole, made, others)
        write_metadata(made, {**read_metadata(whole), BITS: 8})
        same = _agreement(OnnxBackend(whole), OnnxBackend(made), checks)
        if same < LEAST_AGREEMENT:
            raise HRSError(
                f"in 8 bits it names the class of float32 on {100 * same:.1f} % of cells alone; calibrate it on images "
                "like those it is for, or use it in float32"
            )
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(out, made.read_bytes())
    return Quantised(path=out, same=same, calibrated=len(others), checked=len(checks))


def _quantise(whole: Path, out: Path, images: Sequence[NDArray[np.uint8]]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        """The images one by one, as the network takes them."""

        def __init__(self) -> None:
            self.inputs: Iterator[NDArray[np.float32]] = map(_input, images)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            image = next(self.inputs, None)
            return None if image is None else {INPUT: image}

    prepared = out.with_name("prepared.onnx")
    how = {"quant_format": QuantFormat.QDQ, "per_channel": True, "reduce_range": True}
    how |= {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    try:
        quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        quantize_static(prepared, out, Reader(), **how)
    except Exception as error:  # ONNX Runtime's own errors share no base
        raise NotExportable(f"this network cannot be had in 8 bits ({error}); use it in float32") from error


def _input(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    batch: NDArray[np.float32] = normalise(torch.from_numpy(image).permute(2, 0, 1)[None]).contiguous().numpy()
    return batch


def _agreement(one: OnnxBackend, other: OnnxBackend, images: Sequence[NDArray[np.uint8]]) -> float:
    same = [(_classes(one, image) == _classes(other, image)).float().mean().item() for image in images]
    return sum(same) / len(same)


def _classes(backend: OnnxBackend, image: NDArray[np.uint8]) -> torch.Tensor:
    return backend(image[None]).logits.argmax(dim=1)
