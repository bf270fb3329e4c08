"""Street furniture: lamp posts, signs, traffic lights, bollards, fences. They face -y and stand on z = 0."""

from __future__ import annotations

from functools import cache

import numpy as np

from hrs.street.soup import IN_IMAGE, IN_LABEL, Soup, ball, box, disc, join, panel, soup, tubes
from hrs.street.textures import LIGHT_AMBER, LIGHT_GREEN, LIGHT_RED, SIGNS, TRIANGLE_SIGN, Material, cell

_GREY, _BLACK = (0.42, 0.44, 0.45), (0.09, 0.09, 0.1)


def post(height: float, radius: float, colour: tuple[float, float, float]) -> Soup:
    """A plain round post."""
    return tubes([(0, 0, 0)], [(0, 0, height)], radius, radius * 0.85, colour, sides=8)


@cache
def lamp(kind: int) -> Soup:
    """A street lamp whose arm reaches towards +x: 0 tall and modern, 1 tall and slender, 2 old-fashioned."""
    if kind == 2:
        head = ball((0, 0, 4.3), (0.2, 0.2, 0.32), (0.95, 0.93, 0.8))
        cap = ball((0, 0, 4.62), (0.26, 0.26, 0.1), _BLACK)
        return join([post(1.0, 0.11, _BLACK), post(4.1, 0.06, _BLACK), head, cap])
    height, colour = (8.0, _GREY) if kind == 0 else (6.5, (0.2, 0.25, 0.22))
    turn = np.linspace(0, np.pi / 2, 7)
    reach = 1.6 if kind == 0 else 1.0
    arc = np.stack([reach * (1 - np.cos(turn)), np.zeros(7), height - 0.4 + 0.7 * np.sin(turn)], -1)
    arm = tubes(arc[:-1], arc[1:], 0.05, 0.045, colour, sides=6)
    head = ball(arc[-1] + [0.25, 0, -0.03], (0.38, 0.13, 0.08), (0.75, 0.76, 0.74))
    return join([post(1.2, 0.12, colour), post(height - 0.4, 0.085, colour), arm, head])


def sign_board(kind: int, z: float, size: float) -> Soup:
    """The board of a sign, without its post: kinds 0..8 of the detail sheet, 9 the triangle."""
    index = SIGNS.start + kind
    if index == TRIANGLE_SIGN:
        u0, v0, u1, v1 = cell(index)
        corners = np.array([[-0.6, -0.08, z], [0.6, -0.08, z], [0, -0.08, z + 1.05], [0, -0.08, z + 1.05]]) * [
            size,
            1,
            1,
        ]
        corners[2:, 2] = z + 1.05 * size
        front = soup(
            [corners],
            (1, 1, 1),
            uv=[[u0, v0], [u1, v0], [(u0 + u1) / 2, v1], [(u0 + u1) / 2, v1]],
            material=Material.DETAIL,
        )
    elif kind in (6, 7):
        wide = 1.0 if kind == 6 else 1.9
        front = panel(
            -size * wide / 2, z, size * wide, size, -0.08, (1, 1, 1), cell=cell(index), material=Material.DETAIL
        )
    else:
        front = disc((0, -0.08, z + size / 2), size / 2, (1, 1, 1), cell=cell(index), material=Material.DETAIL)
    back = Soup(**{**vars(front), "quads": front.quads + np.array([0, 0.02, 0], np.float32)})
    back = Soup(**{**vars(back), "colour": back.colour * 0.45, "material": np.zeros(len(back), np.uint8)})
    return join([front, back])


def traffic_light_head(state: int, z: float) -> Soup:
    """The three-lamp box: state 0 red, 1 amber, 2 green."""
    index = (LIGHT_RED, LIGHT_AMBER, LIGHT_GREEN)[state]
    housing = box((-0.2, -0.14, z), (0.2, 0.14, z + 1.0), _BLACK)
    shield = panel(-0.3, z - 0.08, 0.6, 1.16, 0.0, (0.05, 0.05, 0.05), cell=(0, 0, 0, 0), material=Material.PLAIN)
    face = panel(-0.19, z + 0.02, 0.38, 0.96, -0.15, (1, 1, 1), cell=cell(index), material=Material.DETAIL)
    return join([shield, housing, face])


@cache
def bollard(kind: int) -> Soup:
    """A bollard: 0 black iron, 1 concrete, 2 white with a band."""
    colour = (_BLACK, (0.6, 0.59, 0.56), (0.85, 0.85, 0.82))[kind]
    parts = [post(0.95, 0.08, colour), ball((0, 0, 0.97), 0.09, colour, sides=8, rings=4)]
    if kind != 1:
        parts.append(
            tubes([(0, 0, 0.72)], [(0, 0, 0.84)], 0.085, 0.085, (0.8, 0.8, 0.75) if kind == 0 else (0.7, 0.1, 0.1))
        )
    return join(parts)


@cache
def railing(length: float, kind: int) -> Soup:
    """Metal railings along x, from 0 to ``length``. The label pass sees one sheet, as annotators draw it."""
    colour = (_BLACK, (0.5, 0.52, 0.54), (0.16, 0.3, 0.22))[kind]
    height = 1.05
    x = np.arange(0.08, length, 0.14)
    bars = tubes(
        np.stack([x, 0 * x, 0 * x + 0.12], -1), np.stack([x, 0 * x, 0 * x + height], -1), 0.012, 0.012, colour, sides=4
    )
    rails = tubes(
        [(0, 0, 0.14), (0, 0, height)], [(length, 0, 0.14), (length, 0, height)], 0.025, 0.025, colour, sides=4
    )
    ends = np.arange(0, length + 0.01, 2.0)
    posts = tubes(
        np.stack([ends, 0 * ends, 0 * ends], -1),
        np.stack([ends, 0 * ends, 0 * ends + 1.12], -1),
        0.04,
        0.04,
        colour,
        sides=5,
    )
    sheet = soup([[(0, 0, 0), (length, 0, 0), (length, 0, height), (0, 0, height)]], colour, flags=IN_LABEL)
    return join([bars.flagged(IN_IMAGE), rails, posts, sheet])


@cache
def fence(length: float, kind: int) -> Soup:
    """A solid boundary along x: 0 wooden boards, 1 brick wall, 2 stone wall with coping. Slot 1 is its colour."""
    if kind == 0:
        x = np.arange(0, length, 0.16)
        rng = np.random.default_rng([23, int(length * 10)])
        boards = [
            box(
                (a, -0.02, 0.05),
                (a + 0.145, 0.02, 1.5 + 0.03 * rng.standard_normal()),
                (0.9 + 0.08 * rng.standard_normal(),) * 3,
                slot=1,
            )
            for a in x
        ]
        return join([*boards, box((0, -0.01, 0.05), (length, 0.01, 1.45), (0.5, 0.5, 0.5), slot=1)])
    material, height, tile = (Material.BRICK, 1.1, 1.6) if kind == 1 else (Material.STONE, 0.95, 2.0)
    wall = box((0, -0.14, 0), (length, 0.14, height), (1, 1, 1), material=material, slot=1, tile=tile)
    coping = box((0, -0.18, height), (length, 0.18, height + 0.09), (0.72, 0.7, 0.66))
    return join([wall, coping])
