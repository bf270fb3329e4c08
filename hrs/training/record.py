"""What a run writes while it trains: log, metrics, TensorBoard, status, previews."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self

from hrs.evaluation import ConfusionMatrix, Evaluation
from hrs.labels import LabelSpace
from hrs.pictures import Image, prediction_sheet, write_picture
from hrs.progress import clock
from hrs.runs.folder import RunFolder

LOGGER = logging.getLogger("hrs")


class PhaseTeller:
    """A `Progress` that says in a run's status what it is at, once a second at most, and at the end of it, or then what
    comes ``after``."""

    def __init__(self, run: RunFolder, what: str, *, after: str | None = None) -> None:
        self.run, self.what, self.after = run, what, after
        self.written = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.written > 1 or done == total:
            self.written = time.monotonic()
            over = {"what": self.after} if self.after and done == total else None
            self.run.write_status(phase=over or {"what": self.what, "done": done, "total": total})


class _Terminal(logging.StreamHandler[Any]):
    """Lines for whoever looks on; once nobody does, as after ``| head``, no more are written."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            self.setLevel(logging.CRITICAL + 1)
        else:
            super().handleError(record)


class Recorder:
    """Writes one run's folder; only the main process has one.

    Args:
        run: its folder.
        space: names the classes.
        steps: steps of the whole run.
        first: step that this process starts at.
    """

    def __init__(self, run: RunFolder, space: LabelSpace, *, steps: int, first: int) -> None:
        self.run, self.space, self.steps, self.first = run, space, steps, first
        self.began = time.monotonic()
        self.spoken = 0.0

    def __enter__(self) -> Self:
        file = logging.FileHandler(self.run.log, encoding="utf-8", errors="backslashreplace")
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        self.handlers: list[logging.Handler] = [_Terminal(sys.stdout), file]
        for handler in self.handlers:
            LOGGER.addHandler(handler)
        LOGGER.setLevel(logging.INFO)
        self.board = _open_board(str(self.run.tensorboard))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.board is not None:
            self.board.close()
        for handler in self.handlers:
            LOGGER.removeHandler(handler)
            handler.close()

    def training(self, step: int, values: dict[str, Any]) -> None:
        """One training step's metrics, the status, and a line for people now and then."""
        self.run.append_metrics({"step": step, "split": "train", **values})
        for name, value in values.items():
            if isinstance(value, float):
                self._plot(f"train/{name}", value, step)
        eta = self.eta(step)
        # Who it is, too: a status that was damaged meanwhile must not pass for that of a dead run.
        self.run.write_status(state="running", step=step, steps=self.steps, eta=eta)
        if time.monotonic() - self.spoken > 5 or step == self.steps:
            self.spoken = time.monotonic()
            rate = (step - self.first) / max(time.monotonic() - self.began, 1e-9)
            share = f"  effective {values['effective_share']:.2f}" if "effective_share" in values else ""
            LOGGER.info(
                f"step {step}/{self.steps}  loss {values['loss']:.3f}{share}  {rate:.2f} steps/s  ETA {clock(eta)}"
            )

    def _plot(self, name: str, value: float, step: int) -> None:
        if self.board is not None:
            self.board.add_scalar(name, value, step)

    def eta(self, step: int) -> float:
        done = max(1, step - self.first)
        return (time.monotonic() - self.began) / done * (self.steps - step)

    def validation(self, step: int, found: Evaluation, matrix: ConfusionMatrix, *, best: bool) -> None:
        values = found.to_json_dict()
        self.run.append_metrics({"step": step, "split": "val", **values, "confusion": matrix.matrix})
        row = {"step": step, "miou": values["miou"], "pixel_accuracy": values["pixel_accuracy"]}
        self.run.append_result(row | {f"iou/{name}": value for name, value in values["iou"].items()})
        self._plot("val/miou", found.miou, step)
        if best:
            self.run.write_status(best={"step": step, "miou": values["miou"]})
        LOGGER.info(f"step {step}/{self.steps}  validation mIoU {found.miou:.1f}{'  (best)' if best else ''}")

    def previews(
        self, step: int, shown: Mapping[str, tuple[Image, Image, Image]], possible: Collection[int] | None = None
    ) -> None:
        """One picture: a row per validation image, by its id, of photo, label and prediction; and how well each is.

        Args:
            possible: as in `ConfusionMatrix`.
        """
        if shown:
            write_picture(self.run.preview("val", step), prediction_sheet(list(shown.values()), self.space))
            scores = {frame: self._miou(label, seen, possible) for frame, (_, label, seen) in shown.items()}
            self.run.write_preview_scores(step, scores)

    def _miou(self, label: Image, predicted: Image, possible: Collection[int] | None) -> float | None:
        """Of one image alone, in percent; None where nothing in it can be scored."""
        matrix = ConfusionMatrix(self.space, possible)
        matrix.update(predicted, label)
        found: float | None = matrix.evaluation().to_json_dict()["miou"]
        return found


def _open_board(folder: str) -> Any:
    """TensorBoard's writer; None, and a line in the log, where that package is not installed: a run needs it least."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        LOGGER.info(f"no TensorBoard files are written ({error}); to have them: pip install tensorboard")
        return None
    return SummaryWriter(folder)
