"""What do these synthetic frames bring to these photos? Told from the photos alone, before anything long is trained.

The photos are split into folds of whole drives or sequences; for each fold, small networks learn from the others, with
and without the synthetic frames, and see the photos of the fold for the first time. So each photo is judged by networks
that never saw it nor its neighbours, and the validation images take no part. The encoder is that of `lite0` with
ImageNet's weights, frozen, so that it sees every image once; decoders learn in about half a minute each on one core.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from accelerate import PartialState
from numpy.typing import NDArray

from hrs.config import RunConfig, load_config
from hrs.data.apart import check_synthetic
from hrs.data.classmap import map_for
from hrs.data.draw import spread_indices
from hrs.data.glance import glance
from hrs.data.holdout import folds
from hrs.data.layouts import Dataset
from hrs.data.loaders import FrameReader
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.networks.lite import Lite
from hrs.networks.segmenter import build_segmenter
from hrs.progress import Progress
from hrs.training.task import open_real
from hrs.trial.compare import compare
from hrs.trial.decoder import NETWORK, judge, train
from hrs.trial.findings import Findings, Use, uses
from hrs.trial.views import see

KEPT = ("batch_source", "batch_target", "source_weight", "source_schedule", "source_until", "class_balance", "device")
"""Settings of training that are the run's; rates and the like are those of another network."""
FOLDS = 4
STEPS = 800
MOST_PHOTOS, MOST_FRAMES = 400, 1200
MOST_PIXELS = 160 * 120
"""Of a view: larger ones say the same, and take longer."""
PHOTO_VIEWS, FRAME_VIEWS = 800, 2
"""Views of all photos together (four of each at least), and of each synthetic frame."""


def run_trial(
    config: RunConfig, *, steps: int = STEPS, count: int = FOLDS, progress: Progress | None = None
) -> Findings:
    """Compare ways to use a run's synthetic frames on its own photos.

    Args:
        config: the run. Its data, augmentation, selection and what is `KEPT` of training count.
        steps: of each training.
        count: folds, at most.
        progress: called with (done, total) of images seen and steps taken.

    Raises:
        HRSError: data or settings that cannot work, as training itself would say; fewer than two photos; no frames.
    """
    config = small(config, steps)
    if not config.data.sources:
        raise HRSError("data.sources is empty; name the synthetic frames that are to be tried")
    real = open_real(config)
    if len(real.target) < 2:
        raise HRSError("a trial learns from one photo and judges on another; raise data.n_real to 2 or more")
    photos = real.target.take(spread_indices(len(real.target), MOST_PHOTOS))
    each = MOST_FRAMES // len(config.data.sources)
    maps = [map_for(config.data.classes, name, source=True) for name in config.data.sources]
    glances = [glance(name, given, few=each) for name, given in zip(config.data.sources, maps, strict=True)]
    sources = [found.dataset.map_to(real.space) for found in glances]
    check_synthetic(sources, real.target, real.val)
    units, parts = folds([frame.id for frame in photos.frames], count, seed=config.seed)
    bench = Bench(config, photos, sources, real.space, parts, progress)
    return Findings(
        classes=real.space.classes,
        ways=compare({use: bench.judged(use) for use in uses(config)}, units),
        photos=len(photos),
        units=len(units),
        folds=len(parts),
        frames=sum(map(len, sources)),
        size=(config.data.height, config.data.width),
        steps=steps,
    )


def small(config: RunConfig, steps: int) -> RunConfig:
    """The run at the trial's size and length, learning as the trial's network does."""
    data, values = config.data, config.model_dump(exclude={"network", "teacher"})
    shrink = min(1.0, math.sqrt(MOST_PIXELS / (data.height * data.width)))
    size = {
        name: max(32, 8 * round(shrink * side / 8)) for name, side in (("height", data.height), ("width", data.width))
    }
    values["data"] |= {**size, "unlabelled": None}
    values["train"] = {name: values["train"][name] for name in KEPT} | {"steps": steps}
    return load_config(values)


class Bench:
    """The views of one trial, and trainings on them.

    Args:
        parts: places of the photos of each fold.
    """

    def __init__(
        self,
        config: RunConfig,
        photos: Dataset,
        sources: Sequence[Dataset],
        space: LabelSpace,
        parts: Sequence[Sequence[int]],
        progress: Progress | None,
    ) -> None:
        self.config, self.classes, self.parts = config, len(space), parts
        self.device = PartialState(cpu=config.train.device == "cpu").device
        network = build_segmenter(NETWORK, self.classes, pretrained=True)
        assert isinstance(network, Lite)
        encoder = network.encoder.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        readers = [FrameReader(each, config.data, regions=True) for each in ([photos], sources)]
        trainings = len(uses(config)) * len(parts)
        self.count = Count(progress, 2 * len(readers[0]) + len(readers[1]) + trainings * config.train.steps)
        look = partial(see, encoder=encoder, device=self.device, seed=config.seed, seen=self.count)
        self.real = look(readers[0], views=max(4, math.ceil(PHOTO_VIEWS / len(photos))))
        self.whole = look(readers[0], views=0)
        self.source = look(readers[1], views=FRAME_VIEWS, lenient=True)
        ends = np.cumsum([len(each) for each in sources])
        self.origin = torch.from_numpy(np.searchsorted(ends, self.source.image.numpy(), side="right"))

    def judged(self, use: Use) -> NDArray[np.int64]:
        """Pixels of every photo by true and predicted class, (n c c), as networks see it that never saw its fold."""
        config, used = use.of(self.config), [self.config.data.sources.index(name) for name in use.sources]
        source = self.source.take(torch.isin(self.origin, torch.tensor(used)))
        found = np.zeros((len(self.whole), self.classes, self.classes), np.int64)
        for part in self.parts:
            own = torch.isin(self.real.image, torch.tensor(part))
            network = train(config, self.classes, self.real.take(~own), source, self.device, after=self.count)
            found[part] = judge(network, self.whole.take(torch.tensor(part)), self.classes, self.device)
        return found


class Count:
    """Tells progress one thing more at each call."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.done, self.total = progress, 0, total

    def __call__(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(self.done, self.total)
