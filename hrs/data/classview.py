"""The classes of a data set at a glance: their shares, what they look like, and what they are taken for elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.data.classmap import ClassMap, become
from hrs.data.glance import Glance, glance
from hrs.errors import HRSError
from hrs.labels import IGNORE, LabelSpace

Image = NDArray[np.uint8]
_HEIGHT, _MOST_WIDE = 64, 128  # of a picture
_MARGIN = 0.25  # of what is shown, on each side
_FADED = 0.25  # of what a pixel of another class was; the rest is white


@dataclass(frozen=True, kw_only=True)
class ClassView:
    """share: percent of the labelled pixels of the frames that were looked at. picture: RGB (64 w 3), where a frame has
    most of the class, all else faded; None where none of them has it. target: what it is taken for elsewhere, and
    ``how`` that was told. keys: its ids or colours as a class map may name them."""

    name: str
    keys: tuple[str, ...]
    share: float
    picture: Image | None
    target: str | None
    how: str

    def to_dict(self, picture: str | None) -> dict[str, Any]:
        """All but the picture, for JSON, with the name of its file."""
        told = {"target": self.target, "how": self.how}
        return {"name": self.name, "keys": self.keys, "share": round(self.share, 4), "picture": picture} | told


def view_classes(
    name: str, target: LabelSpace, *, classes: ClassMap | None = None
) -> tuple[Glance, tuple[ClassView, ...]]:
    """Look at a few frames of a data set: its classes on disk, and what they are by way of a class map, if any.

    Raises HRSError where it cannot be opened, or has no labels, and where the map names what is not there.
    """
    seen = glance(name, classes)
    dataset, on_disk = seen.dataset, seen.dataset.encoding_on_disk
    if dataset.encoding is None or on_disk is None:
        raise HRSError(f"data set {name} has no labels; name a labelled one")
    if dataset.given:
        dataset.given.check(target)
    labels = [on_disk.classes(dataset.read_raw(i)) for i in range(len(dataset))]
    pixels = np.stack([np.bincount(label.ravel(), minlength=IGNORE + 1)[: len(on_disk.space)] for label in labels])
    shares = 100 * pixels.sum(axis=0) / max(pixels.sum(), 1)
    views = []
    for i, (found, raws) in enumerate(become(on_disk, dataset.encoding, target)[: len(on_disk.space)]):
        best = int(pixels[:, i].argmax())
        picture = _cut_out(dataset.read_image(best), labels[best] == i) if pixels[best, i] else None
        views.append(
            ClassView(
                name=found.source,
                keys=tuple(key for raw in raws for key in on_disk.keys(raw)),
                share=float(shares[i]),
                picture=picture,
                target=found.target,
                how=found.how,
            )
        )
    return seen, tuple(views)


def _cut_out(image: Image, mask: NDArray[np.bool_]) -> Image:
    """The largest piece of a class with some of what is around it, faded."""
    _, _, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    left, top, wide, high, _ = boxes[1:][boxes[1:, cv2.CC_STAT_AREA].argmax()].tolist()
    x, y = int(_MARGIN * wide) + 2, int(_MARGIN * high) + 2
    rows, columns = slice(max(0, top - y), top + high + y), slice(max(0, left - x), left + wide + x)
    faded = _FADED * image[rows, columns] + (1 - _FADED) * 255
    part = np.where(mask[rows, columns, None], image[rows, columns], faded).astype(np.uint8)
    across = min(_MOST_WIDE, max(1, round(_HEIGHT * part.shape[1] / part.shape[0])))
    return cv2.resize(part, (across, _HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
