"""What do these synthetic frames bring to these photos? Told from the photos alone, before anything long is trained.

The photos are split into parts; for each, small networks learn from the other parts, with and without the synthetic
frames, and judge the photos of this one, which they never saw. Neighbours by name, such as a drive's photos, stay in
one part but where parts meet. The validation images take no part. The encoder is that of `lite0` with ImageNet's
weights, frozen, so that it sees every image once; decoders learn in about half a minute each on one core.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from accelerate import PartialState
from numpy.typing import NDArray

from hrs.config import RunConfig, load_config
from hrs.data.apart import check_synthetic
from hrs.data.draw import spread_indices
from hrs.data.layouts import Dataset, open_sources
from hrs.errors import HRSError
from hrs.labels import IGNORE
from hrs.networks.lite import Lite
from hrs.networks.segmenter import build_segmenter
from hrs.progress import Progress
from hrs.training.task import open_real, survey_sources
from hrs.trial.compare import compare
from hrs.trial.decoder import NETWORK, judge, train
from hrs.trial.findings import Findings, Use, untried, uses
from hrs.trial.views import Views, see

KEPT = ("batch_source", "batch_target", "source_weight", "source_schedule", "source_until", "class_balance", "device")
"""Settings of training that are the run's; rates and the like are those of another network."""
FOLDS = 5
STEPS = 800
MOST_PHOTOS, MOST_FRAMES = 400, 1200
MOST_PIXELS, SMALLEST = 160 * 120, 32
"""Of a view, and of its sides: larger ones say the same, and take longer."""
PHOTO_VIEWS, FRAME_VIEWS = 800, 2
"""Views of all photos together (four of each at least), and of each synthetic frame."""


def run_trial(
    config: RunConfig,
    *,
    steps: int = STEPS,
    count: int = FOLDS,
    progress: Progress | None = None,
    rendering: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Findings:
    """Compare ways to use a run's synthetic frames on its own photos.

    Args:
        config: the run. Its data, augmentation, selection and what is `KEPT` of training count.
        steps: of each training.
        count: parts, at most.
        progress: called with (done, total) of images seen and steps taken.
        rendering: called so while frames are rendered.
        say: called with a line for people before the work begins.

    Raises:
        HRSError: data or settings that cannot work, as training itself would say; frames that count nothing; fewer than
            two photos to learn from and judge on.
    """
    if not config.data.sources or not config.train.source_weight:
        what = "train.source_weight is 0" if config.data.sources else "data.sources is empty"
        raise HRSError(f"{what}; a trial needs synthetic frames that count: name some, with a weight above 0")
    notes, config = untried(config), small(config, steps)
    real = open_real(config, progress=rendering)
    sources = open_sources(config.data.sources, real.space, classes=config.data.classes, progress=rendering)
    check_synthetic(sources, real.target, real.val)
    found = real.in_words(survey_sources(sources))
    photos = real.target.take(spread_indices(len(real.target), MOST_PHOTOS))
    if say:
        parts, ways = min(count, len(photos)), len(uses(config))
        say(f"{parts} parts x {ways} ways x {steps:,} steps on {len(photos)} photos; the run's train.steps is not used")
    bench = Bench(config, photos, [some(each, sources) for each in sources], len(real.space), count, progress)
    return Findings(
        classes=real.space.classes,
        ways=compare({use: bench.judged(use) for use in uses(config)}, bench.parts),
        photos=len(bench.whole),
        learned=len(bench.whole) - max(map(len, bench.parts)),
        folds=len(bench.parts),
        frames=len(bench.source.image.unique()),
        frames_there=sum(map(len, sources)),
        size=(config.data.height, config.data.width),
        steps=steps,
        notes=(*found, *notes),
    )


def small(config: RunConfig, steps: int) -> RunConfig:
    """The run at the trial's size and length, learning as the trial's network does."""
    data, values = config.data, config.model_dump(exclude={"network", "teacher"})
    shrink = min(1.0, math.sqrt(MOST_PIXELS / (data.height * data.width)))
    height, width = (max(SMALLEST, 8 * round(shrink * side / 8)) for side in (data.height, data.width))
    if height < width:
        width = min(width, MOST_PIXELS // height)
    else:
        height = min(height, MOST_PIXELS // width)
    values["data"] |= {"height": height, "width": width, "unlabelled": None}
    values["train"] = {name: values["train"][name] for name in KEPT} | {"steps": steps}
    values["train"]["batch_target"] = max(2, config.train.batch_target)  # normalisation needs two
    values["selection"]["image_acts"] = "loss"
    return load_config(values)


def some(source: Dataset, sources: Sequence[Dataset]) -> Dataset:
    """As many of its frames, spread evenly, as are its share of all."""
    share = min(1.0, MOST_FRAMES / sum(map(len, sources)))
    return source.take(spread_indices(len(source), max(1, round(share * len(source)))))


class Bench:
    """The views of one trial, and trainings on them.

    parts: places of the photos of each part, among ``whole``.

    Raises HRSError where fewer than two photos are labelled, no class is in two parts, or a source cannot be read.
    """

    def __init__(
        self,
        config: RunConfig,
        photos: Dataset,
        sources: Sequence[Dataset],
        classes: int,
        count: int,
        progress: Progress | None,
    ) -> None:
        self.config, self.classes = config, classes
        self.device = PartialState(cpu=config.train.device == "cpu").device
        network = build_segmenter(NETWORK, classes, pretrained=True)
        assert isinstance(network, Lite)
        encoder = network.encoder.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        trainings = len(uses(config)) * min(count, len(photos))
        images = 2 * len(photos) + sum(map(len, sources))
        self.count = Count(progress, images + trainings * config.train.steps)
        look = partial(see, config=config.data, encoder=encoder, device=self.device, seed=config.seed, seen=self.count)
        whole, real = look(photos, views=0), look(photos, views=max(4, math.ceil(PHOTO_VIEWS / len(photos))))
        labelled = whole.image[(whole.labels != IGNORE).flatten(1).any(dim=1)]
        self.whole, self.real = (each.take(torch.isin(each.image, labelled)) for each in (whole, real))
        if len(labelled) < 2:
            raise HRSError(
                f"a trial learns from one photo and judges on another; of {len(photos)} photos of {photos.spec} "
                f"{len(labelled)} can be read and have labels: raise data.n_real, or label more"
            )
        self.parts = neighbours([photos.frames[i].id for i in self.whole.image], count)
        self._check_shared(photos.spec)
        seen = [look(each, views=FRAME_VIEWS) for each in sources]
        firsts = np.cumsum([0, *map(len, sources[:-1])]).tolist()
        self.source = Views.joined([each.numbered_from(first) for each, first in zip(seen, firsts, strict=True)])
        self.origin = torch.repeat_interleave(torch.arange(len(seen)), torch.tensor([len(each) for each in seen]))

    def _check_shared(self, spec: object) -> None:
        shown = [set(self.whole.labels[part].unique().tolist()) - {IGNORE} for part in self.parts]
        if max(Counter(each for classes in shown for each in classes).values()) < 2:
            raise HRSError(
                f"no class of {spec} is in two of the {len(self.parts)} parts that its {len(self.whole)} photos were "
                "split into, so none can be learned from the others: raise data.n_real, or label more"
            )

    def judged(self, use: Use) -> NDArray[np.int64]:
        """Pixels of every photo by true and predicted class, (n c c), as networks see it that never saw its part."""
        config = use.of(self.config)
        used = [i for i, name in enumerate(self.config.data.sources) if name in use.sources]
        source = self.source.take(torch.isin(self.origin, torch.tensor(used)))
        found = np.zeros((len(self.whole), self.classes, self.classes), np.int64)
        for number, part in enumerate(self.parts):
            held = self.whole.take(torch.tensor(part))
            own = self.real.take(~torch.isin(self.real.image, held.image))
            again = config.model_copy(update={"seed": len(self.parts) * config.seed + number})
            network = train(again, self.classes, own, source, self.device, after=self.count)
            found[part] = judge(network, held, self.classes, self.device)
        return found


def neighbours(ids: Sequence[str], count: int) -> list[list[int]]:
    """At most ``count`` parts of as many images each, as places among ``ids``; neighbours by name stay together."""
    by_name = sorted(range(len(ids)), key=lambda i: ids[i])
    return [part.tolist() for part in np.array_split(by_name, min(count, len(ids)))]


class Count:
    """Tells progress one thing more at each call."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.done, self.total = progress, 0, total

    def __call__(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(self.done, self.total)
