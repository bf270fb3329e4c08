"""Labels as PNGs, and the pictures that a run leaves behind: predictions on validation images, weights over frames."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from hrs.labels import IGNORE, LabelSpace, colourise
from hrs.system.files import atomic_write, make_folder
from hrs.system.images import encode

Image = NDArray[np.uint8]

FULL_WEIGHT = 2.0
"""Weight drawn in the brightest colour; 1 is what every pixel would have without selection, and the middle."""
_TITLE = 22  # pixels above a column


def label_png(labels: Image, space: LabelSpace) -> bytes:
    """Class ids (h w), IGNORE among them or not, as a PNG whose palette is the classes' colours; black is no class."""
    picture = Pillow.fromarray(labels)
    colours = [*space.palette, *[(0, 0, 0)] * (IGNORE + 1 - len(space))] if (labels == IGNORE).any() else space.palette
    picture.putpalette([part for colour in colours for part in colour])  # a short one makes ids of fewer bits
    data = BytesIO()
    picture.save(data, "PNG", compress_level=3)
    return data.getvalue()


def prediction_sheet(rows: Sequence[tuple[Image, Image, Image]], space: LabelSpace, *, width: int = 320) -> Image:
    """Rows of (image, label, prediction), RGB; pixels without label are black in the prediction too."""
    shown = [
        [image, colourise(label, space), colourise(np.where(label == IGNORE, IGNORE, predicted), space)]
        for image, label, predicted in rows
    ]
    return sheet(shown, ["image", "label", "prediction"], width=width)


def weight_sheet(
    rows: Sequence[tuple[Image, Image, dict[str, NDArray[np.float32]]]], space: LabelSpace, *, width: int = 256
) -> Image:
    """Rows of frame, label and weight maps (final ones), RGB; dark is low, yellow is high."""
    names = [name for name in ("pixel", "region", "image", "combined") if name in rows[0][2]]
    shown = [
        [image, colourise(label, space), *(weight_colours(maps[name]) for name in names)] for image, label, maps in rows
    ]
    return sheet(shown, ["frame", "label", *(f"{name} weight" for name in names)], width=width)


def weight_colours(weights: NDArray[np.float32]) -> Image:
    """Weights (h w) in viridis, RGB (h w 3): 0 darkest, FULL_WEIGHT and more brightest."""
    level = np.clip(weights / FULL_WEIGHT * 255, 0, 255).astype(np.uint8)
    return _rgb(cv2.applyColorMap(level, cv2.COLORMAP_VIRIDIS))


def sheet(rows: Sequence[Sequence[Image]], titles: Sequence[str], *, width: int) -> Image:
    """Pictures in a grid of equal cells with a title over each column."""
    height = round(width * rows[0][0].shape[0] / rows[0][0].shape[1])
    lines = [np.hstack([_cell(picture, height, width) for picture in row]) for row in rows]
    head = np.full((_TITLE, width * len(titles), 3), 255, np.uint8)
    for column, title in enumerate(titles):
        place = (column * width + 6, _TITLE - 7)
        cv2.putText(head, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([head, *lines])


def write_picture(path: Path, rgb: Image) -> None:
    """Write RGB as the suffix says, whole or not at all."""
    make_folder(path.parent)
    atomic_write(path, encode(path.suffix, rgb))


def _cell(picture: Image, height: int, width: int) -> Image:
    shrinks = picture.shape[1] > width
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST)
    return resized.astype(np.uint8, copy=False)


def _rgb(bgr: NDArray[np.generic]) -> Image:
    return np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8, copy=False)
