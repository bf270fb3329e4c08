"""Areas as pictures: each outlined in a square cut of its frame, and a sheet of the extreme ones of every class."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.pictures import Image, weight_bar, weight_colours
from hrs.scoring.areatable import Area, AreaTable
from hrs.scoring.corpus import MAP_NAMES
from hrs.system.images import LUMA

SIDE = 128
"""Pixels of a crop's side."""
_AROUND, _LEAST = 12, 40  # pixels of the frame shown around an area, and that a cut spans at least
_TITLE, _GAP, _HEAD = 110, 12, 24  # columns of class names, between low and high; rows above
_INK, _WHITE = (30, 30, 30), (255, 255, 255)


def crop(table: AreaTable, area: Area, side: int = SIDE) -> Image:
    """An area outlined in a square cut of its frame, RGB (side side 3). Raises HRSError where a file is missing."""
    picture = table.corpus.frame(area.row).read_picture()
    inside = (table.corpus.read_reasons(area.row).areas == area.number).astype(np.uint8)
    if inside.shape != picture.shape[:2]:
        raise HRSError(f"the picture of frame {table.corpus.frame(area.row).id} does not fit; score the run again")
    cut = square_around(area.box, *inside.shape)
    shown = cv2.resize(picture[cut], (side, side), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    mask = cv2.resize(inside[cut], (side, side), interpolation=cv2.INTER_NEAREST_EXACT)
    outline, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(shown, outline, -1, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.drawContours(shown, outline, -1, (255, 230, 0), 1, cv2.LINE_AA)
    return shown


def square_around(box: tuple[int, int, int, int], height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a square of a frame that shows a box with something around it, as far as the frame goes."""
    left, top, right, bottom = box
    side = min(height, width, max(bottom - top, right - left, _LEAST) + 2 * _AROUND)
    y = int(np.clip((top + bottom - side) // 2, 0, height - side))
    x = int(np.clip((left + right - side) // 2, 0, width - side))
    return slice(y, y + side), slice(x, x + side)


def contact_sheet(table: AreaTable, count: int = 5) -> Image:
    """A row a class, RGB: the areas that lose most to the left, those that gain most to the right, one a frame, each
    with its weight and what is seen in it. Raises HRSError for a corpus without any area."""
    classes = np.unique(table.column("label")).tolist()
    if not classes:
        raise HRSError(f"{table.corpus.folder} holds no area; score labelled frames")
    lines = [_line(table, label, count) for label in classes]
    head = np.full((_HEAD, lines[0].shape[1], 3), 255, np.uint8)
    write(head, "loses most pixels", (_TITLE + 4, 16), _INK)
    write(head, "gains most pixels", (_TITLE + _GAP + count * (SIDE + 2) + 4, 16), _INK)
    return np.vstack([head, *lines, weight_bar(head.shape[1])])


def _line(table: AreaTable, label: int, count: int) -> Image:
    cell = SIDE + 2
    line = np.full((cell, _TITLE + _GAP + 2 * count * cell, 3), 255, np.uint8)
    write(line, table.corpus.space.classes[label], (6, cell // 2 + 4), _INK)
    for first, highest in ((_TITLE, False), (_TITLE + _GAP + count * cell, True)):
        _fill(line[:, first : first + count * cell], table, table.extremes(label, count, highest=highest))
    return line


def _fill(line: Image, table: AreaTable, areas: Sequence[Area]) -> None:
    cell = SIDE + 2
    for i, area in enumerate(areas):
        line[1:-1, i * cell + 1 : (i + 1) * cell - 1] = badged(table, area)


def badged(table: AreaTable, area: Area) -> Image:
    """`crop` with the weight on its colour in a corner, and below it the class seen where that is not the label."""
    shown, weight = crop(table, area), area.weights[MAP_NAMES[0]]
    colour = weight_colours(np.full((1, 1), weight, np.float32))[0, 0]
    cv2.rectangle(shown, (0, 0), (38, 17), tuple(map(int, colour)), -1)
    write(shown, f"{weight:.2f}", (3, 13), _INK if readable_in_black(colour) else _WHITE)
    if area.seen != area.label:
        cv2.rectangle(shown, (0, SIDE - 17), (SIDE, SIDE), (0, 0, 0), -1)
        write(shown, table.corpus.space.classes[area.seen], (3, SIDE - 5), _WHITE)
    return shown


def readable_in_black(colour: NDArray[np.uint8]) -> bool:
    """Whether black is easier to read than white on a colour."""
    return float(colour @ LUMA) > 128


def write(picture: Image, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
