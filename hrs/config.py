"""Every setting of a run in one frozen model: its sections, what they mean together, YAML in and out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, ValidationInfo, model_validator

from hrs.errors import HRSError
from hrs.methods.table import METHODS
from hrs.mistakes import settings_error
from hrs.selection.levels.table import LEVELS
from hrs.settings import (
    AdversarialConfig,
    DataConfig,
    FinetuneConfig,
    NetworkConfig,
    Section,
    SelectionConfig,
    TeacherConfig,
    TrainConfig,
)
from hrs.system.documents import parse_yaml, read_bounded, reason, shortened

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(METHODS)]
UNDRAWN = "undrawn"
"""``data.unlabelled`` where it means the target's images that are not drawn."""
_TRAINED = "trained"  # the context in which settings are read that need not make sense any more
_DEEPEST = 8  # sections of an override within each other; there are two


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

    @property
    def draws_frames(self) -> bool:
        """Whether synthetic frames are drawn by their image weight, which then multiplies no loss."""
        return METHODS[self.method].learns_weights and self.selection.image_acts == "sampling"

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
