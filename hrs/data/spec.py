"""How a data set is named: ``format:path[?key=value&...]``."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from hrs.data.formats.table import FORMATS, UNREAD
from hrs.data.splits import alike
from hrs.errors import HRSError
from hrs.labels import suggest
from hrs.system.documents import shortened, usable_path
from hrs.system.tree import folders_in

if TYPE_CHECKING:
    from hrs.data.classmap import ClassMap

DEFAULT_SPLIT = "train"


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A data set's name, taken apart. For ``render`` the path is the domain, synthetic or camera.

    given: what its classes shall be called; no part of the name.
    """

    format: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    given: ClassMap | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> DatasetSpec:
        """Raises HRSError for an unknown format or option, with the nearest known one."""
        if not text.isprintable():
            raise HRSError(f"data set {shortened(text)} holds what cannot be printed; rename the folder")
        kind, colon, rest = text.partition(":")
        if not colon or not rest:
            given = usable_path(text)
            if "/" in text and not given.exists():
                raise HRSError(f"data set {shortened(text)}: {missing(given)}")
            there = "; " + _what_to_call(text) if text and given.exists() else ""
            raise HRSError(
                f"data set {shortened(text)}; expected format:path with a format of {', '.join(FORMATS)}{there}"
            )
        if kind not in FORMATS:
            raise HRSError(
                f"data set {shortened(text)} has the unknown format {shortened(kind)}; {suggest(kind, list(FORMATS))}"
            )
        path, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        for key in options:
            if key not in (known := FORMATS[kind].known_options):
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
        if folder.is_file():
            raise HRSError(f"data set {self}: {folder} {_no_folder(folder)}")
        if not folder.is_dir():
            raise HRSError(f"data set {self}: the folder {missing(folder)}")
        return folder

    @property
    def split(self) -> str:
        """The folder of the split, train unless the options name another. Raises HRSError for what is no name."""
        split = self.options.get("split", DEFAULT_SPLIT)
        if not split or Path(split).name != split or split.startswith("."):
            raise HRSError(f"data set {self}: split={split}; expected the name of a folder, such as train or val")
        return split

    def split_of(self, names: Sequence[str]) -> str:
        """The split of those on disk that is meant, whatever it is called there: ``val`` is also ``validation``.

        Raises HRSError where none of them is it, or more than one may be.
        """
        found = alike(names, self.split)
        if not found:
            has = f"has the splits {', '.join(names)}; name one with ?split=" if names else "has no splits"
            raise HRSError(f"data set {self}: no split {self.split}; it {has}")
        if len(found) > 1:
            raise HRSError(f"data set {self}: {', '.join(found)} may all be {self.split}; name one with ?split=")
        return found[0]

    def folders(self, images: str, labels: str) -> tuple[Path, Path]:
        """Two folders below the root. Raises HRSError where one is missing, with what is there instead."""
        root = self.root
        missing = [name for name in (images, labels) if not (root / name).is_dir()]
        if missing:
            raise HRSError(
                f"data set {self}: expected {images}/ and {labels}/ below {root}; "
                f"{' and '.join(missing)} is not there, {holds(root)}{_perhaps(root, self.format)}"
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


def holds(root: Path) -> str:
    """What a folder holds, in words, for an error."""
    names = sorted(path.name for path in root.iterdir())
    return (
        f"the folder holds {', '.join(names[:8]) or 'nothing'}{f' and {len(names) - 8} more' if len(names) > 8 else ''}"
    )


def missing(path: Path) -> str:
    """That there is no such path, with the nearest that there is."""
    there = next(each for each in path.absolute().parents if os.path.isdir(each))
    first, *others = path.absolute().relative_to(there).parts
    near = [there / name for name in get_close_matches(first, folders_in(there), n=1)]
    found = [each for beside in near for each in (beside.joinpath(*others), beside) if each.exists()]
    return f"{path} does not exist; {f'did you mean {found[0]}?' if found else 'check the path'}"


def looks_like(root: Path) -> list[str]:
    """Names of the data sets that a folder may be, the likeliest first: "voc:/data/VOC2012"."""
    if unread_in_words(root):
        return []
    fits = {name: row.fit(root) for name, row in FORMATS.items()}
    likely = [FORMATS[name] for name in sorted(fits, key=lambda name: -fits[name]) if fits[name]]
    return [f"{row.name}:{root}{query}" for row in likely for query in ([f"?{ask}" for ask in row.asks] or [""])]


def unread_in_words(root: Path) -> str:
    """Half a sentence on a folder that a tool has written and no format reads as it lies, with what to do; else
    nothing."""
    found = next((each for each in UNREAD if each.fits(root)), None)
    return (
        f"looks like {found.name}, which is not read as it lies: {found.remedy}, and name it {found.then}:{root}"
        if found
        else ""
    )


def looks_like_inside(root: Path) -> list[str]:
    """The same for the first of the folders in it, down to the second level, that looks like anything labelled."""
    inner = [root / name for name in folders_in(root)]
    deeper = [each / name for each in inner for name in folders_in(each)]
    found = ([name for name in looks_like(each) if not name.startswith("images:")] for each in (*inner, *deeper))
    return next((names for names in found if names), [])


def looks_like_photos(root: Path) -> list[str]:
    """The same for photos in folders down to the second level, as of years and months, where nothing else is found."""
    from hrs.system.photographs import SUFFIXES  # here: naming a data set needs no decoder

    there = any(path.suffix.lower() in SUFFIXES for place in ("*/*", "*/*/*") for path in root.glob(place))
    return [f"images:{root}"] if there else []


def _no_folder(path: Path) -> str:
    packed = zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    what = "an archive; unpack it and name the folder" if packed else "a file; name the folder"
    return f"is {what} that holds its images"


def _what_to_call(text: str) -> str:
    path = Path(text).expanduser()
    if path.is_file():
        return f"{path.name} {_no_folder(path)}"
    if unread := unread_in_words(path):
        return f"this folder {unread}"
    found = looks_like(path) or looks_like_inside(path) or looks_like_photos(path)
    return f"this folder looks like {' or '.join(found)}" if found else "it looks like none of them"


def _perhaps(root: Path, kind: str) -> str:
    """Half a sentence with what else a folder looks like."""
    if unread := unread_in_words(root):
        return f"; it {unread}"
    others = [name for name in looks_like(root) if not name.startswith((f"{kind}:", "images:"))]
    found = others or looks_like_inside(root)
    return f"; it looks like {found[0]}" if found else ""
