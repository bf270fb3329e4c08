"""Part a: on the device everything comes out as on a CPU, and what training promises holds there too."""

from __future__ import annotations

import statistics
import tempfile
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from benchmarks.common import TrainingStep, step_data
from benchmarks.gpu.part import Part
from hrs.checkpoint import load_segmenter, read_about
from hrs.config import RunConfig
from hrs.data.layouts import open_dataset
from hrs.data.loaders import Batch, FrameReader, Step, TrainingSteps, step_batches
from hrs.errors import HRSError
from hrs.inference import Predictor
from hrs.inference.backends import TorchBackend
from hrs.methods.hrs import HierarchicalSelection, weigh_frames
from hrs.runs.folder import RunFolder
from hrs.training.steps import MOST_BAD_STEPS, Trainer
from hrs.training.watchers import watch

CPU = torch.device("cpu")
STEPS = 30
STREET = Path(__file__).resolve().parents[2] / "checkpoints/street/checkpoints/best"
LOSS, GRADIENT, WEIGHT, PIXELS = 1e-4, 2e-3, 2e-2, 0.98
"""Most that losses, gradients (relative, by norm) and weights may differ; least share of pixels of the same class."""


def examine(part: Part) -> None:
    torch.backends.cudnn.allow_tf32 = False  # what is compared in fp32 shall be fp32
    for method in ("joint", "hrs"):
        part.check(f"one step of {method} equals the CPU's", partial(same_step, method=method))
    part.check("a frame's weights equal the CPU's", same_weights)
    part.check("no update on what is not finite", guard)
    part.check("a resumed run goes on", resumes)
    part.check("batches are pinned and loaded ahead", loads)
    part.check("photos in bf16 against fp32", same_pixels)
    torch.backends.cudnn.allow_tf32 = True
    for setting in ("precision=bf16", "precision=fp16", "compile=true"):
        part.check(f"{STEPS} steps with train.{setting}", partial(trains, setting=setting))


def same_step(part: Part, method: str) -> tuple[bool, str]:
    """Loss and gradients of a step in which weights are at full strength and the weighting networks learn."""
    config = part.config(method)
    batches, classes = step_data(config)
    found = []
    for device in (CPU, part.device):
        step = TrainingStep(config, batches, classes, device)
        step.step += (step.step + 1) % config.selection.every
        for module in step.method.modules():
            if isinstance(module, nn.Dropout | nn.Dropout2d):
                module.p = 0.0  # two devices draw differently
        result = step.forward().loss
        result.backward()
        found.append((result.item(), gradients(step)))
    (loss, own), (other, there) = found
    apart = max(float((a - b).norm() / a.norm().clamp(min=1e-9)) for a, b in zip(own, there, strict=True))
    off = abs(loss - other) / abs(loss)
    return off < LOSS and apart < GRADIENT, f"loss {off:.1e} off, gradients {apart:.1e}"


def gradients(step: TrainingStep) -> list[Tensor]:
    """The gradient of each network as one vector on the CPU, in the optimiser's order."""
    groups = [group["params"] for group in step.optimiser.param_groups]
    return [torch.cat([p.grad.flatten().cpu() for p in group if p.grad is not None]) for group in groups]


def same_weights(part: Part) -> tuple[bool, str]:
    config = part.config("hrs")
    batches, classes = step_data(config)
    step = TrainingStep(config, batches, classes, CPU)
    for _ in range(2 * config.selection.every):  # so that scores differ
        step()
    method = step.method
    assert isinstance(method, HierarchicalSelection)
    own = weigh_frames(method, batches.source).combined
    there = weigh_frames(method.to(part.device), batches.source.to(part.device)).combined.cpu()
    off = float((own - there).abs().max())
    return off < WEIGHT, f"at most {off:.1e} apart, weights from {float(own.min()):.2f} to {float(own.max()):.2f}"


def guard(part: Part) -> tuple[bool, str]:
    """A poisoned loss moves nothing, the run gives up in time, and a sound loss then moves it."""
    trainer = Trainer(part.config("joint", "train.steps=100"))
    batch = next(iter(trainer.batches()))
    trainer.train_step(batch)
    before = copied(trainer.bare)
    clean = trainer.bare.cross_entropy
    trainer.bare.cross_entropy = lambda *given: clean(*given) * torch.nan  # type: ignore[method-assign]
    bad = 0
    try:
        while bad < 2 * MOST_BAD_STEPS:
            bad += not trainer.train_step(batch).applied
    except HRSError:
        bad += 1
    still = moved(trainer.bare, before) == 0
    trainer.bare.cross_entropy = clean  # type: ignore[method-assign]
    trainer._bad = 0
    trainer._unread.clear()
    trainer.train_step(batch)
    lives = moved(trainer.bare, before) > 0
    ok = still and lives and bad <= MOST_BAD_STEPS + 1
    return ok, f"weights {'stayed' if still else 'MOVED'}, given up after {bad}, then {'moved' if lives else 'STUCK'}"


def copied(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def moved(module: nn.Module, before: list[Tensor]) -> int:
    """Parameters that are not what they were."""
    return sum(not torch.equal(p, old) for p, old in zip(module.parameters(), before, strict=True))


def resumes(part: Part) -> tuple[bool, str]:
    """A run saved in the middle gives the losses of the one that went on."""
    config = part.config("hrs", "train.steps=8", "selection.warmup=0", "selection.ramp=0.2")
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder), "run", config.to_yaml())
        first = Trainer(config)
        losses(first, 4)
        with watch(first, run) as watchers:
            watchers.saving.save()
        second = Trainer(config, resume_from=run.last)
    begins = second.step
    own, other = losses(first, 4), losses(second, 4)
    off = max(abs(a - b) / abs(a) for a, b in zip(own, other, strict=True))
    return begins == 4 and off < 1e-2, f"from step {begins}, losses {off:.1e} off"


def losses(trainer: Trainer, steps: int) -> list[float]:
    return [float(trainer.train_step(batch).logs["loss"]) for batch in islice(trainer.batches(), steps)]


def loads(part: Part) -> tuple[bool | None, str]:
    """The same batches from processes that load ahead, in pinned memory, as from this one."""
    config = part.config("hrs")
    plain, ahead = (collected(config, workers, part.device) for workers in (0, 2))
    pairs = list(zip(plain, ahead, strict=True))
    same = all(torch.equal(a.images, b.images) and torch.equal(a.regions, b.regions) for a, b in pairs)
    if part.device.type == "cpu":
        return (None if same else False), "the same batches; memory is pinned for a GPU alone"
    pinned = all(batch.images.is_pinned() and batch.regions.is_pinned() for batch in ahead)
    there = torch.equal(ahead[0].to(part.device).images.cpu(), plain[0].images)
    return same and pinned and there, f"same {same}, pinned {pinned}, on the device {there}"


def collected(config: RunConfig, workers: int, device: torch.device, steps: int = 4) -> list[Batch]:
    target = open_dataset(config.data.target)
    readers = [FrameReader([target], config.data, regions=True)] * 2
    all_steps = TrainingSteps(readers[0], readers[1], lambda _: (2, 0), seed=0)
    pin = device.type == "cuda" and workers > 0
    found: list[Step] = list(step_batches(all_steps, 0, steps, workers=workers, pin=pin))
    return [step.source for step in found]


def same_pixels(part: Part) -> tuple[bool, str]:
    """The model that comes with hrs, on photos of the pack."""
    about, photos = read_about(STREET), open_dataset(part.config("joint").data.target)
    count, agree = min(len(photos), 4 if part.miniature else 40), []
    exact, fast = (
        Predictor(
            TorchBackend(load_segmenter(STREET, device=part.device), part.device, fast=quick),
            about.space,
            height=about.config.data.height,
            width=about.config.data.width,
        )
        for quick in (False, True)
    )
    for i in range(count):
        photo = photos.read_image(i)
        agree.append(float(np.mean(exact.segment(photo).labels == fast.segment(photo).labels)))
    share = statistics.fmean(agree)
    return share > PIXELS, f"{100 * share:.2f} % of the pixels of {count} photos"


def trains(part: Part, setting: str) -> tuple[bool | None, str]:
    """The loss falls over the first steps, through the trainer and its loaders."""
    if part.device.type == "cpu" and setting != "precision=bf16":
        return None, "needs a GPU"
    config = part.config("hrs", f"train.steps={STEPS}", f"train.{setting}", "selection.warmup=0.3")
    AcceleratorState._reset_state(reset_partial_state=True)  # one precision a process, says accelerate
    trainer = Trainer(config)
    found = losses(trainer, 10 if part.miniature else STEPS)
    first, last = statistics.fmean(found[:4]), statistics.fmean(found[-4:])
    return last < first, f"loss {first:.2f} at first, {last:.2f} at last"
