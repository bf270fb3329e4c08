"""Frames rendered in advance, for machines without OpenGL. ``python -m hrs.street.shipped`` renders them again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hrs.errors import HRSError
from hrs.progress import Progress
from hrs.street.corpus import render_corpus
from hrs.street.domains import Domain, place_of

_HERE = Path(__file__).resolve().parent
_SEED = 20_011
"""Of no other use, so that shipped frames never repeat a rendered corpus."""
_FRAMES: dict[Domain, int] = {"synthetic": 96, "camera": 48}
_HEIGHT, _WIDTH, _QUALITY = 180, 240, 85


def shipped_frames(domain: Domain) -> Path:
    """The folder of pre-rendered frames of a domain, laid out as ``render_corpus`` writes it.

    Raises:
        HRSError: for an unknown domain, or if the installation lacks the frames.
    """
    place_of(domain)
    folder = _HERE / domain
    if not (folder / "images").is_dir():
        raise HRSError(
            f"{folder} has no frames; reinstall the package, "
            "or run 'python -m hrs.street.shipped' on a machine with OpenGL"
        )
    return folder


def write_shipped(progress: Progress | None = None) -> None:
    """Render the shipped frames anew, in place.

    Raises:
        RendererUnavailable: if no OpenGL can be had; the old frames stay.
    """
    for domain, frames in _FRAMES.items():
        with tempfile.TemporaryDirectory() as scratch:
            made = render_corpus(
                Path(scratch) / domain,
                domain,
                frames=frames,
                seed=_SEED,
                height=_HEIGHT,
                width=_WIDTH,
                quality=_QUALITY,
                progress=progress,
            )
            shutil.rmtree(_HERE / domain, ignore_errors=True)
            shutil.copytree(made, _HERE / domain)
