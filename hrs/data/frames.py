"""Frames and how images find their labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hrs.data.encoding import Encoding
from hrs.errors import HRSError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One image. ``id`` is its path below the image folder without suffix, unique in its data set."""

    id: str
    image: Path
    label: Path | None = None
    planted: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A file that is not used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a layout's reader saw. ``layout`` says in words what it looked for."""

    frames: tuple[Frame, ...]
    missing: tuple[Skipped, ...]
    encoding: Encoding | None
    layout: str


@dataclass(frozen=True, kw_only=True)
class Glimpse:
    """A look at a data set whose frames may not all be there yet.

    found: some of its frames; all of them where none has to be made.
    total: how many it has.
    making: seconds that it will take to make those that are missing.
    """

    found: Found
    total: int
    making: float = 0.0


def pair(
    images: Path,
    labels: Path,
    *,
    encoding: Encoding,
    image_end: str = "",
    label_end: str = "",
    planted: Path | None = None,
) -> Found:
    """Match images and labels by name, once ``image_end`` and ``label_end`` are taken off."""
    left, right = _by_name(images, image_end), _by_name(labels, label_end)
    both = sorted(left.keys() & right.keys())
    masks = _by_name(planted, "") if planted else {}
    frames = tuple(Frame(id=key, image=left[key], label=right[key], planted=masks.get(key)) for key in both)
    lonely = [(left[key], "has no label") for key in left.keys() - right.keys()]
    lonely += [(right[key], "has no image") for key in right.keys() - left.keys()]
    missing = tuple(Skipped(path=path, reason=reason) for path, reason in sorted(lonely))
    layout = f"{images.name}/NAME{image_end}.* with {labels.name}/NAME{label_end}.png"
    return Found(frames=frames, missing=missing, encoding=encoding, layout=layout)


def files_below(root: Path) -> list[Path]:
    """All image files below a folder, sorted; hidden and half-written ones are left out."""
    return sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))


def _by_name(root: Path, ending: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in files_below(root):
        stem = str(path.relative_to(root).with_suffix(""))
        if not stem.endswith(ending):
            continue
        key = stem[: len(stem) - len(ending)]
        if key in found:
            raise HRSError(f"{found[key]} and {path} have the same name; keep one of them")
        found[key] = path
    return found


def describe_missing(missing: Iterable[Skipped]) -> str:
    """The first of the files without a partner, for an error."""
    return next((f"; {item.path.name} {item.reason}" for item in missing), "")
