"""Seeded, endless batches: batch k is a function of (seed, k) alone, so a resumed run sees what it would have seen.

The number of loader processes changes nothing but the speed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from signal import SIG_DFL, SIGCHLD, signal
from threading import current_thread, main_thread
from traceback import walk_tb
from typing import Any, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from hrs.data.layouts import Dataset
from hrs.data.regions import RegionCache
from hrs.data.style import restyle
from hrs.data.transforms import Sample, augment, compact_regions, fit
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.settings import DataConfig

LOGGER = logging.getLogger("hrs")
T = TypeVar("T")
SOURCE = 0
"""The synthetic side's place among the sides of a step."""
MOST_BAD_FRAMES = 10
"""Unreadable frames in a row after which training gives up."""
AHEAD = 4
"""Batches that each loader process may have waiting."""
_LOADER = "torch.utils.data.dataloader"
_RAISES_FOR_KILLED = ("torch.utils.data._utils.signal_handling", _LOADER)
_KILLED = (
    "a loader process was killed, as the system does when memory runs out; lower data.workers or the batch sizes, then "
    "resume the run"
)

Counts = Callable[[int], tuple[int, int]]
"""Step -> how many synthetic and how many real images it wants."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """images uint8 (b 3 h w); labels and planted uint8 (b h w); regions int32 (b h w), ids per image, -1 for none.

    ``regions_per_image`` is more than any id among the regions. It is counted where the batch is made, and a batch made
    from it keeps it: to count on a GPU is to wait for it.
    """

    images: Tensor
    labels: Tensor
    regions: Tensor
    planted: Tensor
    regions_per_image: int = -1

    def __post_init__(self) -> None:
        if self.regions_per_image < 0:
            most = int(self.regions.max()) if self.regions.numel() else -1
            object.__setattr__(self, "regions_per_image", most + 1)

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> Self:
        return self._with_each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        return self._with_each(torch.Tensor.pin_memory)

    def _with_each(self, change: Callable[[Tensor], Tensor]) -> Self:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {name: change(value) for name, value in values.items() if isinstance(value, Tensor)}
        return replace(self, **moved)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one training step sees; a side that the method does not ask for is empty, as unlabelled photos are where
    there is no teacher."""

    source: Batch
    target: Batch
    unlabelled: Batch

    def to(self, device: torch.device) -> Step:
        return self._with_each(lambda batch: batch.to(device))

    def pin_memory(self) -> Step:
        return self._with_each(Batch.pin_memory)

    def _with_each(self, change: Callable[[Batch], Batch]) -> Step:
        return Step(**{field.name: change(getattr(self, field.name)) for field in fields(self)})


class FrameReader:
    """Frames of several data sets at training size, with their regions; index i runs over all of them in order.

    Photos without labels get class 0 throughout, which is there to be told from what lies beside them.
    """

    def __init__(self, datasets: Sequence[Dataset], config: DataConfig, *, regions: bool) -> None:
        self.datasets, self.config = list(datasets), config
        self.regions = RegionCache(segments=config.segments) if regions else None
        self._ends = np.cumsum([len(dataset) for dataset in datasets])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def locate(self, index: int) -> tuple[Dataset, int]:
        which = int(np.searchsorted(self._ends, index, side="right"))
        return self.datasets[which], index - int(self._ends[which]) + len(self.datasets[which])

    def ids(self, indices: Sequence[int]) -> list[str]:
        """What tells these frames from all others: their ids, below the number of their data set (from 1) where data
        sets share ids."""
        own = [dataset.frames[i].id for dataset, i in map(self.locate, indices)]
        every = [{frame.id for frame in dataset.frames} for dataset in self.datasets]
        if len(set().union(*every)) == sum(map(len, every)):
            return own
        numbers = np.searchsorted(self._ends, indices, side="right") + 1
        return [f"{number}/{id}" for number, id in zip(numbers, own, strict=True)]

    def __getitem__(self, index: int) -> Sample:
        """Raises HRSError where the frame cannot be read, or its files do not fit each other any more."""
        dataset, i = self.locate(index)
        image, planted = dataset.read_image(i), dataset.read_planted(i)
        # Of a photo without label, an augmented view shall still say where it ends.
        label = dataset.read_label(i) if dataset.space is not None else np.zeros(image.shape[:2], np.uint8)
        for what, other in (("label", label), ("mask of departures", planted)):
            if other is not None and other.shape != image.shape[:2]:
                (height, width), (h, w) = image.shape[:2], other.shape
                raise HRSError(f"{dataset.frames[i].image} is {width}x{height}, its {what} {w}x{h}; copy both anew")
        sample = fit(Sample(image=image, label=label, planted=planted), self.config.height, self.config.width)
        if self.regions is None:
            return sample
        return replace(sample, regions=self.regions.get(sample.image, sample.label))

    def batch(self, samples: Sequence[Sample]) -> Batch:
        """Samples of the training size, perhaps none, as a batch."""
        return collate(samples, height=self.config.height, width=self.config.width)


def collate(samples: Sequence[Sample], *, height: int, width: int) -> Batch:
    """Samples of one size, perhaps none, as a batch; what a sample lacks is IGNORE (labels), -1 (regions) and 0
    (planted)."""

    def stack(values: list[Any], fill: int, dtype: type[np.generic], *channels: int) -> Tensor:
        stacked = np.full((len(values), height, width, *channels), fill, dtype)
        for i, value in enumerate(values):
            if value is not None:
                stacked[i] = value
        return torch.from_numpy(stacked)

    return Batch(
        images=stack([s.image for s in samples], 0, np.uint8, 3).permute(0, 3, 1, 2),
        labels=stack([s.label for s in samples], IGNORE, np.uint8),
        regions=stack([s.regions for s in samples], -1, np.int32),
        planted=stack([s.planted for s in samples], 0, np.uint8),
    )


def random_view(sample: Sample, rng: np.random.Generator, config: DataConfig) -> Sample:
    """A frame as a training step sees it, its regions numbered anew."""
    view = augment(
        sample,
        rng,
        height=config.height,
        width=config.width,
        scale=(config.scale_min, config.scale_max),
        jitter=config.jitter,
        corruption=config.corruption,
    )
    return view if view.regions is None else replace(view, regions=compact_regions(view.regions)[0])


class TrainingSteps(TorchDataset[Step]):
    """Maps a step number to its batches, this process's share of them when several train together.

    Args:
        unlabelled: the teacher's photos, of which every step gets ``photos``; left out where there is no teacher.
        often: how often each synthetic frame comes, (frames,) above 0 in any unit; None where all come equally often.
        photos_often: the same of real images.
        styles: `hrs.data.style.colour_moments`, (n 2 3); a synthetic frame gets one of them each time. None: its own.
    """

    def __init__(
        self,
        source: FrameReader,
        target: FrameReader,
        counts: Counts,
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
        unlabelled: FrameReader | None = None,
        photos: int = 0,
        often: NDArray[np.float64] | None = None,
        photos_often: NDArray[np.float64] | None = None,
        styles: NDArray[np.float32] | None = None,
    ) -> None:
        self.often, self.styles = (often, photos_often, None), styles
        self.readers = (source, target, unlabelled or target)
        self.counts, self.photos = counts, photos if unlabelled else 0
        self.seed, self.rank, self.world = seed, rank, world
        self._newest: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def __getitem__(self, step: int) -> Step:
        counts = (*self.counts(step), self.photos)
        source, target, unlabelled = (self._batch(side, self.readers[side], step, counts[side]) for side in range(3))
        return Step(source=source, target=target, unlabelled=unlabelled)

    def _batch(self, side: int, reader: FrameReader, step: int, count: int) -> Batch:
        slots = range(step * count + self.rank, (step + 1) * count, self.world)
        samples = [self._sample(side, reader, slot) for slot in slots]
        return reader.batch(samples)

    def _sample(self, side: int, reader: FrameReader, slot: int) -> Sample:
        epoch, place = divmod(slot, len(reader))
        order = self._order_of(side, len(reader), epoch)
        rng = np.random.default_rng((self.seed, side, slot, 1))
        return random_view(self._styled(side, slot, self._readable(reader, order, place)), rng, reader.config)

    def _styled(self, side: int, slot: int, sample: Sample) -> Sample:
        """A synthetic frame in the colours of one of the styles."""
        if side != SOURCE or self.styles is None:
            return sample
        which = int(np.random.default_rng((self.seed, side, slot, 2)).integers(len(self.styles)))
        return replace(sample, image=restyle(sample.image, self.styles[which]))

    def _order_of(self, side: int, count: int, epoch: int) -> NDArray[np.int64]:
        """The order of an epoch, which is made once: that of ten million frames takes half a second."""
        if side not in self._newest or self._newest[side][0] != epoch:
            self._newest[side] = epoch, self._order(side, count, epoch)
        return self._newest[side][1]

    def _order(self, side: int, count: int, epoch: int) -> NDArray[np.int64]:
        """Which frames an epoch shows, in order: each once, or as often as it shall come, rounded at random.

        Systematic resampling: a frame that shall come x times comes ⌊x⌋ or ⌈x⌉ times.
        """
        rng = np.random.default_rng((self.seed, side, epoch))
        often = self.often[side]
        if often is None:
            return rng.permutation(count)
        ends = np.cumsum(often / often.sum()) * count
        return rng.permutation(np.searchsorted(ends[:-1], np.arange(count) + rng.random(), side="right"))

    @staticmethod
    def _readable(reader: FrameReader, order: NDArray[np.int64], place: int) -> Sample:
        """The frame at a place of the order, or the next that can be read: one bad file shall not end a long run."""
        for step in range(min(MOST_BAD_FRAMES, len(order))):
            try:
                return reader[int(order[(place + step) % len(order)])]
            except HRSError as error:
                LOGGER.warning("skipped a frame: %s", error)
        raise HRSError(
            f"{MOST_BAD_FRAMES} frames in a row cannot be read; check the data set with: python -m hrs check"
        )


class Guarded(TorchDataset[T | HRSError]):
    """A data set whose HRSErrors travel as items: a loader process would wrap them in its own traceback."""

    def __init__(self, items: TorchDataset[T]) -> None:
        self.items = items

    def __getitem__(self, index: int) -> T | HRSError:
        try:
            return self.items[index]
        except HRSError as error:
            return error


def unguarded(items: Iterable[T | HRSError]) -> Iterator[T]:
    """The items of a loader over `Guarded`; raises the first error as it was."""
    for item in items:
        if isinstance(item, HRSError):
            raise item
        yield item


@dataclass(frozen=True)
class Chunks(TorchDataset[Batch]):
    """Ranges of frames, as they are, as batches."""

    reader: FrameReader
    frames: Sequence[range]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Batch:
        return self.reader.batch([self.reader[i] for i in self.frames[index]])


@dataclass(frozen=True, kw_only=True)
class Readable:
    """Those of some frames that can be read. frames: their indices, in the batch's order; errors: why others cannot."""

    batch: Batch
    frames: tuple[int, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True)
class ReadableChunks(TorchDataset[Readable]):
    """Ranges of frames as `Chunks` has them, each without those that cannot be read."""

    reader: FrameReader
    frames: Sequence[range]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Readable:
        samples: dict[int, Sample] = {}
        errors: list[str] = []
        for i in self.frames[index]:
            try:
                samples[i] = self.reader[i]
            except HRSError as error:
                errors.append(str(error))
        batch = self.reader.batch(list(samples.values()))
        return Readable(batch=batch, frames=tuple(samples), errors=tuple(errors))


def step_batches(steps: TrainingSteps, first: int, last: int, *, workers: int, pin: bool = False) -> Iterator[Step]:
    """Batches of steps first..last-1, loaded ahead by ``workers`` processes (0: in this one)."""
    loader = DataLoader(
        Guarded(steps),
        batch_size=None,
        sampler=range(first, last),
        num_workers=workers,
        pin_memory=pin,
        prefetch_factor=AHEAD if workers else None,
        worker_init_fn=_one_thread,
    )
    return unguarded(loader)


@contextmanager
def loader_errors() -> Iterator[None]:
    """A loader process that was killed, said in a line. torch raises RuntimeError for it wherever the main process is
    at that moment, from a signal handler, so this stands around all of training."""
    try:
        with _half_sent_batches():
            yield
    except RuntimeError as error:
        if _modules(error)[-1] not in _RAISES_FOR_KILLED:
            raise
        raise HRSError(_KILLED) from error


@contextmanager
def _half_sent_batches() -> Iterator[None]:
    """What the end of a killed process's pipe gives, as the same line. It is seen before torch hears that the process
    has ended, so torch's handler may still strike in here, and `loader_errors` stands around this; behind it, it must
    not strike any more."""
    try:
        yield
    except (ConnectionError, EOFError, FileNotFoundError) as error:
        if _LOADER not in _modules(error):
            raise
        if current_thread() is main_thread():
            signal(SIGCHLD, SIG_DFL)
        raise HRSError(_KILLED) from error


def _modules(error: BaseException) -> list[str | None]:
    return [frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__)]


def _one_thread(_: int) -> None:
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
