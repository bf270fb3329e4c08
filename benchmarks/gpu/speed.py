"""Part b: time of a step and what selection adds, the share of the chip that is used, loading, scoring, photos."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import TrainingStep, in_turns, step_data
from benchmarks.gpu.part import Part
from benchmarks.loading import FRAMES, begun, loader_rate
from benchmarks.photos import street_photo
from benchmarks.steps import METHODS, alternate, flops
from hrs.checkpoint import save_checkpoint
from hrs.config import RunConfig
from hrs.data.layouts import open_dataset
from hrs.data.loaders import FrameReader
from hrs.data.spec import DatasetSpec
from hrs.inference import Predictor
from hrs.inference.backends import BackendName
from hrs.methods.build import build_method
from hrs.scoring.score import score
from hrs.system.processes import cores

PEAKS = {"H100 PCIe": 756.0, "H100 NVL": 835.0, "H200 NVL": 836.0, "H100": 989.0, "H200": 989.0, "A100": 312.0}
"""Dense bf16 TFLOP/s of a device whose name holds this, by NVIDIA's data sheets; the first counts."""
RATIO, LOADER, SHARE = 1.10, 2.0, 35.0
"""Goals: hrs over joint at most, loader over training at least, percent of the peak at least."""


def examine(part: Part) -> None:
    for batch in (1,) if part.miniature else (2, 4, 16):
        part.measure("steps", partial(step_rows, batch=batch, compiled=False))
    part.check(f"hrs/joint at most {RATIO:.2f}", ratio_holds)
    part.measure("loading", loading_row)
    part.check(f"loader at least {LOADER:.0f} times training", loader_holds)
    part.measure("photos", photo_rows)
    part.measure("scoring", scoring_row)
    for batch in () if part.miniature else (4, 2):  # last: to compile takes long, and may take too long
        part.measure("steps, compiled", partial(step_rows, batch=batch, compiled=True))
    part.check(f"at least {SHARE:.0f} % of the peak", share_holds)


def large(part: Part, method: str, batch: int) -> RunConfig:
    """A step as a user with large frames takes it."""
    network = "compact" if part.miniature else "segformer-b2"
    counts = (f"train.batch_source={batch}", f"train.batch_target={batch}")
    return part.config(method, f"network.name={network}", "train.precision=bf16", *counts, pair="large")


def step_rows(part: Part, batch: int, compiled: bool) -> list[dict[str, Any]]:
    """Joint and hrs in turn on the same batches."""
    if compiled:
        torch.compiler.reset()  # what was compiled for another batch would make this one's size a variable
    steps, work = {}, {}
    for method in METHODS:
        config = large(part, method, batch)
        data, classes = step_data(config)
        steps[method] = TrainingStep(config, data, classes, part.device)
        work[method] = flops(steps[method])  # of the plain network: what is compiled is not seen
        if compiled:
            steps[method].method.segmenter.compile()
    times = alternate(steps, repeats=2 if part.miniature else 12, warmup=1 if part.miniature else 5)
    ratio = statistics.median(hrs / joint for hrs, joint in zip(times["hrs"], times["joint"], strict=True))
    rows = []
    for method in METHODS:
        seconds = statistics.median(times[method])
        row = {"batch": f"{batch}+{batch}", "method": method, "ms": 1000 * seconds}
        row |= {"over joint": ratio if method == "hrs" else 1.0, "images/s": steps[method].images / seconds}
        row |= {"TFLOP": work[method] / 1e12, "% of peak": percent_of_peak(part, work[method] / seconds)}
        rows.append(row | {"peak memory, GiB": peak_memory(part, steps[method])})
    return rows


def stepped(part: Part) -> list[dict[str, Any]]:
    """Rows of all steps that were measured so far."""
    rows = [*part.figures["steps"], *part.figures.get("steps, compiled", [])]
    return [row for row in rows if "failed" not in row]


def percent_of_peak(part: Part, flops_per_second: float) -> float | None:
    """None where the device's peak is not known."""
    name = torch.cuda.get_device_name(part.device) if part.device.type == "cuda" else ""
    peak = part.peak_tflops or next((value for key, value in PEAKS.items() if key in name), None)
    return 100 * flops_per_second / (1e12 * peak) if peak else None


def peak_memory(part: Part, step: TrainingStep) -> float | None:
    """Most that a step allocates on the device, in GiB; both methods' models are among it."""
    if part.device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(part.device)
    step.seconds()
    return torch.cuda.max_memory_allocated(part.device) / 2**30


def loading_row(part: Part) -> dict[str, Any]:
    """Frames a second from all cores, with regions in the cache, beside the images a second of the fastest hrs step."""
    config = large(part, "hrs", 2)
    workers = 1 if part.miniature else max(1, cores() - 1)
    reader = FrameReader([open_dataset(config.data.sources[0])], config.data, regions=True)
    rate = loader_rate(reader, 0, begun(workers) + (4 if part.miniature else 20 * workers), workers)
    fastest = max((row["images/s"] for row in stepped(part) if row["method"] == "hrs"), default=None)
    row = {"workers": workers, "frames a batch": FRAMES, "frames/s": rate, "trained images/s": fastest}
    return row | {"ratio": rate / fastest if fastest else None}


def untrained(part: Part, folder: Path, config: RunConfig) -> Path:
    """A checkpoint with random weights."""
    space = open_dataset(config.data.target).space
    assert space is not None
    torch.manual_seed(0)
    save_checkpoint(folder, method=build_method(config, len(space)), config=config, space=space, step=0, metrics={})
    return folder


def scoring_row(part: Part) -> dict[str, Any]:
    """Frames a second of `hrs score`, its start left out: the frames beyond a first part, over the time they add."""
    config = large(part, "hrs", 2)
    few, many, workers = (2, 16, 0) if part.miniature else (64, 512, 8)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = untrained(part, Path(folder) / "checkpoint", config)
        source = repeated(config.data.sources[0], many, Path(folder) / "frames")
        seconds = {}
        for count in (few, few, many):  # the first warms up
            out = Path(tempfile.mkdtemp(dir=folder))
            start = time.perf_counter()
            score(checkpoint, source, out, limit=count, batch=4, workers=workers, device=part.device)
            seconds[count] = time.perf_counter() - start
    size, rate = f"{config.data.width}x{config.data.height}", (many - few) / (seconds[many] - seconds[few])
    return {"network": config.network.name, "size": size, "frames": many, "frames/s": rate}


def repeated(source: str, count: int, folder: Path) -> str:
    """A data set of ``count`` frames of the format ``folder``: those of another, over and over."""
    data, root = open_dataset(source), DatasetSpec.parse(source).path
    for i in range(count):
        frame = data.frames[i % len(data)]
        assert frame.label is not None
        for part, file in (("images", frame.image), ("labels", frame.label)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            (folder / part / f"{i:05d}{file.suffix}").symlink_to(file.resolve())
    shutil.copy(Path(root) / "classes.yaml", folder)
    return f"folder:{folder}"


def photo_rows(part: Part) -> list[dict[str, Any]]:
    """Milliseconds of one photo, from pixels to classes."""
    config = large(part, "joint", 2)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = untrained(part, Path(folder) / "checkpoint", config)
        backend: BackendName = "torch" if part.device.type == "cpu" else "auto"
        predictor = Predictor.load(checkpoint, device=part.device, backend=backend)
        for height, width in ((90, 120),) if part.miniature else ((720, 1280), (3000, 4000)):
            photo = street_photo(height, width)
            times = in_turns({"segment": partial(predictor.segment, photo)}, 1 if part.miniature else 15)
            rows.append({"network": config.network.name, "photo": f"{width}x{height}", "ms": 1000 * times["segment"]})
    return rows


# Goals. What a CPU does says nothing about them.


def ratio_holds(part: Part) -> tuple[bool | None, str]:
    ratios = [row["over joint"] for row in stepped(part) if row["method"] == "hrs"]
    return _goal(part, bool(ratios) and max(ratios) <= RATIO, [f"{each:.3f}" for each in ratios])


def loader_holds(part: Part) -> tuple[bool | None, str]:
    ratios = [row["ratio"] for row in part.figures["loading"] if row.get("ratio")]
    return _goal(part, bool(ratios) and min(ratios) >= LOADER, [f"{each:.2f}" for each in ratios])


def share_holds(part: Part) -> tuple[bool | None, str]:
    shares = [row["% of peak"] for row in stepped(part) if row["% of peak"]]
    return _goal(part, bool(shares) and max(shares) >= SHARE, [f"{each:.1f} %" for each in shares])


def _goal(part: Part, held: bool, measured: list[str]) -> tuple[bool | None, str]:
    said = ", ".join(measured) or "nothing was measured"
    return (held, said) if part.device.type == "cuda" else (None, f"{said}; a goal for a GPU")
