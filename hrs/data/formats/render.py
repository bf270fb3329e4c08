"""Frames of the built-in street, drawn when first asked for and kept in the cache.

``render:synthetic`` or ``render:camera`` with frames, start, seed, height and width; ``render:synthetic?faults=none``
draws the same streets with nothing planted. The camera's splits train, val and
test are different streets, each of ``frames`` frames; the synthetic domain has no splits. Where nothing can be drawn,
the frames that come with hrs are used and the log says so.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from hrs.data.formats import folder
from hrs.data.frames import Found, Glimpse, Look
from hrs.data.spec import DEFAULT_SPLIT, DatasetSpec
from hrs.errors import HRSError
from hrs.progress import Progress
from hrs.system.cache import cache_root

SPLITS = ("train", "val", "test")
FRAMES = {"synthetic": 2000, "camera": 100}
HEIGHT, WIDTH = 360, 480

Domain = Literal["synthetic", "camera"]


def read(spec: DatasetSpec, progress: Progress | None = None) -> Found:
    domain, split, start, frames = _asked(spec)
    from hrs.street import can_render

    # What is drawn already needs no OpenGL.
    out = _cache(spec, domain, split)
    if _drawn(out) >= start + frames or can_render():
        return _part(_draw(spec, out, domain, split, start + frames, progress), start, frames)
    return _shipped(spec, domain, split, start, frames)


def look(spec: DatasetSpec) -> Look:
    domain, split, start, frames = _asked(spec)
    drawn = _drawn(_cache(spec, domain, split))
    return Look(total=frames, labelled=True, missing=min(frames, max(0, start + frames - drawn)))


def _asked(spec: DatasetSpec) -> tuple[Domain, str, int, int]:
    """Domain, split, first frame and number of frames. Raises HRSError for what is not drawn."""
    if spec.path not in FRAMES:
        raise HRSError(f"data set {spec}: expected render:synthetic or render:camera")
    domain = cast(Domain, spec.path)
    split = spec.options.get("split", DEFAULT_SPLIT)
    if split not in SPLITS or (domain == "synthetic" and "split" in spec.options):
        has = f"has the splits {', '.join(SPLITS)}" if domain == "camera" else "has no splits; leave split out"
        raise HRSError(f"data set {spec}: render:{domain} {has}")
    if domain == "camera" and "faults" in spec.options:
        raise HRSError(f"data set {spec}: render:camera has no faults; leave faults out")
    return domain, split, spec.number("start", 0), spec.number("frames", FRAMES[domain], least=1)


def _drawn(out: Path) -> int:
    """Frames that lie in the cache."""
    return len(list((out / "images").glob("*.jpg")))


def splits(spec: DatasetSpec) -> list[str]:
    return list(SPLITS) if spec.path == "camera" else []


def glimpse(spec: DatasetSpec, few: int) -> Glimpse:
    """About ``few`` frames, drawn where they are missing, and how long the others will take, from drawing some."""
    start, frames = spec.number("start", 0), spec.number("frames", FRAMES.get(spec.path, 1), least=1)
    found = read(spec.with_options(frames=min(frames, few)))
    if not found.frames or cache_root() not in found.frames[0].image.parents:  # none drawn: frames that come with hrs
        return Glimpse(found=found, total=len(read(spec).frames))
    there = len(list(found.frames[0].image.parent.glob("*.jpg")))
    missing = start + frames - there
    if missing <= 0:
        return Glimpse(found=found, total=frames)
    more = min(missing, max(1, few // 2))
    began = time.perf_counter()
    read(spec.with_options(frames=there + more - start))
    each = (time.perf_counter() - began) / more
    return Glimpse(found=found, total=frames, making=(missing - more) * each)


def _seed(spec: DatasetSpec, split: str) -> int:
    """A seed per split, so that no street is in two of them."""
    return spec.number("seed", 0) * len(SPLITS) + SPLITS.index(split)


def _faults(spec: DatasetSpec) -> bool:
    value = spec.options.get("faults", "planted")
    if value not in ("planted", "none"):
        raise HRSError(f"data set {spec}: faults={value}; expected planted or none")
    return value == "planted"


def _cache(spec: DatasetSpec, domain: Domain, split: str) -> Path:
    from hrs.street import RENDERER_VERSION

    height, width = spec.number("height", HEIGHT, least=32), spec.number("width", WIDTH, least=32)
    kind = domain if _faults(spec) or domain == "camera" else f"{domain}-true"
    return cache_root() / "render" / f"{kind}-{_seed(spec, split)}-{width}x{height}-v{RENDERER_VERSION}"


def _draw(spec: DatasetSpec, out: Path, domain: Domain, split: str, frames: int, progress: Progress | None) -> Path:
    from hrs.street import render_corpus

    return render_corpus(
        out,
        domain,
        frames=frames,
        seed=_seed(spec, split),
        height=spec.number("height", HEIGHT, least=32),
        width=spec.number("width", WIDTH, least=32),
        progress=progress,
        faults=_faults(spec),
    )


def _part(root: Path, start: int, frames: int) -> Found:
    found = folder.read(DatasetSpec(format="folder", path=str(root)))
    return replace(found, frames=found.frames[start : start + frames])


def _shipped(spec: DatasetSpec, domain: Domain, split: str, start: int, frames: int) -> Found:
    from hrs.street import shipped_frames

    if domain == "synthetic" and not _faults(spec):
        raise HRSError(
            f"data set {spec}: no OpenGL here, and the frames that come with hrs have planted faults; on Debian or "
            "Ubuntu 'apt install libegl1 libgl1-mesa-dri' lets it draw"
        )
    found = folder.read(DatasetSpec(format="folder", path=str(shipped_frames(domain))))
    third = len(found.frames) // len(SPLITS)
    first = third * SPLITS.index(split)
    own = found.frames[first : first + third] if domain == "camera" else found.frames
    part = own[start : start + frames]
    logging.getLogger("hrs").warning(
        "%s: no OpenGL here, so %d frames that come with hrs are used instead of %d drawn ones; on Debian or Ubuntu "
        "'apt install libegl1 libgl1-mesa-dri' lets it draw",
        spec,
        len(part),
        frames,
    )
    return replace(found, frames=part)
