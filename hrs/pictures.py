"""Labels as PNGs, and the pictures that a run leaves behind: predictions on validation images, weights over frames."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from hrs.labels import IGNORE, LabelSpace, colourise
from hrs.system.files import atomic_write, make_folder
from hrs.system.images import LUMA, encode

Image = NDArray[np.uint8]

FULL_WEIGHT = 2.0
"""Weight drawn in the last colour; 1 is what every pixel would have without selection, and the middle."""
_WEIGHT_STOPS = ("7a2c00", "b34700", "e0731d", "eba86a", "c8c8c8", "8fb3e0", "4f8ad8", "1f5db8", "0b2f80")
"""Colours of weights in equal steps up to FULL_WEIGHT: orange below 1, blue above, which red-green blind people
tell apart, too; grey and lightest at 1, so that what is as without selection looks like a grey picture."""
_TITLE = 22  # pixels above a column
_INK = (40, 40, 40)
_DARK = 16
_LEGEND = """
<div style="display:flex;flex-wrap:wrap;align-items:center;gap:4px 14px;font-size:13px">
  <div style="width:210px">
    <div style="height:10px;border-radius:5px;background:linear-gradient(to right, {stops})"></div>
    <div style="display:flex;justify-content:space-between;font-variant-numeric:tabular-nums">
      <span>0</span><span>1</span><span>{full}+</span></div>
  </div>
  <span style="opacity:.8">weight 0: not learned from &nbsp;·&nbsp; 1: as without selection &nbsp;·&nbsp;
  {full} and more: counts double</span>
</div>
"""


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


def before_after_sheet(rows: Sequence[tuple[Image, Image, Image, Image]], space: LabelSpace) -> Image:
    """Rows of (image, label, prediction before, prediction after), RGB; pixels without label are black everywhere."""
    shown = [
        [image, *(colourise(np.where(label == IGNORE, IGNORE, seen), space) for seen in (label, before, after))]
        for image, label, before, after in rows
    ]
    return sheet(shown, ["image", "label", "before", "after"], width=320)


def weight_sheet(
    rows: Sequence[tuple[Image, Image, dict[str, NDArray[np.float32]]]], space: LabelSpace, *, width: int = 256
) -> Image:
    """Rows of frame, label and weight maps (final ones), RGB; orange is low, blue is high."""
    names = [name for name in ("pixel", "region", "image", "combined") if name in rows[0][2]]
    shown = [
        [image, colourise(label, space), *(weight_colours(maps[name]) for name in names)] for image, label, maps in rows
    ]
    table = sheet(shown, ["frame", "label", *(f"{name} weight" for name in names)], width=width)
    return np.vstack([table, weight_bar(table.shape[1])])


def weight_colours(weights: NDArray[np.float32]) -> Image:
    """Weights (h w) as RGB (h w 3): orange below 1, grey at 1, blue above, FULL_WEIGHT and more darkest."""
    level = np.clip(weights / FULL_WEIGHT * 255, 0, 255).astype(np.uint8)
    return _weight_table()[level]


@cache
def _weight_table() -> Image:
    """Colours of 256 weights from 0 to FULL_WEIGHT, RGB (256 3)."""
    stops = np.array([list(bytes.fromhex(stop)) for stop in _WEIGHT_STOPS], np.float64)
    places = np.linspace(0, 255, len(stops))
    table = np.stack([np.interp(np.arange(256), places, stops[:, part]) for part in range(3)], axis=1)
    return np.rint(table).astype(np.uint8)


def weigh_picture(
    picture: Image, weights: NDArray[np.float32], *, opacity: float = 0.6, threshold: float = 0.0
) -> Image:
    """Weight colours over a picture, as the pages show them (paint.js does the same in the browser).

    The picture loses its own colours first, so that colour says weight alone; what weighs less than the threshold is
    dark, with a white edge.

    Args:
        picture: RGB (h w 3). weights: (h w), at least 0. opacity: of the colours, in [0, 1].
    """
    grey = (picture @ LUMA)[..., None]
    base = picture + min(1.0, 2 * opacity) * (grey - picture)
    shown = base + opacity * (weight_colours(weights) - base)
    low = weights < threshold
    edge = low & (cv2.dilate((~low).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) > 0)
    shown = np.where(low[..., None], 0.35 * grey + 0.65 * _DARK, shown)
    return np.rint(np.where(edge[..., None], 255, shown)).astype(np.uint8)


def weight_stops(count: int = 16) -> list[str]:
    """The colours of weights from 0 to FULL_WEIGHT in equal steps, as CSS has them."""
    colours = weight_colours(np.linspace(0, FULL_WEIGHT, count, dtype=np.float32)[None])[0]
    return ["rgb({},{},{})".format(*rgb) for rgb in colours.tolist()]


def weight_legend() -> str:
    """HTML: what the colours of weights mean, wherever they are shown."""
    return _LEGEND.format(stops=", ".join(weight_stops()), full=f"{FULL_WEIGHT:g}")


def weight_bar(width: int) -> Image:
    """The same as a strip below a picture, RGB."""
    bar = np.full((_TITLE + 4, width, 3), 255, np.uint8)
    long, high = min(200, width - 150), _TITLE - 10
    bar[6 : 6 + high, 60 : 60 + long] = weight_colours(np.linspace(0, FULL_WEIGHT, long, dtype=np.float32)[None])
    for x, text in ((4, "weight 0"), (60 + long // 2 - 4, "1"), (66 + long, f"{FULL_WEIGHT:g} and more")):
        cv2.putText(bar, text, (x, _TITLE - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)
    return bar


def sheet(rows: Sequence[Sequence[Image]], titles: Sequence[str], *, width: int) -> Image:
    """Pictures in a grid of equal cells with a title over each column."""
    height = round(width * rows[0][0].shape[0] / rows[0][0].shape[1])
    lines = [np.hstack([_cell(picture, height, width) for picture in row]) for row in rows]
    head = np.full((_TITLE, width * len(titles), 3), 255, np.uint8)
    for column, title in enumerate(titles):
        place = (column * width + 6, _TITLE - 7)
        cv2.putText(head, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    return np.vstack([head, *lines])


def cells(picture: Image, rows: int, columns: int) -> list[list[Image]]:
    """What `sheet` put together, apart again; what is left of an edge that does not divide is dropped."""
    height, width = (picture.shape[0] - _TITLE) // rows, picture.shape[1] // columns
    tops, lefts = [_TITLE + i * height for i in range(rows)], [i * width for i in range(columns)]
    return [[picture[top : top + height, left : left + width] for left in lefts] for top in tops]


def write_picture(path: Path, rgb: Image) -> None:
    """Write RGB as the suffix says, whole or not at all."""
    make_folder(path.parent)
    atomic_write(path, encode(path.suffix, rgb))


def _cell(picture: Image, height: int, width: int) -> Image:
    shrinks = picture.shape[1] > width
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST_EXACT)
    return resized.astype(np.uint8, copy=False)
