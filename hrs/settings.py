"""The sections of a run's settings: every setting with its default, range and meaning, validated where it is defined.

The command line, the dashboard's form and the checkpoints all read these models; there is no second list of defaults.
"""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hrs.selection.levels.table import LEVELS
from hrs.selection.signals.table import SIGNALS

if TYPE_CHECKING:
    Level = str
    Signal = str
else:
    Level = Literal[tuple(LEVELS)]
    Signal = Literal[tuple(SIGNALS)]
_MANY = 10**9
_LONGEST = 4096  # characters of a name or path
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and (len(text) > _LONGEST or not text.isprintable()):
                raise ValueError(f"expected one line of at most {_LONGEST} characters")
        return value


_DATA_SET = re.compile(r"[a-z0-9]+:\S")  # in a class's name a space follows, as in "vehicle: car"


class DataConfig(Section):
    sources: tuple[str, ...] = Field(
        ("render:synthetic?frames=2000",),
        max_length=1000,
        title="Synthetic data sets, one a line",
        description="Synthetic data sets, each format:path[?key=value&...]; a method without them leaves them alone.",
    )
    target: str = Field(
        "render:camera?frames=60",
        title="Real data set",
        description="Labelled real data set; its train split is drawn from.",
    )
    n_real: int | None = Field(
        20, ge=1, le=_MANY, title="Real images", description="Real labelled images to draw; empty takes all."
    )
    unlabelled: str | None = Field(
        None,
        title="Unlabelled photos",
        description="Teacher's photos, e.g. images:/photos; undrawn: the target's other images; empty: no teacher.",
    )
    val: str | None = Field(
        None,
        title="Validation data set",
        description="Validation data set, its val split if any; empty: the target's, or a fifth of its images.",
    )
    space: str | None = Field(None, title="Label space", description="Label space; empty means the target's own.")
    classes: dict[str, str | dict[str, str]] = Field(
        {},
        title="Class map",
        description="Which class of the target each class of a source is, where names do not tell: lines of "
        "'class: target class', by name, id or colour, 'ignore' for none; for one data set below its name; or a file.",
    )
    height: int = Field(192, ge=32, le=4096, description="Training height in pixels.")
    width: int = Field(256, ge=32, le=4096, description="Training width in pixels.")
    scale_min: float = Field(0.75, gt=0, le=4, title="Smallest zoom", description="Smallest random zoom.")
    scale_max: float = Field(1.5, gt=0, le=4, title="Largest zoom", description="Largest random zoom.")
    jitter: Share = Field(
        0.3, title="Colour jitter", description="Strength of the random brightness, contrast, saturation and hue."
    )
    corruption: Share = Field(
        0.0,
        title="Corruptions",
        description="How often views are too light or dark, hazy, blurred, noisy or JPEG: for photos of other cameras "
        "and weather than the real images are of.",
    )
    rare_classes: Share = Field(
        0.0,
        title="Rare class sampling",
        description="Share of the real images that are drawn by their rare classes; 0: all come equally often.",
    )
    style: Literal["own", "photos"] = Field(
        "own",
        title="Colours of synthetic frames",
        description="Colours of synthetic frames in training: their own, or those of a drawn photo each time.",
    )
    segments: int = Field(
        400,
        ge=4,
        le=10000,
        title="Superpixels a frame",
        description="Superpixels a frame, before cutting along label borders.",
    )
    workers: int = Field(
        2, ge=0, le=64, title="Loader processes", description="Loader processes; 0 loads in the training process."
    )

    @field_validator("sources", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("classes", mode="before")
    @classmethod
    def _of_each_or_of_all(cls, value: Any) -> Any:
        """A file, or a map that names no data set, is that of all sources, "*"."""
        if value in (None, ""):
            return {}
        if isinstance(value, str):
            return {"*": value}
        if not isinstance(value, dict):
            raise ValueError("expected lines of 'class: target class', or the name of a file with such lines")
        of_maps = any(isinstance(each, dict) for each in value.values())
        per_data_set = of_maps or any(_DATA_SET.match(str(key)) for key in value)
        named = value if per_data_set or "*" in value else {"*": value} if value else {}
        return {str(key): _texts(each) for key, each in named.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.scale_min > self.scale_max:
            raise ValueError(f"scale_min {self.scale_min} is above scale_max {self.scale_max}; swap them")
        return self


def _texts(entries: Any) -> Any:
    """A class map as YAML reads it, its ids and empty names as text."""
    if not isinstance(entries, dict):
        return entries
    return {str(key): "ignore" if name is None else str(name) for key, name in entries.items()}


class NetworkConfig(Section):
    name: str = Field(
        "compact", title="Network", description="Segmentation network, e.g. compact, segformer-b0, deeplabv2-resnet101."
    )
    pretrained: bool = Field(
        False, title="Pretrained weights", description="Start from pretrained weights (hub id or local folder)."
    )


class SelectionConfig(Section):
    """How synthetic pixels are weighted."""

    levels: tuple[Level, ...] = Field(
        ("pixel", "region", "image"),
        description="\n".join(
            ["Which weighting networks take part.", *(f"- {name}: {level.about}" for name, level in LEVELS.items())]
        ),
    )
    signals: tuple[Signal, ...] = Field(
        ("agreement",),
        description="\n".join(
            ["What the weighting networks learn from.", *(f"- {name}: {s.about}" for name, s in SIGNALS.items())]
        ),
    )
    warmup: Share = Field(0.1, description="Share of training with uniform weights.")
    ramp: Share = Field(0.1, description="Share of training over which weights grow to full strength.")
    image_acts: Literal["loss", "sampling"] = Field(
        "loss",
        title="Image weights act in",
        description="Where image weights act: in the loss, or as how often a frame is drawn.",
    )
    redraws: int = Field(
        2, ge=1, le=100, title="Redraws of frames", description="Times that all frames are weighed anew for sampling."
    )
    combination: Literal["product", "mean"] = Field("product", description="How the levels' weights are combined.")
    centre: float = Field(
        0.0,
        ge=-3,
        le=3,
        title="Score that weighs half",
        description="Score, in deviations from its class's mean, that weighs half; low: reject only the worst.",
    )
    temperature: Positive = Field(0.5, description="Smaller separates high from low scores more sharply.")
    floor: Share = Field(0.05, description="Least weight before classes are brought to mean 1; 0 drops pixels.")
    min_effective: float = Field(
        0.3,
        gt=0,
        le=1,
        title="Least effective share",
        description="Effective sample size kept, as a share of all pixels.",
    )
    relative: float = Field(
        0.5,
        gt=0,
        lt=1,
        title="Bound of the density ratio",
        description="a of the relative density ratio p_T/(a p_T+(1-a) p_S).",
    )
    smoothing: float = Field(0.1, ge=0, lt=0.5, description="Label smoothing of the domain classifiers.")
    momentum: float = Field(0.98, ge=0, lt=1, description="Memory of running statistics and of the target gradient.")
    learning_rate: Positive = Field(4e-3, description="Learning rate of the weighting networks.")
    every: int = Field(
        2, ge=1, le=_MANY, title="Steps between updates", description="Steps between updates of the weighting networks."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, values in (("levels", self.levels), ("signals", self.signals)):
            if len(set(values)) != len(values):
                raise ValueError(f"selection.{name} repeats a value: {list(values)}")
        if self.levels and not self.signals:
            raise ValueError(f"selection.signals is empty; name one or more of {', '.join(SIGNALS)}")
        if self.image_acts == "sampling" and "image" not in self.levels:
            raise ValueError("selection.image_acts is sampling, but selection.levels lacks image; add it")
        if self.warmup + self.ramp > 1:
            raise ValueError(f"selection.warmup + ramp is {self.warmup + self.ramp:g}; expected at most 1")
        return self

    def strength(self, progress: float) -> float:
        """How far weights may leave 1 at ``progress`` in [0, 1] of training: 0 in the warm-up, then a linear ramp."""
        since = progress - self.warmup
        if since <= 0:
            return 0.0
        return min(1.0, since / self.ramp) if self.ramp else 1.0


class TrainConfig(Section):
    steps: int = Field(1000, ge=1, le=_MANY, description="Optimiser steps.")
    batch_source: int = Field(
        6, ge=1, le=_MANY, title="Synthetic frames a step", description="Synthetic frames a step, over all devices."
    )
    batch_target: int = Field(
        6, ge=1, le=_MANY, title="Real images a step", description="Real images a step, over all devices."
    )
    batch_unlabelled: int = Field(
        6, ge=1, le=_MANY, title="Unlabelled photos a step", description="Unlabelled photos a step, over all devices."
    )
    source_weight: float = Field(
        1.0,
        ge=0,
        title="Weight of the synthetic loss",
        description="Weight of the synthetic loss beside the real one (lambda).",
    )
    source_schedule: Literal["constant", "cosine"] = Field(
        "constant",
        title="Course of that weight",
        description="How the synthetic loss's weight goes: it stays, or falls along a cosine to 0.",
    )
    source_until: float = Field(
        1.0,
        gt=0,
        le=1,
        title="Synthetic frames until",
        description="Share of training after which the real images are alone.",
    )
    class_balance: Share = Field(0.4, description="p of class weights frequency^-p in the loss; 0: every pixel alike.")
    learning_rate: Positive = Field(2e-3, description="Peak learning rate.")
    encoder_rate: Share = Field(
        0.2,
        title="Rate of a pretrained encoder",
        description="Share of it at which a pretrained encoder learns. 0: it stays as it is, and steps are faster.",
    )
    weight_decay: float = Field(1e-2, ge=0, description="AdamW's decoupled weight decay.")
    lr_warmup: Share = Field(
        0.05, title="Warm-up of the learning rate", description="Share of training with a rising learning rate."
    )
    poly_power: Positive = Field(0.9, title="Power of its decay", description="Power of the polynomial decay.")
    clip: Positive = Field(5.0, title="Largest gradient norm", description="Largest gradient norm.")
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Averaged network (EMA)",
        description="Decay of the averaged network that is validated; 0: off.",
    )
    precision: Literal["no", "bf16", "fp16"] = Field("no", description="Mixed precision of the forward pass.")
    device: Literal["auto", "cpu"] = Field("auto", description="auto takes a GPU where there is one.")
    channels_last: bool = Field(True, description="Memory layout b h w c, faster convolutions.")
    compile: bool = Field(False, description="torch.compile the segmentation network.")
    validate_every: int = Field(250, ge=1, le=_MANY, title="Validate every", description="Steps between validations.")
    save_every: int = Field(250, ge=1, le=_MANY, description="Steps between checkpoints that resume exactly.")
    log_every: int = Field(10, ge=1, le=_MANY, description="Steps between logged training metrics.")
    panel: int = Field(
        8,
        ge=0,
        le=64,
        title="Frames to watch",
        description="Synthetic frames whose weight maps are saved during training.",
    )
    previews: int = Field(
        4, ge=0, le=32, title="Validation pictures", description="Validation images drawn at each validation."
    )

    @field_validator("precision", mode="before")
    @classmethod
    def _unquoted_no(cls, value: Any) -> Any:
        return "no" if value is False else value  # YAML 1.1 reads a bare no as false

    def steps_within(self, share: float) -> int:
        """How many steps begin before ``share`` of training is over: 55 for 0.55 of 100, whose product is a little more
        in floats."""
        return ceil(round(share * self.steps, 6))


class TeacherConfig(Section):
    """How the averaged network (``train.ema``) teaches on ``data.unlabelled``."""

    weight: float = Field(1.0, ge=0, description="Weight of the loss on unlabelled photos.")
    threshold: float = Field(
        0.9, ge=0, lt=1, description="Probability from which its word counts, for its surest class."
    )
    start: Share = Field(0.1, description="Share of training before it begins; as long again, or to the end, it grows.")


class AdversarialConfig(Section):
    weight: float = Field(0.001, ge=0, description="Weight of the alignment loss (AdaptSegNet, section 4.2).")
    learning_rate: Positive = Field(1e-4, description="Learning rate of the discriminator.")


class FinetuneConfig(Section):
    source_share: float = Field(0.5, gt=0, lt=1, description="Share of the steps spent on synthetic frames, first.")
