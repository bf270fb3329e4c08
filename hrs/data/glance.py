"""A few frames of a data set, from all over it, without reading the others' headers or drawing them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hrs.config import RunConfig
from hrs.data.classmap import EVERY, ClassMap, keys_of, map_for
from hrs.data.draw import spread_indices
from hrs.data.formats.table import FORMATS
from hrs.data.frames import Look
from hrs.data.holdout import to_validate_on
from hrs.data.layouts import Dataset, check_headers, dataset_of, mapped_spec
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.settings import DataConfig

FEW = 16
"""Frames that are looked at, unless somebody asks for others."""


@dataclass(frozen=True, kw_only=True)
class Glance:
    """dataset: a few usable frames. total: how many it has in all; rendering: seconds to draw what is missing."""

    dataset: Dataset
    total: int
    rendering: float = 0.0


def look_at(name: str) -> Look:
    """What there is of a data set by its names, opening no image and making none. Raises HRSError as opening it would,
    and where there is no frame."""
    spec = DatasetSpec.parse(name)
    return FORMATS[spec.format].look(spec)


def look_at_all(*configs: RunConfig) -> None:
    """Raises HRSError where a data set of a run is not there, before anything of the run is made or changed."""
    for name in dict.fromkeys(name for config in configs for name in _read_by(config)):
        look_at(name)


def _read_by(config: RunConfig) -> Iterator[str]:
    """The data sets of a run, that which is validated on with its split."""
    data = config.data
    for name in config.data_sets:
        yield to_validate_on(name) if name == data.val and name != data.target else name


def glance(name: str, classes: ClassMap | None = None, *, few: int = FEW) -> Glance:
    """Open up to ``few`` frames. Raises HRSError as opening all of them would, and where none of them can be used."""
    spec = mapped_spec(name, classes)
    seen = FORMATS[spec.format].glimpse(spec, few)
    if not seen.found.frames:
        raise HRSError(f"data set {spec} has no usable frame; expected {seen.found.layout}")
    dataset = dataset_of(spec, seen.found)
    chosen = dataset.take(spread_indices(len(dataset), few))
    usable, unfit = check_headers(chosen.frames)
    if not usable:
        raise HRSError(f"data set {spec}: {unfit[0].path.name} {unfit[0].reason}")
    return Glance(dataset=replace(chosen, frames=usable), total=seen.total, rendering=seen.making)


def maps_kept(data: DataConfig, sources: Sequence[str]) -> dict[str, Any]:
    """What remains of a run's ``data.classes`` where these are all its sources: the maps of them and of its photos, and
    of the one that sources share what these have.

    Raises HRSError where they share a map and cannot be opened.
    """
    named = keys_of([*sources, data.target, *([data.val] if data.val else [])])
    kept: dict[str, Any] = {key: each for key, each in data.classes.items() if key in named}
    maps = {each: given for each in sources if (given := map_for(data.classes, each, source=True)) and given.shared}
    if maps:
        encodings = [found for each in maps if (found := glance(each).dataset.encoding_on_disk)]
        kept[EVERY] = next(iter(maps.values())).known_to(encodings)
    return kept
