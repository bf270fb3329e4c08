"""Whether a trained network should be shipped in 8 bits for the CPU: mIoU, latency and size beside float32.

    python -m benchmarks.quantised street camvid:data/camvid [--split val] [--threads 2] [--repeats 15]

Made as `hrs export --int8` makes it, calibrated on the data set's train split. Scored on another split at the size of
training; the two take turns for the latency of one image in the network alone.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import torch

from benchmarks.common import in_turns, print_table, told
from hrs.checkpoint import read_about
from hrs.data.layouts import open_dataset
from hrs.data.transforms import Sample, fit
from hrs.inference import Predictor, evaluate
from hrs.inference.backends import OnnxBackend, onnx_model
from hrs.inference.quantise import quantise_on
from hrs.runs.registry import resolve_checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("dataset", help="a labelled data set with the splits train and --split")
    parser.add_argument("--split", default="val")
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
        quantise_on(checkpoint, models["int8"], options.dataset)
        backends = {name: OnnxBackend(path) for name, path in models.items()}
        image = fit(Sample(image=scored.read_image(0)), *size).image
        times = in_turns({name: partial(each, image[None]) for name, each in backends.items()}, options.repeats, warm=2)
        rows = []
        for name, backend in backends.items():
            scores = evaluate(Predictor(backend, about.space, height=size[0], width=size[1]), scored)
            weight = models[name].stat().st_size / 1e6
            rows.append([name, f"{scores.miou:.2f}", f"{1000 * times[name]:.1f}", f"{weight:.1f}"])
    print_table(("network", "mIoU", f"ms at {size[1]}x{size[0]}", "MB"), rows)


if __name__ == "__main__":
    told(main)
