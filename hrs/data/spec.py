"""How a data set is named: ``format:path[?key=value&...]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl, quote

from hrs.errors import HRSError
from hrs.labels import suggest

OPTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "gta5": frozenset(),
        "synthia": frozenset(),
        "cityscapes": frozenset({"split"}),
        "camvid": frozenset({"split"}),
        "carla": frozenset({"version"}),
        "folder": frozenset({"split"}),
        "images": frozenset(),
        "render": frozenset({"split", "frames", "start", "seed", "height", "width"}),
    }
)
"""Formats and the options each takes."""


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A data set's name, taken apart. For ``render`` the path is the domain, synthetic or camera."""

    format: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> DatasetSpec:
        """Raises HRSError for an unknown format or option, with the nearest known one."""
        kind, colon, rest = text.partition(":")
        if not colon or not rest:
            raise HRSError(f"data set {text!r}; expected format:path with a format of {', '.join(OPTIONS)}")
        if kind not in OPTIONS:
            raise HRSError(f"data set {text!r} has the unknown format {kind!r}; {suggest(kind, list(OPTIONS))}")
        path, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        for key in options:
            if key not in OPTIONS[kind]:
                takes = suggest(key, sorted(OPTIONS[kind])) if OPTIONS[kind] else f"{kind} takes none"
                raise HRSError(f"data set {text!r} has the unknown option {key!r}; {takes}")
        return cls(format=kind, path=path, options=options)

    def __str__(self) -> str:
        query = "&".join(f"{key}={quote(value)}" for key, value in self.options.items())
        return f"{self.format}:{self.path}" + (f"?{query}" if query else "")

    @property
    def root(self) -> Path:
        """The path as a folder. Raises HRSError where there is none."""
        folder = Path(self.path).expanduser().resolve()
        if not folder.is_dir():
            raise HRSError(f"data set {self}: the folder {folder} does not exist; check the path")
        return folder

    def number(self, key: str, default: int, *, least: int = 0) -> int:
        """An option that is a whole number of at least ``least``."""
        text = self.options.get(key, str(default))
        if not text.isdecimal() or int(text) < least:
            raise HRSError(f"data set {self}: {key}={text}; expected a whole number of at least {least}")
        return int(text)
