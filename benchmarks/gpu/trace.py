"""Part c: where the time of one step of hrs goes, and at which lines the host waits for the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.autograd import DeviceType

from benchmarks.common import synchronise
from benchmarks.gpu.part import Part
from benchmarks.gpu.waits import host_waits
from hrs.data.loaders import Step
from hrs.training.steps import Trainer

OPERATORS = 15
GUARD = "hrs/training/steps.py"
"""On a CPU the trainer looks at once whether a step was finite; on a GPU a step later, without waiting."""


def examine(part: Part) -> None:
    trainer, batches = prepared(part)
    part.measure("host waits in four steps", lambda p: waits(p, trainer, batches))
    part.check("the host waits for nothing but what it logs", none_waits)
    part.measure("one step by part", lambda p: by_part(p, trainer, batches))
    part.measure("operators", lambda p: operators(p, trainer, batches))


def prepared(part: Part) -> tuple[Trainer, list[Step]]:
    """A trainer of hrs in the middle of training, warm, and batches that wait on the host."""
    network, pair = ("compact", "street") if part.miniature else ("segformer-b2", "large")
    precision = "no" if part.device.type == "cpu" else "bf16"
    sizes = ("train.batch_source=2", "train.batch_target=2", f"train.precision={precision}", "train.steps=1000")
    trainer = Trainer(part.config("hrs", f"network.name={network}", *sizes, pair=pair))
    trainer.step = 900
    loaded = iter(trainer.batches())
    batches = [next(loaded) for _ in range(2)]
    for batch in 2 * batches:
        trainer.train_step(batch)
    return trainer, batches


def waits(part: Part, trainer: Trainer, batches: list[Step]) -> list[dict[str, Any]]:
    """Every line at which the host waits in four steps, two of which teach the weighting networks."""
    with host_waits(part.device) as found:
        for batch in 2 * batches:
            trainer.train_step(batch)
    return [{"line": line, "times": times} for line, times in found.most_common()]


def none_waits(part: Part) -> tuple[bool, str]:
    rows = part.figures["host waits in four steps"]
    lines = [row.get("line", row.get("failed", "")) for row in rows]
    if part.device.type == "cpu":
        lines = [line for line in lines if not line.startswith(GUARD)]
    return not lines, ", ".join(lines) or "none"


def by_part(part: Part, trainer: Trainer, batches: list[Step]) -> list[dict[str, Any]]:
    """Milliseconds of each part of a step, the device's work included; the mean of steps that learn and such that do
    not."""
    method, accelerator = trainer.bare, trainer.accelerator
    places = {
        "segmentation network, forward": (method, "segment"),
        "selection, forward": (method, "weigh"),
        "loss": (method, "cross_entropy"),
        "backward": (accelerator, "backward"),
        "clipping": (trainer, "_clip"),
        "optimiser": (trainer, "_apply"),
    }
    spent = dict.fromkeys(places, 0.0)
    before = {name: getattr(owner, attribute) for name, (owner, attribute) in places.items()}
    for name, (owner, attribute) in places.items():
        setattr(owner, attribute, _timed(before[name], name, spent, part.device))
    steps = 2 if part.miniature else 10
    try:
        synchronise(part.device)
        start = time.perf_counter()
        for i in range(steps):
            trainer.train_step(batches[i % len(batches)])
        synchronise(part.device)
        whole = time.perf_counter() - start
    finally:
        for owner, attribute in places.values():
            delattr(owner, attribute)
    spent["the rest"] = whole - sum(spent.values())
    return [{"part": name, "ms": 1000 * seconds / steps, "%": 100 * seconds / whole} for name, seconds in spent.items()]


def _timed(run: Callable[..., Any], name: str, spent: dict[str, float], device: torch.device) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        synchronise(device)
        start = time.perf_counter()
        result = run(*args, **kwargs)
        synchronise(device)
        spent[name] += time.perf_counter() - start
        return result

    return timed


def operators(part: Part, trainer: Trainer, batches: list[Step]) -> list[dict[str, Any]]:
    """The operators of two steps that take the device the longest; the whole trace goes to trace.json.gz."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if part.device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        for batch in batches:
            trainer.train_step(batch)
        synchronise(part.device)
    profile.export_chrome_trace(str(part.out / "trace.json.gz"))
    return longest(profile.key_averages(), on_device=part.device.type == "cuda")


def longest(events: Iterable[Any], *, on_device: bool) -> list[dict[str, Any]]:
    """Of a profile's events by name the operators that take longest, of the device's time or the host's.

    On a GPU one piece of work is there up to three times: of its operator, its kernel, and what it was annotated with.
    """
    key = "self_device_time_total" if on_device else "self_cpu_time_total"
    own = [
        (getattr(event, key), event)
        for event in events
        if event.device_type == DeviceType.CPU and not getattr(event, "is_user_annotation", False)
    ]
    whole = sum(time for time, _ in own)
    own.sort(key=lambda each: each[0], reverse=True)
    return [
        {"operator": event.key[:80], "calls": event.count, "ms": time / 1000, "%": 100 * time / whole}
        for time, event in own[:OPERATORS]
    ]
