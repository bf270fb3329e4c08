"""Which finished runs may be compared: those that differ in nothing but method, number of real images and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.runs.reading import read_config, read_record, setting_words
from hrs.config import RunConfig
from hrs.errors import HRSError
from hrs.methods.table import METHODS
from hrs.progress import counted
from hrs.runs.registry import RunSummary
from hrs.study.plan import FILE, load_study, plan
from hrs.study.table import COMPARED_WITH, Outcome, method_label, setup

_PHOTOS, _SCORED = "labelled photos to draw from", "labelled photos to score on"
# What a setting is called by; anything else is named only where settings differ in it.
_NAMED = ("data.sources", "data.target", "data.width", "data.height", "train.steps", "network.name")

Member = tuple[RunSummary, RunConfig]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs that are compared.

    setting: tells them from other groups. validation: names the data of their scores. names: what the table calls each
    run, by the run's name; the method where it is not there. against: what the others are compared with. repeats: names
    of runs that are left out, since a newer one has their method, number of real images and seed.
    """

    setting: str
    validation: str
    runs: tuple[Member, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    against: tuple[str, ...] = COMPARED_WITH
    repeats: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{counted(len(self.runs), 'run')}: {self.setting}"

    @property
    def words(self) -> dict[str, str]:
        """What the methods are called by people, by what the table calls them."""
        return {self.named(run, config): METHODS[config.method].title for run, config in self.runs}

    def named(self, run: RunSummary, config: RunConfig) -> str:
        return self.names.get(run.name) or method_label(config)

    def outcomes(self, which: str) -> list[Outcome]:
        """The runs' "last" or "best" mIoU; runs without a validation are left out."""
        return [
            Outcome(
                method=self.named(run, config),
                n_real=config.data.n_real,
                seed=config.seed,
                score=score,
                images=read_record(run.run).digest,
            )
            for run, config in self.runs
            if (score := _score(run, which)) is not None
        ]


def study_group(folder: Path, summaries: Sequence[RunSummary]) -> Group | None:
    """The finished runs of a study as it plans them, in its words; None where it has no plan, or no such runs."""
    try:
        study = load_study(folder / FILE)
        labels = {job.name: job.label for job in plan(study)}
    except HRSError:
        return None
    there = {run.name: run for run in summaries if run.status.state == "finished"}
    runs = [
        (there[name], config)
        for name in labels
        if name in there and (config := read_config(there[name].run)) is not None
    ]
    if not runs:
        return None
    return Group(
        setting=f"study {folder.name}",
        validation=_validation(*runs[0]),
        runs=tuple(runs),
        names=labels,
        against=study.against,
    )


def groups(summaries: Sequence[RunSummary]) -> list[Group]:
    """Finished runs by setting and number of labelled photos, the largest group first.

    Args:
        summaries: the newest first. Of runs with the same method, number of real images and seed the first counts that
            has a score.
    """
    found: dict[str, list[Member]] = {}
    for run in summaries:
        config = read_config(run.run)
        if config is not None and run.status.state == "finished":
            found.setdefault(repr(_setup(run, config)), []).append((run, config))
    members = sorted(map(_once, found.values()), key=lambda both: len(both[0]), reverse=True)
    settings = _settings([_setup(*runs[0]) for runs, _ in members])
    return [
        Group(setting=setting, validation=_validation(*runs[0]), runs=runs, repeats=repeats)
        for setting, (runs, repeats) in zip(settings, members, strict=True)
    ]


def _once(runs: Sequence[Member]) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """The runs that count, and the names of those that repeat one of them."""
    first: dict[tuple[str, int | None, int], str] = {}
    for run, config in sorted(runs, key=lambda member: member[0].last is None):
        first.setdefault((method_label(config), config.data.n_real, config.seed), run.name)
    kept = set(first.values())
    repeats = tuple(run.name for run, _ in runs if run.name not in kept)
    return tuple(member for member in runs if member[0].name in kept), repeats


def _setup(run: RunSummary, config: RunConfig) -> dict[str, Any]:
    """What runs must share: settings, and how many labelled photos there were, drawn or not, since a set may have
    grown."""
    seen = read_record(run.run)
    there = {_PHOTOS: seen.photos, _SCORED: seen.scored}
    return setup(config) | {name: "of unknown number" if count is None else count for name, count in there.items()}


def n_words(n_real: int | None) -> str:
    return "all" if n_real is None else f"{n_real:,}"


def _settings(setups: Sequence[dict[str, Any]]) -> list[str]:
    alike: dict[str, list[dict[str, Any]]] = {}
    for values in setups:
        alike.setdefault(_base(values), []).append(values)
    return [", ".join([_base(values), *_said(values, _differing(alike[_base(values)]))]) for values in setups]


def _differing(setups: Sequence[dict[str, Any]]) -> list[str]:
    keys = {key: None for values in setups for key in values if key not in _NAMED}
    return [key for key in keys if len({repr(values.get(key)) for values in setups}) > 1]


def _said(values: Mapping[str, Any], differ: Sequence[str]) -> list[str]:
    """What a setting says of these keys; of what it leaves unset nothing."""
    return [f"{setting_words(key).lower()} {values[key]}" for key in differ if values.get(key) is not None]


def _base(values: dict[str, Any]) -> str:
    sources = " + ".join(values["data.sources"])
    size, steps = f"{values['data.width']}x{values['data.height']}", f"{values['train.steps']:,} steps"
    return f"{sources} → {values['data.target']}, {size}, {steps}, {values['network.name']}"


def _validation(run: RunSummary, config: RunConfig) -> str:
    held_out = read_record(run.run).held_out
    if held_out is not None:
        return f"held-out images of {config.data.target}: {held_out}"
    return config.data.val or f"the val split of {config.data.target}"


def _score(run: RunSummary, which: str) -> float | None:
    if which == "best":
        return run.status.best.miou if run.status.best else None
    score = (run.last or {}).get("miou")
    return None if score is None else float(score)
