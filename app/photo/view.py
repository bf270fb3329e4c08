"""What the photo app shows, as pure functions: pictures and HTML from a segmentation."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.inference import Segmentation
from hrs.labels import Colour, LabelSpace
from hrs.system.documents import as_cell

Image = NDArray[np.uint8]
Map = NDArray[np.float32]
Values = TypeVar("Values", Image, Map)

LONGEST_SIDE = 1600
"""Pixels of a picture on the screen; label images keep the photo's own size."""
THUMBNAIL = 320
"""Pixels of the longer side of a picture among many."""
HIGHEST = 560
"""Pixels of a picture on the page from top to bottom."""
_STRIP = 256  # rows that are counted at a time


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """A class that is present. percent: of the photo's pixels. confidence: mean over them, in [0, 1]; None for one of a
    video, of which only all pixels' mean is known."""

    name: str
    colour: Colour
    percent: float
    confidence: float | None


@dataclass(frozen=True, kw_only=True)
class BatchRow:
    """What became of one photo of a batch. picture: JPEG of the photo under its class colours. problem: why it was left
    out, empty if it was not."""

    photo: str
    picture: bytes = b""
    classes: tuple[ClassRow, ...] = ()
    problem: str = ""


def shrink(values: Values, longest: int = LONGEST_SIDE, *, smooth: bool = True) -> Values:
    """An image or a map with its longer side at most ``longest`` pixels; class ids (h w) need ``smooth=False``."""
    height, width = values.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return values
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA if smooth else cv2.INTER_NEAREST_EXACT)  # type: ignore[return-value]


def confidence_colours(confidence: Map) -> Image:
    """Confidence (h w) in [0, 1] as RGB (h w 3): dark where the network is unsure, yellow where it is sure."""
    level = (np.clip(confidence, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(level, cv2.COLORMAP_VIRIDIS)[..., ::-1]).astype(np.uint8)


def class_rows(result: Segmentation, space: LabelSpace) -> tuple[ClassRow, ...]:
    """The classes that are present, largest first."""
    counts, sums = np.zeros(len(space), np.int64), np.zeros(len(space))
    for top in range(0, len(result.labels), _STRIP):  # a whole large photo as 64-bit numbers would take a gigabyte
        labels = result.labels[top : top + _STRIP].ravel()
        counts += np.bincount(labels, minlength=len(space))
        sums += np.bincount(labels, result.confidence[top : top + _STRIP].ravel(), minlength=len(space))
    present = sorted(np.flatnonzero(counts), key=lambda i: -counts[i])
    return tuple(
        ClassRow(
            name=space.classes[i],
            colour=space.palette[i],
            percent=100 * float(counts[i]) / result.labels.size,
            confidence=float(sums[i] / counts[i]),
        )
        for i in present
    )


def rows_of(about: Mapping[str, Any], space: LabelSpace) -> tuple[ClassRow, ...]:
    """The classes of a video, largest first, from its JSON (see `hrs.inference.videos`)."""
    present = sorted((name for name, share in about["coverage"].items() if share), key=lambda n: -about["coverage"][n])
    colours = dict(zip(space.classes, space.palette, strict=True))
    return tuple(
        ClassRow(name=name, colour=colours[name], percent=about["coverage"][name], confidence=None) for name in present
    )


def in_words(rows: Sequence[ClassRow], most: int) -> str:
    """The largest classes in a line: "road 41 %, sky 30 %"."""
    return ", ".join(f"{row.name} {row.percent:.0f} %" for row in rows[:most])


# HTML: every text that comes from outside is escaped


def overlay_html(photo: bytes, mask: bytes, rows: Sequence[ClassRow], aspect: float) -> str:
    """Photo (JPEG) and class colours (PNG) over each other; the page's --hrs-opacity says how much of the colours, and
    its script names the class under the pointer.

    Args:
        aspect: width by height, from which follows how wide the picture may be.
    """
    names: dict[str, str] = {}
    for row in rows:
        colour = ",".join(map(str, row.colour))
        names[colour] = f"{names[colour]} or {row.name}" if colour in names else row.name
    return (
        f'<div class="hrs-stack" style="{_limit(aspect)}" data-classes="{_text(json.dumps(names))}">'
        f'<img src="{_address("jpeg", photo)}" alt="The photo">'
        f'<img class="hrs-mask" src="{_address("png", mask)}" alt="{_text("Classes: " + in_words(rows, 5))}"></div>'
    )


def confidence_html(picture: bytes, mean: float, aspect: float) -> str:
    """The confidence picture (JPEG) with its scale; ``mean`` over the photo in [0, 1], ``aspect`` width by height."""
    return (
        f'<div class="hrs-stack" style="{_limit(aspect)}">'
        f'<img src="{_address("jpeg", picture)}" alt="Confidence, on average {_whole(mean)}"></div>'
        '<div class="hrs-scale"><span>unsure</span><i></i><span>sure</span></div>'
        f'<p class="hrs-note">How sure the network is of the class it chose: {_whole(mean)} on average.</p>'
    )


def classes_html(rows: Sequence[ClassRow]) -> str:
    """Legend and coverage in one table: colour, class, share of the pixels and mean confidence."""
    lines = "".join(
        f'<tr><td><i class="hrs-swatch" style="background:rgb{row.colour}"></i>{_text(row.name)}</td>'
        f'<td class="hrs-bar"><i style="width:{row.percent:.1f}%"></i></td>'
        f"<td>{_percent(row.percent)}</td><td>{'' if row.confidence is None else _whole(row.confidence)}</td></tr>"
        for row in rows
    )
    head = '<tr><th>Class</th><th aria-hidden="true"></th><th>Pixels</th><th>Confidence</th></tr>'
    return f'<table class="hrs-table hrs-classes"><thead>{head}</thead><tbody>{lines}</tbody></table>'


def realism_html(realism: float | None, words: str) -> str:
    """How close the photo is to the real ones of the training: a sentence and, where it is known, a small bar."""
    sentence = f'<p class="hrs-note">{_text(words)}</p>'
    if realism is None:
        return f'<p class="hrs-head">Realism</p>{sentence}'
    return (
        f'<p class="hrs-head">Realism<span>at least as close as {_whole(realism)} of the real images</span></p>'
        '<div class="hrs-gauge" role="meter" aria-label="Realism" aria-valuemin="0" aria-valuemax="1" '
        f'aria-valuenow="{realism:.2f}"><i style="width:{realism:.0%}"></i></div>{sentence}'
    )


def batch_html(rows: Sequence[BatchRow]) -> str:
    """Each photo of a batch under its class colours with its largest classes, or why it was left out."""
    left_out = sum(bool(row.problem) for row in rows)
    head = f"{len(rows) - left_out} of {len(rows)} segmented" + (f", {left_out} left out" if left_out else "")
    cards = "".join(f"<li>{_picture(row)}<b>{_text(row.photo)}</b>{_outcome(row)}</li>" for row in rows)
    return f'<p class="hrs-note">{head}</p><ul class="hrs-batch">{cards}</ul>'


def batch_csv(rows: Iterable[BatchRow]) -> str:
    """A line a photo and class: photo, class, percent, confidence, which is empty where it is not known."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["photo", "class", "percent", "confidence"])
    for row in rows:
        for each in row.classes:
            sure = "" if each.confidence is None else round(each.confidence, 4)
            writer.writerow([as_cell(row.photo), as_cell(each.name), round(each.percent, 3), sure])
    return file.getvalue()


def _limit(aspect: float) -> str:
    return f"max-width:{HIGHEST * aspect:.0f}px"


def _picture(row: BatchRow) -> str:
    return f'<img src="{_address("jpeg", row.picture)}" alt="">' if row.picture else ""


def _outcome(row: BatchRow) -> str:
    if row.problem:
        return f'<span class="hrs-problem">Left out: {_text(row.problem)}</span>'
    return f"<span>{_text(in_words(row.classes, 3))}</span>"


def _percent(value: float) -> str:
    return f"{value:.1f} %" if value >= 0.05 else "&lt; 0.1 %"


def _whole(share: float) -> str:
    return f"{100 * share:.0f} %"


def _text(text: str) -> str:
    return html.escape(text)


def _address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
