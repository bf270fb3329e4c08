"""Whether images show anything: how far apart their dark and bright parts are, and what their transparency hides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrs.data.layouts import Dataset
from hrs.data.plausibility import Finding
from hrs.errors import HRSError
from hrs.progress import counted
from hrs.system.photographs import hides_all, open_image

_FLAT = 16  # of 255 levels; white of 12 bits in 16. The flattest of 24 photos has 205 in CamVid, 140 in IDD-Lite
_SIDE = 64  # pixels that are looked at along the shorter side, about


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Of one image. contrast: levels between its 1st and 99th percentile, of the channel where they are most. hidden:
    whether its transparency would hide all of it, and is not taken."""

    contrast: int
    hidden: bool


def look(dataset: Dataset, i: int, image: NDArray[np.uint8]) -> Shown:
    """An image (h w 3) of a data set that has just been read."""
    step = max(1, min(image.shape[:2]) // _SIDE)
    low, high = np.percentile(image[::step, ::step].reshape(-1, 3), (1, 99), axis=0)
    with open_image(dataset.frames[i].image) as opened:
        return Shown(contrast=int((high - low).max()), hidden=hides_all(opened))


def look_at_some(dataset: Dataset, indices: Sequence[int]) -> list[Shown]:
    """Those of some images that can be read."""
    found = []
    for i in indices:
        try:
            found.append(look(dataset, i, dataset.read_image(i)))
        except HRSError:  # whoever needs it says so
            continue
    return found


def judge_images(images: Iterable[Shown]) -> Iterator[Finding]:
    """What is wrong with images, as far as these tell."""
    seen = list(images)
    contrast, hidden = max((each.contrast for each in seen), default=_FLAT + 1), sum(each.hidden for each in seen)
    if contrast <= _FLAT:
        yield Finding(
            certain=False,
            text=f"no image has more than {contrast} of 255 levels between its dark and bright parts, as where 16 bits "
            "hold values of 10 or 12; scale them to the whole range",
        )
    if hidden:
        yield Finding(
            certain=False,
            text=f"{counted(hidden, 'image')} of {len(seen)} would be hidden by transparency that is opaque nowhere, "
            "or by a fourth band; the colours alone are read: save images without it",
        )
