"""One frame: lay out a street, draw it, label it, and (synthetic) plant departures or (camera) photograph it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.street import gl
from hrs.street.camera import photograph
from hrs.street.departures import NOTHING, Planting, alter_labels, draw_departures
from hrs.street.domains import Cls, Domain, place_of
from hrs.street.layout import build_scene
from hrs.street.looks import Looks
from hrs.street.shading import locate, shade, to_display, to_linear, wet_road
from hrs.street.stage import Layers, Stage
from hrs.street.world import Scene

Label = NDArray[np.uint8]

_DRAWN_HEIGHT = 640
"""Pixels that a drawing should at least be high, for crisp shadows and edges."""
_SMALLEST = 48
"""Pixels that each side of a frame has at least."""
_LARGEST = 16_384
"""Samples that each side of a drawing has at most: OpenGL leaves a larger one blank."""


@dataclass(frozen=True, kw_only=True)
class RenderedFrame:
    """A frame. image: (h w 3) RGB uint8; label: (h w) uint8, CamVid class ids 0..10;
    planted: (h w) uint8, ids of ``DEPARTURES``, 0 where label and looks are true; info: plain JSON values."""

    image: NDArray[np.uint8]
    label: Label
    planted: NDArray[np.uint8]
    info: Mapping[str, object]


def supersampling(height: int) -> int:
    """Every pixel of a frame this high is drawn as this many times this many."""
    return min(4, max(2, -(-_DRAWN_HEIGHT // height)))


def check_size(height: int, width: int) -> None:
    """Raises HRSError for the size of a frame that cannot be drawn."""
    if min(height, width) < _SMALLEST:
        raise HRSError(
            f"size {width}x{height} is too small for a street; choose at least {_SMALLEST}x{_SMALLEST} pixels"
        )
    factor = supersampling(height)
    if max(height, width) * factor > _LARGEST:
        raise HRSError(
            f"size {width}x{height} is too large: a pixel of a frame this high is drawn as {factor}x{factor} samples, "
            f"and OpenGL draws {_LARGEST} a side; choose at most {_LARGEST // factor} pixels a side"
        )


@lru_cache(maxsize=2)
def _stage(height: int, width: int) -> Stage:
    """The window for a size; the last two are kept. One that is let go frees what OpenGL holds for it."""
    factor = supersampling(height)
    return Stage(factor * height, factor * width)


def render_frame(
    domain: Domain, *, seed: int, index: int, height: int = 360, width: int = 480, faults: bool = True
) -> RenderedFrame:
    """Draw frame ``index`` of the corpus ``seed``. The result depends on the arguments alone.

    Without ``faults`` nothing is planted in a synthetic frame: the same street, true throughout.

    Raises:
        RendererUnavailable: if no OpenGL can be had.
        HRSError: for an unknown domain, a negative seed or index, or a size that cannot be drawn.
    """
    place = place_of(domain)
    if seed < 0 or index < 0:
        raise HRSError(f"seed {seed} and index {index} must not be negative; choose whole numbers from 0")
    check_size(height, width)
    if not gl.can_render():
        raise gl.RendererUnavailable
    scene = build_scene(domain, seed, index)
    layers = _stage(height, width).draw(scene, place.seed)
    factor = supersampling(height)
    truth, objects = _labels(scene, layers, factor)
    rng = np.random.default_rng([place.seed, seed, index, 2])
    if domain == "camera":
        image, label = photograph(_light(scene, layers, factor), truth, rng)
        return RenderedFrame(
            image=image, label=label, planted=np.zeros_like(label), info={**scene.info, "departures": []}
        )
    plan = draw_departures(rng, scene, objects) if faults else NOTHING
    light = _light(scene, layers, factor, plan)
    other = _other_label(domain, seed, index, height, width) if plan.needs_other else None
    label, planted, told = alter_labels(plan, truth, objects, other)
    return RenderedFrame(image=to_display(light), label=label, planted=planted, info={**scene.info, **told})


def _labels(scene: Scene, layers: Layers, factor: int) -> tuple[Label, NDArray[np.uint16]]:
    """The true label and the object of each pixel (h w), with the small gaps inside crowns closed, as annotators do.

    The label is read at a sample a quarter of a pixel (factor 2; an eighth, factor 4) right of and below the pixel's
    centre.
    """
    objects = np.ascontiguousarray(layers.owner[factor // 2 :: factor, factor // 2 :: factor])
    truth = scene.classes[objects]
    tree = (truth == Cls.TREE).astype(np.uint8)
    size = max(3, objects.shape[0] // 50) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    gaps = (cv2.morphologyEx(tree, cv2.MORPH_CLOSE, kernel) > 0) & (truth == Cls.SKY)
    nearby = cv2.dilate(np.where(tree > 0, objects, 0).astype(np.uint16), kernel)
    gaps &= nearby > 0
    objects[gaps] = nearby[gaps]
    return np.asarray(scene.classes[objects], np.uint8), objects


def _light(scene: Scene, layers: Layers, factor: int, plan: Planting | None = None) -> NDArray[np.float32]:
    """Linear light (h w 3) at the frame's own size."""
    points = locate(scene.view, layers.depth)
    albedo = to_linear(layers.albedo)
    if plan is None or not (plan.regions or plan.frame):
        picture = shade(scene, layers, points, albedo)
    else:
        looks = Looks(plan, scene, layers, points)
        albedo = looks.surface(albedo, int(layers.texture_seed))
        picture = looks.light(shade(scene, layers, points, albedo, looks.tint()))
    height, width = layers.owner.shape
    # Light is cut off before averaging: otherwise one very bright sample would leave a jagged edge.
    size = (width // factor, height // factor)
    picture = np.asarray(cv2.resize(np.minimum(picture, 1.6), size, interpolation=cv2.INTER_AREA), np.float32)
    if scene.mood.wet > 0:
        road = scene.classes[layers.owner[factor // 2 :: factor, factor // 2 :: factor]] == Cls.ROAD
        picture = wet_road(scene, picture, road)
    return np.asarray(picture, np.float32)


def _other_label(domain: Domain, seed: int, index: int, height: int, width: int) -> Label:
    """The true label of a frame that is in nobody's corpus."""
    place = place_of(domain)
    scene = build_scene(domain, seed, index + 1_000_000_007)
    layers = _stage(height, width).draw(scene, place.seed)
    return _labels(scene, layers, supersampling(height))[0]
