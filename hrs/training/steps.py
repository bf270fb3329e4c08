"""One step of training after another, and what may look on."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate.utils import set_seed
from numpy.typing import NDArray
from torch import Tensor

from hrs.checkpoint import blank_segmenter, check_fits, load_state, load_weights, read_about, restoring
from hrs.config import RunConfig
from hrs.data.apart import check_synthetic
from hrs.data.draw import class_frequency, rare_class_shares
from hrs.data.layouts import open_sources
from hrs.data.loaders import FrameReader, Step, TrainingSteps, step_batches
from hrs.errors import HRSError
from hrs.methods.base import Method
from hrs.methods.build import build_method
from hrs.methods.table import METHODS
from hrs.methods.teacher import Teacher
from hrs.networks.segmenter import Segmenter
from hrs.networks.shared_norm import share_normalisation
from hrs.networks.table import check_network
from hrs.progress import Progress
from hrs.runs.seen import NOTHING, Seen
from hrs.selection.statistics import summed
from hrs.training.average import average_of
from hrs.training.optimiser import build_optimiser, step_unless
from hrs.training.sampling import drawn_in_words, frame_shares, redraw_steps
from hrs.training.schedule import poly_with_warmup
from hrs.training.setup import accelerator_for, check_world, photo_styles, smallest_batch
from hrs.training.task import check_space, open_real, survey_sources
from hrs.training.undo import Undo

MOST_BAD_STEPS = 10
"""Steps in a row without a finite loss after which a run gives up."""

LOGGER = logging.getLogger("hrs")


class Cancelled(Exception):
    """The run was asked to stop."""


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What came of a step: numbers to log, and whether it was applied, which a non-finite one is not.

    All are on the device: to look at one is to wait for it.
    """

    logs: dict[str, Tensor]
    applied: Tensor


class Watcher:
    """Looks on while a run trains. All processes of a run have the same watchers, in the same order."""

    def start(self) -> None:
        """Before the first step of this process."""

    def after_step(self, report: StepReport) -> None:
        """After each step; `Trainer.step` counts it already."""

    def finish(self) -> None:
        """After the last step."""


class Trainer:
    """One process's share of a run: its data, method and optimiser, and one step of training after another.

    step: steps done so far, those before a resume included.
    restored: the state that a resumed run goes on from; empty for a new one.
    often: how often each synthetic frame comes, with mean 1; None while all come equally often.
    """

    def __init__(
        self,
        config: RunConfig,
        *,
        resume_from: Path | None = None,
        seen: Seen = NOTHING,
        progress: Progress | None = None,
    ) -> None:
        check_network(config.network.name, pretrained=config.network.pretrained)  # before the data, which may take long
        self.config = config
        self.accelerator = accelerator_for(config)
        check_world(config, self.accelerator.num_processes)
        set_seed(config.seed)
        with self.accelerator.main_process_first():  # so that rendering and caching happen once
            self.real = open_real(config, seen=seen, progress=progress)
        method = self._build(resume_from)  # before the synthetic frames, which may take minutes
        self._open_frames(method, seen, progress)
        self.average = average_of(method.segmenter, config.train.ema)
        self.step, self._bad, self._unread = 0, 0, deque[Later]()
        self.often: NDArray[np.float64] | None = None
        self.restored: dict[str, Any] = {}
        if resume_from is not None:
            load_weights(method, resume_from)
            self.restored = load_state(resume_from)
        # A fused optimiser skips a step by itself; half precision's scaler does it its own way, and could not tell.
        self._scaled = config.train.precision == "fp16"
        self._device_skips = self.accelerator.device.type == "cuda" and not self._scaled
        self.optimiser = build_optimiser(method, config, fused=self._device_skips)
        if config.train.compile:
            method.segmenter.compile()
        if resume_from is not None:
            with restoring(resume_from):
                self._restore(self.restored)
        self._place(method)

    def _build(self, resume_from: Path | None) -> Method:
        """The method, with the network of the checkpoint where a run goes on, and checked against its batches."""
        config, world, segmenter = self.config, self.accelerator.num_processes, None
        if resume_from is not None:
            about = read_about(resume_from)
            check_space(self.real, about.space)
            segmenter = blank_segmenter(about, resume_from)
        method = build_method(config, len(self.real.space), segmenter)
        if world > 1:
            share_normalisation(method.segmenter, self.accelerator.device)
        method.segmenter.check_batch(smallest_batch(method, config) // world, config.data.height, config.data.width)
        if config.train.class_balance:
            method.balance(torch.from_numpy(class_frequency(self.real.target)))
        if config.train.channels_last:
            method.segmenter.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return method

    def _open_frames(self, method: Method, seen: Seen, progress: Progress | None) -> None:
        """What batches are read from: synthetic frames, real images, and the teacher's photos."""
        config, facts, real = self.config, METHODS[self.config.method], self.real
        with self.accelerator.main_process_first():
            sources = open_sources(config.sources, real.space, classes=config.data.classes, progress=progress)
            check_synthetic(sources, real.target, real.val)
        if facts.needs_planted and not any(frame.planted for each in sources for frame in each.frames):
            raise HRSError(
                f"method {config.method} needs synthetic frames whose planted faults are known, such as "
                f"render:synthetic; {', '.join(config.sources)} has none"
            )
        self.source_surveys = survey_sources(sources, seen)
        self.source = FrameReader(sources, config.data, regions=facts.learns_weights)
        self.target = FrameReader([real.target], config.data, regions=method.compares_regions)
        rare = config.data.rare_classes
        self.photos_often = rare_class_shares(real.target, rare) if rare else None
        self.styles = photo_styles(real.target) if config.data.style == "photos" else None
        self.unlabelled = FrameReader([real.unlabelled], config.data, regions=False) if real.unlabelled else None

    def _place(self, method: Method) -> None:
        """Everything onto its device, and the teacher there."""
        self.method, self.optimiser = self.accelerator.prepare(method, self.optimiser)
        self.bare = cast(Method, self.accelerator.unwrap_model(self.method))
        self.scaler = self.accelerator.scaler  # of half precision alone
        if self.scaler is not None and "scaler" in self.restored:
            self.scaler.load_state_dict(self.restored["scaler"])
        if self.average is not None:
            self.average.module.to(self.accelerator.device)
        if self.average is not None and self.unlabelled is not None:
            self.bare.teacher = Teacher(self.average.module, self.config.teacher)
            if "teacher" in self.restored:
                self.bare.teacher.restore(self.restored["teacher"])
        self._undo = Undo(self._running())

    def _running(self) -> Iterator[Tensor]:
        """What moves in a step beside the weights that the optimiser leaves alone."""
        yield from self.bare.buffers()
        if self.average is not None:
            yield from self.average.module.parameters()
            yield from self.average.module.buffers()
        if self.bare.teacher is not None:
            yield self.bare.teacher.seen

    def _restore(self, state: dict[str, Any]) -> None:
        own = self.optimiser.param_groups[0]["fused"]
        for group in state["optimiser"]["param_groups"]:
            group["fused"] = own  # the run may go on where it did not start, with or without a GPU
        self.optimiser.load_state_dict(state["optimiser"])
        check_fits(self.optimiser)
        self.step = state["step"]
        self.often = None if state.get("often") is None else state["often"].numpy()
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def fit(self, watchers: Sequence[Watcher]) -> None:
        """Run the remaining steps.

        Raises:
            HRSError: the loss stays non-finite, or a data set cannot be read any more.
            Cancelled: a watcher was asked to stop.
        """
        for watcher in watchers:
            watcher.start()
        for batch in self.batches():
            report = self.train_step(batch)
            for watcher in watchers:
                watcher.after_step(report)
        for watcher in watchers:
            watcher.finish()

    def batches(self) -> Iterator[Step]:
        """What the remaining steps see, loaded ahead; frames that are drawn by weight are weighed at their times."""
        redraws = redraw_steps(self.config)
        ends = [*(step for step in redraws if step > self.step), self.config.train.steps]
        for end in ends:
            if self.step in redraws:
                self.often = self._weigh_frames()
            yield from self._batches_until(end)

    def _weigh_frames(self) -> NDArray[np.float64]:
        plain = FrameReader(self.source.datasets, self.config.data, regions=False)
        shares = frame_shares(
            self.bare,
            plain,
            device=self.accelerator.device,
            workers=self.config.data.workers,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
        )
        if self.main:
            LOGGER.info(drawn_in_words(shares))
        if METHODS[self.config.method].acts_elsewhere:  # in one order for all processes
            return np.random.default_rng(step_seed(self.config.seed, self.step)).permutation(shares)
        return shares

    def _batches_until(self, last: int) -> Iterator[Step]:
        config, rank = self.config, self.accelerator.process_index
        steps = TrainingSteps(
            self.source,
            self.target,
            partial(self.bare.counts, config),
            seed=config.seed,
            rank=rank,
            world=self.accelerator.num_processes,
            unlabelled=self.unlabelled,
            photos=config.train.batch_unlabelled,
            often=self.often,
            photos_often=self.photos_often,
            styles=self.styles,
        )
        pin = self.accelerator.device.type == "cuda"
        return step_batches(steps, self.step, last, workers=config.data.workers, pin=pin)

    def train_step(self, batch: Step) -> StepReport:
        """One optimiser step. A non-finite gradient leaves all weights and running statistics alone; on a GPU the
        latter are put back a step later.

        Raises:
            HRSError: there were MOST_BAD_STEPS of those in a row.
        """
        batch = batch.to(self.accelerator.device)
        self.method.train()
        torch.manual_seed(step_seed(self.config.seed, self.step, self.accelerator.process_index))
        self._set_rates()
        self._undo.remember()
        result = self.method(batch.source, batch.target, self.step, batch.unlabelled)
        self.accelerator.backward(result.loss)
        norms = self._clip()
        loss = result.loss.detach()
        # Half precision's scaler expects gradients that are not, and looks after them itself.
        finite = (loss if self._scaled else torch.stack([*norms, loss])).isfinite().all()
        (bad,) = summed(1 - finite.float())  # all processes leave the same steps out
        applied = self._apply(bad == 0)
        self.step += 1
        self._check_finite(bad == 0)
        own = (result.loss - result.apart).detach()  # as every method has it; the rest is in the logs by its names
        return StepReport(logs={"loss": own, "grad_norm": norms[0], **result.logs}, applied=applied)

    def _apply(self, finite: Tensor) -> Tensor:
        """Move the weights if the loss and all gradients were finite; whether they were."""
        if self._device_skips:
            step_unless(self.optimiser, ~finite)
        elif self._scaled or bool(finite):
            self.optimiser.step()
        applied = finite
        if self._scaled and self.accelerator.optimizer_step_was_skipped:
            applied = torch.zeros_like(finite)
        if self.average is not None and (self._device_skips or bool(applied)):
            self.average.update(self.bare.segmenter)
        self.optimiser.zero_grad(set_to_none=True)
        return applied

    def _clip(self) -> list[Tensor]:
        """Clip every network's gradient by itself, so that none shortens another's step; the norms they had, the
        segmentation network's first."""
        self.accelerator.unscale_gradients(self.optimiser)
        networks: dict[int, list[Tensor]] = {}
        for group in self.optimiser.param_groups:
            networks.setdefault(group["network"], []).extend(group["params"])
        norms = [torch.nn.utils.clip_grad_norm_(each, self.config.train.clip) for each in networks.values()]
        # Without a gradient it is on the CPU; moved so, it does not hold up the host.
        return [norm.to(self.accelerator.device, non_blocking=True) for norm in norms]

    def _set_rates(self) -> None:
        factor = poly_with_warmup(self.step, self.config.train)
        for group in self.optimiser.param_groups:
            group["lr"] = factor * group["peak"]

    def _check_finite(self, finite: Tensor) -> None:
        """Count bad steps. Where the device skips them by itself, the host looks a step later and does not wait."""
        self._unread.append(Later(finite))
        if len(self._unread) > int(self._device_skips):
            self._read_verdict()

    def settle(self) -> None:
        """Before anybody looks at weights or running statistics: what the last steps left there that were not finite is
        put back.

        Raises:
            HRSError: as `train_step`.
        """
        while self._unread:
            self._read_verdict()

    def _read_verdict(self) -> None:
        fine = self._unread.popleft().read()
        back = self._undo.settle(fine)
        if self.average is not None and self._device_skips:  # else it was not moved
            self.average.updates -= back
        self._bad = 0 if fine else self._bad + 1
        if self._bad >= MOST_BAD_STEPS:
            raise HRSError(
                f"the loss was not finite for {self._bad} steps in a row up to step {self.step}; "
                "lower train.learning_rate or train with train.precision=no"
            )

    # What watchers ask

    @property
    def main(self) -> bool:
        """Whether this process writes the run's folder."""
        return bool(self.accelerator.is_main_process)

    def due(self, every: int) -> bool:
        """Whether what happens every so many steps, and after the last, happens now."""
        return self.step % every == 0 or self.step == self.config.train.steps

    @property
    def learning_rate(self) -> float:
        """Of the segmentation network, at the last step."""
        return float(self.optimiser.param_groups[0]["lr"])

    def network(self) -> Segmenter:
        """The network that is validated and shipped, in evaluation mode: the average where there is one."""
        return (self.bare.segmenter if self.average is None else self.average.module).eval()

    def state(self) -> dict[str, Any]:
        """What resumes the run, beside the method's weights."""
        often = None if self.often is None else torch.from_numpy(self.often)
        state = {"optimiser": self.optimiser.state_dict(), "step": self.step, "often": often}
        if self.bare.teacher is not None:
            state["teacher"] = self.bare.teacher.seen
        if self.scaler is not None:
            state["scaler"] = self.scaler.state_dict()
        return state if self.average is None else state | {"average": self.average.state_dict()}

    def describe(self) -> str:
        real, parameters = self.real, sum(p.numel() for p in self.bare.segmenter.parameters())
        photos = f"{len(real.unlabelled)} unlabelled photos, " if real.unlabelled else ""
        return (
            f"{self.config.method} on {self.accelerator.device}: {len(self.source)} synthetic frames, "
            f"{len(real.target)} real images, {photos}{len(real.val)} to validate, {len(real.space)} classes "
            f"({real.space.name}); {self.config.network.name} {parameters / 1e6:.2f} M parameters"
        )


class Later:
    """A yes or no of the device, on its way to the host while both go on."""

    def __init__(self, value: Tensor) -> None:
        self._value = value.to("cpu", non_blocking=True)
        self._there = torch.cuda.Event() if value.is_cuda else None
        if self._there is not None:
            self._there.record()

    def read(self) -> bool:
        """The value; waits until it is there, not until the device is idle."""
        if self._there is not None:
            self._there.synchronize()
        return bool(self._value)


def step_seed(*numbers: int) -> int:
    """One seed from several numbers: what is random in a step depends on these alone, so no state is saved."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
