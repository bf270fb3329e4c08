"""What looks on while a run trains: the log, validation, the panel of weights, checkpoints, requests to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor

from hrs.checkpoint import read_about, save_checkpoint
from hrs.data.draw import spread_indices
from hrs.errors import HRSError
from hrs.evaluation import ConfusionMatrix, Evaluation, rounded
from hrs.inference import FEWEST, Predictor, calibrate, predictions, write_gauge
from hrs.inference.export import weights_hash
from hrs.methods.hrs import HierarchicalSelection, weight_reasons
from hrs.pictures import Image
from hrs.progress import Progress
from hrs.runs.folder import RunFolder
from hrs.runs.status import Best
from hrs.scoring.panel import PanelFrame, PanelWriter
from hrs.scoring.score import evidence_of, judges_of
from hrs.selection.statistics import known_mean_over_processes
from hrs.system.processes import ending_signals
from hrs.training.record import LOGGER, PhaseTeller, Recorder
from hrs.training.steps import Cancelled, StepReport, Trainer, Watcher


@dataclass(frozen=True, kw_only=True)
class Watchers:
    """All watchers of a run."""

    recording: Recording
    validation: Validation
    panel: Panel
    saving: Saving
    stopping: Stopping

    def in_order(self) -> list[Watcher]:
        """As they look: what was validated is saved, and a run that stops has saved all."""
        return [self.recording, self.validation, self.panel, self.saving, self.stopping]


@contextmanager
def watch(trainer: Trainer, run: RunFolder) -> Iterator[Watchers]:
    """The watchers of a run, which write its folder."""
    recorder = Recorder(run, trainer.real.space, steps=trainer.config.train.steps, first=trainer.step)
    with ExitStack() as stack:
        signals = stack.enter_context(stop_on_signals())
        if trainer.main:
            stack.enter_context(recorder)
            run.write_status(phase=None)
            run.write_space(trainer.real.space)
            run.write_data(trainer.real.to_dict(trainer.source_surveys))
            for line in trainer.real.in_words(trainer.source_surveys):
                LOGGER.info(line)
            LOGGER.info(trainer.describe())
        validation = Validation(trainer, run, recorder)
        saving = Saving(trainer, run, validation)
        yield Watchers(
            recording=Recording(trainer, recorder),
            validation=validation,
            panel=Panel(trainer, run),
            saving=saving,
            stopping=Stopping(trainer, run, saving, signals),
        )


@dataclass
class Recording(Watcher):
    """Metrics, status and a line of the log now and then; of several processes, the mean of what theirs are."""

    trainer: Trainer
    recorder: Recorder

    def after_step(self, report: StepReport) -> None:
        if not self.trainer.due(self.trainer.config.train.log_every):
            return
        logs = known_mean_over_processes(report.logs)
        if self.trainer.main:
            values = {name: plain(value) for name, value in logs.items()}
            self.recorder.training(self.trainer.step, {"learning_rate": self.trainer.learning_rate, **values})


@dataclass
class Validation(Watcher):
    """Scores on the validation images, and the best model so far.

    best: highest mIoU so far, that of the model in checkpoints/best; a resumed run never replaces it by a worse one.
    newest: the last evaluation; None before the first.
    at: the step it was made at.
    """

    trainer: Trainer
    run: RunFolder
    recorder: Recorder
    best: float = field(default=-1.0, init=False)
    newest: Evaluation | None = field(default=None, init=False)
    at: int = field(default=-1, init=False)

    def start(self) -> None:
        if self.trainer.restored:
            self.best, stored = self.trainer.restored["best"], stored_best(self.run.best)
            if stored is not None and stored.miou != rounded(self.best):  # else it is the same, to more digits
                self.best = max(self.best, stored.miou or -1.0)
            if self.trainer.main and stored is not None:
                self.run.write_status(best=stored.model_dump())  # it may have been killed between the two

    def after_step(self, report: StepReport) -> None:
        if self.trainer.due(self.trainer.config.train.validate_every):
            self.validate()

    def finish(self) -> None:
        if self.newest is None:  # resumed after its last step
            self.validate()
        self._calibrate()

    def result(self) -> Evaluation:
        """The last evaluation. Raises ValueError before the first."""
        if self.newest is None:
            raise ValueError("nothing was validated yet")
        return self.newest

    def validate(self) -> None:
        """Score the network on all validation images, shared among the processes, and keep it if it is the best."""
        trainer = self.trainer
        trainer.settle()
        count, rank, world = len(trainer.real.val), trainer.accelerator.process_index, trainer.accelerator.num_processes
        telling = PhaseTeller(self.run, "validating") if trainer.main else None
        part, rows = self.examine(range(rank, count, world), progress=telling)
        whole = ConfusionMatrix(trainer.real.space, trainer.real.val.possible)
        for each in gather_object([part]):
            whole.merge(each)
        if not whole.images:
            LOGGER.warning("no validation image can be read any more; check the data set with: python -m hrs check")
        self.newest, self.at = whole.evaluation(), trainer.step
        better = self.newest.miou > self.best or self.best < 0  # where nothing was ever scored, the newest is kept
        self.best = max(self.best, self.newest.miou)
        if trainer.main:
            if better:  # before anything says so
                self._keep_best()
            self.run.write_status(phase=None)
            self.recorder.validation(trainer.step, self.newest, whole, best=better)
            self.recorder.previews(trainer.step, rows, trainer.real.val.possible)

    def examine(
        self, indices: Sequence[int], *, progress: Progress | None = None
    ) -> tuple[ConfusionMatrix, dict[str, tuple[Image, Image, Image]]]:
        """Some of the validation images: their confusion matrix, and of those that are shown, by id, image, label and
        prediction."""
        trainer, data = self.trainer, self.trainer.config.data
        predictor = Predictor(
            trainer.network(),
            trainer.real.space,
            height=data.height,
            width=data.width,
            device=trainer.accelerator.device,
        )
        shown = set(spread_indices(len(trainer.real.val), trainer.config.train.previews))
        matrix, rows = ConfusionMatrix(trainer.real.space), {}
        found = predictions(predictor, trainer.real.val, indices, skip=say_skipped)
        for done, (i, image, label, predicted) in enumerate(found, 1):
            matrix.update(predicted, label)
            if progress:
                progress(done, len(indices))
            if i in shown:
                rows[trainer.real.val.frames[i].id] = (image, label, predicted)
        return matrix, rows

    def metrics(self) -> dict[str, Any]:
        """The evaluation of the network as it is now, as a checkpoint holds it; empty where there is none."""
        return self.newest.to_json_dict() if self.newest and self.at == self.trainer.step else {}

    def _keep_best(self) -> None:
        own = self.trainer.network().state_dict()
        overrides = {f"segmenter.{name}": value for name, value in own.items()}
        write(self.trainer, self.run.best, self.metrics(), overrides=overrides)

    def _calibrate(self) -> None:
        """Beside the best model: what tells how close a photo is to the real images of this run."""
        real = self.trainer.real
        if self.trainer.main and min(len(real.target), len(real.val)) >= FEWEST:
            weights = weights_hash(self.run.best)
            predictor = Predictor.load(self.run.best, device=self.trainer.accelerator.device, backend="torch")
            telling = PhaseTeller(self.run, "measuring realism")
            try:
                gauge = calibrate(predictor, real.target, real.val, progress=telling)
                write_gauge(gauge, self.run.best, weights=weights)
            except HRSError as error:  # an image that cannot be read any more: the run is trained all the same
                LOGGER.warning("no realism gauge: %s; mend it, then: %s", error, self.run.command("calibrate"))


def watched(sizes: Sequence[int], count: int) -> list[int]:
    """Which of all frames are watched: as many of a small data set as of a large one, spread over each.

    Args:
        sizes: frames of each data set, whose numbers follow each other.
    """
    indices, first = list[int](), 0
    for at, size in enumerate(sizes):
        share = count // len(sizes) + (at < count % len(sizes))
        indices += [first + i for i in spread_indices(size, share)]
        first += size
    return indices


@dataclass
class Panel(Watcher):
    """Weight maps of a fixed panel of synthetic frames, before training and at every validation while synthetic frames
    take part, the last time when they end: later maps would show what acts on nothing."""

    trainer: Trainer
    run: RunFolder

    def start(self) -> None:
        if self._frames_at(self.trainer.step):
            self.keep()

    def after_step(self, report: StepReport) -> None:
        last = self._frames_at(self.trainer.step - 1) and not self._frames_at(self.trainer.step)
        if last or (self._frames_at(self.trainer.step) and self.trainer.due(self.trainer.config.train.validate_every)):
            self.keep()

    def _frames_at(self, step: int) -> bool:
        """Whether synthetic frames take part in a step, counted from 0."""
        config = self.trainer.config
        return step < config.train.steps and self.trainer.bare.counts(config, step)[0] > 0

    def keep(self) -> None:
        """The maps as they are now, with the ramp: what acts at this step."""
        trainer, method = self.trainer, self.trainer.bare
        trainer.settle()
        indices = watched([len(each) for each in trainer.source.datasets], trainer.config.train.panel)
        if not isinstance(method, HierarchicalSelection) or not indices or not trainer.main:
            return
        frames, evidence = [], []
        for index, name in zip(indices, trainer.source.ids(indices), strict=True):
            try:
                sample, (dataset, i) = trainer.source[index], trainer.source.locate(index)
            except HRSError as error:
                say_skipped(error)
                continue
            batch = trainer.source.batch([sample])
            reasons = weight_reasons(method, batch.to(trainer.accelerator.device))
            evidence.append(evidence_of(reasons, batch, 0, planted=dataset.frames[i].planted is not None))
            frames.append(PanelFrame(id=name, image=sample.image, label=batch.labels[0].numpy()))
        if not frames:
            return
        scale = method.selector.scale(method.selector.config.strength(trainer.step / trainer.config.train.steps))
        writer = PanelWriter(run=self.run, space=trainer.real.space, frames=frames)
        raw = [each.raw for each in evidence]
        judges = judges_of(method, trainer.real.classes)
        writer.write(trainer.step, raw, scale, evidence=evidence, judges=judges)


@dataclass
class Saving(Watcher):
    """The checkpoint that resumes the run."""

    trainer: Trainer
    run: RunFolder
    validation: Validation

    def after_step(self, report: StepReport) -> None:
        if self.trainer.due(self.trainer.config.train.save_every):
            self.save()

    def save(self) -> None:
        self.trainer.settle()
        if self.trainer.main:
            state = self.trainer.state() | {"best": self.validation.best}
            # What was scored is the average of the weights where there is one, and not what is saved here.
            metrics = {} if self.trainer.average else self.validation.metrics()
            write(self.trainer, self.run.last, metrics, state=state)


@dataclass
class Stopping(Watcher):
    """Ends the run after a step in which it was asked to stop, by a signal or by the file in its folder."""

    trainer: Trainer
    run: RunFolder
    saving: Saving
    signals: list[int]

    def after_step(self, report: StepReport) -> None:
        if self._asked():
            self.saving.save()
            raise Cancelled

    def _asked(self) -> bool:
        """Whether any process was asked: all of them stop after the same step, else the others would wait for it."""
        accelerator = self.trainer.accelerator
        asked = bool(self.signals) or (self.trainer.main and self.run.stop_requested())
        if accelerator.num_processes == 1:
            return asked
        votes = accelerator.reduce(torch.tensor(float(asked), device=accelerator.device), reduction="sum")
        return bool(votes > 0)


def say_skipped(error: HRSError) -> None:
    """One bad file shall not end a long run."""
    LOGGER.warning("skipped a frame: %s", error)


def write(trainer: Trainer, folder: Path, metrics: dict[str, Any], **options: Any) -> None:
    """A checkpoint of the trainer's method as it is now; see `save_checkpoint` for the options."""
    save_checkpoint(
        folder,
        method=trainer.bare,
        config=trainer.config,
        space=trainer.real.space,
        step=trainer.step,
        metrics=metrics,
        **options,
    )


def stored_best(folder: Path) -> Best | None:
    """The step of the model in a folder, and what validation said of it; None where there is none that can be read."""
    try:
        about = read_about(folder)
    except HRSError:
        return None
    return Best(step=about.step, miou=about.metrics.get("miou"))


@contextmanager
def stop_on_signals() -> Iterator[list[int]]:
    """A list that fills when a signal to end arrives, so that the loop can end its step and save. A thread gets no
    signals: there the list stays empty, and the file in the run's folder is what stops it."""
    arrived: list[int] = []
    watched = ending_signals() if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, lambda n, _: arrived.append(n)) for number in watched}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def plain(value: Tensor) -> float | list[float]:
    """A logged tensor as JSON can hold it."""
    numbers: float | list[float] = value.detach().float().cpu().tolist()
    return numbers
