"""The formats of data sets. A new one is a row here, a module of its name beside this one, and a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from hrs.progress import Progress

if TYPE_CHECKING:
    from hrs.data.frames import Found, Glimpse
    from hrs.data.spec import DatasetSpec


@dataclass(frozen=True, kw_only=True)
class Format:
    """What is known of a format without opening anything; free of OpenCV, so that naming a data set is quick.

    Its module ``hrs.data.formats.NAME`` has ``read(spec) -> Found``. One whose frames are made when they are asked for
    has ``read(spec, progress) -> Found`` and ``glimpse(spec, few) -> Glimpse``.

    folder: what lies where, in Markdown.
    labels: how they are encoded, in Markdown.
    options: those that ``?key=value`` may name; "split" where it has splits.
    made: whether its frames are made when they are asked for, which takes time.
    signs: what tells such a folder from others: patterns below it; one line of them suffices, all of it is needed.
    """

    name: str
    folder: str
    labels: str
    options: frozenset[str] = frozenset()
    made: bool = False
    signs: tuple[tuple[str, ...], ...] = ()

    @property
    def known_options(self) -> frozenset[str]:
        """``options``, and ``classes``, a file that says what the classes shall be called, where there are labels."""
        return self.options | ({"classes"} if self.labels != "none" else set())

    def fits(self, root: Path) -> bool:
        """Whether a folder looks like this."""
        return any(all(any(True for _ in root.glob(sign)) for sign in line) for line in self.signs)

    def splits(self, spec: DatasetSpec) -> list[str]:
        """The names of the splits that a data set has, as they are on disk; none for formats without splits."""
        return list(import_module(f"hrs.data.formats.{self.name}").splits(spec)) if self.has_splits else []

    @property
    def has_splits(self) -> bool:
        return "split" in self.options

    def read(self, spec: DatasetSpec, progress: Progress | None = None) -> Found:
        """All frames of a data set. Raises HRSError where the folder is not as the format says.

        progress: called with (done, total) while frames are made.
        """
        module = import_module(f"hrs.data.formats.{self.name}")
        return cast("Found", module.read(spec, progress) if self.made else module.read(spec))

    def glimpse(self, spec: DatasetSpec, few: int) -> Glimpse:
        """A look at a data set that makes no more than about ``few`` frames, however many it has."""
        from hrs.data.frames import Glimpse

        if not self.made:
            found = self.read(spec)
            return Glimpse(found=found, total=len(found.frames))
        return cast(Glimpse, import_module(f"hrs.data.formats.{self.name}").glimpse(spec, few))


_ROWS = (
    Format(name="gta5", folder="`images/*.png`, `labels/*.png`", labels="palette PNG of Cityscapes ids"),
    Format(name="synthia", folder="`RGB/*.png`, `GT/LABELS/*.png`", labels="16-bit PNG, class in the red channel"),
    Format(
        name="cityscapes",
        folder="`leftImg8bit/SPLIT/CITY/`, `gtFine/SPLIT/CITY/`",
        labels="`labelIds` or `labelTrainIds`",
        options=frozenset({"split"}),
    ),
    Format(
        name="camvid",
        folder="SegNet's `train`, `trainannot`, … or the original 32 colours",
        labels="ids 0..11, or colours",
        options=frozenset({"split"}),
    ),
    Format(
        name="carla",
        folder="`rgb/`, `seg/`, and `?version=0.9.13` or `?version=0.9.14`",
        labels="tag in the red channel",
        options=frozenset({"version"}),
    ),
    Format(
        name="folder",
        folder="`images/`, `labels/`, `classes.yaml`",
        labels="8- or 16-bit PNG, your own ids",
        options=frozenset({"split"}),
    ),
    Format(name="images", folder="any folder of photos", labels="none"),
    Format(
        name="render",
        folder="built in: `render:synthetic`, `render:camera`",
        labels="from the renderer",
        options=frozenset({"split", "frames", "start", "seed", "height", "width", "faults"}),
        made=True,
    ),
)
FORMATS: Mapping[str, Format] = MappingProxyType({row.name: row for row in _ROWS})


def to_markdown() -> str:
    """The table for people: format, folder, labels."""
    rows = [f"| `{row.name}` | {row.folder} | {row.labels} |" for row in FORMATS.values()]
    return "\n".join(["| format | folder | labels |", "| --- | --- | --- |", *rows])


def to_text() -> str:
    """A line a format for a terminal: name, folder, labels, options."""
    wide = max(map(len, FORMATS))
    return "\n".join(f"{name:<{wide}}  {_line(row)}" for name, row in FORMATS.items())


def _line(row: Format) -> str:
    options = f"; options: {', '.join(sorted(row.options))}" if row.options else ""
    return f"{row.folder}; labels: {row.labels}{options}".replace("`", "")
