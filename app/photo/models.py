"""The trained models that the photo app offers, and the few of them that are kept in memory."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hrs.errors import HRSError
from hrs.inference import Predictor, make_onnx_apart, pick_device
from hrs.inference.backends import ONNX_8_BITS, takes_8_bits
from hrs.runs.names import GAUGE, MODEL
from hrs.runs.registry import SHIPPED, RunSummary, came_with_hrs, has_checkpoint, list_runs

Version = tuple[tuple[str, int], ...]
Key = tuple[Path, Version]
"""A model's folder and version."""
LOGGER = logging.getLogger("hrs")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained run that can be used. name: what the API calls it. miou: on its validation images, in percent; None for
    one that came with hrs, whose validation images are of a clip that it learned from."""

    name: str
    folder: Path
    miou: float | None

    @property
    def version(self) -> Version:
        """Changes whenever its weights, its gauge or its network in 8 bits are replaced. Raises OSError where there are
        no weights."""
        beside = [file for file in (self.folder / GAUGE, self.folder / ONNX_8_BITS) if file.exists()]
        return tuple((file.name, file.stat().st_mtime_ns) for file in (self.folder / MODEL, *beside))


class Models:
    """Models by name, the shipped ones first, then the runs from new to old.

    Args:
        runs: folder of all runs.
        shipped: folder of the runs that come with hrs.
        capacity: how many are kept in memory; the one used longest ago gives way.
        quicken: make a model that was asked for faster in the background.
    """

    def __init__(self, runs: Path, *, shipped: Path = SHIPPED, capacity: int = 2, quicken: bool = True) -> None:
        self.runs, self.shipped, self.capacity, self.quicken = runs, shipped, capacity, quicken
        self._loaded: OrderedDict[Key, Predictor] = OrderedDict()
        self._lock = threading.Lock()
        self._quickening = threading.Lock()  # which takes a process, and a gigabyte
        self._device = pick_device("auto")

    def list(self) -> dict[str, Model]:
        """What is there at this moment, by name."""
        own = _usable(list_runs(self.runs))
        shipped = _usable(list_runs(self.shipped), shipped=True, taken=frozenset(model.name for model in own))
        return {model.name: model for model in (*shipped, *own)}

    def find(self, name: str | None) -> Model:
        """The model of this name; None means the first. Raises HRSError where there is none."""
        known = self.list()
        if not known:
            raise HRSError("there is no trained model yet; train one with: make demo")
        if name is None:
            return next(iter(known.values()))
        if not isinstance(name, str) or name not in known:
            raise HRSError(f"there is no model {name!r}; choose one of: {', '.join(list(known)[:10])}")
        return known[name]

    def title(self, model: Model) -> str:
        """What a chooser calls it: with its mIoU, which is of 32 bits, or else with its 8 bits."""
        if self._in_8_bits(model):
            return f"{model.name} · 8 bits"
        return model.name if model.miou is None else f"{model.name} · mIoU {model.miou:.1f}"

    def _in_8_bits(self, model: Model) -> bool:
        with suppress(HRSError, ImportError, OSError):  # then it segments in 32 bits
            return self.quicken and self._device == "cpu" and takes_8_bits(model.folder)
        return False

    def load(self, model: Model) -> Predictor:
        """Its predictor, from memory if it was used lately. Raises HRSError where the checkpoint is damaged or gone.

        A new one answers at once; a faster form of it, which may take seconds to make, follows in the background.
        """
        try:
            key = model.folder, model.version
        except OSError as error:
            raise HRSError(f"the checkpoint of {model.name} is gone; choose another model") from error
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = Predictor.load(model.folder, device=self._device, backend="torch")
                if self.quicken:
                    threading.Thread(target=self._quicken, args=[key], name="faster model", daemon=True).start()
            self._loaded.move_to_end(key)
            while len(self._loaded) > self.capacity:
                self._loaded.popitem(last=False)
            return self._loaded[key]

    def _quicken(self, key: Key) -> None:
        with self._quickening:
            if key in self._loaded:  # it may have given way meanwhile
                self._make_faster(key)

    def _make_faster(self, key: Key) -> None:
        try:
            if self._device == "cpu":
                make_onnx_apart(key[0])
            faster = Predictor.load(key[0], device=self._device)
        except (HRSError, ImportError, OSError) as error:
            LOGGER.warning("%s stays as it is: %s", key[0], error)
            return
        with self._lock:
            if key in self._loaded:
                self._loaded[key] = faster

    def load_first(self) -> threading.Thread:
        """Load the first model in the background, so that the first photo need not wait for it."""
        thread = threading.Thread(target=self._load_first, name="first model", daemon=True)
        thread.start()
        return thread

    def _load_first(self) -> None:
        try:
            self.load(self.find(None))
        except HRSError as error:  # whoever asks for it is told again
            LOGGER.info("no model loaded ahead: %s", error)


def _miou(run: RunSummary, shipped: bool) -> float | None:
    if shipped or came_with_hrs(run.run) or run.status.best is None:
        return None
    return run.status.best.miou


def _usable(runs: list[RunSummary], *, shipped: bool = False, taken: frozenset[str] = frozenset()) -> list[Model]:
    """Those with a best checkpoint; one that ships says so where its name is taken."""
    return [
        Model(
            name=each.name + (" (shipped)" if each.name in taken else ""),
            folder=each.run.best,
            miou=_miou(each, shipped),
        )
        for each in runs
        if has_checkpoint(each.run.best)
    ]
