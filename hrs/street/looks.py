"""Draws the departures that change how objects look."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.street import departures as d
from hrs.street.shading import Array, Points, sky, to_linear
from hrs.street.stage import Layers
from hrs.street.textures import Material, texture
from hrs.street.world import Scene


class Looks:
    """A plan's altered looks for one frame, applied before (``surface``, ``tint``) and after lighting (``light``)."""

    def __init__(self, plan: d.Planting, scene: Scene, layers: Layers, points: Points) -> None:
        self.plan, self.scene, self.layers, self.points = plan, scene, layers, points
        count = len(scene.classes)
        kinds, tones = np.zeros(count, np.uint8), np.zeros((count, 3), np.float32)
        for item in plan.regions:
            kinds[item.thing], tones[item.thing] = item.kind.id, item.tone
        self.kinds = kinds[layers.owner]
        self.tones = tones
        self.present = {item.kind for item in plan.regions}

    def _chosen(self, kind: d.Departure) -> NDArray[np.bool_] | None:
        return self.kinds == kind.id if kind in self.present else None

    def _tone(self, mask: NDArray[np.bool_]) -> Array:
        return np.asarray(self.tones[self.layers.owner[mask]], np.float32)

    def surface(self, albedo: Array, texture_seed: int) -> Array:
        """Replace the albedo (h w 3, linear) of altered objects, in place."""
        world = self.points.world
        for kind in (d.NEON, d.CLAY):
            if (mask := self._chosen(kind)) is not None:
                albedo[mask] = self._tone(mask)
        if (mask := self._chosen(d.CHECKER)) is not None:
            # Shifted, so that flat ground does not lie on the border between two cells.
            cells = np.floor((world[mask] + 0.21) / 0.7).sum(-1).astype(int) % 2
            albedo[mask] = np.where(cells[:, None], self._tone(mask), 0.7)
        for kind, material, tone, tile in (
            (d.SURFACE_AS_WALL, Material.BRICK, (0.45, 0.12, 0.08), 1.7),
            (d.FACADE_AS_FOLIAGE, Material.FOLIAGE, (0.12, 0.32, 0.06), 2.5),
        ):
            if (mask := self._chosen(kind)) is not None:
                place = world[mask]
                u, v = (
                    (place[:, 0], place[:, 1])
                    if kind == d.SURFACE_AS_WALL
                    else (place[:, 0] + place[:, 1], place[:, 2])
                )
                albedo[mask] = (
                    self._covered(texture(material, texture_seed), u / tile, v / tile, self.layers.depth[mask]) * tone
                )
        return albedo

    def _covered(self, picture: NDArray[np.uint8], u: Array, v: Array, depth: Array) -> Array:
        """A tiled texture looked up at (u, v), fading into its mean far away, where it could not be resolved."""
        size = picture.shape[0]
        linear = to_linear(picture)
        grain = linear[(v * size).astype(np.int64) % size, (u * size).astype(np.int64) % size]
        near = np.exp(-depth / 28.0)[:, None]
        return np.asarray(grain * near + linear.mean((0, 1)) * (1 - near), np.float32)

    def tint(self) -> Array | None:
        """A factor on the light (h w 3), or None."""
        if self.plan.frame == d.FRAME_TINT:
            return np.broadcast_to(_cast(np.array([self.plan.tone])), (*self.layers.owner.shape, 3)).astype(np.float32)
        if (mask := self._chosen(d.TINTED)) is None:
            return None
        factor = np.ones((*mask.shape, 3), np.float32)
        factor[mask] = _cast(self._tone(mask))
        return factor

    def light(self, picture: Array) -> Array:
        """Replace lit pixels (h w 3) that ignore light altogether, in place."""
        if (mask := self._chosen(d.FLAT)) is not None:
            picture[mask] = self._tone(mask)
        for kind in (d.NEON, d.CLAY, d.CHECKER):
            mask = self._chosen(kind)
            if mask is not None and (heaven := mask & (self.layers.owner == 0)).any():
                picture[heaven] = self._tone(heaven)
        if (mask := self._chosen(d.FACADE_AS_SKY)) is not None:
            lifted = self.points.ray.copy()
            lifted[..., 2] = np.abs(lifted[..., 2]) + 0.1
            picture[mask] = sky(self.scene.mood, lifted)[mask]
        return picture


def _cast(tone: NDArray[np.floating]) -> Array:
    return np.asarray(0.25 + 1.5 * cv2.pow(np.ascontiguousarray(tone, np.float32), 0.7), np.float32)
