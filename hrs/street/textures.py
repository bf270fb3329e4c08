"""Procedural textures: small tileable pictures and one sheet of details (windows, doors, shop fronts, signs).

Every texture multiplies the colour of the quad that shows it, so most are close to grey with a mean near 0.8.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Cell = tuple[float, float, float, float]

SHEET = 1024
CELLS = 8
"""The detail sheet is CELLS x CELLS cells of SHEET / CELLS pixels."""


class Material(IntEnum):
    """What a quad is covered with."""

    PLAIN = 0
    ASPHALT = 1
    PAVING = 2
    BRICK = 3
    PLASTER = 4
    ROOF = 5
    FOLIAGE = 6
    DETAIL = 7
    STONE = 8


WINDOWS, DOORS, SHOPS, FASCIAS, SIGNS = range(8), range(8, 12), range(16, 24), range(24, 40), range(40, 50)
PLATE_FRONT, PLATE_REAR, LIGHT_RED, LIGHT_GREEN, LIGHT_AMBER = 50, 51, 52, 53, 54
TRIANGLE_SIGN = 49


@cache
def noise(size: int, seed: int, octaves: int = 5) -> NDArray[np.float32]:
    """Tileable value noise (size size), mean 0, spread 1."""
    rng = np.random.default_rng([7, seed])
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        n = min(2 ** (octave + 2), size)
        grid = rng.standard_normal((n, n)).astype(np.float32)
        grid = np.pad(grid, 2, mode="wrap")
        scale = size // n
        full = cv2.resize(grid, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += full[2 * scale : 2 * scale + size, 2 * scale : 2 * scale + size] * 0.6**octave
    return (total - total.mean()) / total.std()


def cell(index: int) -> Cell:
    """Texture coordinates (u0, v0, u1, v1) of a cell of the detail sheet, shrunk a little against bleeding."""
    row, col = divmod(index, CELLS)
    margin = 2.5 / SHEET
    return (
        col / CELLS + margin,
        1 - (row + 1) / CELLS + margin,
        (col + 1) / CELLS - margin,
        1 - row / CELLS - margin,
    )


@cache
def texture(material: Material, domain_seed: int) -> Image:
    """The picture of a material, (256 256 3) or the (1024 1024 3) detail sheet. Treat it as read-only."""
    if material == Material.DETAIL:
        return _sheet(domain_seed)
    size = 256
    rng = np.random.default_rng([11, int(material), domain_seed])
    grey = _TILES[material](size, rng, domain_seed)
    tint = {Material.FOLIAGE: (0.95, 1.0, 0.8), Material.PAVING: (1.0, 0.99, 0.96)}.get(material, (1.0, 1.0, 1.0))
    return (np.clip(grey, 0, 1)[..., None] * np.array(tint) * 255).astype(np.uint8)


def _asphalt(size: int, rng: np.random.Generator, seed: int) -> NDArray[np.float32]:
    grain = rng.standard_normal((size, size)).astype(np.float32)
    return 0.8 + 0.025 * noise(size, seed + 1, 6) + 0.06 * grain


def _paving(size: int, rng: np.random.Generator, seed: int) -> NDArray[np.float32]:
    grey = 0.82 + 0.03 * noise(size, seed + 2) + 0.03 * rng.standard_normal((size, size)).astype(np.float32)
    rows = 4
    step = size // rows
    for r in range(rows):
        shift = (r % 2) * step // 2
        for c in range(3):
            width = size // 3
            x0 = (c * width + shift) % size
            grey[r * step : (r + 1) * step, x0 : x0 + width] += rng.uniform(-0.06, 0.06)
            grey[r * step : (r + 1) * step, x0 : x0 + 3] -= 0.22
        grey[r * step : r * step + 3] -= 0.22
    return grey


def _brick(size: int, rng: np.random.Generator, seed: int) -> NDArray[np.float32]:
    grey = np.full((size, size), 0.8, np.float32) + 0.04 * noise(size, seed + 3)
    rows, cols = 16, 8
    h, w = size // rows, size // cols
    for r in range(rows):
        for c in range(cols):
            x0 = (c * w + (r % 2) * w // 2) % size
            grey[r * h : (r + 1) * h, x0 : x0 + w] += rng.normal(0, 0.09)
            grey[r * h : (r + 1) * h, x0 : x0 + 2] = 0.95
        grey[r * h : r * h + 2] = 0.95
    return grey


def _plaster(size: int, rng: np.random.Generator, seed: int) -> NDArray[np.float32]:
    streaks = cv2.blur(noise(size, seed + 5), (3, 61), borderType=cv2.BORDER_REFLECT)
    return (
        0.88
        + 0.03 * noise(size, seed + 4)
        + 0.04 * streaks
        + 0.015 * rng.standard_normal((size, size)).astype(np.float32)
    )


def _roof(size: int, rng: np.random.Generator, seed: int) -> NDArray[np.float32]:
    grey = np.full((size, size), 0.78, np.float32) + 0.06 * noise(size, seed + 6)
    rows, cols = 16, 16
    h, w = size // rows, size // cols
    for r in range(rows):
        for c in range(cols):
            x0 = (c * w + (r % 2) * w // 2) % size
            grey[r * h : (r + 1) * h, x0 : x0 + w] += rng.normal(0, 0.05)
            grey[r * h : (r + 1) * h, x0 : x0 + 1] -= 0.2
        grey[r * h : r * h + 3] -= 0.25
    return grey


def _foliage(size: int, rng: np.random.Generator, seed: int) -> NDArray[np.float32]:
    grey = 0.66 + 0.13 * noise(size, seed + 8, 6)
    for _ in range(1400):
        x, y = rng.integers(0, size, 2)
        grey[y : y + 4, x : x + 5] = rng.uniform(0.4, 1.0)
    return grey


def _stone(size: int, rng: np.random.Generator, seed: int) -> NDArray[np.float32]:
    grey = np.full((size, size), 0.84, np.float32) + 0.05 * noise(size, seed + 9)
    rows = 8
    h = size // rows
    for r in range(rows):
        x = int(rng.integers(0, 30))
        while x < size:
            w = int(rng.integers(24, 60))
            grey[r * h : (r + 1) * h, x : x + w] += rng.normal(0, 0.05)
            grey[r * h : (r + 1) * h, x : x + 2] -= 0.18
            x += w
        grey[r * h : r * h + 2] -= 0.18
    return grey


_TILES = {
    Material.ASPHALT: _asphalt,
    Material.PAVING: _paving,
    Material.BRICK: _brick,
    Material.PLASTER: _plaster,
    Material.ROOF: _roof,
    Material.FOLIAGE: _foliage,
    Material.STONE: _stone,
}


def _sheet(seed: int) -> Image:
    rng = np.random.default_rng([13, seed])
    sheet = np.full((SHEET, SHEET, 3), 200, np.uint8)
    size = SHEET // CELLS
    drawn: dict[int, Image] = {}
    for i in WINDOWS:
        drawn[i] = _window(size, i, rng)
    for i in DOORS:
        drawn[i] = _door(size, rng)
    for i in SHOPS:
        drawn[i] = _shop(size, rng)
    for i in FASCIAS:
        drawn[i] = _fascia(size, i - FASCIAS.start + 16 * seed, rng)
    for i in SIGNS:
        drawn[i] = _sign(size, i - SIGNS.start)
    drawn[PLATE_FRONT] = _plate(size, (250, 250, 250), rng)
    drawn[PLATE_REAR] = _plate(size, (250, 200, 30), rng)
    for i, lamp in ((LIGHT_RED, 0), (LIGHT_AMBER, 1), (LIGHT_GREEN, 2)):
        drawn[i] = _traffic_light(size, lamp)
    for i, picture in drawn.items():
        row, col = divmod(i, CELLS)
        sheet[row * size : (row + 1) * size, col * size : (col + 1) * size] = picture
    return sheet


def _glass(size: int, rng: np.random.Generator) -> Image:
    """Dark panes that mirror a bright sky towards the top, with a vague room or street inside."""
    ramp = (
        np.linspace(rng.uniform(0.35, 0.75), 0.12, size)[:, None]
        + 0.05 * noise(128, int(rng.integers(50)))[:size, :size]
    )
    tint = np.array([0.85, 0.95, 1.0])
    return (np.clip(ramp, 0.04, 1)[..., None] * tint * 255).astype(np.uint8)


def _window(size: int, kind: int, rng: np.random.Generator) -> Image:
    picture = _glass(size, rng)
    if kind % 3 == 1:
        curtain = int(rng.integers(size // 6, size // 3))
        picture[:, :curtain] = picture[:, -curtain:] = rng.integers(150, 225, 3)
    elif kind % 3 == 2:
        blind = int(rng.integers(size // 5, size // 2))
        picture[:blind] = rng.integers(170, 220, 3)
        picture[:blind:6] = 140
    frame = (235, 235, 228) if kind % 4 != 3 else (70, 62, 55)
    picture[: size // 12] = picture[-size // 12 :] = frame
    picture[:, : size // 12] = picture[:, -size // 12 :] = frame
    thin = size // 24
    if kind % 2 == 0:
        picture[size // 2 - thin : size // 2 + thin] = frame
    if kind in (0, 1, 4, 7):
        picture[:, size // 2 - thin // 2 : size // 2 + thin // 2 + 1] = frame
    picture[: size // 20] = (90, 88, 84)
    return picture


def _door(size: int, rng: np.random.Generator) -> Image:
    base = np.array([(60, 20, 22), (25, 45, 70), (28, 60, 40), (120, 118, 112)])[rng.integers(4)]
    picture = np.tile(base, (size, size, 1)).astype(np.uint8)
    for y0, y1 in ((0.3, 0.58), (0.64, 0.94)):
        for x0, x1 in ((0.15, 0.46), (0.54, 0.85)):
            cv2.rectangle(
                picture,
                (int(x0 * size), int(y0 * size)),
                (int(x1 * size), int(y1 * size)),
                [int(v * 0.7) for v in base],
                3,
            )
    picture[int(0.05 * size) : int(0.2 * size), int(0.15 * size) : int(0.85 * size)] = _glass(size, rng)[
        int(0.05 * size) : int(0.2 * size), int(0.15 * size) : int(0.85 * size)
    ]
    picture[:, : size // 14] = picture[:, -size // 14 :] = (225, 222, 214)
    cv2.circle(picture, (int(0.82 * size), int(0.61 * size)), 4, (210, 190, 110), -1)
    return picture


def _shop(size: int, rng: np.random.Generator) -> Image:
    picture = (_glass(size, rng) * 0.8).astype(np.uint8)
    for _ in range(9):
        x, w = int(rng.integers(4, size - 24)), int(rng.integers(8, 26))
        h = int(rng.integers(size // 6, size // 2))
        cv2.rectangle(picture, (x, size - 14 - h), (x + w, size - 14), [int(v) for v in rng.integers(30, 200, 3)], -1)
    for _ in range(5):
        cv2.circle(picture, (int(rng.integers(8, size - 8)), int(rng.integers(8, size // 3))), 3, (255, 240, 200), -1)
    picture = np.asarray(cv2.addWeighted(picture, 0.75, _glass(size, rng), 0.25, 0), np.uint8)
    frame = [int(v) for v in rng.integers(20, 110, 3)]
    cv2.rectangle(picture, (0, 0), (size - 1, size - 1), frame, 9)
    cv2.line(picture, (size // 2, 0), (size // 2, size), frame, 5)
    picture[-14:] = frame
    return picture


_WORDS = (
    "BAKERY",
    "BOOKS",
    "CAFE ROMA",
    "PHARMACY",
    "OPTICIAN",
    "FLORIST",
    "BANK",
    "GROCER",
    "SHOES",
    "BARBER",
    "HOTEL",
    "PIZZA",
    "TAILOR",
    "MUSIC",
    "CYCLES",
    "BUTCHER",
    "ESTATES",
    "CHEMIST",
    "KEBAB",
    "POST",
    "THE CROWN",
    "TRAVEL",
    "PHONES",
    "OXFAM",
    "DELI",
    "SALON",
    "CAMERAS",
    "TOYS",
    "LAUNDRY",
    "PETS",
    "THE BELL",
    "FISH BAR",
)


def _fascia(size: int, index: int, rng: np.random.Generator) -> Image:
    """A shop's name board, drawn wide and squeezed into its cell (it is shown about five times wider than high)."""
    hue = int(rng.integers(0, 180))
    hsv = np.array([[[hue, rng.integers(60, 220), rng.integers(40, 190)]]], np.uint8)
    board = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]
    picture = np.tile(board, (size, size * 5, 1)).astype(np.uint8)
    ink = (245, 240, 225) if board.mean() < 130 else (30, 25, 30)
    word = _WORDS[index % len(_WORDS)]
    (w, h), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, 2.6, 7)
    cv2.putText(
        picture, word, ((size * 5 - w) // 2, (size + h) // 2), cv2.FONT_HERSHEY_DUPLEX, 2.6, ink, 7, cv2.LINE_AA
    )
    picture[:6] = picture[-6:] = (picture[0, 0] * 0.5).astype(np.uint8)
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _sign(size: int, kind: int) -> Image:
    red, blue, white, black = (200, 20, 30), (20, 70, 170), (245, 245, 245), (20, 20, 20)
    picture = np.full((size, size, 3), 245, np.uint8)
    mid, font = (size // 2, size // 2), cv2.FONT_HERSHEY_DUPLEX
    if kind in (0, 1, 2):
        cv2.circle(picture, mid, size // 2 - 7, red, 15, cv2.LINE_AA)
        cv2.putText(
            picture, ("30", "20", "40")[kind], (size // 4 - 2, size // 2 + 18), font, 1.7, black, 4, cv2.LINE_AA
        )
    elif kind == 3:
        picture[:] = red
        picture[size // 2 - 10 : size // 2 + 10, size // 5 : -size // 5] = white
    elif kind in (4, 5):
        picture[:] = blue
        cv2.arrowedLine(
            picture,
            (size // 4, size // 4) if kind == 4 else (size // 2, size - 20),
            (size - 34, size - 34) if kind == 4 else (size // 2, 22),
            white,
            12,
            cv2.LINE_AA,
            tipLength=0.4,
        )
    elif kind == 6:
        picture[:] = blue
        cv2.putText(picture, "P", (size // 4 + 4, size - 30), font, 3.4, white, 10, cv2.LINE_AA)
    elif kind == 7:
        picture[:] = (10, 90, 60)
        for y in (30, 64, 98):
            cv2.line(picture, (14, y), (size - 40, y), white, 9)
            cv2.line(picture, (size - 30, y), (size - 14, y), (240, 210, 60), 9)
    elif kind == 8:
        picture[:] = blue
        cv2.line(picture, (22, 22), (size - 22, size - 22), red, 14, cv2.LINE_AA)
        cv2.circle(picture, mid, size // 2 - 6, red, 13, cv2.LINE_AA)
    else:
        points = np.array([[size // 2, 4], [size - 2, size - 6], [2, size - 6]])
        picture[:] = red
        cv2.fillPoly(picture, [((points - points.mean(0)) * 0.62 + points.mean(0)).astype(np.int32)], white)
        cv2.line(picture, (size // 2, size // 2), (size // 2, size - 42), black, 9)
    return picture


def _plate(size: int, colour: tuple[int, int, int], rng: np.random.Generator) -> Image:
    picture = np.full((size, size * 4, 3), colour, np.uint8)
    text = "".join(rng.choice(list("ABCDEFGHJKLMNPRSTUVWXY0123456789"), 6))
    cv2.putText(picture, text, (20, size - 28), cv2.FONT_HERSHEY_DUPLEX, 3.3, (15, 15, 15), 9, cv2.LINE_AA)
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _traffic_light(size: int, lit: int) -> Image:
    """Three lamps above each other in a cell that is shown about 2.6 times higher than wide."""
    picture = np.full((size, size, 3), 22, np.uint8)
    on, off = ((255, 45, 30), (255, 180, 30), (60, 255, 120)), ((60, 14, 12), (60, 45, 12), (12, 55, 28))
    for i in range(3):
        axes = (int(size * 0.3), int(size * 0.115))
        cv2.ellipse(
            picture, (size // 2, int(size * (0.19 + 0.31 * i))), axes, 0, 0, 360, on[i] if i == lit else off[i], -1
        )
    return picture
