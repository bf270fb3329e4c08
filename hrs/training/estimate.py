"""How long a run will take and how much memory, from a few of its own steps on a few of its own frames.

Nothing is guessed from tables: the run's network, method, sizes, batches, loaders and device do real work for some
seconds, and what was measured is multiplied by how often the run does it.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path
from statistics import mean
from typing import Any, cast

import torch
import yaml

from hrs.config import RunConfig, load_config
from hrs.data.classmap import map_for
from hrs.data.draw import check_count
from hrs.data.formats.table import FORMATS
from hrs.data.glance import Glance, glance
from hrs.data.holdout import SHARE, hold_out, validated_on
from hrs.data.layouts import Dataset, dataset_of
from hrs.data.loaders import FrameReader
from hrs.data.regions import RegionCache, superpixels
from hrs.data.transforms import Sample, fit
from hrs.errors import HRSError
from hrs.labels import LabelSpace, label_space
from hrs.pictures import Image
from hrs.progress import between, clock
from hrs.runs.folder import RunFolder
from hrs.system.images import encode
from hrs.training.record import Recorder
from hrs.training.sampling import frame_shares, redraw_steps
from hrs.training.steps import Trainer
from hrs.training.watchers import Panel, Saving, Validation

_WARMUP = 2  # first steps, which allocate memory and choose kernels; left out of the mean
_FEWEST_STEPS, _MOST_STEPS = 3, 200
_PATIENCE = 4  # budgets, warm-up included, after which even a single step is enough
_STAGE = 0.6  # share of the steps of a kind after which they are timed: selection is at work
_LOOKED_AT = 1000  # steps, to see of which kinds they are
_TRIAL_STEPS = 500  # at least, so that there are steps left to time


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run will need. Times are seconds of the whole run, memory is bytes.

    device: "cpu" or "cuda".
    parameters: of the segmentation network.
    seconds_per_step: mean of ``timed_steps`` real ones, loading included.
    rendering: to draw the frames that are not in the cache yet.
    regions: at most, to cut frames that are not in the cache yet into superpixels.
    training, validating, saving: all steps, validations, and checkpoints with weight maps.
    weighing: of training, to weigh all frames anew where they are drawn by weight.
    memory: peak of the training process.
    loaders: peak of all loader processes together, at most: they share much with the training process.
    gpu_memory: peak reserved on the GPU; None on a CPU.
    """

    device: str
    parameters: int
    seconds_per_step: float
    timed_steps: int
    rendering: float
    regions: float
    training: float
    weighing: float
    validating: float
    saving: float
    memory: int
    loaders: int
    gpu_memory: int | None

    @property
    def total(self) -> float:
        """At most: with all regions."""
        return self.rendering + self.regions + self.training + self.validating + self.saving

    @property
    def least(self) -> float:
        """Where no frame is to be cut into regions before it is used."""
        return self.total - self.regions

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "total": self.total, "least": self.least}

    def to_text(self) -> str:
        """Plain text, with what the numbers are made of."""
        graphics = "" if self.gpu_memory is None else f", {gigabytes(self.gpu_memory)} on the GPU"
        loaders = f"; {gigabytes(self.memory + self.loaders)} at most with loader processes" if self.loaders else ""
        made = f"{self.seconds_per_step:.3g} s a step, mean of {self.timed_steps} on {self.device}"
        if self.weighing:
            made += f"; {clock(self.weighing)} of it to weigh frames"
        return "\n".join(
            [
                f"time        {between(clock(self.least), clock(self.total))}",
                f"  rendering   {clock(self.rendering)}  frames that are not drawn yet",
                f"  regions     {clock(self.regions)}  at most, frames without superpixels in the cache",
                f"  training    {clock(self.training)}  {made}",
                f"  validating  {clock(self.validating)}",
                f"  saving      {clock(self.saving)}",
                f"memory      {gigabytes(self.memory)}{graphics}{loaders}",
                f"network     {self.parameters / 1e6:.2f} M parameters",
            ]
        )


def gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def estimate(config: RunConfig, *, budget: float = 6.0) -> Estimate:
    """Time a few steps, a few validated images and one save of a run, in this process.

    Only a few frames are read, and drawn where they are rendered ones.

    Args:
        budget: seconds of timed training steps; more only where three steps take longer.

    Raises:
        HRSError: data or settings that cannot work, as training itself would say.
    """
    real, val, sources = _look(config)
    space = label_space(config.data.space) if config.data.space else _space_of(real.dataset)
    with tempfile.TemporaryDirectory(prefix="hrs-estimate-") as folder:
        root = Path(folder)
        specs = {
            "sources": [_copy(each.dataset, space, root / f"source{i}") for i, each in enumerate(sources)]
            or config.data.sources,
            "target": _copy(real.dataset, space, root / "target"),
            "val": _copy(val.dataset, space, root / "val"),
        }
        if config.data.unlabelled:  # photos are as quick to read whoever took them
            specs["unlabelled"] = specs["target"]
        trainer = Trainer(_trial(config, specs))
        step, timed = time_steps(trainer, budget)
        redraws = len(redraw_steps(config))
        weighing = redraws * sum(each.total for each in sources) * _weigh_one(trainer) if redraws else 0.0
        image, save, panel = _time_the_rest(trainer, RunFolder(root / "run"))
    train = config.train
    validations = ceil(train.steps / train.validate_every)
    frames = [*(sources if trainer.source.regions else ()), *([real] if trainer.target.regions else ())]
    return Estimate(
        device=trainer.accelerator.device.type,
        parameters=sum(parameter.numel() for parameter in trainer.bare.segmenter.parameters()),
        seconds_per_step=step,
        timed_steps=timed,
        rendering=sum(each.rendering for each in (real, val, *sources)),
        regions=sum(_cutting(each, config) for each in frames) / max(1, config.data.workers),
        training=train.steps * step + weighing,
        weighing=weighing,
        validating=validations * val.total * image,
        saving=(ceil(train.steps / train.save_every) + validations) * save + (validations + 1) * panel,
        memory=_peak_memory(resource.RUSAGE_SELF),
        loaders=config.data.workers * _peak_memory(resource.RUSAGE_CHILDREN),
        gpu_memory=torch.cuda.max_memory_reserved() if trainer.accelerator.device.type == "cuda" else None,
    )


# A few frames of the run's own data


def _look(config: RunConfig) -> tuple[Glance, Glance, list[Glance]]:
    """The real images, those to validate on, and the synthetic frames."""
    data = config.data
    real = glance(data.target, map_for(data.classes, data.target))
    name = validated_on(data)
    left = real.total if name else real.total - _held_out(config, real)
    val = glance(name, map_for(data.classes, data.val or name)) if name else replace(real, total=real.total - left)
    wanted = data.n_real or left
    check_count(wanted, left, real.dataset.spec, held_out=real.total - left)
    sources = [glance(source, map_for(data.classes, source, source=True)) for source in config.sources]
    return replace(real, total=wanted), val, sources


def _held_out(config: RunConfig, real: Glance) -> int:
    """How many of the real images are validated on. Of those that are drawn first, names tell no sequences."""
    spec = real.dataset.spec
    if FORMATS[spec.format].made:
        return max(1, round(SHARE * real.total))
    _, val, _ = hold_out(dataset_of(spec, FORMATS[spec.format].read(spec)), seed=config.seed)
    return len(val)


def _space_of(dataset: Dataset) -> LabelSpace:
    if dataset.space is None:
        raise HRSError(f"data set {dataset.spec} has no labels; name a labelled one")
    return dataset.space


def _copy(dataset: Dataset, space: LabelSpace, root: Path) -> str:
    """Every other frame as a small data set of the format folder: copies of the images, labels in the run's space."""
    mapped = dataset.map_to(space)
    (root / "images").mkdir(parents=True)
    for i in range(0, len(mapped), 2):
        image = mapped.frames[i].image
        shutil.copyfile(image, root / "images" / f"{i:03d}{image.suffix}")
        _write_ids(root / "labels" / f"{i:03d}.png", mapped.read_label(i))
        planted = mapped.read_planted(i)
        if planted is not None:
            _write_ids(root / "planted" / f"{i:03d}.png", planted)
    classes = dict(enumerate(space.classes))
    (root / "classes.yaml").write_text(yaml.safe_dump({"classes": classes}), encoding="utf-8")
    return f"folder:{root}"


def _write_ids(path: Path, ids: Image) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode(".png", ids))


def _trial(config: RunConfig, specs: dict[str, Any]) -> RunConfig:
    """The same run on those few frames."""
    values = config.model_dump()
    values["data"] |= {**specs, "space": None, "n_real": None, "classes": {}}
    values["train"]["steps"] = max(config.train.steps, _TRIAL_STEPS)
    values["selection"]["redraws"] = 1  # before the steps that are timed
    return load_config(values)


# What is timed


def time_steps(trainer: Trainer, budget: float) -> tuple[float, int]:
    """Mean seconds of a step, loading included, and how many were timed: some of every kind of step that the run has,
    with synthetic frames and without."""
    steps = trainer.config.train.steps
    kinds: dict[tuple[int, int], list[int]] = {}
    for step in range(0, steps, ceil(steps / _LOOKED_AT)):
        kinds.setdefault(trainer.bare.counts(trainer.config, step), []).append(step)
    shares = [len(each) / sum(map(len, kinds.values())) for each in kinds.values()]
    times = [
        _time_from(trainer, each[int(_STAGE * len(each))], share * budget)
        for each, share in zip(kinds.values(), shares, strict=True)
    ]
    return sum(share * mean(each) for share, each in zip(shares, times, strict=True)), sum(map(len, times))


def _time_from(trainer: Trainer, step: int, budget: float) -> list[float]:
    """Seconds of single steps from a step on, without the first ones."""
    trainer.step = step
    times: list[float] = []
    last = time.perf_counter()
    with closing(cast(Iterator[Any], trainer.batches())) as batches:  # type: ignore[type-var]
        for batch in batches:
            trainer.train_step(batch)
            _synchronise(trainer)
            now = time.perf_counter()
            times.append(now - last)
            last = now
            if _enough(times, budget):
                break
    return times[_WARMUP:] or times[-1:]


def _weigh_one(trainer: Trainer) -> float:
    """Seconds to read one synthetic frame and weigh it; reading is shared by the loader processes."""
    reader = FrameReader(trainer.source.datasets, trainer.config.data, regions=False)

    def weigh() -> None:
        frame_shares(trainer.bare, reader, device=trainer.accelerator.device, workers=0)

    weigh()  # which chooses kernels
    reading = _clocked(trainer, lambda: [reader[i] for i in range(len(reader))])
    both = _clocked(trainer, weigh)
    return (max(0.0, both - reading) + reading / max(1, trainer.config.data.workers)) / len(reader)


def _time_the_rest(trainer: Trainer, run: RunFolder) -> tuple[float, float, float]:
    """Seconds to validate one image, to save a checkpoint, and to keep the panel once."""
    recorder = Recorder(run, trainer.real.space, steps=trainer.config.train.steps, first=0)
    validation = Validation(trainer, run, recorder)
    few = range(min(4, len(trainer.real.val)))
    image = _clocked(trainer, lambda: validation.examine(few)) / len(few)
    return image, _clocked(trainer, Saving(trainer, run, validation).save), _clocked(trainer, Panel(trainer, run).keep)


def _clocked(trainer: Trainer, work: Callable[[], object]) -> float:
    """Seconds that some work takes, the device's included."""
    began = time.perf_counter()
    work()
    _synchronise(trainer)
    return time.perf_counter() - began


def _synchronise(trainer: Trainer) -> None:
    if trainer.accelerator.device.type == "cuda":
        torch.cuda.synchronize()


def _enough(times: list[float], budget: float) -> bool:
    timed = times[_WARMUP:]
    if sum(times) > _PATIENCE * budget or len(timed) >= _MOST_STEPS:
        return True
    return sum(timed) > budget and len(timed) >= _FEWEST_STEPS


def _cutting(frames: Glance, config: RunConfig) -> float:
    """Seconds of one process to cut those frames into regions that no earlier run has cut; looked up on a few."""
    data, few = config.data, frames.dataset
    cache = RegionCache(segments=data.segments)
    looked = [
        fit(Sample(image=few.read_image(i), label=few.read_label(i)), data.height, data.width)
        for i in range(1, len(few), 2)
    ]
    missing = [sample for sample in looked if not cache.path(sample.image, sample.label).is_file()]
    if not missing:
        return 0.0
    began = time.perf_counter()
    superpixels(missing[0].image, missing[0].label, segments=data.segments)
    return (time.perf_counter() - began) * frames.total * len(missing) / len(looked)


def _peak_memory(whose: int) -> int:
    """Largest resident size so far of this process, or of one that it started and that has ended, in bytes."""
    peak = resource.getrusage(whose).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
