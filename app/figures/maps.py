"""Weight maps as the pages draw them: what the grid and the viewer are sent, and what is said of a frame in words.

Arrays and tables in, plain values out; nothing here reads files or knows of Streamlit. Maps travel as whole
numbers, from 0 to the largest weight in steps so fine that the browser shows and compares the weights themselves.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrs.labels import IGNORE, Colour, LabelSpace
from hrs.pictures import FULL_WEIGHT, weight_colours
from hrs.scoring.corpus import MAP_NAMES, enlarge
from hrs.scoring.reasons import FrameReasons
from hrs.selection.levels.table import COMBINED_ABOUT, LEVELS
from hrs.selection.scale import Maps
from hrs.street import DEPARTURES, harmful_mask
from hrs.system.images import decode_rgb, encode

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the map; right and bottom excluded."""

TITLES = {"combined": "All levels combined", "pixel": "Pixel", "region": "Region", "image": "Image"}
ABOUT = {"combined": f"Is {COMBINED_ABOUT}", **{name: f"Weighs {level.about}" for name, level in LEVELS.items()}}
"""What each map is, for whoever asks."""
TILE_WIDTH = 256
TILE_STEPS, STEPS = 255, 4095
"""From 0 to the largest weight, of a tile and of a frame at full size: one byte a pixel, and two."""
_GREY = 128
_MUTED = "rgba(128, 128, 128, 0.7)"
_MARK = "#e4572e"
_BARS = "display:grid;grid-template-columns:max-content 1fr max-content;gap:6px 10px;align-items:center;font-size:14px"
_TRACK = "position:relative;height:14px;background:rgba(128,128,128,.12);border-radius:3px;min-width:90px"


@dataclass(frozen=True, kw_only=True)
class Lens:
    """How maps are looked at, alike in grid and detail.

    level: which map the grid shows and the threshold's share is told of.
    opacity: of the map over the picture, 0..1.
    threshold: pixels that weigh less are darkened.
    """

    level: str
    opacity: float
    threshold: float


def colour_table() -> str:
    """256 colours from weight 0 to FULL_WEIGHT as base64 of RGB bytes, for the browser."""
    return _base64(weight_colours(_levels()).tobytes())


def tile(jpeg: bytes, label: Pixels, maps: Maps, *, width: int = TILE_WIDTH) -> dict[str, Any]:
    """A frame of the grid: JPEG, label and every weight map, all at most ``width`` wide.

    Args:
        jpeg: the picture as it is stored, as large as the maps; grey is drawn where it is damaged.
        label: class ids (h w).
        maps: weights (h w) by name, at least 0.

    Returns:
        width, height, jpeg (base64), label (base64 of deflated bytes), scale and maps (name, and values as label; a
        weight is value / 255 * scale).
    """
    own_height, own_width = label.shape
    wide = min(width, own_width)
    high = max(1, round(own_height * wide / own_width))
    small = {name: enlarge(weights, high, wide) for name, weights in maps.items()}
    scale = _scale(small.values())
    return {
        "width": wide,
        "height": high,
        "jpeg": _base64(_shrunk(jpeg, high, wide)),
        "label": _deflated(enlarge(label, high, wide)),
        "scale": scale,
        "steps": TILE_STEPS,
        "maps": [{"name": name, "values": _packed(weights, scale, TILE_STEPS)} for name, weights in small.items()],
    }


def view(
    jpeg: bytes, label: Pixels, maps: Maps, space: LabelSpace, reasons: FrameReasons | None = None, says: str = ""
) -> dict[str, Any]:
    """A frame of the detail: picture, label and every map at full size, for `hrs.scoring.corpus.MAP_NAMES` that it has.

    Args:
        jpeg: the picture as it is stored; grey is drawn where it is damaged.
        label: class ids (h w).
        maps: weights (h w) by name; their means are those of labelled pixels.
        reasons: what is seen in the frame, where that is known; ``says`` is who sees it, such as "Real images say".
    """
    height, width = label.shape
    scale = _scale(maps.values())
    return {
        "width": width,
        "height": height,
        "jpeg": _base64(_shrunk(jpeg, height, width)),
        "label": _deflated(label),
        "scale": scale,
        "steps": STEPS,
        "maps": [
            {
                "name": name,
                "title": TITLES[name],
                "about": ABOUT[name],
                "mean": _mean(maps[name], label),
                "values": _packed(maps[name], scale, STEPS),
            }
            for name in MAP_NAMES
            if name in maps
        ],
        "classes": class_list(space),
        "reasons": reasons and _reasons(reasons, says),
    }


def share_below(weights: NDArray[np.float32], label: Pixels, threshold: float) -> float:
    """Share of labelled pixels that weigh less than the threshold, 0..1."""
    return _mean(weights < threshold, label)


def area_table(
    maps: Maps, label: Pixels, space: LabelSpace, box: Box | None, *, threshold: float, level: str
) -> pd.DataFrame:
    """Statistics by class inside a box (None: the whole frame), largest class first.

    Returns:
        class, pixels, share (0..1 of the area), below (share of the class' pixels under the threshold on ``level``),
        and the mean weight by map name.
    """
    left, top, right, bottom = box or (0, 0, 1 << 30, 1 << 30)
    cut = {name: maps[name][top:bottom, left:right].ravel() for name in MAP_NAMES if name in maps}
    ids = label[top:bottom, left:right].ravel()
    names = dict(enumerate(space.classes))
    counts = np.bincount(ids, minlength=IGNORE + 1)
    present = sorted(np.flatnonzero(counts), key=lambda i: -counts[i])
    table = {
        "class": [names.get(int(i), "unlabelled") for i in present],
        "pixels": counts[present],
        "share": counts[present] / max(len(ids), 1),
        "below": _means(cut[level] < threshold, ids, counts)[present],
    }
    return pd.DataFrame(table | {name: _means(values, ids, counts)[present] for name, values in cut.items()})


def class_bars(
    frame: Mapping[str, float], corpus: Mapping[str, float], space: LabelSpace, where: str = "this frame"
) -> str:
    """Mean weight by class as HTML: a bar for the frame, a mark for the mean over all frames, a line at 1.

    Args:
        frame: class name -> mean weight in this frame, or in another place that ``where`` names; absent classes are
            left out.
        corpus: class name -> mean over the frames that have it.
    """
    most = max(FULL_WEIGHT, *frame.values(), *corpus.values())
    lines = [
        _bar(name, colour, frame[name], corpus.get(name), most, _both(frame[name], corpus.get(name), where))
        for name, colour in zip(space.classes, space.palette, strict=True)
        if name in frame
    ]
    return f'<div class="bars" style="{_BARS}">{"".join(lines)}</div>'


def level_bars(weights: Mapping[str, float]) -> str:
    """An area's weight on every map as HTML: a bar in the colour of the weight, a line at 1, and what the map is."""
    most = max(FULL_WEIGHT, *weights.values())
    lines = []
    for name, weight in weights.items():
        colour = tuple(weight_colours(np.full((1, 1), weight, np.float32))[0, 0].tolist())
        lines.append(_bar(TITLES[name], colour, weight, None, most, f"{weight:.2f}, where its class has a mean of 1"))
        lines.append(f'<small style="grid-column:1/-1;opacity:.75;margin:-4px 0 2px">{escape(ABOUT[name])}</small>')
    return f'<div class="bars" style="{_BARS}">{"".join(lines)}</div>'


def summary(frame: str, maps: Maps, label: Pixels, means: Mapping[str, float], lens: Lens) -> str:
    """The detail in a sentence or two, for those who cannot see it."""
    below = share_below(maps[lens.level], label, lens.threshold)
    words = [f"Frame {frame}: mean weight {_mean(maps['combined'], label):.2f}."]
    if lens.threshold:
        level = TITLES[lens.level].lower()
        words.append(f"{100 * below:.1f} % of its pixels weigh less than {lens.threshold:.2f} ({level}).")
    if len(means) > 1:
        low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        where = "" if lens.level == "combined" else f" on the map {TITLES[lens.level]}"
        words.append(f"{low} weighs least{where} ({means[low]:.2f}), {high} most ({means[high]:.2f}).")
    return " ".join(words)


def _reasons(reasons: FrameReasons, says: str) -> dict[str, Any]:
    """As the viewer unpacks them; ``harm`` holds the departures that mislead, and None where none is known."""
    harm = None
    if reasons.planted is not None:
        harm = np.where(harmful_mask(reasons.planted), reasons.planted, 0).astype(np.uint8)
    rows, columns = reasons.seen.shape
    return {
        "rows": rows,
        "columns": columns,
        "says": says,
        "title": says.replace(" say", " see"),
        "about": f"What every place looks like. {says} so, whatever its label.",
        "kinds": {departure.id: departure.name for departure in DEPARTURES},
        "seen": _deflated(reasons.seen),
        "confidence": _deflated(reasons.confidence),
        "areas": _deflated(reasons.areas.astype("<u2")),
        "harm": None if harm is None else _deflated(harm),
    }


def _levels() -> NDArray[np.float32]:
    return np.linspace(0, FULL_WEIGHT, 256, dtype=np.float32)[None]


def _scale(maps: Iterable[NDArray[np.float32]]) -> float:
    return max(float(values.max()) for values in maps) or 1.0


def _packed(values: NDArray[np.float32], scale: float, steps: int) -> str:
    return _deflated(np.rint(values / scale * steps).astype("<u1" if steps < 256 else "<u2"))


def _deflated(values: NDArray[Any]) -> str:
    return _base64(zlib.compress(np.ascontiguousarray(values).tobytes(), 1))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _shrunk(jpeg: bytes, height: int, width: int) -> bytes:
    """The picture at this size; as it is where it has that size already, grey where it is damaged."""
    picture = decode_rgb(jpeg)
    if picture is None:
        return _jpeg(np.full((height, width, 3), _GREY, np.uint8))
    if picture.shape[:2] == (height, width):
        return jpeg
    return _jpeg(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def _jpeg(rgb: NDArray[Any]) -> bytes:
    return encode(".jpg", rgb, (cv2.IMWRITE_JPEG_QUALITY, 85))


def _both(weight: float, mean: float | None, where: str) -> str:
    return f"{weight:.2f} in {where}" + ("" if mean is None else f", {mean:.2f} on average over frames")


def _bar(name: str, colour: Colour, weight: float, mean: float | None, most: float, said: str) -> str:
    parts = [f'<i style="left:0;width:{100 * weight / most:.1f}%;background:rgb{colour};border-radius:3px"></i>']
    parts += [f'<i style="left:{100 / most:.1f}%;width:1px;background:{_MUTED}"></i>']
    if mean is not None:
        parts += [f'<i style="left:calc({100 * mean / most:.1f}% - 1px);width:3px;background:{_MARK}"></i>']
    drawn = "".join(part.replace('<i style="', '<i style="position:absolute;top:0;bottom:0;') for part in parts)
    return (
        f"<span>{escape(name)}</span>"
        f'<span role="img" aria-label="{said}" title="{said}" style="{_TRACK}">{drawn}</span>'
        f"<b>{weight:.2f}</b>"
    )


def class_list(space: LabelSpace) -> list[dict[str, Any]]:
    """Names and colours in the order of their ids, for the browser."""
    return [{"name": name, "colour": list(rgb)} for name, rgb in zip(space.classes, space.palette, strict=True)]


def _mean(values: NDArray[Any], label: Pixels) -> float:
    """Over labelled pixels; 0 where there is none."""
    kept = values[label != IGNORE]
    return float(kept.mean()) if kept.size else 0.0


def _means(values: NDArray[Any], ids: NDArray[Any], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.bincount(ids, weights=values, minlength=IGNORE + 1)
    return np.asarray(sums / np.maximum(counts, 1), np.float64)
