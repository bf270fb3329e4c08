"""Frames of the built-in street, drawn when first asked for and kept in the cache.

``render:synthetic`` or ``render:camera`` with frames, start, seed, height and width; ``render:synthetic?faults=none``
draws the same streets with nothing planted. The camera's splits train, val and
test are different streets, each of ``frames`` frames; the synthetic domain has no splits. Where nothing can be drawn,
the frames that come with hrs are used and the log says so.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from hrs.data.formats import folder
from hrs.data.frames import Found, Glimpse, Look
from hrs.data.spec import DEFAULT_SPLIT, DatasetSpec
from hrs.errors import HRSError
from hrs.progress import Progress
from hrs.system.cache import cache_root
from hrs.system.documents import shortened

SPLITS = ("train", "val", "test")
FRAMES = {"synthetic": 2000, "camera": 100}
HEIGHT, WIDTH = 360, 480
_MOST = 10**6 - 1
"""What a number of frames or pixels is at most."""
_MOST_SEED = 2**63 - 1
_INSTALL = "on Debian or Ubuntu 'apt install libegl1 libgl1-mesa-dri' lets it draw"

Domain = Literal["synthetic", "camera"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a name asks for: frames start..start+frames-1 of the streets of one seed.

    seed: of the split's own streets, so that no street is in two splits.
    """

    domain: Domain
    split: str
    seed: int
    height: int
    width: int
    faults: bool
    start: int
    frames: int

    @property
    def folder(self) -> Path:
        """Where they lie in the cache once they are drawn."""
        from hrs.street import RENDERER_VERSION

        kind = self.domain if self.faults else f"{self.domain}-true"
        return cache_root() / "render" / f"{kind}-{self.seed}-{self.width}x{self.height}-v{RENDERER_VERSION}"

    def names(self) -> list[str]:
        from hrs.street import frame_name

        return [frame_name(i) for i in range(self.start, self.start + self.frames)]

    def missing(self) -> list[int]:
        """Of the frames asked for, counted from 0, those that are not drawn yet."""
        drawn = {path.stem for path in (self.folder / "images").glob("*.jpg")}
        return [i for i, name in enumerate(self.names()) if name not in drawn]


def read(spec: DatasetSpec, progress: Progress | None = None) -> Found:
    asked = _asked(spec)
    return _drawn(asked, progress) if _can_draw(asked) else _shipped(spec, asked)


def look(spec: DatasetSpec) -> Look:
    asked = _asked(spec)
    if not _can_draw(asked):
        return Look(total=len(_shipped_part(spec, asked).frames), labelled=True)
    return Look(total=asked.frames, labelled=True, missing=len(asked.missing()))


def splits(spec: DatasetSpec) -> list[str]:
    return list(SPLITS) if spec.path == "camera" else []


def glimpse(spec: DatasetSpec, few: int) -> Glimpse:
    """About ``few`` frames, drawn where they are missing, and how long the others will take, from drawing some."""
    asked = _asked(spec)
    if not _can_draw(asked):
        found = _shipped(spec, asked)
        return Glimpse(found=found, total=len(found.frames))
    found = _drawn(replace(asked, frames=min(asked.frames, few)))
    missing = asked.missing()
    if not missing:
        return Glimpse(found=found, total=asked.frames)
    more = min(len(missing), max(1, few // 2))
    began = time.perf_counter()
    _drawn(replace(asked, frames=missing[more - 1] + 1))
    each = (time.perf_counter() - began) / more
    return Glimpse(found=found, total=asked.frames, making=(len(missing) - more) * each)


def _asked(spec: DatasetSpec) -> Asked:
    """Raises HRSError for what is not drawn."""
    if spec.path not in FRAMES:
        raise HRSError(f"data set {spec}: expected render:synthetic or render:camera")
    domain = cast(Domain, spec.path)
    split = spec.options.get("split", DEFAULT_SPLIT)
    if split not in SPLITS or (domain == "synthetic" and "split" in spec.options):
        has = f"has the splits {', '.join(SPLITS)}" if domain == "camera" else "has no splits; leave split out"
        raise HRSError(f"data set {spec}: render:{domain} {has}")
    if domain == "camera" and "faults" in spec.options:
        raise HRSError(f"data set {spec}: render:camera has no faults; leave faults out")
    height, width = _size(spec)
    return Asked(
        domain=domain,
        split=split,
        seed=_number(spec, "seed", 0, most=_MOST_SEED) * len(SPLITS) + SPLITS.index(split),
        height=height,
        width=width,
        faults=_faults(spec),
        start=_number(spec, "start", 0),
        frames=_number(spec, "frames", FRAMES[domain], least=1),
    )


def _number(spec: DatasetSpec, key: str, default: int, *, least: int = 0, most: int = _MOST) -> int:
    text = spec.options.get(key, str(default))
    if len(text) > len(str(most)) or spec.number(key, default, least=least) > most:
        raise HRSError(
            f"data set {shortened(str(spec))}: {key}={shortened(text)}; expected a whole number from {least} to {most}"
        )
    return spec.number(key, default, least=least)


def _size(spec: DatasetSpec) -> tuple[int, int]:
    """Height and width."""
    from hrs.street import check_size

    height, width = _number(spec, "height", HEIGHT), _number(spec, "width", WIDTH)
    try:
        check_size(height, width)
    except HRSError as error:
        raise HRSError(f"data set {spec}: {error}") from error
    return height, width


def _faults(spec: DatasetSpec) -> bool:
    value = spec.options.get("faults", "planted")
    if value not in ("planted", "none"):
        raise HRSError(f"data set {spec}: faults={value}; expected planted or none")
    return value == "planted"


def _can_draw(asked: Asked) -> bool:
    """What is drawn already needs no OpenGL."""
    from hrs.street import can_render

    return not asked.missing() or can_render()


def _drawn(asked: Asked, progress: Progress | None = None) -> Found:
    """The frames from the cache, those that are missing drawn first."""
    from hrs.street import render_corpus

    root = render_corpus(
        asked.folder,
        asked.domain,
        first=asked.start,
        frames=asked.frames,
        seed=asked.seed,
        height=asked.height,
        width=asked.width,
        progress=progress,
        faults=asked.faults,
    )
    found = folder.read(DatasetSpec(format="folder", path=str(root)))
    names = set(asked.names())
    return replace(
        found,
        frames=tuple(frame for frame in found.frames if frame.id in names),
        missing=tuple(item for item in found.missing if item.path.stem in names),
    )


def _shipped(spec: DatasetSpec, asked: Asked) -> Found:
    """The frames that come with hrs, with a word in the log."""
    found = _shipped_part(spec, asked)
    ignored = [key for key in ("seed", "height", "width") if key in spec.options]
    logging.getLogger("hrs").warning(
        "%s: no OpenGL here, so %d frames that come with hrs are used instead of %d drawn ones%s; %s",
        spec,
        len(found.frames),
        asked.frames,
        f", without regard to {' and '.join(ignored)}" if ignored else "",
        _INSTALL,
    )
    return found


def _shipped_part(spec: DatasetSpec, asked: Asked) -> Found:
    """Those of the frames that come with hrs that stand for what is asked. Raises HRSError where there is none."""
    from hrs.street import shipped_frames

    if not asked.faults:
        raise HRSError(
            f"data set {spec}: no OpenGL here, and the frames that come with hrs have planted faults; {_INSTALL}"
        )
    found = folder.read(DatasetSpec(format="folder", path=str(shipped_frames(asked.domain))))
    own = found.frames
    if asked.domain == "camera":
        third = len(own) // len(SPLITS)
        own = own[third * SPLITS.index(asked.split) :][:third]
    part = own[asked.start : asked.start + asked.frames]
    if not part:
        raise HRSError(
            f"data set {spec}: no OpenGL here, and of the {len(own)} frames that come with hrs none is left from "
            f"start={asked.start} on; choose a start below {len(own)}, or draw: {_INSTALL}"
        )
    return replace(found, frames=part)
