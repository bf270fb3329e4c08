"""Every setting of a run: frozen, validated where it is defined, YAML in and out.

The command line, the dashboard's form and the checkpoints all read these models; there is no second list of defaults.
"""

from __future__ import annotations

import re
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from hrs.errors import HRSError
from hrs.methods.table import METHODS
from hrs.mistakes import settings_error
from hrs.selection.levels.table import LEVELS
from hrs.selection.signals.table import SIGNALS
from hrs.system.documents import parse_yaml, read_bounded, reason, shortened

if TYPE_CHECKING:
    MethodName = str
    Level = str
    Signal = str
else:
    MethodName = Literal[tuple(METHODS)]
    Level = Literal[tuple(LEVELS)]
    Signal = Literal[tuple(SIGNALS)]
UNDRAWN = "undrawn"
"""``data.unlabelled`` where it means the target's images that are not drawn."""
_TRAINED = "trained"  # the context in which settings are read that need not make sense any more
_DEEPEST = 8  # sections of an override within each other; there are two
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


class RunConfig(Section):
    """One run. Same config, seed and number of threads on the same machine give the same model."""

    method: MethodName = Field(
        "hrs", description="\n".join(["Training method.", *(f"- {name}: {m.about}" for name, m in METHODS.items())])
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seeds the draw of real images, the weights and the batches.")
    data: DataConfig = DataConfig()
    network: NetworkConfig = NetworkConfig()
    selection: SelectionConfig = SelectionConfig()
    train: TrainConfig = TrainConfig()
    teacher: TeacherConfig = TeacherConfig()
    adversarial: AdversarialConfig = AdversarialConfig()
    finetune: FinetuneConfig = FinetuneConfig()

    @model_validator(mode="after")
    def _makes_sense(self, info: ValidationInfo) -> Self:
        if info.context == _TRAINED:
            return self
        if METHODS[self.method].needs_source and not self.data.sources:
            raise ValueError("data.sources is empty; name at least one synthetic data set, e.g. render:synthetic")
        if METHODS[self.method].learns_weights:
            self._check_weights_act()
            self._check_weights_differ()
        full, steps = self.selection.warmup + self.selection.ramp, self.train.steps_within
        if self.selection.image_acts == "sampling" and steps(full) >= steps(self.train.source_until):
            raise ValueError(
                f"selection.image_acts is sampling, but frames would be weighed first at {full:g} of training "
                f"(selection.warmup + ramp), and they end at {self.train.source_until:g} (train.source_until), "
                f"of {self.train.steps} steps; lower the first or raise the second"
            )
        if self.data.unlabelled:
            self._check_teacher()
        return self

    def _check_teacher(self) -> None:
        if not self.train.ema:
            raise ValueError("data.unlabelled needs an averaged network as teacher; set train.ema, e.g. 0.99")
        if self.data.unlabelled == UNDRAWN and self.data.n_real is None:
            raise ValueError(
                f"data.unlabelled is {UNDRAWN}, but an empty data.n_real draws all images; name a number of them, or a "
                "folder of photos, images:FOLDER"
            )
        if self.teacher.start == 1:
            raise ValueError("teacher.start is 1, so the teacher of data.unlabelled would never begin; lower it")

    def _check_weights_act(self) -> None:
        until, learns = self.train.source_until, self._learns
        if not self.train.source_weight:
            raise ValueError(f"{learns}, but train.source_weight is 0, so nothing is weighed; raise it or take joint")
        last = (self.train.steps_within(until) - 1) / self.train.steps
        if until < 1 and not self.selection.strength(last):
            raise ValueError(
                f"{learns}, but they act first at {self.selection.warmup:g} of training (selection.warmup), and frames "
                f"end at {until:g} (train.source_until), of {self.train.steps} steps; lower the first, raise the "
                "second, or take joint"
            )
        act = int(round(self.selection.warmup * self.train.steps, 6)) + 2  # at the end of the warm-up they are still 1
        if self.selection.every > act:
            raise ValueError(
                f"{learns} first at step {self.selection.every} (selection.every), but they act from step {act} on "
                "(selection.warmup); lower the first or raise the second"
            )

    def _check_weights_differ(self) -> None:
        for name, value in (("floor", self.selection.floor), ("min_effective", self.selection.min_effective)):
            if value == 1:
                raise ValueError(f"{self._learns}, but selection.{name} is 1, so all are alike; lower it or take joint")
        if not self.selection.levels:
            raise ValueError(
                f"{self._learns}, but selection.levels is empty; name one or more of {', '.join(LEVELS)}, or take joint"
            )

    @property
    def _learns(self) -> str:
        return f"method {self.method} learns weights"

    @property
    def sources(self) -> tuple[str, ...]:
        """The synthetic data sets that this run reads; none where its method needs none."""
        return self.data.sources if METHODS[self.method].needs_source else ()

    @property
    def data_sets(self) -> tuple[str, ...]:
        """All data sets that this run reads."""
        data = self.data
        others = (data.val, None if data.unlabelled == UNDRAWN else data.unlabelled)
        return (*self.sources, data.target, *filter(None, others))

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def load_config(
    source: str | Path | dict[str, Any] | None = None, overrides: tuple[str, ...] = (), *, trained: bool = False
) -> RunConfig:
    """Read a RunConfig from a YAML file, a dict or nothing (the defaults) and apply ``section.key=value`` overrides.

    Args:
        trained: it was trained with, perhaps by a version of hrs that refused less: settings need not make sense
            together, each within its range is enough.

    Raises:
        HRSError: file missing or not YAML.
        SettingsError: unknown key, or a value outside its range; names the key and the remedy.
    """
    values = source if isinstance(source, dict) else _read_yaml(Path(source)) if source is not None else {}
    for override in overrides:
        values = _override(values, override)
    try:
        return RunConfig.model_validate(values, context=_TRAINED if trained else None)
    except ValidationError as error:
        raise settings_error(error, RunConfig) from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = parse_yaml(read_bounded(path))
    except FileNotFoundError as error:
        raise HRSError(
            f"config {path} does not exist; expected a YAML file such as a run folder's config.yaml"
        ) from error
    except ValueError as error:
        raise HRSError(f"config {path} is not valid YAML: {reason(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise HRSError(f"config {path} holds a {type(values).__name__}; expected sections such as data: and train:")
    return values


def _override(values: dict[str, Any], text: str) -> dict[str, Any]:
    key, separator, raw = text.partition("=")
    if not separator:
        raise HRSError(f"override {shortened(text)} has no '='; expected section.key=value, e.g. data.n_real=20")
    if key.count(".") > _DEEPEST:
        raise HRSError(f"override {shortened(text)} is nested too deeply; expected section.key=value")
    return _put(values, key.strip().split("."), _parse(key, raw))


def _put(values: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    head, *rest = path
    section = values.get(head, {})
    if rest and not isinstance(section, dict):
        told = shortened(".".join(path))[1:-1]
        raise HRSError(f"override of {told}: {told.partition('.')[0]} is not a section")
    return {**values, head: _put(section, rest, value) if rest else value}


def _parse(key: str, raw: str) -> Any:
    """Lists, maps and what stands in quotes as YAML reads them; any other value is the text that was typed."""
    text = raw.strip()
    if not text.startswith(("[", "{", '"', "'")):
        return None if text.lower() in ("", "~", "null") else text
    try:
        return parse_yaml(text)
    except ValueError as error:
        told = shortened(f"{key}={raw}")[1:-1]
        raise HRSError(f"override {told}: the value is not valid YAML; quote it") from error


def title(key: str) -> str:
    """A setting, such as train.steps, in plain words: "Steps". Raises KeyError for what is none."""
    model: Any = RunConfig
    *sections, name = key.split(".")
    for section in sections:
        model = model.model_fields[section].annotation
    return model.model_fields[name].title or name.replace("_", " ").capitalize()
