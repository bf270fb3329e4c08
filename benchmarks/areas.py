"""What the weights say, class by class, as a picture: the areas that weigh least and those that weigh most.

python -m benchmarks.areas SCORES --out areas.jpg [--level combined] [--count 5]

SCORES is what `python -m hrs score RUN DATASET` wrote. An area is a connected piece of one class. A row a class: to the
left the areas of the lowest mean weight, to the right those of the highest, at most one of a frame on each side, each
outlined in its frame and named by its weight.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected
from skimage.measure import regionprops

from hrs.errors import HRSError
from hrs.pictures import Image, write_picture
from hrs.scoring.corpus import ScoredCorpus

CELL, TITLE = 128, 100
"""Pixels of a picture's side, and of the column with the classes' names."""
SMALLEST = 150
"""Pixels of an area below which it says little."""


@dataclass(frozen=True, order=True)
class Area:
    """One area: its mean weight, the row of its frame, its bounding box (top, left, bottom, right) and its mask."""

    weight: float
    row: int
    box: tuple[int, int, int, int] = field(compare=False)
    mask: NDArray[np.bool_] = field(compare=False, repr=False)


def areas_of(corpus: ScoredCorpus, row: int, level: str) -> list[tuple[int, Area]]:
    """Every class of a frame with each of its areas."""
    frame = corpus.frame(row)
    label, weights = frame.read_label(), frame.read_maps()[level]
    pieces = connected(label.astype(np.int32) + 1, connectivity=1)  # 0 would be background
    found = []
    for piece in regionprops(pieces, intensity_image=weights):
        y, x = piece.coords[0]
        known = int(label[y, x]) < len(corpus.space)
        if known and piece.area >= SMALLEST:
            found.append((int(label[y, x]), Area(float(piece.intensity_mean), row, piece.bbox, piece.image)))
    return found


def extremes(corpus: ScoredCorpus, level: str, count: int) -> dict[int, tuple[list[Area], list[Area]]]:
    """By class, the areas of lowest and of highest weight, one a frame, the most extreme first."""
    lowest: dict[int, list[Area]] = {}
    highest: dict[int, list[Area]] = {}
    for row in range(len(corpus)):
        by_class: dict[int, list[Area]] = {}
        for known, area in areas_of(corpus, row, level):
            by_class.setdefault(known, []).append(area)
        for known, areas in by_class.items():
            lowest.setdefault(known, []).append(min(areas))
            highest.setdefault(known, []).append(max(areas))
    return {
        known: (heapq.nsmallest(count, lowest[known]), heapq.nlargest(count, highest[known]))
        for known in sorted(lowest)
    }


def cell(corpus: ScoredCorpus, area: Area) -> Image:
    """The area outlined in a square cut of its frame, with its weight."""
    picture = corpus.frame(area.row).read_picture()
    height, width = picture.shape[:2]
    top, left, bottom, right = area.box
    side = min(height, width, max(bottom - top, right - left, 40) + 16)
    y = int(np.clip((top + bottom - side) // 2, 0, height - side))
    x = int(np.clip((left + right - side) // 2, 0, width - side))
    whole = np.zeros((height, width), np.uint8)
    whole[top:bottom, left:right] = area.mask
    cut = (slice(y, y + side), slice(x, x + side))
    shown = cv2.resize(picture[cut], (CELL, CELL), interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(whole[cut], (CELL, CELL), interpolation=cv2.INTER_NEAREST)
    outline, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(shown, outline, -1, (255, 230, 0), 1, cv2.LINE_AA)
    cv2.rectangle(shown, (0, 0), (38, 17), (0, 0, 0), -1)
    _write(shown, f"{area.weight:.2f}", (3, 13), (255, 255, 255))
    return cv2.copyMakeBorder(shown, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def _write(picture: Image, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


def draw(corpus: ScoredCorpus, found: dict[int, tuple[list[Area], list[Area]]], count: int) -> Image:
    """The whole picture: a row a class, the lowest to the left, the highest to the right."""
    space = corpus.space
    side, lines = CELL + 2, []
    for known, (low, high) in found.items():
        line = np.full((side, TITLE + 12 + 2 * count * side, 3), 255, np.uint8)
        _write(line, space.classes[known], (6, side // 2 + 4), (30, 30, 30))
        for first, areas in ((TITLE, low), (TITLE + 12 + count * side, high)):
            for i, area in enumerate(areas):
                line[:, first + i * side : first + (i + 1) * side] = cell(corpus, area)
        lines.append(line)
    head = np.full((24, lines[0].shape[1], 3), 255, np.uint8)
    _write(head, "weighs least", (TITLE + 4, 16), (30, 30, 30))
    _write(head, "weighs most", (TITLE + 16 + count * side, 16), (30, 30, 30))
    return np.vstack([head, *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--level", default="combined")
    parser.add_argument("--count", type=int, default=5)
    options = parser.parse_args()
    try:
        corpus = ScoredCorpus.open(options.scores)
        if options.level not in corpus.maps:
            raise HRSError(f"{options.scores} has no map {options.level!r}; known: {', '.join(corpus.maps)}")
        write_picture(options.out, draw(corpus, extremes(corpus, options.level, options.count), options.count))
    except HRSError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
