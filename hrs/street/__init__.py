"""The built-in street: procedural frames in two domains, with labels and planted departures."""

from hrs.street.corpus import RENDERER_VERSION, frame_name, render_corpus
from hrs.street.departures import (
    DEPARTURES,
    FACADE_AS_FOLIAGE,
    FACADE_AS_SKY,
    SURFACE_AS_WALL,
    WRONG_CLASS,
    Departure,
    harmful_mask,
    odd_mask,
)
from hrs.street.domains import CLASS_NAMES, PALETTE, Domain
from hrs.street.frame import RenderedFrame, check_size, render_frame
from hrs.street.gl import RendererUnavailable, can_render
from hrs.street.shipped import shipped_frames

__all__ = [
    "CLASS_NAMES",
    "DEPARTURES",
    "FACADE_AS_FOLIAGE",
    "FACADE_AS_SKY",
    "PALETTE",
    "RENDERER_VERSION",
    "SURFACE_AS_WALL",
    "WRONG_CLASS",
    "Departure",
    "Domain",
    "RenderedFrame",
    "RendererUnavailable",
    "can_render",
    "check_size",
    "frame_name",
    "harmful_mask",
    "odd_mask",
    "render_corpus",
    "render_frame",
    "shipped_frames",
]
