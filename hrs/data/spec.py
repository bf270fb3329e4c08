"""How a data set is named: ``format:path[?key=value&...]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote

from hrs.data.formats.table import FORMATS
from hrs.errors import HRSError
from hrs.labels import suggest
from hrs.system.documents import shortened, usable_path

DEFAULT_SPLIT = "train"


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A data set's name, taken apart. For ``render`` the path is the domain, synthetic or camera."""

    format: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> DatasetSpec:
        """Raises HRSError for an unknown format or option, with the nearest known one."""
        if not text.isprintable():
            raise HRSError(f"data set {shortened(text)} holds what cannot be printed; rename the folder")
        kind, colon, rest = text.partition(":")
        if not colon or not rest:
            raise HRSError(f"data set {shortened(text)}; expected format:path with a format of {', '.join(FORMATS)}")
        if kind not in FORMATS:
            raise HRSError(
                f"data set {shortened(text)} has the unknown format {shortened(kind)}; {suggest(kind, list(FORMATS))}"
            )
        path, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        for key in options:
            if key not in (known := FORMATS[kind].options):
                takes = suggest(key, sorted(known)) if known else f"{kind} takes none"
                raise HRSError(f"data set {shortened(text)} has the unknown option {shortened(key)}; {takes}")
        return cls(format=kind, path=path, options=options)

    def __str__(self) -> str:
        query = "&".join(f"{key}={quote(value)}" for key, value in self.options.items())
        return f"{self.format}:{self.path}" + (f"?{query}" if query else "")

    @property
    def root(self) -> Path:
        """The path as a folder. Raises HRSError where there is none."""
        folder = usable_path(self.path).resolve()
        if not folder.is_dir():
            raise HRSError(f"data set {self}: the folder {folder} does not exist; check the path")
        return folder

    @property
    def split(self) -> str:
        """The folder of the split, train unless the options name another. Raises HRSError for what is no name."""
        split = self.options.get("split", DEFAULT_SPLIT)
        if not split or Path(split).name != split or split.startswith("."):
            raise HRSError(f"data set {self}: split={split}; expected the name of a folder, such as train or val")
        return split

    def folders(self, images: str, labels: str) -> tuple[Path, Path]:
        """Two folders below the root. Raises HRSError where one is missing, with what is there instead."""
        root = self.root
        missing = [name for name in (images, labels) if not (root / name).is_dir()]
        if missing:
            holds = ", ".join(sorted(path.name for path in root.iterdir())[:8]) or "nothing"
            raise HRSError(
                f"data set {self}: expected {images}/ and {labels}/ below {root}; "
                f"{' and '.join(missing)} is not there, the folder holds {holds}"
            )
        return root / images, root / labels

    def with_options(self, **options: object) -> DatasetSpec:
        """The same data set with these options set."""
        return replace(self, options={**self.options, **{key: str(value) for key, value in options.items()}})

    def number(self, key: str, default: int, *, least: int = 0) -> int:
        """An option that is a whole number of at least ``least``."""
        text = self.options.get(key, str(default))
        if not text.isdecimal() or int(text) < least:
            raise HRSError(f"data set {self}: {key}={text}; expected a whole number of at least {least}")
        return int(text)
