"""The loop: step, schedule, validate, save, resume."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedDataParallelKwargs, broadcast_object_list, gather_object, set_seed
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hrs.checkpoint import load_state, load_weights, save_checkpoint
from hrs.config import RunConfig
from hrs.data.draw import class_frequency, spread_indices
from hrs.data.layouts import open_sources
from hrs.data.loaders import FrameReader, Step, TrainingSteps, step_batches
from hrs.errors import HRSError
from hrs.evaluation import ConfusionMatrix, Evaluation
from hrs.inference import FEWEST, Predictor, calibrate, predictions, write_gauge
from hrs.methods.base import Method
from hrs.methods.build import build_method
from hrs.methods.hrs import HierarchicalSelection, raw_weights
from hrs.methods.table import METHODS
from hrs.networks.segmenter import Segmenter
from hrs.pictures import Image
from hrs.progress import Progress
from hrs.runs.folder import RunFolder
from hrs.scoring.panel import PanelFrame, PanelWriter
from hrs.training.record import LOGGER, Recorder
from hrs.training.schedule import poly_with_warmup
from hrs.training.task import open_real

MOST_BAD_STEPS = 10
"""Steps in a row without a finite loss after which a run gives up."""


def train(config: RunConfig, run: RunFolder, *, resume: bool = False, progress: Progress | None = None) -> Evaluation:
    """Train one run to its end and return its last validation.

    Args:
        config: what to do.
        run: its folder, created for this run (or one that stopped, with ``resume``).
        progress: called with (done, total) while frames are rendered.
        resume: go on from checkpoints/last; on a CPU the result has the same weights as an unbroken run.

    Raises:
        HRSError: data or settings that cannot work, a loss that stays non-finite, or a signal to stop; the run's status
            says so too.
    """
    main = processes(config).is_main_process

    def say(**status: Any) -> None:
        if main:
            run.write_status(**status)

    try:
        say(state="running", steps=config.train.steps)
        evaluation = Trainer(config, run, resume=resume, progress=progress).fit()
    except Cancelled as error:
        say(state="cancelled")
        raise HRSError(f"run {run.name} was cancelled; go on with: python -m hrs runs resume {run.name}") from error
    except BaseException as error:
        say(state="failed", error=str(error) or type(error).__name__)
        raise
    say(state="finished", eta=0)
    return evaluation


def processes(config: RunConfig) -> PartialState:
    """How many processes train this run together, and which of them this is."""
    return PartialState(cpu=config.train.device == "cpu")


def create_run(config: RunConfig, root: Path, name: str | None) -> RunFolder:
    """A new run folder, made by the main process and known to all of them. Raises HRSError as RunFolder.create does."""
    answer: list[Path | HRSError | None] = [None]
    if processes(config).is_main_process:
        try:
            answer = [RunFolder.create(root, name, config.to_yaml(), prefix=config.method).path]
        except HRSError as error:
            answer = [error]
    (made,) = broadcast_object_list(answer)
    if isinstance(made, HRSError):
        raise made
    return RunFolder(made)


class Cancelled(Exception):
    """A signal, or a file in its folder, asked the run to stop."""


class Trainer:
    """One process's share of a run. Its parts are built in order: data, method, optimiser, state."""

    def __init__(self, config: RunConfig, run: RunFolder, *, resume: bool, progress: Progress | None = None) -> None:
        self.config, self.run = config, run
        facts = METHODS[config.method]
        # Weighting networks that skip a step leave parameters without gradient.
        skipping = DistributedDataParallelKwargs(
            find_unused_parameters=facts.learns_weights and config.selection.every > 1
        )
        self.accelerator = Accelerator(
            mixed_precision=config.train.precision, cpu=config.train.device == "cpu", kwargs_handlers=[skipping]
        )
        self._check_world()
        set_seed(config.seed)
        with self.accelerator.main_process_first():  # so that rendering and caching happen once
            self.real = open_real(config, progress=progress)
        method = build_method(config, len(self.real.space))  # before the synthetic frames, which may take minutes
        if config.train.class_balance:
            method.balance(torch.from_numpy(class_frequency(self.real.target)))
        with self.accelerator.main_process_first():
            self.sources = open_sources(config.sources, self.real.space, progress=progress)
        self.source = FrameReader(self.sources, config.data, regions=facts.learns_weights)
        self.target = FrameReader([self.real.target], config.data, regions=facts.learns_weights)
        if config.train.channels_last:
            method.segmenter.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = average_of(method.segmenter, config.train.ema)
        if resume:
            load_weights(method, run.last)
        self.optimiser = build_optimiser(method, config)
        if config.train.compile:
            method.segmenter.compile()
        self.step, self.best = 0, -1.0
        self.evaluation: Evaluation | None = None
        if resume:
            self._restore(load_state(run.last))
        self.method, self.optimiser = self.accelerator.prepare(method, self.optimiser)
        self.bare = cast(Method, self.accelerator.unwrap_model(self.method))
        if self.average is not None:
            self.average.to(self.accelerator.device)

    def _check_world(self) -> None:
        world = self.accelerator.num_processes
        for name in ("batch_source", "batch_target"):
            if getattr(self.config.train, name) % world:
                raise HRSError(
                    f"train.{name} is {getattr(self.config.train, name)}; expected a multiple of the {world} processes"
                )

    def _restore(self, state: dict[str, Any]) -> None:
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.best = state["step"], state["best"]
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    # The loop

    def fit(self) -> Evaluation:
        """Run the remaining steps; returns the last validation."""
        recorder = Recorder(self.run, self.real.space, steps=self.config.train.steps, first=self.step)
        with contextlib.ExitStack() as stack:
            stop = stack.enter_context(stop_on_signals())
            if self.accelerator.is_main_process:
                stack.enter_context(recorder)
                self.run.write_space(self.real.space)
                LOGGER.info(self.describe())
            self.recorder = recorder
            self._save_panel()
            bad = 0
            for batch in self._batches():
                values, applied = self._train_step(batch.to(self.accelerator.device))
                bad = 0 if applied else bad + 1
                self._check_finite(bad)
                self._after_step(values)
                if stop or self.run.stop_requested():
                    self._save_last()
                    raise Cancelled
            if self.evaluation is None:  # resumed after its last step
                self._validate()
            self._save_gauge()
            return cast(Evaluation, self.evaluation)

    def describe(self) -> str:
        real, parameters = self.real, sum(p.numel() for p in self.bare.segmenter.parameters())
        return (
            f"{self.config.method} on {self.accelerator.device}: {sum(map(len, self.sources))} synthetic frames, "
            f"{len(real.target)} real images, {len(real.val)} to validate, {len(real.space)} classes "
            f"({real.space.name}); {self.config.network.name} {parameters / 1e6:.2f} M parameters"
        )

    def _batches(self) -> Iterator[Step]:
        config, rank = self.config, self.accelerator.process_index
        steps = TrainingSteps(
            self.source,
            self.target,
            partial(self.bare.counts, config),
            seed=config.seed,
            rank=rank,
            world=self.accelerator.num_processes,
        )
        pin = self.accelerator.device.type == "cuda"
        return step_batches(steps, self.step, config.train.steps, workers=config.data.workers, pin=pin)

    def _train_step(self, batch: Step) -> tuple[dict[str, Tensor], bool]:
        """One optimiser step; (its logs, whether it was applied). A non-finite gradient leaves all weights alone."""
        self.method.train()
        torch.manual_seed(step_seed(self.config.seed, self.step, self.accelerator.process_index))
        self._set_rates()
        result = self.method(batch.source, batch.target, self.step)
        self.accelerator.backward(result.loss)
        norm, *others = self._clip()
        finite = self.config.train.precision == "fp16" or bool(
            torch.stack([norm, *others, result.loss]).isfinite().all()
        )
        if finite:
            self.optimiser.step()
            if self.average is not None:
                self.average.update_parameters(self.bare.segmenter)
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return {"loss": result.loss.detach(), "grad_norm": norm, **result.logs}, finite

    def _clip(self) -> list[Tensor]:
        """Clip every network's gradient by itself, so that none shortens another's step; the norms they had, the
        segmentation network's first."""
        self.accelerator.unscale_gradients(self.optimiser)
        groups = [group["params"] for group in self.optimiser.param_groups]
        norms = [torch.nn.utils.clip_grad_norm_(group, self.config.train.clip) for group in groups]
        return [norm.to(self.accelerator.device) for norm in norms]  # without a gradient it is on the CPU

    def _set_rates(self) -> None:
        factor = poly_with_warmup(self.step, self.config.train)
        for group in self.optimiser.param_groups:
            group["lr"] = factor * group["peak"]

    def _check_finite(self, bad: int) -> None:
        if bad >= MOST_BAD_STEPS:
            raise HRSError(
                f"the loss was not finite for {bad} steps in a row up to step {self.step}; "
                "lower train.learning_rate or train with train.precision=no"
            )

    def _after_step(self, values: dict[str, Tensor]) -> None:
        train, last = self.config.train, self.step == self.config.train.steps
        if self.accelerator.is_main_process and (self.step % train.log_every == 0 or last):
            rate = self.optimiser.param_groups[0]["lr"]
            self.recorder.training(self.step, {"learning_rate": rate} | {k: plain(v) for k, v in values.items()})
        if self.step % train.validate_every == 0 or last:
            self._validate()
            self._save_panel()
        if self.step % train.save_every == 0 or last:
            self._save_last()

    # Validation and saving

    def _network(self) -> Segmenter:
        """The network that is validated and shipped: the average where there is one."""
        return cast(Segmenter, self.average.module) if self.average is not None else self.bare.segmenter

    def _validate(self) -> None:
        data, rank, world = self.config.data, self.accelerator.process_index, self.accelerator.num_processes
        network = self._network().eval()
        predictor = Predictor(
            network, self.real.space, height=data.height, width=data.width, device=self.accelerator.device
        )
        matrix, rows = ConfusionMatrix(self.real.space), []
        shown = set(spread_indices(len(self.real.val), self.config.train.previews))
        for i, image, label, predicted in predictions(predictor, self.real.val, range(rank, len(self.real.val), world)):
            matrix.update(predicted, label)
            if i in shown:
                rows.append((image, label, predicted))
        whole = ConfusionMatrix(self.real.space)
        for part in gather_object([matrix]):
            whole.merge(part)
        self.evaluation = whole.evaluation()
        better = self.evaluation.miou > self.best
        self.best = max(self.best, self.evaluation.miou)
        if self.accelerator.is_main_process:
            self.recorder.validation(self.step, self.evaluation, whole, best=better)
            self.recorder.previews(self.step, rows)
            if better:
                self._save(self.run.best)

    def _save_panel(self) -> None:
        """Weight maps of a fixed panel of synthetic frames, as they are now."""
        count = min(self.config.train.panel, len(self.source))
        if not isinstance(self.bare, HierarchicalSelection) or not count or not self.accelerator.is_main_process:
            return
        frames, raw = [], []
        for index in spread_indices(len(self.source), count):
            sample, (dataset, i) = self.source[index], self.source.locate(index)
            raw.append(raw_weights(self.bare, self.source.batch([sample]).to(self.accelerator.device)).maps(0))
            frames.append(PanelFrame(id=dataset.frames[i].id, image=sample.image, label=cast(Image, sample.label)))
        selector = self.bare.selector
        scale = selector.scale(selector.strength(self.step / self.config.train.steps))
        PanelWriter(run=self.run, space=self.real.space, frames=frames).write(self.step, raw, scale)

    def _save_gauge(self) -> None:
        """Beside the best model: what tells how close a photo is to the real images of this run."""
        enough = min(len(self.real.target), len(self.real.val)) >= FEWEST
        if enough and self.accelerator.is_main_process:
            predictor = Predictor.load(self.run.best, device=self.accelerator.device, backend="torch")
            write_gauge(calibrate(predictor, self.real.target, self.real.val), self.run.best)

    def _save_last(self) -> None:
        if not self.accelerator.is_main_process:
            return
        state = {
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "best": self.best,
        }
        if self.average is not None:
            state["average"] = self.average.state_dict()
        self._save(self.run.last, state)

    def _save(self, folder: Path, state: dict[str, Any] | None = None) -> None:
        """With ``state`` the training weights are saved, without it those that are validated."""
        overrides = None
        if state is None:
            overrides = {f"segmenter.{name}": value for name, value in self._network().state_dict().items()}
        save_checkpoint(
            folder,
            method=self.bare,
            config=self.config,
            space=self.real.space,
            step=self.step,
            metrics=self.evaluation.to_json_dict() if self.evaluation else {},
            overrides=overrides,
            state=state,
        )


def build_optimiser(method: Method, config: RunConfig) -> torch.optim.AdamW:
    """AdamW over all networks; ``peak`` is each group's learning rate before the schedule."""
    networks = [(method.segmenter, config.train.learning_rate), *method.auxiliary()]
    groups = [{"params": list(network.parameters()), "peak": rate} for network, rate in networks]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=config.train.learning_rate, weight_decay=config.train.weight_decay)


def average_of(network: Segmenter, decay: float) -> AveragedModel | None:
    if not decay:
        return None
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[list[int]]:
    """A list that fills when SIGTERM or SIGINT arrives, so that the loop can end its step and save."""
    arrived: list[int] = []
    watched = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda n, _: arrived.append(n)) for number in watched}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def step_seed(*numbers: int) -> int:
    """One seed from several numbers: what is random in a step depends on these alone, so no state is saved."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def plain(value: Tensor) -> float | list[float]:
    """A logged tensor as JSON can hold it."""
    numbers: float | list[float] = value.detach().float().cpu().tolist()
    return numbers
