"""Whether a trained network should be shipped in 8 bits for the CPU: mIoU, latency and size beside float32.

    python -m benchmarks.quantised street camvid:data/camvid [--split val] [--calibrate 64] [--threads 2] [--repeats 15]

Static quantisation by ONNX Runtime: weights by channel, activations by the least and the greatest value that they have
on images of the data set's train split. Scored on another split at the size of training; the two take turns for the
latency of one image in the network alone.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.common import print_table
from hrs.checkpoint import read_about
from hrs.data.draw import spread_indices
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.transforms import Sample, fit
from hrs.inference import Predictor, evaluate
from hrs.inference.backends import OnnxBackend, onnx_model
from hrs.networks.segmenter import normalise
from hrs.runs.registry import resolve_checkpoint


class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Some images of a data set, as the network takes them."""

    def __init__(self, dataset: Dataset, count: int, size: tuple[int, int]) -> None:
        self.inputs = self._inputs(dataset, count, size)

    def _inputs(self, dataset: Dataset, count: int, size: tuple[int, int]) -> Iterator[dict[str, NDArray[np.float32]]]:
        for i in spread_indices(len(dataset), count):
            image = fit(Sample(image=dataset.read_image(i)), *size).image
            batch = normalise(torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0))
            yield {"images": batch.contiguous().numpy()}

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self.inputs, None)


def quantise(model: Path, out: Path, reader: Reader) -> None:
    prepared = out.with_name("prepared.onnx")
    quant_pre_process(model, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        out,
        reader,
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def milliseconds(backends: dict[str, OnnxBackend], image: NDArray[np.uint8], repeats: int) -> dict[str, float]:
    """Median time of each, in turns."""
    times: dict[str, list[float]] = {name: [] for name in backends}
    for _ in range(repeats):
        for name, backend in backends.items():
            began = time.perf_counter()
            backend(image[None])
            times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(each[2:]) for name, each in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("dataset", help="a labelled data set with the splits train and --split")
    parser.add_argument("--split", default="val")
    parser.add_argument("--calibrate", type=int, default=64, help="images of the train split")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    checkpoint = resolve_checkpoint(options.checkpoint, options.runs)
    about = read_about(checkpoint)
    size = about.config.data.height, about.config.data.width
    scored = open_dataset(options.dataset, split=options.split).map_to(about.space)
    with tempfile.TemporaryDirectory() as folder:
        models = {"float32": onnx_model(checkpoint), "int8": Path(folder) / "int8.onnx"}
        quantise(models["float32"], models["int8"], Reader(open_dataset(options.dataset), options.calibrate, size))
        backends = {name: OnnxBackend(path) for name, path in models.items()}
        image = fit(Sample(image=scored.read_image(0)), *size).image
        times = milliseconds(backends, image, options.repeats)
        rows = []
        for name, backend in backends.items():
            scores = evaluate(Predictor(backend, about.space, height=size[0], width=size[1]), scored)
            weight = models[name].stat().st_size / 1e6
            rows.append([name, f"{scores.miou:.2f}", f"{times[name]:.1f}", f"{weight:.1f}"])
    print_table(("network", "mIoU", f"ms at {size[1]}x{size[0]}", "MB"), rows)


if __name__ == "__main__":
    main()
