"""What a study compares: its file, and the runs that follow from it.

A study is a YAML file:

    base:                      # settings that all runs share, as in a run's config; may be such a file as it is
      data: {sources: ["render:synthetic"], target: "camvid:/data/camvid"}
      train: {steps: 1000}
    methods:                   # a name, or settings that go over base; label: what the table calls it
      - joint
      - hrs
      - {method: hrs, selection: {levels: [region]}}
      - {method: joint, label: joint half as long, train: {steps: 500}}
    n_real: [10, 20, null]     # null: all; without, base's or 20
    seeds: [0, 1, 2]           # without, base's or these
    against: [joint]           # methods that the others are compared with, seed by seed; by default joint and mixing
    parallel: 2                # runs at once; they wait behind what was queued before, and share a device if they must
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.mistakes import in_words
from hrs.runs.folder import NAME, RunFolder
from hrs.runs.seen import read_seen
from hrs.settings import Section
from hrs.study.table import COMPARED_WITH, Outcome, differences, method_label
from hrs.system.documents import parse_yaml, read_bounded, reason, shortened

FILE = "study.yaml"
"""Of a study, in its own folder."""
_LONGEST = 70  # characters of a label that are kept where a name has no place for all


class Study(Section):
    """What to compare. ``methods`` holds names, or settings that go over ``base``; ``against`` the table's names of
    those that the others are compared with."""

    base: dict[str, Any] = Field(default_factory=dict)
    methods: tuple[dict[str, Any], ...] = Field(min_length=1)
    n_real: tuple[int | None, ...] = Field((20,), min_length=1)
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    against: tuple[str, ...] = COMPARED_WITH
    parallel: int = Field(1, ge=1, le=64)

    @field_validator("methods", mode="before")
    @classmethod
    def _names(cls, values: Any) -> Any:
        if not isinstance(values, list | tuple):
            return values  # which the check of the type then names
        return [{"method": value} if isinstance(value, str) else value for value in values]

    @model_validator(mode="before")
    @classmethod
    def _of_base(cls, values: Any) -> Any:
        """``base`` may be a whole run's config: its number of real images and seed count where the study names none."""
        base = values.get("base") if isinstance(values, dict) else None
        if not isinstance(base, dict):
            return values
        data = base.get("data") or {}
        own = {"seeds": [base["seed"]]} if "seed" in base else {}
        own |= {"n_real": [data["n_real"]]} if isinstance(data, dict) and "n_real" in data else {}
        return own | values

    @model_validator(mode="after")
    def _once(self) -> Study:
        """All methods get the same numbers and seeds."""
        for own in (self.base, *self.methods):
            if not isinstance(own.get("data", {}), dict):
                raise ValueError(f"data is {own['data']!r}; expected settings of the data, such as {{height: 240}}")
        for own in self.methods:
            if "seed" in own or "n_real" in own.get("data", {}):
                raise ValueError(
                    "a method of the study sets its own seed or data.n_real; give seeds: [...] and n_real: [...] "
                    "beside methods, which every method gets"
                )
        return self


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a study. ``label``: what the table calls its method."""

    name: str
    label: str
    config: RunConfig

    def outcome(self, folder: Path) -> Outcome | None:
        """Its last validation; None while there is none."""
        run = RunFolder(folder / self.name)
        if not run.exists() or run.read_status().state != "finished":
            return None
        results = run.read_results()
        score = results[-1].get("miou") if results else None
        if score is None:
            raise HRSError(f"{run.results_csv} is damaged; delete the run {run.path}, and the study trains it anew")
        config, images = self.config, read_seen(run).digest
        return Outcome(method=self.label, n_real=config.data.n_real, seed=config.seed, score=score, images=images)

    def check(self, folder: Path) -> None:
        """Raises HRSError where the run of its name was trained with settings other than the study's."""
        run = RunFolder(folder / self.name)
        if run.exists() and (differ := differences(load_config(run.config, trained=True), self.config)):
            raise HRSError(
                f"{run.path} was trained with another {', '.join(differ)} than the study has now; "
                "delete that folder to train it anew, or write the study elsewhere with --out"
            )


def load_study(path: Path) -> Study:
    """Read a study. Raises HRSError where it cannot be read or says something unknown."""
    try:
        return Study.model_validate(parse_yaml(read_bounded(path)))
    except ValidationError as error:
        wrong = "; ".join(_mistake(dict(each)) for each in error.errors())
        raise HRSError(f"study {path}: {shortened(wrong, 1000)[1:-1]}") from error
    except (FileNotFoundError, ValueError) as error:
        raise HRSError(f"study {path} cannot be read: {reason(error)}") from error


def to_yaml(study: Study) -> str:
    """What `load_study` reads."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False)


def _mistake(item: dict[str, Any]) -> str:
    place = ".".join(map(str, item["loc"]))
    if item["type"] == "value_error":
        return ": ".join(filter(None, [place, item["msg"].removeprefix("Value error, ")]))
    return f"{place} {in_words(item)}".strip()


def plan(study: Study) -> list[Job]:
    """All runs, seed by seed, so that a study that stops early still compares like with like.

    Raises HRSError for settings that no run could have, or two methods that are the same.
    """
    jobs = [_job(study, own, n_real, seed) for seed in study.seeds for n_real in study.n_real for own in study.methods]
    _check_against(study, jobs)
    names = [job.name for job in jobs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise HRSError(f"the study holds {twice[0]} more than once; give each method, number and seed once")
    return jobs


def _check_against(study: Study, jobs: Sequence[Job]) -> None:
    labels = list(dict.fromkeys(job.label for job in jobs))
    unknown = [name for name in study.against if name not in labels]
    if unknown and study.against != COMPARED_WITH:  # which a study has that names none, and need not hold
        raise HRSError(f"the study compares with {unknown[0]}, which is none of its methods: {', '.join(labels)}")


def _job(study: Study, own: dict[str, Any], n_real: int | None, seed: int) -> Job:
    settings = {key: value for key, value in own.items() if key != "label"}
    config = load_config(_over(_over(study.base, settings), {"seed": seed, "data": {"n_real": n_real}}))
    label = str(own.get("label") or method_label(config))
    end = f"-n{'all' if n_real is None else n_real}-s{seed}"
    return Job(name=_name(label, end), label=label, config=config)


def _name(label: str, end: str) -> str:
    """A label and an end as the name of a run; what is lost of a long or foreign label is told apart by a digest."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", label).strip("-")
    if NAME.fullmatch(f"{plain}{end}"):
        return f"{plain}{end}"
    digest = hashlib.sha256(label.encode()).hexdigest()[:8]
    return f"{plain.lstrip('._-')[:_LONGEST] or 'method'}-{digest}{end}"


def _over(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """``more`` put over ``base``, section by section."""
    both = dict(base)
    for key, value in more.items():
        below = both.get(key)
        both[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return both
