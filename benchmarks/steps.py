"""What selection costs: the time of a training step of method hrs over one of method joint.

python -m benchmarks.steps [--network compact] [--size 256x192] [--device cuda --precision bf16 --peak-tflops 989]

Both methods train the same network on the same batches in one process and take turns step by step, so that whatever
else the machine does slows both alike. Read first:

- ``hrs/joint``: the median of the ratios of neighbouring steps, and the middle half of them. 1 means selection is free.
- ``learn`` and ``weigh``: time inside the forward pass for training the weighting networks and for the weights;
  ``rest`` is their backward pass and optimiser step. Shares of a joint step; they add up to hrs/joint - 1.
- ``peak memory``: what a step needs beyond the model, its optimiser and its batches: on a CPU the growth of resident
  memory in a fresh process per method, on a GPU the most that torch allocated, model included.
- ``of peak``: FLOPs of forward and backward, counted by torch, per second, as a share of --peak-tflops.

Ratios compare between machines; images/s do not.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import TrainingStep, config_of, print_table, step_data, step_options, synchronise, told
from hrs.methods.base import Method

METHODS = ("joint", "hrs")
PARTS = ("learn", "weigh")


def build(options: argparse.Namespace, method: str) -> TrainingStep:
    config = config_of(options, method)
    batches, classes = step_data(config)
    return TrainingStep(config, batches, classes, torch.device(options.device))


def alternate(steps: dict[str, TrainingStep], repeats: int, warmup: int = 3) -> dict[str, list[float]]:
    """Seconds per step of each method; they take turns, and who goes first changes too."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for index in range(repeats + warmup):
        for name in sorted(steps, reverse=bool(index % 2)):
            seconds = steps[name].seconds()
            if index >= warmup:
                times[name].append(seconds)
    return times


def part_shares(steps: dict[str, TrainingStep], repeats: int) -> dict[str, float]:
    """Time of each part of the hrs selector's forward pass over a joint step beside it; the medians."""
    selector, device = steps["hrs"].method.selector, steps["hrs"].device
    spent: dict[str, list[float]] = {name: [] for name in PARTS}
    for name in PARTS:
        setattr(selector, name, _timed(getattr(selector, name), spent[name], device))
    joint = alternate(steps, repeats, warmup=0)["joint"]
    for name in PARTS:
        delattr(selector, name)
    whole = sum(joint) * steps["joint"].config.selection.every
    return {name: sum(spent[name]) / whole for name in PARTS}


def _timed(run: Callable[..., Any], times: list[float], device: torch.device) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        synchronise(device)
        start = time.perf_counter()
        result = run(*args, **kwargs)
        synchronise(device)
        times.append(time.perf_counter() - start)
        return result

    return timed


def flops(step: TrainingStep) -> int:
    """Floating point operations of one forward and backward pass."""
    with FlopCounterMode(display=False) as counter:
        step.forward().loss.backward()
    step.optimiser.zero_grad(set_to_none=True)
    total: int = counter.get_total_flops()
    return total


def peak_bytes(options: argparse.Namespace, method: str, steps: int = 3) -> int:
    """Peak memory of a step in this process, which should be fresh."""
    step = build(options, method)
    if step.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(step.device)
        for _ in range(steps):
            step()
        return torch.cuda.max_memory_allocated(step.device)
    before = resident("VmRSS")
    for _ in range(steps):
        step()
    return max(0, resident("VmHWM") - before)


def resident(field: str) -> int:
    """Resident bytes of this process, now (VmRSS) or at most so far (VmHWM); where /proc is missing, at most so far."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
    return int(lines[field].split()[0]) * 1024


def peak_bytes_apart(method: str) -> int:
    """`peak_bytes` with this command's options in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.steps", *sys.argv[1:], "--peak-memory-of", method]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=root, env=dict(os.environ))
    answer: int = json.loads(done.stdout)
    return answer


def print_operators(method: Method, step: TrainingStep, count: int) -> None:
    """The operators that take the most time in one step."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if step.device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        step.seconds()
    print(f"\n{type(method).__name__}\n{profile.key_averages().table(sort_by='self_cpu_time_total', row_limit=count)}")


def report(options: argparse.Namespace) -> None:
    steps = {name: build(options, name) for name in METHODS}
    times = alternate(steps, options.repeats)
    ratios = [hrs / joint for hrs, joint in zip(times["hrs"], times["joint"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"{options.network}, {options.size}, batch {options.batch_source}+{options.batch_target}, {options.device}")
    print(f"hrs/joint: {middle:.3f} (middle half of {len(ratios)} pairs {low:.3f} to {high:.3f})")
    _print_parts(steps, middle, max(3, options.repeats // 2))
    rows = [_row(name, steps[name], statistics.median(times[name]), options) for name in METHODS]
    print_table(["method", "images/s", "GFLOP a step", "of peak", "peak memory, MB"], rows)
    for name in METHODS if options.operators else ():
        print_operators(steps[name].method, steps[name], options.operators)


def _print_parts(steps: dict[str, TrainingStep], ratio: float, repeats: int) -> None:
    parts = part_shares(steps, repeats)
    parts["rest"] = ratio - 1 - sum(parts.values())
    print("of a joint step: " + ", ".join(f"{name} {share:+.3f}" for name, share in parts.items()))


def _row(name: str, step: TrainingStep, seconds: float, options: argparse.Namespace) -> list[str]:
    work = flops(step)
    share = f"{100 * work / seconds / (1e12 * options.peak_tflops):.1f} %" if options.peak_tflops else "–"
    memory = f"{peak_bytes_apart(name) / 1e6:.0f}" if options.memory else "–"
    return [name, f"{step.images / seconds:.1f}", f"{work / 1e9:.1f}", share, memory]


def main() -> None:
    parser = step_options(__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="pairs of steps that are timed, at least 2")
    parser.add_argument("--peak-tflops", type=float, help="the device's peak in the chosen precision")
    parser.add_argument("--operators", type=int, default=0, metavar="N", help="also list the N slowest operators")
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--peak-memory-of", choices=METHODS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak_memory_of:
        print(peak_bytes(options, options.peak_memory_of))
    else:
        report(options)


if __name__ == "__main__":
    told(main)
